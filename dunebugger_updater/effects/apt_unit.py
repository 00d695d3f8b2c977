"""Work on packages in a systemd unit of its own, which lives on when we die and is found again by its name.

The unit stays after its end, so that how it ended can be read by whoever comes back; then it is cleared away.  What it
prints is in a file beside the job, under the line of its command.
"""

import asyncio
import contextlib
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.effects import commands, durable
from dunebugger_updater.model.packages import is_job
from dunebugger_updater.ports import EffectError

PREFIX = "dunebugger-updater-apt-"
_ASK = 30.0
"""Seconds for systemd to answer."""
_POLLS = (0.1, 0.1, 0.2, 0.3, 0.5)
"""Seconds between two looks at a unit; the last one from then on."""
_TAIL = 1_048_576
"""Bytes of output that are read: the end."""
_SHELL = 'exec 3>>"$1"; shift; exec "$@"'
"""Opens the file descriptor on which apt tells its progress.  Constant: file and program are its arguments."""
_EXIT = re.compile(r"^# exit status (\S+)$", re.MULTILINE)
_KEPT_JOBS = 60
ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_MODE": "l",
    "NEEDRESTART_SUSPEND": "1",
    "UCF_FORCE_CONFFOLD": "1",
    "APT_LISTCHANGES_FRONTEND": "none",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
_NEVER_KILLED = ("KillSignal=SIGCONT", "SendSIGKILL=no", "SendSIGHUP=no", "TimeoutStopSec=15min", "OOMPolicy=continue")
"""Stopping it means waiting for it, also when the device is shut down."""


class Ended(msgspec.Struct, frozen=True):
    """How a unit ended, and what it printed."""

    code: int | None
    """The exit status; ``None`` when it was killed, or nobody knows."""
    result: str
    """systemd's word: ``success``, ``exit-code``, ``signal``, ``timeout``, …"""
    said: str = ""


class Unit(msgspec.Struct, frozen=True):
    """What ``systemctl show`` says."""

    load: str
    active: str
    sub: str
    result: str
    code: int | None

    @property
    def there(self) -> bool:
        return self.load == "loaded"

    @property
    def works(self) -> bool:
        """Whether its program still runs, or is about to."""
        return self.active in {"activating", "deactivating", "reloading"} or (
            self.active == "active" and self.sub != "exited"
        )


def read(text: str) -> Unit:
    """Parse the lines of ``systemctl show``."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    exited = found.get("ExecMainCode") == "1"  # CLD_EXITED
    status = found.get("ExecMainStatus", "")
    return Unit(
        load=found.get("LoadState", "not-found"),
        active=found.get("ActiveState", "inactive"),
        sub=found.get("SubState", ""),
        result=found.get("Result", ""),
        code=int(status) if exited and status.isdecimal() else None,
    )


def name_of(job: str) -> str:
    """The unit of a job."""
    if not is_job(job):
        raise EffectError(f"cannot use {job[:60]!r} as the name of a unit")
    return f"{PREFIX}{job}.service"


class AptUnits:
    """Starts such units, follows them, and clears them away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        """One folder for each job."""

    def output(self, job: str) -> Path:
        """Where the programs of a job print."""
        return self._folder / job / "output"

    async def run(
        self,
        job: str,
        argv: Sequence[str],
        hear: Callable[[str], None],
        *,
        limit: float | None = None,
        directory: Path | None = None,
    ) -> Ended:
        """Run a program as the unit of ``job``, to its end.  ``limit``: only for what may be killed.

        When that unit runs already, nothing is started: it is what somebody began who died, and it is followed.
        """
        name = name_of(job)
        unit = await show(name)
        if unit.works:
            return await self._follow(job, hear)
        if unit.there:
            await _clear(name, unit)
        await asyncio.to_thread(self._head, job, argv)
        done = await commands.run(_start(name, self._folder / job, argv, limit, directory), limit=_ASK)
        if done.code != 0:
            raise EffectError(_not_started(done.err or done.out))
        try:
            return await self._follow(job, hear)
        except asyncio.CancelledError:
            if limit is not None:  # somebody does not want it any more, and it may be stopped at any instant
                await commands.run(("systemctl", "--no-ask-password", "--no-block", "stop", "--", name), limit=_ASK)
            raise

    async def finish_all(self, hear: Callable[[str], None]) -> None:
        """Wait for every unit of ours that still works: what somebody began who died.  Clear the others away."""
        argv = ("systemctl", "list-units", "--all", "--full", "--plain", "--no-legend", "--no-pager", f"{PREFIX}*")
        for line in (await commands.run(argv, limit=_ASK)).out.splitlines():
            name = line.split()[0] if line.split() else ""
            if name.startswith(PREFIX) and name.endswith(".service"):
                await self._follow(name.removeprefix(PREFIX).removesuffix(".service"), hear)

    async def _follow(self, job: str, hear: Callable[[str], None]) -> Ended:
        name, progress = name_of(job), _Tail(self._folder / job / "status")
        polls = 0
        while (unit := await show(name)).works:
            for line in await asyncio.to_thread(progress.more):
                hear(line)
            await asyncio.sleep(_POLLS[min(polls, len(_POLLS) - 1)])
            polls += 1
        for line in await asyncio.to_thread(progress.more):
            hear(line)
        ended = Ended(unit.code, unit.result) if unit.there else Ended(None, "gone")
        said = await asyncio.to_thread(self._close, job, ended)
        await _clear(name, unit)
        return msgspec.structs.replace(ended, said=said)

    def note(self, job: str, argv: Sequence[str], printed: str, code: int) -> None:
        """Keep what a program printed that was no unit."""
        self._head(job, argv)
        with durable.saying(f"cannot write to {self.output(job)}"), self.output(job).open("a") as file:
            file.write(printed)
        self._close(job, Ended(code, ""))

    def said(self, job: str) -> tuple[str, int | None]:
        """The end of what a job printed, and its last exit status."""
        text = tail(self.output(job))
        ends = _EXIT.findall(text)
        return text, int(ends[-1]) if ends and ends[-1].isdecimal() else None

    def _close(self, job: str, ended: Ended) -> str:
        said = last_output(self.output(job))
        with contextlib.suppress(OSError), self.output(job).open("a") as file:
            file.write(f"# exit status {ended.result if ended.code is None else ended.code}\n")
        return said

    def _head(self, job: str, argv: Sequence[str]) -> None:
        folder = self._folder / job
        with durable.saying(f"cannot write to {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "status").unlink(missing_ok=True)
            old = sorted((each for each in self._folder.iterdir() if each != folder), key=_touched, reverse=True)
            for each in old[_KEPT_JOBS:]:
                shutil.rmtree(each, ignore_errors=True)
            with self.output(job).open("a") as file:
                file.write(f"$ {shlex.join(argv)}\n")


def _touched(folder: Path) -> float:
    return folder.stat().st_mtime


def last_output(file: Path) -> str:
    """What was printed since the last command began."""
    text = tail(file)
    start = max(text.rfind("\n$ "), 0 if text.startswith("$ ") else -1)
    return text if start < 0 else text[start:].lstrip("\n").partition("\n")[2]


def tail(file: Path) -> str:
    """The end of a file; empty when there is none."""
    with contextlib.suppress(OSError), file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _TAIL))
        return commands.plain(stream.read().decode(errors="replace"))
    return ""


