"""Processes as the kernel shows them in ``/proc`` (proc(5)), and waiting for their end without asking twice."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.ports import EffectError

_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"


class Process(msgspec.Struct, frozen=True):
    """One process at one moment."""

    pid: int
    group: int
    session: int
    started: int
    """Clock ticks since boot.  With the pid and the boot it names one process for ever, since pids are used again."""


def boot_id() -> str:
    """Names this boot of the machine.  Containers share it with their host."""
    return _BOOT.read_text().strip()


def look(pid: int) -> Process | None:
    """The process, unless it has ended; one that nobody has reaped yet has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses, and the name may hold parentheses and spaces.
    state, _parent, group, session, *rest = text[text.rindex(")") + 2 :].split()
    if state in {"Z", "X", "x"}:
        return None
    return Process(pid, int(group), int(session), int(rest[15]))


def everyone(session: int | None = None) -> Sequence[Process]:
    """All processes, or those of one session: that costs a twentieth, for only they are looked at."""
    pids = (int(name) for name in os.listdir(_PROC) if name.isdigit())  # noqa: PTH208  (250 Paths cost 1 ms)
    found = (look(pid) for pid in pids if session is None or _may_be_in(session, pid))
    return [each for each in found if each is not None and session in {None, each.session}]


def _may_be_in(session: int, pid: int) -> bool:
    try:
        return os.getsid(pid) == session
    except ProcessLookupError:
        return False
    except PermissionError:  # a security module's word; the process's file may be readable all the same
        return True


def has_environment(pid: int, entry: str) -> bool:
    """Whether a process was started with ``NAME=value`` in its environment, as far as we may know."""
    try:
        return entry.encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def holds_open(pid: int, file: Path) -> bool:
    """Whether a process has that very file open, as far as we may know."""
    try:
        wanted = file.stat()
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                found = descriptor.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    except OSError:
        return False
    return False


def send(processes: Iterable[Process], number: signal.Signals) -> None:
    """A signal to each; ended already is fine, and a stranger with the same pid gets none."""
    for each in processes:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(each.pid)
            try:
                # The handle is on whoever had the pid just now.  Only then is it certain that it is the one meant.
                now = look(each.pid)
                if now is not None and now.started == each.started:
                    signal.pidfd_send_signal(handle, number)
            except PermissionError:
                raise EffectError(f"cannot end process {each.pid}: it is another user's; run this as root") from None
            finally:
                os.close(handle)


async def ended(processes: Iterable[Process], limit: float) -> bool:
    """Wait until all have ended, woken by the kernel; False when that takes longer than ``limit`` seconds."""
    try:
        async with asyncio.timeout(limit):
            for each in processes:
                await _end_of(each)
    except TimeoutError:
        return False
    return True


async def _end_of(process: Process) -> None:
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    try:
        now = look(process.pid)
        if now is None or now.started != process.started:
            return
        loop.add_reader(handle, over.set)
        await over.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
