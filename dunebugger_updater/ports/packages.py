"""Debian's packages: looking at them, and changing them."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.model.packages import Change, Inventory, Package
from dunebugger_updater.ports.basics import Report


class Room(msgspec.Struct, frozen=True):
    """Bytes that a change of packages takes."""

    download: int
    installed: int
    """What is installed grows by so much while it is unpacked; never less than 0."""


class Packages(Protocol):
    """What is installed and what is pending.  Only reads; works without root and while others hold dpkg's lock."""

    async def inventory(self) -> Inventory:
        """Everything pending, as the lists on this device say; asks no archive."""

    async def installed(self) -> Mapping[str, Package]:
        """Every package that is unpacked here, by name; a foreign one's name ends in ``:architecture``."""

    async def release(self) -> str:
        """The distribution and its point release, as ``debian-12.5``: what versions of the whole begin with."""

    async def broken(self) -> Sequence[str]:
        """What dpkg has left half done, a sentence for each; empty when all is consistent."""

    async def simulate(self, wanted: Mapping[str, str]) -> Sequence[Change]:
        """Exactly what apt would do to bring these packages, all installed, to these versions.

        Removals and downgrades are in the answer, never hidden.  ``EffectError`` when apt finds no way.
        """

    async def kept_from(self, wanted: Mapping[str, str], directory: Path) -> Mapping[str, str]:
        """Where a .deb of each of these exact versions would come from; without those that nothing can provide.

        ``kept`` (it lies in ``directory`` already), ``cache``, ``archive`` or ``repack``.
        """


class Installer(Protocol):
    """Changing packages: each call is safe to repeat, and none is ever killed while dpkg works.

    What dpkg does happens in a systemd unit of its own, found again by its name after our own death.  ``job`` is that
    name's last part, the same for the same work.
    """

    async def ready(self) -> None:
        """``EffectError`` says why packages cannot be changed here at all: no root, no systemd."""

    async def room(self, wanted: Mapping[str, str]) -> Room:
        """What these versions take, as the archive's lists say."""

    async def refresh(self, job: str, report: Report) -> None:
        """Fetch the archives' lists (``apt-get update``)."""

    async def repair(self, job: str, report: Report) -> None:
        """Finish what an interrupted dpkg left half done; nothing to repair is fine."""

    async def keep(self, wanted: Mapping[str, str], directory: Path, job: str, report: Report) -> None:
        """Have a .deb of each of these exact versions in ``directory``, flushed to disk, where any source has one."""

    async def download(self, changes: Sequence[Change], directory: Path, job: str, report: Report) -> None:
        """Fetch what ``upgrade`` will need into ``directory``."""

    async def upgrade(
        self, changes: Sequence[Change], auto: Collection[str], directory: Path, job: str, report: Report
    ) -> None:
        """Make exactly these changes, from ``directory``; refuse when apt would do anything else.

        ``auto``: those of them that shall count as installed because others need them.
        """

    async def put_back(
        self, packages: Sequence[Package], added: Sequence[str], directory: Path, job: str, report: Report
    ) -> None:
        """Bring these packages back to their versions and marks from ``directory``, and purge those ``added``."""

    async def restart(self, unit: str) -> None:
        """Restart one systemd unit (HP-02)."""

    async def clear_logs(self, days: int, job: str) -> None:
        """Have journald forget what is older than ``days`` (HP-03)."""

    async def said(self, job: str) -> tuple[str, int | None]:
        """The end of what a job has printed so far, and its last exit status; empty before it began."""
