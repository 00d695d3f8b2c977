"""Public keys, and the ring of those that are trusted together: how many must have signed, and which never again.

Pure: a key is 32 bytes with a name; nothing here reads a file.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable

import msgspec

from dunebugger_updater.trust.refusal import Refusal

_LENGTH = 32
"""Bytes, by RFC 8032."""
_P = 2**255 - 19
_WEAK = frozenset(
    {
        0,
        1,
        _P - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)
"""The y of the eight points of small order: under such a key one signature fits any text."""
MOST_KEYS = 20


class Key(msgspec.Struct, frozen=True):
    """One Ed25519 public key."""

    raw: bytes

    @property
    def id(self) -> str:
        """What a signature calls it: the first 16 hexadecimal digits of the sha256 of its bytes."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    @property
    def text(self) -> str:
        """As configurations and key files spell it."""
        return base64.b64encode(self.raw).decode()


class Keyring(msgspec.Struct, frozen=True):
    """The keys that are trusted together.  Without any, nothing is."""

    keys: tuple[Key, ...] = ()
    threshold: int = 1
    """So many different ones must have signed."""
    revoked: frozenset[str] = frozenset()
    """Ids of keys that were trusted once and never will be again."""
    version: int = 0
    """Of the keys document that it came from; 0 for keys that the owner wrote down."""

    @property
    def fingerprint(self) -> str:
        """The same for the same ring, and for no other."""
        said = [self.version, self.threshold, sorted(key.text for key in self.keys), sorted(self.revoked)]
        return hashlib.sha256(repr(said).encode()).hexdigest()

    def key(self, keyid: str) -> Key | None:
        """The trusted key of that id."""
        return next((key for key in self.keys if key.id == keyid), None)


def key(text: str) -> Key | Refusal:
    """One key from base64, in the one spelling that there is for it."""
    raw = exactly(text, _LENGTH)
    if raw is None:
        return Refusal("key_malformed", f"cannot use {text[:60]!r} as a key: expected 32 bytes in base64")
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P:
        return Refusal("key_malformed", f"cannot use {text!r} as a key: it is no point of the curve in its usual form")
    if y in _WEAK:
        return Refusal("key_weak", f"cannot use {text!r} as a key: under it one signature fits any text")
    return Key(raw)


def keyring(
    texts: Iterable[str], threshold: int = 1, version: int = 0, revoked: Iterable[str] = ()
) -> Keyring | Refusal:
    """A ring of these keys."""
    found: list[Key] = []
    for text in texts:
        one = key(text)
        if isinstance(one, Refusal):
            return one
        if one in found:
            return Refusal("key_twice", f"cannot use the key {text} twice: it would count as two")
        found.append(one)
    if len(found) > MOST_KEYS or not 1 <= threshold <= max(1, len(found)):
        return Refusal(
            "keys_threshold_impossible",
            f"cannot trust {len(found)} keys with {threshold} signatures: from 1 to as many as there are, at most 20",
        )
    gone = frozenset(revoked)
    if both := [one.id for one in found if one.id in gone]:
        return Refusal("keys_revived", f"cannot trust and revoke the key {both[0]} at the same time")
    return Keyring(tuple(found), threshold, gone, version)


def exactly(text: str, length: int) -> bytes | None:
    """So many bytes from base64, ``None`` for any other spelling: padding, line breaks and spare bits included."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return raw if len(raw) == length and base64.b64encode(raw).decode() == text else None
