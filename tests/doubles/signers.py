"""Publishers with keys, good and bad ones, and releases that they sign."""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dunebugger_updater.trust import Key, Keyring, Link, Signature
from dunebugger_updater.trust.signatures import KEYS, MANIFEST


class Signer:
    """One private key, the same for the same name."""

    def __init__(self, name: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.key = Key(self.private.public_key().public_bytes_raw())

    @property
    def id(self) -> str:
        return self.key.id

    def sign(self, content: bytes, purpose: bytes = MANIFEST) -> bytes:
        return self.private.sign(purpose + content)

    def entry(self, content: bytes, purpose: bytes = MANIFEST) -> dict[str, str]:
        return {"keyid": self.id, "sig": base64.b64encode(self.sign(content, purpose)).decode()}


ANNA, BERTA, CARLA, EVE = (Signer(name) for name in ("anna", "berta", "carla", "eve"))
"""Three who may be trusted, and one who never is."""

RING = Keyring((ANNA.key,))
TWO = Keyring((ANNA.key, BERTA.key), 2)


def signed(content: bytes, *signers: Signer) -> bytes:
    """A signature file."""
    return spelled([one.entry(content) for one in signers])


def spelled(entries: Sequence[object]) -> bytes:
    return json.dumps(list(entries)).encode()


def document(version: int, *signers: Signer, **other: Any) -> dict[str, Any]:
    """A keys document."""
    said = {"kind": "dunebugger-updater-keys", "component": "updater", "version": version}
    return said | {"keys": [one.key.text for one in signers], "threshold": 1, "revoked": []} | other


def link(said: dict[str, Any] | str, *signers: Signer, purpose: bytes = KEYS) -> Link:
    """A change of keys, signed by these."""
    text = said if isinstance(said, str) else json.dumps(said)
    return Link(text, tuple(Signature(**one.entry(text.encode(), purpose)) for one in signers))


def chained(*links: Link) -> bytes:
    """An ``update-keys.json``."""
    return msgspec.json.encode(links)


def artifact(name: str, content: bytes, **other: Any) -> dict[str, Any]:
    """As a manifest lists it."""
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()} | other


def manifest(version: str, sequence: int | None, **other: Any) -> bytes:
    """A manifest of core's; a field that is ``None`` is not there."""
    said = {
        "version": version,
        "component_type": "python_app",
        "component": "core",
        "repo": "dunebugger/core",
        "sequence": sequence,
    } | other
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()