async def show(name: str) -> Unit:
    """Ask systemd about a unit."""
    wanted = "LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus"
    argv = ("systemctl", "show", "--no-pager", "--property", wanted, "--", name)
    try:
        done = await commands.run(argv, limit=_ASK)
    except EffectError as error:
        raise EffectError(f"cannot change packages: {error}") from None
    if done.code != 0:
        raise EffectError(_not_started(done.err))
    return read(done.out)


async def _clear(name: str, unit: Unit) -> None:
    """Let systemd forget a unit that has ended."""
    if unit.there:
        verb = "stop" if unit.active == "active" else "reset-failed"
        await commands.run(("systemctl", "--no-ask-password", verb, "--", name), limit=_ASK)


def _start(name: str, folder: Path, argv: Sequence[str], limit: float | None, directory: Path | None) -> Sequence[str]:
    # The end of its time may kill only what asks an archive; nothing else is ever killed.
    kept = _NEVER_KILLED if limit is None else (f"RuntimeMaxSec={limit:g}", "TimeoutStopSec=10")
    properties = (
        "Type=exec",
        "RemainAfterExit=yes",
        "StandardInput=null",
        f"StandardOutput=append:{folder / 'output'}",
        f"StandardError=append:{folder / 'output'}",
        "IgnoreSIGPIPE=no",
        *kept,
        *((f"WorkingDirectory={directory}",) if directory else ()),
    )
    return (
        "systemd-run",
        "--quiet",
        "--no-ask-password",
        f"--unit={name}",
        "--description=DuneBugger Updater changes packages",
        *(f"--property={each}" for each in properties),
        *(f"--setenv={key}={value}" for key, value in ENVIRONMENT.items()),
        "--",
        *("/bin/sh", "-c", _SHELL, "sh", str(folder / "status"), *argv),
    )


def _not_started(told: str) -> str:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    why = lines[0].rstrip(".") if lines else "systemd-run failed without a word"
    if "not been booted with systemd" in told or "Failed to connect to" in told or "connect to bus" in told:
        return "cannot change packages: systemd does not run here, and apt needs a unit of its own to be safe"
    if "Access denied" in told or "nteractive authentication required" in told:
        return "cannot change packages: sudo required: run this as root or with sudo"
    return f"cannot change packages: systemd said {why!r}"


class _Tail:
    """The lines that were added to a file since the last look."""

    def __init__(self, file: Path) -> None:
        self._file, self._at = file, 0

    def more(self) -> Sequence[str]:
        with contextlib.suppress(OSError), self._file.open("rb") as stream:
            stream.seek(self._at)
            whole, mark, _ = stream.read(_TAIL).rpartition(b"\n")
            self._at += len(whole) + len(mark)
            return whole.decode(errors="replace").splitlines()
        return ()
