"""What is trusted: keys, signatures over exact bytes, and what a signed manifest must say before it counts.

Pure, as all of it: files and downloads are the caller's.  For whoever updates something by it::

    ring = pinned(bundled.pinned_keys())                 # Keyring; without keys in a checkout
    proof = verify(manifest_bytes, signature_bytes, ring)  # Verified | Refusal(reason, sentence)

``verify`` comes before anything parses the manifest.  What a verified manifest must say besides is ``rules.judge``.
"""

from dunebugger_updater.trust.keys import Key, Keyring, key, keyring
from dunebugger_updater.trust.refusal import Reason, Refusal
from dunebugger_updater.trust.rotation import KeysDocument, Link, chain, follow, pinned
from dunebugger_updater.trust.signatures import Signature, Verified, verify

__all__ = [
    "Key",
    "Keyring",
    "KeysDocument",
    "Link",
    "Reason",
    "Refusal",
    "Signature",
    "Verified",
    "chain",
    "follow",
    "key",
    "keyring",
    "pinned",
    "verify",
]
