"""HTTP, and where releases are published."""

from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.model.release import Catalogue
from dunebugger_updater.ports.basics import Report


class Answer(msgspec.Struct, frozen=True):
    """What a health probe heard."""

    status: int
    body: str
    """At most the first 64 KiB."""


class Web(Protocol):
    """HTTP, as far as an update needs it."""

    async def probe(self, url: str, limit: float) -> Answer:
        """GET ``url``, following no redirect.  ``EffectError`` when nobody answers in ``limit`` seconds."""

    async def download(self, url: str, to: Path, *, size: int | None, limit: int, report: Report) -> str:
        """Fetch ``url`` into ``to`` (resuming what is there), flushed to disk, and answer its sha256 in hex.

        ``size`` is what it should come to, in bytes; never more than ``limit`` bytes are read.
        """


class Releases(Protocol):
    """Where releases are published."""

    async def catalogue(self, repository: str, source: str, pinned_id: int | None) -> Catalogue:
        """Everything on offer.  ``source`` is ``releases`` or ``tags``; an id other than ``pinned_id`` is refused."""

    async def read_asset(self, url: str, limit: int) -> bytes:
        """A small file of a release; more than ``limit`` bytes is an ``EffectError``."""

    async def manifest(self, repository: str, tag: str, commit: str | None) -> bytes | None:
        """``update-manifest.yaml`` from the repository at that release's commit; ``None`` when it has none."""
