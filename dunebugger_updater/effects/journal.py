"""The journal on disk: one file for each run, one JSON line for each event, never rewritten while all goes well.

A line is ``{"n":3,"at":"2026-01-31T03:00:00Z","up":812.4,"event":{…}} 1a2b3c4d``: the record and, after a space, the
CRC-32 of its bytes in hex.  ``n`` counts from 0 without gaps; ``up`` is seconds since boot.  The file is made longer
than needed and filled with zero bytes, so that the record of a failure fits even on a full disk; the first zero byte is
the end of the story.  A torn or damaged line ends it too: what comes after was never promised to anybody.
"""

import asyncio
import contextlib
import errno
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec

from dunebugger_updater.engine import JournalError
from dunebugger_updater.model.codec import from_builtins, from_json, to_json
from dunebugger_updater.ports import Clock
from dunebugger_updater.run import AnyEvent, Closed, Opened
from dunebugger_updater.story import Story, Told

ROOM = 262_144
"""Bytes that are reserved for a run when it opens."""

SUFFIX = ".jsonl"


class RunFile:
    """The journal of one run, open for more."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        # As they lie on the disk, never spelled anew: another version, or a number that was written 60 and is read as
        # 60.0, has other lengths, and the next line would be written into the middle of the story.
        self._lines = [line for line, _ in _good_lines(path)]
        self._fd: int | None = None

    async def write(self, event: AnyEvent) -> None:
        """Return once the event would survive a power cut.  ``JournalError`` when it would not."""
        told = Told(len(self._lines), self._clock.now(), round(self._clock.up(), 3), event)
        await asyncio.to_thread(self._append, _line(told))
        if isinstance(event, Closed):
            self.close()

    def close(self) -> None:
        """Give back the room that was not needed."""
        if self._fd is not None:
            with contextlib.suppress(OSError):  # the story is on the disk; its spare room may stay
                os.ftruncate(self._fd, sum(map(len, self._lines)))
            os.close(self._fd)
            self._fd = None

    def _append(self, line: bytes) -> None:
        try:
            if self._fd is None:
                self._fd = self._open()
            _write_at(self._fd, line, sum(map(len, self._lines)))
        except OSError:
            # A failed flush leaves it unknown what is on the disk, and asking the same file again would answer "all
            # well" (Linux marks the pages clean).  So the whole story goes into a new file, once.
            try:
                self._start_anew(line)
            except JournalError:
                if not self._lines:  # it never became a run: nobody shall wonder at an empty one
                    with contextlib.suppress(OSError):
                        self.path.unlink(missing_ok=True)
                raise
        self._lines.append(line)

    def _open(self) -> int:
        made = not self.path.exists()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            length = sum(map(len, self._lines))
            os.ftruncate(fd, length)  # whatever a power cut tore off behind the last good line
            _reserve(fd, length)
            os.fsync(fd)
            if made:
                _sync_directory(self.path.parent)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _start_anew(self, line: bytes) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None
        fresh = self.path.with_suffix(".anew")
        try:
            fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"cannot write {self.path}: {error.strerror}") from error
        try:
            _write_at(fd, b"".join(self._lines) + line, 0)
            fresh.replace(self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            os.close(fd)
            fresh.unlink(missing_ok=True)
            raise JournalError(f"cannot write {self.path}: {error.strerror}") from error
        self._fd = fd


def read(path: Path) -> Sequence[Told]:
    """Answer what a journal tells, up to its first damaged line; empty when there is nothing in it."""
    return [told for _, told in _good_lines(path)]


def _good_lines(path: Path) -> Sequence[tuple[bytes, Told]]:
    try:
        content = path.read_bytes()
    except OSError:
        return ()
    good: list[tuple[bytes, Told]] = []
    for line in content.split(b"\0", 1)[0].splitlines(keepends=True):
        told = _read_line(line)
        if told is None or told.n != len(good):
            break
        good.append((line, told))
    return good


def not_understood(path: Path) -> int | None:
    """Answer the first line that is whole and says nothing to this version, from 1; ``None`` for none."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    lines = content.split(b"\0", 1)[0].splitlines(keepends=True)
    strange = (n for n, line in enumerate(lines, 1) if _record(line) is not None and _read_line(line) is None)
    return next(strange, None)


def _line(told: Told) -> bytes:
    record = to_json(told)
    return record + b" %08x\n" % zlib.crc32(record)


def _record(line: bytes) -> bytes | None:
    record, _, crc = line.rstrip(b"\n").rpartition(b" ")
    return record if line.endswith(b"\n") and crc == b"%08x" % zlib.crc32(record) else None


def _read_line(line: bytes) -> Told | None:
    record = _record(line)
    if record is None:
        return None
    try:
        return from_json(record, Told)
    except msgspec.MsgspecError:
        return _of_later_times(record)


def _of_later_times(record: bytes) -> Told | None:
    """Read what a newer version told before it was taken back: without the fields and the events that we do not know.

    A later version may add and never changes the meaning of what there is, so what we know of it is true.  A step that
    we do not know could not be taken back by us: there the story ends.
    """
    try:
        told = msgspec.json.decode(record)
        event = told["event"]
        kind = _EVENTS.get(event["event"])
        if kind is None:
            told["event"] = {"event": "later", "name": str(event["event"])}
        else:
            told["event"] = {key: each for key, each in event.items() if key in {"event", *kind.__struct_fields__}}
        return from_builtins(told, Told)
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        return None


_EVENTS = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyEvent)}


def _write_at(fd: int, content: bytes, offset: int) -> None:
    left = memoryview(content)
    while left:
        count = os.pwrite(fd, left, offset)
        left, offset = left[count:], offset + count
    os.fdatasync(fd)


def _reserve(fd: int, length: int) -> None:
    try:
        os.posix_fallocate(fd, length, ROOM)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
            raise


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class RunDirectory:
    """All runs of a device, one file each; the newest ``keep`` are kept."""

    def __init__(self, directory: Path, clock: Clock, keep: int = 200) -> None:
        self._directory = directory
        self._clock = clock
        self._keep = keep

    def ids(self) -> Sequence[str]:
        """All of them, oldest first: an id begins with the time at which its run was opened."""
        try:
            return sorted(path.stem for path in self._directory.iterdir() if path.suffix == SUFFIX)
        except OSError:
            return ()

    def read(self, run: str) -> Story | None:
        """``None`` when there is no such run, or nothing of it can be read."""
        if "/" in run or run.startswith("."):
            return None
        told = read(self._directory / f"{run}{SUFFIX}")
        return Story(run, tuple(told)) if told and isinstance(told[0].event, Opened) else None

    def create(self, component: str) -> tuple[str, RunFile]:
        """Open a new one, and answer its id."""
        taken = self.ids()
        stamp = self._clock.now().strftime("%Y%m%dT%H%M%S")
        # Two runs in one second, or a clock that went back, must not meet in one name nor change their order.
        last = taken[-1] if taken else ""
        stamp = max(stamp, last[:15])
        number = sum(1 for run in taken if run.startswith(stamp))
        run = f"{stamp}-{number:02}-{component}"
        for old in taken[: max(0, len(taken) - self._keep + 1)]:
            story = self.read(old)
            if story is None or story.closed is not None:
                (self._directory / f"{old}{SUFFIX}").unlink(missing_ok=True)
        return run, RunFile(self._directory / f"{run}{SUFFIX}", self._clock)

    def reopen(self, story: Story) -> RunFile:
        """Continue one that is open."""
        return RunFile(self._directory / f"{story.id}{SUFFIX}", self._clock)
