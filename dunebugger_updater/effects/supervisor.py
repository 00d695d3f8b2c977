"""Processes of our own: started detached, found again by a pid file, no systemd and no root needed.

The app outlives us, however we end.  So that it never runs twice it holds a lock from its first instant on: it
inherits the open lock file, and when we are killed between starting it and writing the pid file, the next one who
wants to start it finds the lock held, looks who holds it, and writes the pid file that is missing.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from dunebugger_updater.effects.commands import clean_environment, plain
from dunebugger_updater.effects.durable import sync_directory
from dunebugger_updater.effects.owners import groups_of, identity_of, owner_of
from dunebugger_updater.effects.processes import (
    Process,
    boot_id,
    ended,
    everyone,
    has_environment,
    holds_open,
    look,
    send,
)
from dunebugger_updater.model.service import OwnProcess, ServiceState
from dunebugger_updater.ports import EffectError

GRACE = 10.0
"""Seconds between asking a process to end and ending it."""
LOG_SIZE = 1_048_576
"""Bytes that a log may have when the app starts; a larger one becomes ``.1``."""
_KILLED_WITHIN = 5.0
LOCK_WITHIN = 2.0
_TAIL = 65_536

_CHILDREN: dict[Path, subprocess.Popen[bytes]] = {}
"""What this process started, by pid file: its children are its to reap, whichever object started them.

After our own end init reaps them.
"""


class _Mark(msgspec.Struct, frozen=True):
    """What a pid file says: a pid alone would soon be somebody else's."""

    pid: int
    started: int
    boot: str


