"""A release, as a project published it.  What GitHub says about it is parsed into these and travels no further."""

from datetime import datetime

import msgspec


class Asset(msgspec.Struct, frozen=True):
    """One file of a release."""

    name: str
    url: str
    """Where to download it.  It may answer with a redirect to another host."""
    size: int
    """Bytes."""
    sha256: str | None = None
    """Lower-case hex, as the release's own digest says; ``None`` when the release states none."""
    ready: bool = True
    """False while the publisher is still uploading it."""


class Release(msgspec.Struct, frozen=True):
    """One version that a project offers."""

    tag: str
    """The tag to the letter: for addresses and for showing.  Never for ordering."""
    prerelease: bool = False
    notes: str | None = None
    """Markdown, as published.  Untrusted."""
    published_at: datetime | None = None
    commit: str | None = None
    """The commit that the tag stood for when it was read."""
    assets: tuple[Asset, ...] = ()

    def asset(self, name: str) -> Asset | None:
        """The asset called exactly ``name``."""
        return next((asset for asset in self.assets if asset.name == name), None)


class Catalogue(msgspec.Struct, frozen=True):
    """All that was read about a project in one check."""

    repository_id: int | None
    """The number that survives renames; another number under the same name is another project."""
    releases: tuple[Release, ...]
    """In no order that means anything."""
    warnings: tuple[str, ...] = ()
    """What the owner should know although the check worked: a refused token, a moved repository."""
