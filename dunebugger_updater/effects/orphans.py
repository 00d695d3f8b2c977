"""Programs that a killed updater left behind: they must not go on working beside the one who takes over.

Each program that we start carries a mark in its environment: the pid of its updater, and when that was started.
"""

import os
import signal
from functools import lru_cache
from pathlib import Path

from dunebugger_updater.effects.processes import Process, ended, everyone, look, send

MARK = "DUNEBUGGER_HELPER_OF"
_WITHIN = 5.0
"""Seconds for killed processes to be gone."""


def mark() -> dict[str, str]:
    """Answer what goes into the environment of a program that we start."""
    return {MARK: _ours(os.getpid())}


@lru_cache(maxsize=2)
def _ours(pid: int) -> str:
    here = look(pid)
    return f"{pid}.{here.started if here else 0}"


async def end_orphans() -> None:
    """End every program whose updater is no more, and see it end."""
    orphans = [each for each in everyone() if _is_orphan(each)]
    send(orphans, signal.SIGKILL)
    await ended(orphans, _WITHIN)


def _is_orphan(process: Process) -> bool:
    """A container's processes are to be seen from its host, but the numbers in their marks are the container's."""
    try:
        if _space(process.pid) != _space("self"):
            return False
        environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    marks = [entry.partition(b"=")[2] for entry in environment if entry.startswith(MARK.encode() + b"=")]
    if not marks:
        return False
    pid, _, started = marks[0].decode(errors="replace").partition(".")
    updater = look(int(pid)) if pid.isdigit() else None
    return updater is None or str(updater.started) != started


def _space(pid: int | str) -> Path:
    """The namespace in which a process has its number."""
    return Path(f"/proc/{pid}/ns/pid").readlink()
