"""systemd units, through ``systemctl`` and ``journalctl``: the tools that every device has and every owner knows.

What ``systemctl`` prints for people is only shown to people.  What is decided is decided by its exit status and by the
properties of ``systemctl show``, which org.freedesktop.systemd1(5) documents.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from dunebugger_updater.effects import commands
from dunebugger_updater.model.service import ServiceState, SystemdUnit
from dunebugger_updater.ports import EffectError

START_LIMIT = 90.0
"""Seconds, systemd's own default for a start."""
STOP_LIMIT = 100.0
"""Seconds: systemd kills after 90 by default, and its word for that comes a moment later."""
_ASK_LIMIT = 20.0
_LONGEST_LINE = 500
_MOST_LINES = 1000
_PROPERTIES = "LoadState,LoadError,ActiveState,SubState,Result,NRestarts,MainPID,NeedDaemonReload,ControlGroup"
_NOT_ALLOWED = re.compile(
    r"Access denied|Interactive authentication required|Permission denied|not authorized", re.IGNORECASE
)
_NO_SYSTEMD = re.compile(r"has not been booted with systemd|Failed to connect to (?:system scope )?bus", re.IGNORECASE)
_TOO_OFTEN = re.compile(r"attempted too often|start-limit-hit", re.IGNORECASE)


class Unit(msgspec.Struct, frozen=True):
    """What ``systemctl show`` says about a unit."""

    load: str
    active: str
    sub: str
    result: str = "success"
    restarts: int = 0
    pid: int | None = None
    stale: bool = False
    """Its file was changed since systemd read it."""
    group: str = ""
    """Its control group; empty when no process is left in it."""


def read_unit(text: str) -> Unit:
    """Parse the lines of ``systemctl show``.  Properties that a version does not know are missing there."""
    found: Mapping[str, str] = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Unit(
        load=found.get("LoadState", "loaded"),
        active=found.get("ActiveState", "unknown"),
        sub=found.get("SubState", ""),
        result=found.get("Result", "success"),
        restarts=_number(found.get("NRestarts", "")),
        pid=_number(found.get("MainPID", "")) or None,
        stale=found.get("NeedDaemonReload") == "yes",
        group=found.get("ControlGroup", ""),
    )


def state_of(unit: Unit) -> ServiceState:
    """The same in the words of the house."""
    because = unit.result if unit.active == "failed" and unit.result != "success" else unit.sub
    return ServiceState(
        active=unit.active in {"active", "reloading", "refreshing"},
        # In a crash loop systemd says "activating (auto-restart)" most of the time: coming, yet never there.
        coming=unit.active == "activating",
        restarts=unit.restarts,
        pid=unit.pid,
        detail=f"{unit.active} ({because})" if because else unit.active,
    )


def objection_to(name: str, unit: Unit) -> str | None:
    """Why systemd will not run this unit, whatever is asked of it."""
    match unit.load:
        case "not-found":
            return f"systemd knows no {name}; install its unit, or correct service in dunebugger.conf"
        case "masked":
            return f"{name} is masked; run systemctl unmask {name}"
        case "bad-setting" | "error":
            return f"the unit file of {name} has an error; systemctl status {name} says which"
    return None


def refusal(told: str) -> str:
    """What a person should read of what ``systemctl`` printed when it failed."""
    if _NO_SYSTEMD.search(told):
        return "there is no systemd running here; set runner = process in dunebugger.conf"
    if _NOT_ALLOWED.search(told):
        return "systemd does not allow it to this user; run this as root or with sudo"
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    # What follows the first line are commands to type, and the sentence has its own.
    return (lines[0][0].lower() + lines[0][1:]).rstrip(".") if lines else "systemctl failed without a word"


