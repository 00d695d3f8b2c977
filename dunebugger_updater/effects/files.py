"""The disk: the port ``Files``, put together from the pieces beside it.  Whatever may wait for the disk runs aside."""

import asyncio
import contextlib
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dunebugger_updater.effects import durable, removal
from dunebugger_updater.effects.commands import Owner
from dunebugger_updater.effects.trees import copy_file
from dunebugger_updater.ports import Carried, EffectError, Report, TreeSize

if TYPE_CHECKING:
    from dunebugger_updater.effects.carry import Carrier

T = TypeVar("T")
_GONE = (FileNotFoundError, NotADirectoryError)


async def _aside(work: Callable[[], T], stop: threading.Event | None = None) -> T:
    """Run ``work`` in a thread, and see it end even when we are cancelled: nobody may still write after that."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if stop is not None:
            stop.set()
        await asyncio.wait({task})
        with contextlib.suppress(EffectError, asyncio.CancelledError):
            task.result()
        raise


def _from_thread(report: Report) -> Callable[[str, float | None], None]:
    loop = asyncio.get_running_loop()

    def heard(message: str, done: float | None = None) -> None:
        loop.call_soon_threadsafe(report, message, done)

    return heard


class DiskFiles:
    """The disk of this machine.  ``now`` is wall time in seconds, as the disk's own time stamps are."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    @cached_property
    def _carrier(self) -> "Carrier":
        from dunebugger_updater.effects.carry import Carrier  # noqa: PLC0415  (much code that only updates need)

        return Carrier(lambda: int(self._now() * 1e9))

    async def exists(self, path: Path) -> bool:
        return _look(path) is not None

    async def is_directory(self, path: Path) -> bool:
        found = _look(path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    async def read(self, path: Path, limit: int = 1_048_576) -> bytes | None:
        return await _aside(lambda: _read(path, limit))

    async def write(self, path: Path, content: bytes) -> None:
        def work() -> None:
            durable.make_directory(path.parent)
            durable.write_whole(path, content)

        await _aside(work)

    async def rename(self, source: Path, target: Path) -> None:
        await _aside(lambda: durable.rename(source, target))

    async def copy(self, source: Path, target: Path) -> None:
        def work() -> None:
            with durable.saying(f"cannot copy {source} to {target}"):
                # A link at the target's place stays one, as with writing.
                real = Path(os.path.realpath(target))
                durable.make_directory(real.parent)
                copy_file(Path(os.path.realpath(source)), real, flush=True)
                durable.sync_directory(real.parent)

        await _aside(work)

    async def link_target(self, link: Path) -> Path | None:
        return durable.leads_to(link)

    async def point_link(self, link: Path, target: Path) -> None:
        await _aside(lambda: durable.point_link(link, target))

    async def swap(self, directory: Path, keep_as: Path) -> None:
        from dunebugger_updater.effects import adoption  # noqa: PLC0415  (only updates need it, as with unpack)

        await _aside(lambda: adoption.swap(directory, keep_as))

    async def unswap(self, directory: Path, kept_as: Path) -> None:
        from dunebugger_updater.effects import adoption  # noqa: PLC0415  (the same)

        await _aside(lambda: adoption.unswap(directory, kept_as))

    async def remove(self, path: Path) -> None:
        await _aside(lambda: removal.remove(path))

    async def listing(self, directory: Path) -> Sequence[str]:
        with durable.saying(f"cannot list {directory}"):
            try:
                return sorted(os.listdir(directory))  # noqa: PTH208  (names are what is asked for)
            except _GONE:
                return ()

    async def size(self, path: Path) -> TreeSize:
        return await _aside(lambda: _size(path))

    async def free(self, path: Path) -> tuple[str, int]:
        with durable.saying(f"cannot tell the free space of {path}"):
            there = path
            while _look(there) is None or not there.exists():
                there = there.parent
            space = os.statvfs(there)
            return f"{there.stat().st_dev}", space.f_bavail * space.f_frsize

    async def age(self, path: Path) -> float | None:
        with durable.saying(f"cannot look at {path}"):
            try:
                return max(0.0, self._now() - path.stat().st_mtime)
            except _GONE:
                return None

    async def checksum(self, path: Path) -> str | None:
        return await _aside(lambda: _checksum(path))

    async def unpack(self, archive: Path, into: Path, *, owner_like: Path | None, report: Report) -> None:
        from dunebugger_updater.effects.archive import unpack  # noqa: PLC0415  (heavy, and only updates need it)

        owner = _owner_of(owner_like)
        heard = _from_thread(report)

        def work() -> None:
            durable.make_directory(into.parent)
            unpack(archive, into, owner=owner, heard=heard)

        await _aside(work)

    async def archive(self, directory: Path, to: Path, report: Report) -> None:
        from dunebugger_updater.effects import backup  # noqa: PLC0415  (the same)

        heard = _from_thread(report)
        stop = threading.Event()
        await _aside(lambda: backup.archive(directory, to, heard, stop.is_set), stop)

    async def carry_over(self, old: Path, new: Path, *, preserve: Sequence[str], report: Report) -> Carried:
        known = await self._carrier.learn(old, new)
        heard = _from_thread(report)
        stop = threading.Event()
        return await _aside(
            lambda: self._carrier.carry(old, new, known, preserve=preserve, heard=heard, stopped=stop.is_set), stop
        )


def _look(path: Path) -> os.stat_result | None:
    with durable.saying(f"cannot look at {path}"):
        try:
            return path.lstat()
        except _GONE:
            return None


def _read(path: Path, limit: int) -> bytes | None:
    with durable.saying(f"cannot read {path}"):
        try:
            # Not waiting: a pipe of that name would hold us for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except _GONE:
            return None
        with open(descriptor, "rb") as stream:  # noqa: PTH123  (a descriptor has no Path)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise EffectError(f"cannot read {path}: it is not a plain file")
            content = stream.read(limit + 1)
    if len(content) > limit:
        raise EffectError(f"cannot read {path}: it has more than {limit} bytes")
    return content


def _size(path: Path) -> TreeSize:
    with durable.saying(f"cannot measure {path}"):
        found = _look(path)
        if found is None:
            return TreeSize(0, 0)
        if not stat.S_ISDIR(found.st_mode):
            return TreeSize(found.st_size, 1)
        total = count = 0
        for folder, _, names in os.walk(path):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  (quick on big trees)
                    count += 1
        return TreeSize(total, count)


def _checksum(path: Path) -> str | None:
    with durable.saying(f"cannot read {path}"):
        try:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except _GONE:
            return None


def _owner_of(path: Path | None) -> Owner | None:
    if path is None or os.geteuid() != 0:
        return None  # without root a file can only be ours
    with durable.saying(f"cannot look at {path}"):
        try:
            found = path.stat()
        except _GONE:
            return None
    return Owner(found.st_uid, found.st_gid)
