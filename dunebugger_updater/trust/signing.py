"""The other side: private keys and signatures, for those who publish.  A device never imports this."""

import base64

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dunebugger_updater.trust.keys import Key
from dunebugger_updater.trust.refusal import Refusal
from dunebugger_updater.trust.signatures import MANIFEST, Signature


def new() -> Ed25519PrivateKey:
    """A fresh private key."""
    return Ed25519PrivateKey.generate()


def pem(private: Ed25519PrivateKey) -> bytes:
    """As it is kept: PKCS 8 in PEM, which other tools read, too.  Not encrypted."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def private_key(content: bytes) -> Ed25519PrivateKey | Refusal:
    """A private key from its file.  The sentence never holds anything of it."""
    told = "cannot use this private key: expected an Ed25519 key as manifest keygen writes it, without a passphrase"
    try:
        found = serialization.load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return Refusal("key_malformed", told)
    return found if isinstance(found, Ed25519PrivateKey) else Refusal("key_malformed", told)


def public(private: Ed25519PrivateKey) -> Key:
    """The key that devices trust."""
    return Key(private.public_key().public_bytes_raw())


def sign(content: bytes, private: Ed25519PrivateKey, purpose: bytes = MANIFEST) -> Signature:
    """One entry of the signature file beside ``content``."""
    return Signature(public(private).id, base64.b64encode(private.sign(purpose + content)).decode())


def spelled(signatures: tuple[Signature, ...]) -> bytes:
    """The signature file."""
    lines = ",\n".join(f" {msgspec.json.encode(one).decode()}" for one in signatures)
    return f"[\n{lines}\n]\n".encode()