class Supervisor:
    """Starts and stops ``OwnProcess`` services.

    ``grace``: seconds between SIGTERM and SIGKILL.  ``lock_within``: seconds to wait for another one of us who is
    just starting it.  ``boot``: what names this boot of the machine.
    """

    def __init__(
        self, grace: float = GRACE, lock_within: float = LOCK_WITHIN, boot: Callable[[], str] = boot_id
    ) -> None:
        self._lock_within = lock_within
        self._grace = grace
        self._boot = boot

    async def state(self, service: OwnProcess) -> ServiceState:
        """Whether it runs, and how it ended when we know."""
        main = self._main(service)
        if main is not None:
            return ServiceState(active=True, pid=main.pid, detail="running")
        child = _CHILDREN.get(service.pid_file)
        # Asked once more: it may have ended between being asked and being looked at.
        return ServiceState(active=False, detail=_ending(child.poll() if child else None))

    async def start(self, service: OwnProcess) -> None:
        """Start it and return as soon as its program runs.  Running already is fine."""
        if self._main(service) is not None:
            return
        # Workers that outlived their parent still hold its port.
        await self._end(service, self._everyone_of(service))
        lock = await self._lock(service)
        if lock is None:
            return
        try:
            # Starting waits for exec in the child: about a millisecond, and a slow card may make it more.
            await asyncio.to_thread(self._spawn, service, lock)
        finally:
            os.close(lock)

    async def stop(self, service: OwnProcess) -> None:
        """End it and all that it started: asked first, killed after the grace.  Ended already is fine."""
        await self._end(service, self._everyone_of(service))
        service.pid_file.unlink(missing_ok=True)

    async def interrupted(self, service: OwnProcess) -> bool:
        """Whether it ended without being stopped: its pid file outlived it, in this boot or over a power cut."""
        return service.pid_file.exists() and self._main(service) is None

    async def last_log(self, service: OwnProcess, lines: int) -> Sequence[str]:
        """The end of its log."""
        return await asyncio.to_thread(_tail, service.log_file, lines)

    def _main(self, service: OwnProcess) -> Process | None:
        """The process that is the service, if it lives."""
        if child := _CHILDREN.get(service.pid_file):
            child.poll()
        if (marked := self._marked(service)) is not None:
            return marked
        leaders = [each for each in _holders(service) if each.session == each.pid]
        for leader in leaders[:1]:
            self._write(service, leader)
            return leader
        return None

    def _marked(self, service: OwnProcess) -> Process | None:
        mark = _read(service.pid_file)
        if mark is None or mark.boot != self._boot():
            return None
        found = look(mark.pid)
        return found if found is not None and found.started == mark.started else None

    def _everyone_of(self, service: OwnProcess) -> Sequence[Process]:
        """The service and what it started: its session, and with that gone whoever else has its lock and its name."""
        mark = _read(service.pid_file)
        found: list[Process] = []
        if mark is not None and mark.boot == self._boot():
            lives = self._marked(service) is not None
            # With its leader gone, a session's number may be a stranger's by now: then its name has to tell.
            found = [each for each in everyone(mark.pid) if lives or has_environment(each.pid, _name(service))]
        return found or _holders(service)

    async def _end(self, service: OwnProcess, processes: Sequence[Process]) -> None:
        if not processes:
            return
        send(processes, signal.SIGTERM)
        if not await ended(processes, self._grace):
            send(processes, signal.SIGKILL)
            await ended(processes, _KILLED_WITHIN)
        # What was started meanwhile was not asked, and has nobody left to work for.
        while rest := self._everyone_of(service):
            send(rest, signal.SIGKILL)
            if not await ended(rest, _KILLED_WITHIN):
                pids = ", ".join(str(each.pid) for each in rest)
                raise EffectError(f"cannot stop {service.name}: process {pids} does not end even when killed")
        if child := _CHILDREN.get(service.pid_file):
            child.poll()

    async def _lock(self, service: OwnProcess) -> int | None:
        """The lock that says "it runs", or ``None`` when another one of us has started it meanwhile."""
        try:
            service.pid_file.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(_lock_file(service), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EffectError(f"cannot start {service.name}: {error.filename}: {_why(error)}") from None
        deadline = asyncio.get_running_loop().time() + self._lock_within
        while not _locked(lock):
            if self._main(service) is not None:
                os.close(lock)
                return None
            if asyncio.get_running_loop().time() > deadline:
                os.close(lock)
                held = f"another program holds {_lock_file(service)}"
                raise EffectError(f"cannot start {service.name}: {held}; find it with fuser and stop it")
            await asyncio.sleep(0.02)
        return lock

    def _spawn(self, service: OwnProcess, lock: int) -> None:
        if not service.directory.is_dir():
            raise EffectError(f"cannot start {service.name}: the directory {service.directory} is not there")
        owner = owner_of(service.directory)
        other = owner if owner is not None and owner.uid != os.geteuid() else None
        name, _, value = _name(service).partition("=")
        try:
            with _log(service.log_file) as log:
                # Popen itself waits for exec, over a pipe that exec closes, and raises what went wrong there.
                child = subprocess.Popen(
                    service.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=service.directory,
                    env=clean_environment({**identity_of(owner), name: value}),
                    start_new_session=True,
                    pass_fds=(lock,),
                    user=other.uid if other else None,
                    group=other.gid if other else None,
                    extra_groups=groups_of(other) if other else None,
                )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError) and str(error.filename) == service.argv[0]
            why = "it is not there, or what its first line names is not" if missing else _why(error)
            raise EffectError(f"cannot start {service.name}: {error.filename or service.argv[0]}: {why}") from None
        _CHILDREN[service.pid_file] = child
        # Ended in its first instant: there is nothing to find again, and its log says why.
        if (process := look(child.pid)) is not None:
            self._write(service, process)

    def _write(self, service: OwnProcess, process: Process) -> None:
        # Flushed to the disk, while the app already starts: after a power cut it tells that this app ran.
        mark = _Mark(process.pid, process.started, self._boot())
        draft = service.pid_file.with_name(f".{service.pid_file.name}.{os.getpid()}")
        try:
            with draft.open("wb") as stream:
                stream.write(msgspec.json.encode(mark))
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(service.pid_file)
            sync_directory(service.pid_file.parent)
        except (OSError, EffectError):
            # A full disk is no reason to call it failed: it runs, and whoever looks for it finds who holds its lock.
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _lock_file(service: OwnProcess) -> Path:
    return service.pid_file.with_name(f"{service.pid_file.name}.lock")


def _name(service: OwnProcess) -> str:
    """What marks the service and its children in their environment."""
    return f"DUNEBUGGER_SERVICE={service.pid_file}"


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(service: OwnProcess) -> Sequence[Process]:
    """Processes of the service that keep its lock; nobody is asked while the lock is free."""
    try:
        lock = os.open(_lock_file(service), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return ()
    try:
        if _locked(lock):
            return ()
    finally:
        os.close(lock)
    return [
        each
        for each in everyone()
        if has_environment(each.pid, _name(service)) and holds_open(each.pid, _lock_file(service))
    ]


def _read(pid_file: Path) -> _Mark | None:
    try:
        return msgspec.json.decode(pid_file.read_bytes(), type=_Mark)
    except (OSError, msgspec.DecodeError):
        return None


@contextlib.contextmanager
def _log(file: Path) -> Iterator[IO[bytes]]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_size > LOG_SIZE:
            file.replace(file.with_name(f"{file.name}.1"))
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "ab", buffering=0) as log:
        yield log


def _tail(file: Path, lines: int) -> Sequence[str]:
    try:
        with file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _TAIL))
            text = log.read(_TAIL).decode(errors="replace")
    except OSError:
        return ()
    found = [plain(line).rstrip()[:500] for line in text.split("\n")]
    return [line for line in found if line][-lines:] if lines > 0 else ()


def _ending(code: int | None) -> str:
    if code is None:
        return "not running"
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
