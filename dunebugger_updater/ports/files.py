"""The disk, and the Python environments on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.ports.basics import Report


class TreeSize(msgspec.Struct, frozen=True):
    """How much a directory holds."""

    bytes: int
    files: int


class Carried(msgspec.Struct, frozen=True):
    """What carrying local data over did, in relative paths."""

    kept: tuple[str, ...] = ()
    """Shipped files that the owner had edited: theirs stayed, the new one lies beside it as ``NAME.new``."""
    copied: int = 0


class Files(Protocol):
    """The disk.  Every write lands whole or not at all, and is on the disk when the call returns."""

    async def exists(self, path: Path) -> bool:
        """True for a dangling link too: something has that name."""

    async def is_directory(self, path: Path) -> bool:
        """A real directory, not a link to one."""

    async def read(self, path: Path, limit: int = 1_048_576) -> bytes | None:
        """``None`` when there is no such file.  More than ``limit`` bytes is an ``EffectError``."""

    async def write(self, path: Path, content: bytes) -> None:
        """Replace the file in one instant, keeping owner and mode when it was there (else 0644)."""

    async def rename(self, source: Path, target: Path) -> None:
        """Give a finished file its name, in one instant."""

    async def copy(self, source: Path, target: Path) -> None:
        """Copy one file with owner, mode and times, under its name only when whole."""

    async def link_target(self, link: Path) -> Path | None:
        """Where a symbolic link leads, absolute; ``None`` when it is none."""

    async def point_link(self, link: Path, target: Path) -> None:
        """Make ``link`` lead to ``target`` in one instant."""

    async def swap(self, directory: Path, keep_as: Path) -> None:
        """In one instant: the directory is called ``keep_as`` and its old name is a link to it."""

    async def unswap(self, directory: Path, kept_as: Path) -> None:
        """The mirror of ``swap``."""

    async def remove(self, path: Path) -> None:
        """Remove a file, a link (not what it leads to) or a whole tree; gone already is fine."""

    async def listing(self, directory: Path) -> Sequence[str]:
        """Sorted names in it; empty when there is no such directory."""

    async def size(self, path: Path) -> TreeSize: ...

    async def free(self, path: Path) -> tuple[str, int]:
        """The file system that ``path`` is or will be on (an opaque name), and the bytes free there for us."""

    async def age(self, path: Path) -> float | None:
        """Seconds since it was last modified; ``None`` when it is not there."""

    async def checksum(self, path: Path) -> str | None:
        """sha256 in hex, ``None`` when it is not there."""

    async def unpack(self, archive: Path, into: Path, *, owner_like: Path | None, report: Report) -> None:
        """Unpack a release archive so that ``into`` exists only when it is complete and on the disk.

        Refuses the whole archive for anything but plain files and directories.  ``owner_like``: give it that owner.
        """

    async def archive(self, directory: Path, to: Path, report: Report) -> None:
        """A tar.gz of the directory without its virtual environment, readable only by its owner."""

    async def carry_over(self, old: Path, new: Path, *, preserve: Sequence[str], report: Report) -> Carried:
        """Bring what the owner and the app changed in ``old`` into ``new``.  Safe to repeat, and quick then."""


class Python(Protocol):
    """Virtual environments."""

    async def build(self, release: Path, requirements: str | None, *, limit: float, report: Report) -> None:
        """Make ``release/.venv`` complete: from wheels shipped in the release, else from the index."""

    async def complete(self, release: Path) -> bool: ...

    async def run(self, release: Path, script: str, *, limit: float, report: Report) -> None:
        """Run a Python file of the release with its environment, as the release's owner."""
