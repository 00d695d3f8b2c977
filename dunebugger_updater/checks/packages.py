"""Are the packages as they were planned, and is what runs on them well?"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from dunebugger_updater.checks.base import Check
from dunebugger_updater.checks.health import GOOD_TIMES, Look, steady
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.model.packages import Change
from dunebugger_updater.model.service import UnitState
from dunebugger_updater.ports import Device

_SHOWN = 5
_MEMORY = 4 * 1024**2
_SETTLE = 30.0
"""Seconds that services get to be steady after their packages were replaced."""


class PackagesReady(Check, frozen=True, tag="packages_ready"):
    """Packages can be changed here: rights, systemd, and nothing half done that nobody is going to repair."""

    repaired: bool = False
    """Whether the plan repairs what dpkg left half done."""

    @property
    def title(self) -> str:
        return "packages can be changed"

    async def objection(self, device: Device) -> str | None:
        await device.installer.ready()
        broken = () if self.repaired else await device.packages.broken()
        if not broken:
            return None
        return f"dpkg has left something half done since this was planned ({_some(broken)}): plan it again"


class PlanHolds(Check, frozen=True, tag="plan_holds"):
    """What apt would do now is exactly what was planned: nothing more, nothing else, nothing removed."""

    changes: tuple[Change, ...]

    @property
    def title(self) -> str:
        return f"the plan for {len(self.changes)} packages holds"

    async def objection(self, device: Device) -> str | None:
        wanted = {each.name: each.after for each in self.changes if each.before is not None and each.after is not None}
        now = {(each.name, each.before, each.after) for each in await device.packages.simulate(wanted)}
        planned = {(each.name, each.before, each.after) for each in self.changes}
        more = [
            f"{name} {before or '(new)'} to {after or '(removed)'}"
            for name, before, after in sorted(now - planned, key=str)
        ]
        less = [f"{name} {after or '(removed)'}" for name, _, after in sorted(planned - now, key=str)]
        if more:
            return f"the plan holds no more: apt would also change {_some(more)}; plan it again"
        if less:
            return f"the plan holds no more: apt would not bring {_some(less)}; plan it again"
        return None


class PackagesAre(Check, frozen=True, tag="packages_are"):
    """These packages are at exactly these versions, wholly installed, and dpkg has nothing left half done."""

    versions: tuple[tuple[str, str], ...]
    absent: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{len(self.versions)} packages at their versions"

    async def objection(self, device: Device) -> str | None:
        here = await device.packages.installed()
        wrong = [
            f"{name} is {here[name].version + _state(here[name].state) if name in here else 'not installed'}, "
            f"not {version}"
            for name, version in self.versions
            if name not in here or here[name].version != version or here[name].state != "installed"
        ]
        wrong += [f"{name} {here[name].version} is still there" for name in self.absent if name in here]
        return _some(wrong or await device.packages.broken()) or None


class UnitsWell(Check, frozen=True, tag="units_well"):
    """No service has failed, stopped or begun to crash that was well when ``file`` was written."""

    file: Path
    limit: float = _SETTLE

    @property
    def title(self) -> str:
        return "the services are as well as before"

    async def objection(self, device: Device) -> str | None:
        noted = await device.files.read(self.file, _MEMORY)
        try:
            before = from_json(noted, dict[str, UnitState]) if noted else {}
        except msgspec.MsgspecError:
            before = {}  # then everything that is ill now has to be explained
        last = await device.services.units()

        async def look() -> Look:
            nonlocal last
            now = await device.services.units()
            ill = ill_since(before, last, now)
            last = now
            return Look(_some(ill) or None)

        return await steady(device, self.limit, GOOD_TIMES, look)


def ill_since(
    before: Mapping[str, UnitState], last: Mapping[str, UnitState], now: Mapping[str, UnitState]
) -> list[str]:
    """What is wrong with services now that was not ``before``; ``last`` is how they were a moment ago."""
    found = []
    for name, unit in sorted(now.items()):
        was = before.get(name, UnitState("stopped"))
        if unit.word in {"failed", "restarting"} and was.word != unit.word:
            found.append(f"{name} is {unit.word}, which it was not before")
        elif unit.word == "stopped" and unit.enabled and was.word == "running":
            found.append(f"{name} does not run any more")
        elif name in last and unit.restarts > last[name].restarts and was.word == "running":
            found.append(f"{name} keeps being restarted")
    return found


def _state(state: str) -> str:
    return "" if state == "installed" else f" ({state})"


def _some(words: Iterable[str]) -> str:
    each = list(words)
    more = f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
    return "; ".join(each[:_SHOWN]) + more
