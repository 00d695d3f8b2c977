"""Detached signatures: who signed exactly these bytes, and whether that is enough.

The file beside a manifest is a JSON list of ``{"keyid": …, "sig": …}``.  What is signed is the purpose, a line of text,
and then the bytes as they are: what was signed for one purpose is worth nothing for another.
"""

import msgspec

from dunebugger_updater.trust.keys import Key, Keyring, exactly
from dunebugger_updater.trust.reading import decoded
from dunebugger_updater.trust.refusal import Refusal

MANIFEST = b"dunebugger-updater-manifest-v1\n"
KEYS = b"dunebugger-updater-keys-v1\n"
LARGEST_CONTENT = 131_072
"""Bytes of what is signed."""
LARGEST_SIGNATURES = 16_384
"""Bytes of a signature file."""
MOST_SIGNATURES = 20
_LENGTH = 64
"""Bytes, by RFC 8032."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a signature file."""

    keyid: str
    """Of the key: the first 16 hexadecimal digits of the sha256 of its 32 bytes."""
    sig: str
    """64 bytes in base64."""


class Verified(msgspec.Struct, frozen=True):
    """Enough trusted keys have signed these very bytes."""

    content: bytes
    by: tuple[str, ...]
    """The ids of the keys."""


def verify(content: bytes, signatures: bytes, keys: Keyring, purpose: bytes = MANIFEST) -> Verified | Refusal:
    """Say whether enough of ``keys`` signed ``content``.  Looks at no byte of it otherwise, and never raises.

    Signatures by keys that are not trusted here are passed over, as long as enough others are there: so a publisher
    can sign with an old key and a new one.  A wrong signature by a trusted key spoils the whole.
    """
    if not keys.keys:
        return Refusal("no_keys", "cannot check a signature: no key is trusted here")
    if len(content) > LARGEST_CONTENT:
        return Refusal("content_too_large", f"cannot trust more than {LARGEST_CONTENT} bytes that came as one text")
    found = parse(signatures)
    if isinstance(found, Refusal):
        return found
    good: list[str] = []
    for one in found:
        trusted = keys.key(one.keyid)
        if trusted is None:
            continue
        raw = exactly(one.sig, _LENGTH)
        if raw is None:
            return Refusal(
                "signature_malformed", f"cannot use the signature by {one.keyid}: expected 64 bytes in base64"
            )
        if not _signed(trusted, raw, purpose + content):
            return Refusal("signature_wrong", f"cannot trust this: the signature by {one.keyid} is not of these bytes")
        good.append(one.keyid)
    return Verified(content, tuple(good)) if len(good) >= keys.threshold else _too_few(found, good, keys)


def parse(content: bytes) -> tuple[Signature, ...] | Refusal:
    """The entries of a signature file; whether they fit anything is not asked."""
    if not content.strip():
        return Refusal("signature_missing", "cannot trust this: it is not signed")
    if len(content) > LARGEST_SIGNATURES:
        return Refusal("signatures_too_large", f"cannot use a signature file of more than {LARGEST_SIGNATURES} bytes")
    found = decoded(content, tuple[Signature, ...], "signatures_unreadable", "the signature file")
    if isinstance(found, Refusal):
        return found
    if not found:
        return Refusal("signature_missing", "cannot trust this: its signature file is empty")
    if len(found) > MOST_SIGNATURES:
        return Refusal("signatures_too_many", f"cannot use a signature file with more than {MOST_SIGNATURES} entries")
    ids = [one.keyid for one in found]
    if twice := [one for one in ids if ids.count(one) > 1]:
        return Refusal("signature_twice", f"cannot count the key {twice[0][:16]!r} twice in one signature file")
    return found


def _too_few(found: tuple[Signature, ...], good: list[str], keys: Keyring) -> Refusal:
    if gone := [one.keyid for one in found if one.keyid in keys.revoked]:
        return Refusal("key_revoked", f"cannot trust the signature by {gone[0]}: that key was revoked")
    if not good:
        by = ", ".join(repr(one.keyid[:16]) for one in found[:3])
        return Refusal("signature_unknown", f"cannot trust this: it is signed by {by}, and no such key is trusted here")
    return Refusal(
        "threshold_missed",
        f"cannot trust this: {len(good)} of the {keys.threshold} signatures that are needed ({', '.join(good)})",
    )


def _signed(key: Key, signature: bytes, message: bytes) -> bool:
    # here, since a device without keys never needs the library
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (as the line above says)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  (the same)

    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
