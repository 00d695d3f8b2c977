"""What apt-get says it would do, read into changes.

It is asked with ``--print-uris --verbose-versions`` and not with ``--simulate``: that goes through every package one by
one and takes ten times as long for the same answer (135 packages: 5 s of a fast processor, minutes of a small one's).
Both only compute, need neither root nor a lock, and change nothing.

What was read is counted and compared with apt's own count, so that a line that is not understood is never overlooked.
"""

import re
from collections.abc import Mapping

import msgspec

from dunebugger_updater.model.packages import Change
from dunebugger_updater.ports import EffectError

HOW = (
    "--print-uris",
    "--verbose-versions",
    "-o",
    "APT::Get::HideAutoRemove=true",
    # Else apt writes how it orders each plan into /var/log/apt, which takes longer than the plan.
    "-o",
    "Dir::Log::Planner=",
    "-o",
    "Dir::Log::Solver=",
)
"""Words for ``apt-get`` that make it print a plan as it is read here."""

UPGRADE = ("--with-new-pkgs", "upgrade")
"""Never full-upgrade: this one removes nothing."""

EXPLAINED = 12
"""Packages that apt is asked about one by one; who has more kept back has another trouble than each of them."""


def alone(name: str, version: str) -> tuple[str, ...]:
    """Answer words for the upgrade of just one package, to learn why the upgrade of all leaves it."""
    return ("--only-upgrade", "install", f"{name}={version}")


_HEADINGS = {
    "The following NEW packages will be installed:": "new",
    "The following packages will be upgraded:": "upgraded",
    "The following packages will be DOWNGRADED:": "downgraded",
    "The following packages will be REMOVED:": "removed",
    "The following packages have been kept back:": "kept",
    "The following upgrades have been deferred due to phasing:": "phased",
}
_ENTRY = re.compile(r" {2,}(\S+?)\*?(?: \((\S+)(?: => (\S+))?\))?")
_COUNTS = re.compile(
    r"(\d+) upgraded, (\d+) newly installed, (?:\d+ reinstalled, )?(?:(\d+) downgraded, )?"
    r"(\d+) to remove and (\d+) not upgraded\."
)
_URI = re.compile(r"'\S+' (\S+)_(\S+)_(\S+)\.deb (\d+)(?: \S*)?")
_NEED = re.compile(r" (\S+) : (\w[\w-]*): (.+)")


class Planned(msgspec.Struct, frozen=True):
    """What apt would do."""

    changes: tuple[Change, ...]
    kept: frozenset[str]
    """Those it would leave although there is a newer version."""
    phased: frozenset[str] = frozenset()
    """Those among them that are not given to all devices yet, where apt says so."""
    downgraded: frozenset[str] = frozenset()


def read_plan(text: str, installed: Mapping[str, str], native: str) -> Planned:
    """Read what ``apt-get`` printed when asked as ``HOW`` says.  ``EffectError`` when it cannot be understood."""
    told: dict[str, list[re.Match[str]]] = {each: [] for each in _HEADINGS.values()}
    sizes: dict[tuple[str, str], int] = {}
    counts: re.Match[str] | None = None
    part = ""
    for line in text.splitlines():
        if uri := _URI.fullmatch(line):
            name, version, architecture = uri[1], uri[2].replace("%3a", ":"), uri[3]
            sizes[name if architecture in {native, "all"} else f"{name}:{architecture}", version] = int(uri[4])
        elif found := _COUNTS.fullmatch(line):
            counts, part = found, ""
        elif not line.startswith(" "):
            part = _HEADINGS.get(line, "")
        elif part and (entry := _ENTRY.fullmatch(line)):
            told[part].append(entry)
    if counts is None or [len(told[each]) for each in ("upgraded", "new", "downgraded", "removed")] != [
        int(each or 0) for each in counts.groups()[:4]
    ]:
        raise EffectError("cannot understand what apt-get would do: its words do not add up to its own count")
    changes = [_changed(entry, sizes) for part in ("upgraded", "downgraded") for entry in told[part]]
    changes += [Change(entry[1], None, entry[2], size=sizes.get((entry[1], entry[2] or ""))) for entry in told["new"]]
    changes += [Change(entry[1], entry[2] or installed.get(entry[1]), None) for entry in told["removed"]]
    if any(each.before is None and each.after is None for each in changes):
        raise EffectError("cannot understand what apt-get would do: it names a package without a version")
    phased = frozenset(entry[1] for entry in told["phased"])
    return Planned(
        tuple(sorted(changes, key=lambda each: each.name)),
        phased | {entry[1] for entry in told["kept"]},
        phased,
        frozenset(entry[1] for entry in told["downgraded"]),
    )


def _changed(entry: re.Match[str], sizes: Mapping[tuple[str, str], int]) -> Change:
    if entry[3] is None:
        raise EffectError("cannot understand what apt-get would do: it names a package without its versions")
    return Change(entry[1], entry[2], entry[3], size=sizes.get((entry[1], entry[3])))


def why_kept(name: str, text: str, planned: Planned | None) -> str:
    """Say why an upgrade leaves a package, from what apt says about upgrading just that one.

    ``planned`` is ``None`` when apt found no way.
    """
    if planned is None:
        needs = [need for line in text.splitlines() if (need := _NEED.fullmatch(line))]
        mine = next((each for each in needs if each[1] == name), needs[0] if needs else None)
        if mine is None:
            return "apt finds no way to upgrade it"
        relation, what = (
            _RELATIONS.get(mine[2], mine[2].lower()),
            re.sub(r" but it is ", ", which is ", mine[3].strip()),
        )
        return f"{f'{mine[1]} ' if mine[1] != name else 'it '}{relation} {what}"
    removed = [each.name for each in planned.changes if each.after is None]
    if removed:
        return f"it would remove {_some(removed)}"
    if planned.downgraded:
        return f"it would downgrade {_some(sorted(planned.downgraded))}"
    new = [each.name for each in planned.changes if each.before is None]
    if new:
        return f"it needs new packages: {_some(new)}"
    others = [each.name for each in planned.changes if each.name != name]
    if others:
        return f"it can only be upgraded together with {_some(others)}"
    return "apt keeps it back for now; it can be upgraded by name"


_RELATIONS = {
    "Depends": "depends on",
    "PreDepends": "depends on",
    "Pre-Depends": "depends on",
    "Breaks": "breaks",
    "Conflicts": "conflicts with",
    "Recommends": "recommends",
}
_SHOWN = 3


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
