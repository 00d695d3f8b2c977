"""How keys change: a new keys document counts when enough of the old keys signed it, and enough of its own.

A keys document is JSON of its own, and what is signed are its bytes as they are:

    {"kind": "dunebugger-updater-keys", "component": "updater", "version": 2, "threshold": 1,
     "keys": ["base64 …"], "revoked": ["keyid …"]}

A program trusts the document that was built into it (``dunebugger_updater/trust/pinned.json``, unsigned there: whoever
can change it can change the program).  A release may carry ``update-keys.json``, a JSON list of ``{"document": …,
"signatures": […]}`` with every version after that, so that a device that slept through some can follow step by step.
"""

from typing import Literal

import msgspec

from dunebugger_updater.trust.keys import Keyring, keyring
from dunebugger_updater.trust.reading import decoded
from dunebugger_updater.trust.refusal import Refusal
from dunebugger_updater.trust.signatures import KEYS, Signature, verify

LARGEST_DOCUMENT = 16_384
LARGEST_CHAIN = 262_144
"""Bytes."""
MOST_LINKS = 100
OWN = "updater"
"""This program's own component."""


class KeysDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys that are trusted together, as a file says it."""

    kind: Literal["dunebugger-updater-keys"] = "dunebugger-updater-keys"
    component: str
    """Whose releases they sign: one publisher's keys for one thing are not their keys for another."""
    version: int
    """One more than the version before."""
    keys: tuple[str, ...]
    """In base64."""
    threshold: int = 1
    revoked: tuple[str, ...] = ()
    """Ids of keys that must never count again.  It only grows."""


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of keys: the document's text to the letter, and who signed it."""

    document: str
    signatures: tuple[Signature, ...]


def pinned(content: bytes, component: str = OWN) -> Keyring | Refusal:
    """The ring in a keys document that is trusted for where it lies.  Nothing at all is a ring without keys."""
    return _ring(content, component) if content.strip() else Keyring()


def chain(content: bytes) -> tuple[Link, ...] | Refusal:
    """The links in an ``update-keys.json``, oldest first; nothing of them is believed yet."""
    if len(content) > LARGEST_CHAIN:
        return Refusal("keys_too_large", f"cannot use a file of keys of more than {LARGEST_CHAIN} bytes")
    links = decoded(content, tuple[Link, ...], "keys_unreadable", "the file of keys")
    if isinstance(links, Refusal):
        return links
    if len(links) > MOST_LINKS:
        return Refusal("keys_too_large", f"cannot follow more than {MOST_LINKS} changes of keys in one file")
    return links


def follow(ring: Keyring, links: tuple[Link, ...], component: str = OWN) -> tuple[Keyring, tuple[Link, ...]] | Refusal:
    """Walk from ``ring`` through the links that come after it; answer where that leads and the links that were new."""
    taken: list[Link] = []
    for link in links:
        content = link.document.encode(errors="replace")
        there = _ring(content, component)
        if isinstance(there, Refusal):
            return there
        if there.version <= ring.version:
            continue  # what led to where we are: judged when it was new
        refusal = _step(ring, there, content, link)
        if refusal is not None:
            return refusal
        ring = there
        taken.append(link)
    return ring, tuple(taken)


def _step(old: Keyring, new: Keyring, content: bytes, link: Link) -> Refusal | None:
    if new.version != old.version + 1:
        told = f"cannot go from keys {old.version} to keys {new.version}: each version is signed by the one before it"
        return Refusal("keys_skipped", told)
    signatures = msgspec.json.encode(link.signatures)
    by_old = verify(content, signatures, old, KEYS)
    if isinstance(by_old, Refusal):
        told = f"cannot take keys {new.version} from keys {old.version}: {by_old.sentence}"
        return Refusal(by_old.reason if by_old.reason == "key_revoked" else "keys_not_from_the_old", told)
    if back := [key.id for key in new.keys if key.id in old.revoked]:
        return Refusal("keys_revived", f"cannot take keys {new.version}: {back[0]} was revoked, and that is for ever")
    if lost := sorted(old.revoked - new.revoked):
        return Refusal("keys_unrevoked", f"cannot take keys {new.version}: it forgets that {lost[0]} was revoked")
    by_new = verify(content, signatures, new, KEYS)
    if isinstance(by_new, Refusal):  # else a slip of the pen would lock everybody out
        return Refusal(
            "keys_not_by_the_new", f"cannot take keys {new.version}, its own keys must sign: {by_new.sentence}"
        )
    return None


def _ring(content: bytes, component: str) -> Keyring | Refusal:
    if len(content) > LARGEST_DOCUMENT:
        return Refusal("keys_too_large", f"cannot use a keys document of more than {LARGEST_DOCUMENT} bytes")
    said = decoded(content, KeysDocument, "keys_unreadable", "the keys document")
    if isinstance(said, Refusal):
        return said
    if not said.keys or said.version < 1:
        return Refusal("keys_unreadable", "cannot use a keys document without keys, or of a version before 1")
    if said.component != component:
        told = f"cannot take the keys of {said.component[:60]!r} for {component}: each component has its own"
        return Refusal("keys_of_another", told)
    return keyring(said.keys, said.threshold, said.version, said.revoked)
