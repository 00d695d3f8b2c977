"""Who holds a lock of apt's or dpkg's: after it waited in vain, apt does not say."""

import os
from pathlib import Path

from dunebugger_updater.effects.apt_sentences import Lock

LOCKS = Path("/proc/locks")


def holder(lock: Lock, table: Path = LOCKS) -> Lock:
    """The same lock with the process that holds it, as far as the kernel tells us."""
    pid = lock.pid or _pid(Path(lock.file), table)
    if pid is None:
        return lock
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        name = lock.name  # it has ended meanwhile, or lives in another container
    return Lock(lock.file, pid, name)


def _pid(file: Path, table: Path) -> int | None:
    try:
        status = file.stat()
        lines = table.read_text().splitlines()
    except OSError:
        return None
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in lines:
        # "1: POSIX  ADVISORY  WRITE 143 08:01:1234 0 EOF"; in a container a process outside has the number 0
        pid, place = [*line.replace("-> ", "").split()[4:6], "", ""][:2]
        if place == wanted and pid.isdecimal() and pid != "0":
            return int(pid)
    return None
