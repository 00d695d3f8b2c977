"""One process at a time may change a device: an advisory lock that the kernel forgets when its holder ends."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dunebugger_updater.ports import EffectError


class DeviceLock:
    """The lock on the state directory.  ``words``: what its holder does, and what to do about it."""

    def __init__(self, path: Path, words: str = "is changing this device; try again later") -> None:
        self._path = path
        self._words = words

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; ``EffectError`` names who holds it already."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise EffectError(f"cannot write {self._path}: {words}; run as root, or choose another statePath") from None
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(fd, 20, 0).decode(errors="replace").strip() or "unknown"
                raise EffectError(f"busy: another dunebugger-updater (process {holder}) {self._words}") from None
            with contextlib.suppress(OSError):  # a full disk has no room for our name, and needs us all the more
                os.ftruncate(fd, 0)
                os.pwrite(fd, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(fd)

    def holder(self) -> str | None:
        """Who holds it now: a process number, or ``unknown``; ``None`` when nobody does.

        Only reads: to try the lock would turn away whoever comes in that instant.  /proc/locks is described in proc(5);
        its device numbers differ from those of stat(2) on some file systems, its inodes do not.
        """
        try:
            inode = self._path.stat().st_ino
            locks = Path("/proc/locks").read_text().splitlines()
            said = self._path.read_bytes()[:20].decode(errors="replace").strip()
        except OSError:
            return None
        if not any(re.search(rf" FLOCK .*:{inode} ", line) for line in locks):
            return None
        return said if said.isdigit() else "unknown"
