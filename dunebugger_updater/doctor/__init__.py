"""``doctor``: what is wrong with this device or its configuration, and what to do about it (DB-109…112).

It only looks: it takes no lock, starts nothing and changes nothing.  What cannot be examined is a finding as well, so
that one broken part never hides the others.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Sequence

from dunebugger_updater import show
from dunebugger_updater.doctor import (
    apps,
    configuration,
    containers,
    disk,
    environments,
    installation,
    packages,
    runs,
    surroundings,
    trust,
    versions,
)
from dunebugger_updater.doctor.finding import Finding, Findings, problem, warning
from dunebugger_updater.doctor.sheet import recovery
from dunebugger_updater.model.codec import to_builtins
from dunebugger_updater.ports import EffectError
from dunebugger_updater.wiring import House

__all__ = ["Finding", "diagnose", "examine"]

LIMIT = 60.0
"""Seconds for one subject: somebody is waiting in front of a terminal."""

_SIGNS = {"problem": "✗", "warning": "!", "fine": "✓"}


async def examine(house: House, *, as_json: bool) -> int:
    """Print what was found; 0 when there is no problem, else 1."""
    found = await diagnose(house)
    healthy = all(each.severity != "problem" for each in found)
    if as_json:
        show.as_json({"healthy": healthy, "findings": [to_builtins(each) for each in found]})
    else:
        print(*in_words(found), sep="\n")
    return 0 if healthy else 1


async def diagnose(house: House, limit: float = LIMIT) -> Findings:
    """Look at everything, side by side; ``limit`` is in seconds, for each subject."""
    subjects: dict[str, Awaitable[Findings]] = {
        "installation": installation.look(house),
        "configuration": configuration.look(house),
        "state": configuration.look_at_state(house),
        "disk": disk.look(house),
        "clock": surroundings.look_at_clock(house),
        "releases": surroundings.look_at_releases(house),
        "python": environments.look_at_python(house),
        "runs": runs.look(house),
        "trust": trust.look(house),
        "versions": versions.look(house.device),
    }
    for component in house.settings.components:
        match component.type:
            case "python_app":
                subjects[component.name] = apps.look(house, component)
            case "container":
                subjects[component.name] = containers.look(house, component)
            case "updater":
                continue
            case "apt":
                subjects[component.name] = packages.look(house, component)
                continue
        subjects[f"{component.name}.backups"] = disk.look_at_backups(house, component)
        subjects[f"{component.name}.recovery"] = recovery(house, component)
    found = await asyncio.gather(*(_examined(name, looking, limit) for name, looking in subjects.items()))
    return tuple(itertools.chain.from_iterable(found))


async def _examined(name: str, looking: Awaitable[Findings], limit: float) -> Findings:
    try:
        async with asyncio.timeout(limit):
            return await looking
    except EffectError as error:
        return (problem(name, f"cannot examine {name}: {error}"),)
    except TimeoutError:
        return (warning(name, f"cannot examine {name}: no answer within {limit:g} s"),)
    except Exception as error:  # noqa: BLE001  (a bug in one examination must not hide what the others found)
        return (warning(name, f"cannot examine {name}: {type(error).__name__}: {error}"),)


def in_words(found: Findings) -> Sequence[str]:
    """Say it on a terminal: the worst last, where the eye is."""
    lines: list[str] = []
    for severity in ("fine", "warning", "problem"):
        for each in found:
            if each.severity != severity:
                continue
            lines.append(f"{_SIGNS[severity]} {each.sentence}")
            lines += [f"    | {line}" for line in each.evidence[-10:]]
            lines += [f"    {each.advice}"] if each.advice else []
            lines += [f"      {command}" for command in each.commands]
    counts = {severity: sum(each.severity == severity for each in found) for severity in _SIGNS}
    lines.append(
        f"{counts['problem']} problems, {counts['warning']} warnings, {counts['fine']} fine"
        if counts["problem"] or counts["warning"]
        else f"all well: {counts['fine']} things looked at"
    )
    return lines
