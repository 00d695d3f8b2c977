"""A file that is being downloaded: hashed and written while the next part is still on its way.

Hashing and writing each have a thread of their own (both let go of the interpreter while they work), so a download
costs as much as its slowest part and not the sum of the three.
"""

import asyncio
import errno
import hashlib
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from dunebugger_updater.ports import EffectError

BATCH = 1_048_576
"""Bytes handed over at a time: a quarter costs a fifth more work in handing over, double no longer fits the caches."""

BACKLOG = 16
"""Hand-overs under way before the network has to wait: 8 MiB of memory, enough to bridge a slow card's hiccups."""

EARLY = 16_777_216
"""Bytes after which the kernel is asked to start writing, so that the final flush finds little left to do."""


_AT_ONCE = 64
"""Parts that are written with one call; the system's own limit is 1,024."""


class Landing:
    """Made by ``open_landing``.  ``size`` is how far the file has come, in bytes."""

    def __init__(self, path: Path, file: int, digest: "hashlib._Hash", size: int) -> None:
        self.size = size
        self._path = path
        self._file = file
        self._hash = digest
        self._hasher = ThreadPoolExecutor(1, "hash")
        self._writer = ThreadPoolExecutor(1, "write")
        self._under_way: deque[Future[None]] = deque()
        self._batch: list[bytes] = []
        self._batched = 0
        self._early = size

    async def add(self, chunk: bytes) -> None:
        """Take the next part.  An ``EffectError`` may be about a part that was taken earlier."""
        self._batch.append(chunk)
        self._batched += len(chunk)
        self.size += len(chunk)
        if self._batched >= BATCH:
            await self._hand_over()

    async def _hand_over(self) -> None:
        batch, self._batch, self._batched = self._batch, [], 0
        self._under_way.append(self._hasher.submit(self._digest, batch))
        self._under_way.append(self._writer.submit(self._write, batch))
        if self.size - self._early >= EARLY:
            self._under_way.append(self._writer.submit(self._flush, self._early, self.size))
            self._early = self.size
        while self._under_way and (len(self._under_way) > BACKLOG or self._under_way[0].done()):
            await self._wait(self._under_way.popleft())

    def _digest(self, batch: Sequence[bytes]) -> None:
        for chunk in batch:
            self._hash.update(chunk)

    def _write(self, batch: Sequence[bytes]) -> None:
        if 1 < len(batch) <= _AT_ONCE:  # spares joining them, which is a copy of the whole download
            done = os.writev(self._file, batch)
            if done == sum(map(len, batch)):
                return
        else:
            done = 0
        left = memoryview(b"".join(batch))[done:]
        while left:
            left = left[os.write(self._file, left) :]

    def _flush(self, start: int, end: int) -> None:
        os.posix_fadvise(self._file, start, end - start, os.POSIX_FADV_DONTNEED)

    async def _wait(self, future: Future[None]) -> None:
        try:
            await asyncio.wrap_future(future)
        except OSError as error:
            raise EffectError(f"cannot write {self._path}: {disk_reason(error)}") from error

    async def _settle(self) -> None:
        while self._under_way:
            await self._wait(self._under_way.popleft())

    async def finish(self) -> str:
        """Everything is on the disk, under a name that survives a power cut: the sha256 in hex."""
        await self._hand_over()
        self._under_way.append(self._writer.submit(self._sync))
        await self._settle()
        return self._hash.hexdigest()

    def _sync(self) -> None:
        os.fsync(self._file)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    async def close(self) -> None:
        """Let go of the file; what came so far stays for the next try.  Never raises."""
        self._writer.submit(self._write, self._batch)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._hasher.shutdown(cancel_futures=True)
        self._writer.shutdown()
        os.close(self._file)


async def open_landing(path: Path, kept: int) -> Landing:
    """``path`` from byte ``kept`` on: what lies before is hashed, what lies after is cut off."""
    try:
        return await asyncio.to_thread(_open, path, kept)
    except OSError as error:
        raise EffectError(f"cannot write {path}: {disk_reason(error)}") from error


def _open(path: Path, kept: int) -> Landing:
    # No link is followed: whoever can put one here must not make us write elsewhere.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        os.ftruncate(file, kept)
        digest = hashlib.sha256()
        while chunk := os.read(file, 1_048_576):
            digest.update(chunk)
    except OSError:
        os.close(file)
        raise
    return Landing(path, file, digest, kept)


def disk_reason(error: OSError) -> str:
    """Why the disk said no, in a few words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if error.errno == errno.ELOOP:
        return "a link of that name is in the way"
    return (error.strerror or str(error)).lower()