class Systemd:
    """Starts and stops ``SystemdUnit`` services.  ``start_limit`` and ``stop_limit`` are in seconds."""

    def __init__(self, start_limit: float = START_LIMIT, stop_limit: float = STOP_LIMIT) -> None:
        self._start_limit = start_limit
        self._stop_limit = stop_limit

    async def state(self, service: SystemdUnit) -> ServiceState:
        """What systemd says now."""
        unit = await self._show(service.unit)
        if (objection := objection_to(service.unit, unit)) and unit.active not in {"active", "reloading"}:
            raise EffectError(f"cannot ask for the state of {service.unit}: {objection}")
        return state_of(unit)

    async def start(self, service: SystemdUnit) -> None:
        """Start it; systemd returns once it is started or has failed.  Started already is fine."""
        name, cannot = service.unit, f"cannot start {service.unit}"
        unit = await self._show(name)
        if unit.stale:
            await self._do("daemon-reload", (), cannot, _ASK_LIMIT)
            unit = await self._show(name)
        if objection := objection_to(name, unit):
            raise EffectError(f"{cannot}: {objection}")
        if unit.active == "failed":
            # Else a unit that has crashed too often is refused, whatever was repaired meanwhile.
            await self._do("reset-failed", ("--", name), cannot, _ASK_LIMIT)
        told = await self._try("start", ("--", name), cannot, self._start_limit)
        if told is not None and _TOO_OFTEN.search(told):
            await self._do("reset-failed", ("--", name), cannot, _ASK_LIMIT)
            told = await self._try("start", ("--", name), cannot, self._start_limit)
        if told is not None:
            raise EffectError(f"{cannot}: {refusal(told)}; journalctl -u {name} says more")

    async def stop(self, service: SystemdUnit) -> None:
        """Stop it and end what it left behind.  Stopped already is fine."""
        name, cannot = service.unit, f"cannot stop {service.unit}"
        unit = await self._show(name)
        if unit.load == "not-found" and unit.active == "inactive":
            raise EffectError(f"{cannot}: {objection_to(name, unit)}")
        await self._do("stop", ("--", name), cannot, self._stop_limit)
        unit = await self._show(name)
        if unit.group and unit.active in {"inactive", "failed"}:
            # With KillMode=process its children live on, and they hold its port and its files.
            await self._try("kill", ("--signal=SIGKILL", "--", name), cannot, _ASK_LIMIT)
            unit = await self._show(name)
        if unit.active not in {"inactive", "failed"}:
            raise EffectError(f"{cannot}: systemd still says {state_of(unit).detail}; something starts it again")

    async def last_log(self, service: SystemdUnit, lines: int) -> Sequence[str]:
        """The end of its journal; one line saying why when there is none to be read."""
        most = str(max(1, min(lines, _MOST_LINES)))
        argv = ("journalctl", "--no-pager", "--quiet", "--output=short-iso", "--lines", most, "--unit", service.unit)
        try:
            done = await commands.run(argv, limit=_ASK_LIMIT)
        except EffectError as error:
            return (str(error),)
        if done.code != 0:
            return (f"cannot read the journal of {service.unit}: {done.last_words}",)
        return tuple(commands.plain(line)[:_LONGEST_LINE] for line in done.out.split("\n") if line.strip())

    async def _show(self, name: str) -> Unit:
        cannot = f"cannot ask systemd about {name}"
        done = await _systemctl(("show", "--property", _PROPERTIES, "--", name), cannot, _ASK_LIMIT)
        if done.code != 0:
            raise EffectError(f"{cannot}: {refusal(done.err)}")
        return read_unit(done.out)

    async def _do(self, verb: str, arguments: Sequence[str], cannot: str, limit: float) -> None:
        told = await self._try(verb, arguments, cannot, limit)
        if told is not None:
            raise EffectError(f"{cannot}: {refusal(told)}")

    async def _try(self, verb: str, arguments: Sequence[str], cannot: str, limit: float) -> str | None:
        """What systemctl complained about, or ``None`` when it did as it was told."""
        done = await _systemctl((verb, *arguments), cannot, limit)
        return None if done.code == 0 else done.err


async def _systemctl(arguments: Sequence[str], cannot: str, limit: float) -> commands.Finished:
    try:
        return await commands.run(("systemctl", "--no-ask-password", "--no-pager", *arguments), limit=limit)
    except EffectError as error:
        if "did not finish" in str(error):
            raise EffectError(f"{cannot}: systemd took longer than {limit:g} s") from None
        raise EffectError(f"{cannot}: {refusal('Failed to connect to bus')}") from None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
