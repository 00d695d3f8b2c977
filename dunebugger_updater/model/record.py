"""What a release was when it was unpacked: the difference to the disk is what the owner or the app changed since."""

import msgspec

RECORD_NAME = ".release.json"
"""Lies in the root of every unpacked release.  No archive may ship one: it is our word, not the publisher's."""


class ReleaseRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files that a release shipped, and the archive that they came in."""

    archive_sha256: str
    """Lower-case hex, of the archive as it was downloaded."""
    files: dict[str, str]
    """Path relative to the release's root, with ``/``, to the sha256 of what was shipped."""
