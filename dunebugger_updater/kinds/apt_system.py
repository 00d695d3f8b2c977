"""The device's Debian packages: the exact versions that are pending, brought by apt, and the former ones kept as .debs.

A set of packages has a label instead of a version; after going back it is the former one again.  Nothing in a plan
depends on the time, so that an approval of it holds as long as what would be done is the same.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import msgspec

from dunebugger_updater.checks import (
    AnyCheck,
    FreeSpace,
    HealthEndpoint,
    Need,
    PackagesAre,
    PackagesReady,
    PlanHolds,
    UnitsWell,
)
from dunebugger_updater.kinds.base import PATIENT, QUICK, Installed, busy, conditions
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.model.debian_version import is_older
from dunebugger_updater.model.packages import Change, Choice, Inventory, Package, Pending, is_package_name, label
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError, UnfitError
from dunebugger_updater.ports.packages import Room
from dunebugger_updater.ports.together import side_by_side
from dunebugger_updater.steps import (
    AnyStep,
    DownloadPackages,
    KeepPackages,
    NoteUnits,
    RemovePath,
    RepairPackages,
    UpgradePackages,
)
from dunebugger_updater.steps.packages import PackageSet

BUDGET = 1024**3
"""Bytes of kept .debs, beyond which only the set of the last upgrade is kept."""
_SHOWN = 8
_REBOOT = re.compile(r"linux-image-.*|raspberrypi-kernel|raspi-firmware|libc6|systemd|dbus|.*-firmware")
_USR = Path("/usr")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How the packages are now, and what apt would do."""

    release: str
    here: Mapping[str, Package]
    changes: tuple[Change, ...] = ()
    sources: Mapping[str, str] = {}
    """Where the .deb of each version that would be replaced would come from."""
    room: Room = Room(0, 0)
    broken: tuple[str, ...] = ()
    sets: tuple[PackageSet, ...] = ()
    """What earlier upgrades replaced, newest first."""
    debs: tuple[str, ...] = ()
    """Names of the files kept for them."""
    kept_bytes: int = 0

    @property
    def label(self) -> str:
        return label(self.release, {name: each.version for name, each in self.here.items()})

    @property
    def afterwards(self) -> str:
        """The label that the changes lead to."""
        versions = {name: each.version for name, each in self.here.items()}
        gone = {each.name for each in self.changes if each.after is None}
        versions |= {each.name: each.after for each in self.changes if each.after is not None}
        return label(self.release, {name: version for name, version in versions.items() if name not in gone})


def debs(updater: Updater) -> Path:
    """Where the .debs of former versions are kept."""
    return updater.state_path / "packages" / "debs"


def records(updater: Updater) -> Path:
    """Where it is written down which of them belong together."""
    return updater.state_path / "packages" / "sets"


async def installed(device: Device) -> Installed:
    """Answer the label of the packages as they are."""
    here = await device.packages.installed()
    version = label(await device.packages.release(), {name: each.version for name, each in here.items()})
    return Installed(version, detail=f"{len(here)} packages")


async def look(updater: Updater, device: Device, wanted: Mapping[str, str]) -> Place:
    """Read how the packages are and what apt would do for ``wanted``.  ``EffectError`` when apt finds no way."""
    folder = debs(updater)
    async with side_by_side() as group:
        asked = group.create_task(device.packages.simulate(wanted))
        packages = group.create_task(device.packages.installed())
        broken = group.create_task(device.packages.broken())
        sets = group.create_task(kept_sets(updater, device))
    changes = asked.result()
    former = {each.name: each.before for each in changes if each.before is not None}
    new = {each.name: each.after for each in changes if each.after is not None}
    async with side_by_side() as group:
        sources = group.create_task(device.packages.kept_from(former, folder)) if former else None
        room = group.create_task(device.installer.room(new)) if new else None
    return Place(
        release=await device.packages.release(),
        here=packages.result(),
        changes=tuple(sorted(changes, key=lambda each: each.name)),
        sources=sources.result() if sources else {},
        room=room.result() if room else Room(0, 0),
        broken=tuple(broken.result()),
        sets=sets.result(),
        debs=tuple(await device.files.listing(folder)),
        kept_bytes=(await device.files.size(folder)).bytes if await device.files.exists(folder) else 0,
    )


async def kept_sets(updater: Updater, device: Device) -> tuple[PackageSet, ...]:
    """What earlier upgrades replaced, newest first; what cannot be read is no way back."""
    found: list[PackageSet] = []
    for name in await device.files.listing(records(updater)):
        content = await device.files.read(records(updater) / name, 16 * 1024**2)
        try:
            found += [from_json(content, PackageSet)] if content else []
        except msgspec.MsgspecError:
            continue
    return tuple(sorted(found, key=lambda each: each.number, reverse=True))


def wanted_of(choice: Choice, inventory: Inventory, here: Mapping[str, Package]) -> Mapping[str, str]:
    """Answer the exact versions of what somebody chose; ``UnfitError`` names what cannot be upgraded, and why."""
    ready = {each.name: each for each in inventory.ready}
    match choice.which:
        case "all":
            return {name: each.candidate for name, each in ready.items()}
        case "security":
            return {name: each.security_version or each.candidate for name, each in ready.items() if each.security}
    pending = {each.name: each for each in inventory.packages}
    for name in choice.names:
        if (objection := _not_upgradable(name, pending.get(name), here)) is not None:
            raise UnfitError(objection, wrong=name not in here)
    return {name: ready[name].candidate for name in choice.names if name in ready}


def nothing(choice: Choice, inventory: Inventory) -> str:
    """Say why there is nothing to do: it is as good as done, or nobody can know."""
    if inventory.problem is not None and inventory.checked_at is None:
        return f"nothing to upgrade is known: {inventory.problem}"
    if choice.which == "security":
        return inventory.security_unknown or "No security updates available"
    waiting = len(inventory.packages)
    back = f"; {waiting} kept back: see packages" if waiting and choice.which == "all" else ""
    return "nothing to upgrade" + back


def _not_upgradable(name: str, pending: Pending | None, here: Mapping[str, Package]) -> str | None:
    if not is_package_name(name):
        return f"cannot upgrade {name[:60]!r}: that is not the name of a package"
    if name not in here:
        return f"cannot upgrade {name}: it is not installed"
    if pending is None:
        return None  # up to date, which is what was wanted
    if pending.held:
        return f"cannot upgrade {name}: it is held; apt-mark unhold {name} lets it go"
    return f"cannot upgrade {name}: {pending.kept_back}" if pending.kept_back is not None else None


def unasked(changes: Iterable[Change]) -> str | None:
    """What apt would remove or take down for an upgrade; nobody asked for that."""
    bad = [f"remove {each.name}" for each in changes if each.after is None]
    bad += [
        f"take {each.name} down from {each.before} to {each.after}"
        for each in changes
        if each.before is not None and each.after is not None and is_older(each.after, each.before)
    ]
    return f"cannot upgrade: apt would have to {_some(bad)}, which an upgrade never does" if bad else None


def plan_upgrade(component: Component, updater: Updater, place: Place) -> Plan:
    """Plan exactly the changes that were simulated, with the way back prepared before them."""
    if (objection := unasked(place.changes)) is not None:
        raise EffectError(objection)
    changes, job = place.changes, f"up-{_fingerprint(place.changes)}"
    folder = updater.state_path / "packages"
    downloads, units = folder / "new" / job, folder / "units" / f"{job}.json"
    former = tuple(
        Package(each.name, each.before, place.here[each.name].auto) for each in changes if each.before is not None
    )
    added = tuple(each.name for each in changes if each.before is None)
    auto = (*(each.name for each in former if each.auto), *added)
    without = tuple(each.name for each in former if each.name not in place.sources)
    number = max((each.number for each in place.sets), default=0) + 1
    kept = PackageSet(place.label, number, former, added)
    steps: list[AnyStep] = [RepairPackages(f"{job}-mend")] if place.broken else []
    steps += [
        NoteUnits(units),
        KeepPackages(debs(updater), records(updater) / f"{place.label}.json", kept, f"{job}-keep", without),
        DownloadPackages(changes, downloads, f"{job}-get"),
        UpgradePackages(changes, downloads, debs(updater), job, auto, units, without),
    ]
    # While dpkg is half done apt counts other changes too: what it really does is looked at before it acts, either way.
    holds: tuple[AnyCheck, ...] = () if place.broken else (PlanHolds(changes),)
    planned = tuple((each.name, each.after) for each in changes if each.after is not None)
    well: tuple[AnyCheck, ...] = (UnitsWell(units), *health(component, PATIENT, 3))
    needs = (
        Need(downloads, place.room.download, "packages to download"),
        Need(debs(updater), place.room.download, "packages that are replaced"),
        Need(_USR, place.room.installed, "unpacked packages"),
    )
    return Plan(
        component=component.name,
        verb="update",
        from_version=place.label,
        to_version=place.afterwards,
        health=health(component, QUICK, 1),
        before=(*conditions(component), PackagesReady(bool(place.broken)), FreeSpace(needs), *holds),
        steps=tuple(steps),
        switch=(*busy(component), *holds),
        after=(PackagesAre(planned), *well),
        back=(PackagesAre(tuple((each.name, each.version) for each in former), added), *well),
        tidy=(RemovePath(downloads), RemovePath(units), *_tidy(updater, place, kept)),
        notes=_notes(place, without),
    )


def _tidy(updater: Updater, place: Place, kept: PackageSet) -> Sequence[AnyStep]:
    """Drop the sets that the owner does not want to keep, and the .debs that belong to none of the others."""
    older = [each for each in place.sets if each.label != kept.label]
    many = max(updater.keep_releases - 1, 0) if place.kept_bytes + place.room.download <= BUDGET else 0
    stay = {(each.name.partition(":")[0], each.version) for one in (kept, *older[:many]) for each in one.packages}
    steps: list[AnyStep] = [RemovePath(records(updater) / f"{each.label}.json") for each in older[many:]]
    return steps + [RemovePath(debs(updater) / name) for name in place.debs if _told_by(name) not in stay]


def _told_by(file: str) -> tuple[str, str]:
    """Package and version, as the name of a .deb has them."""
    name, _, rest = file.partition("_")
    return name, unquote(rest.rpartition("_")[0])


def _notes(place: Place, without: Sequence[str]) -> tuple[str, ...]:
    notes = [f"{each} ({_MENDED})" for each in place.broken[:1]]
    new = [f"{each.name} {each.after}" for each in place.changes if each.before is None]
    if new:
        notes.append(f"also installs {_some(new)}")
    if without:
        notes.append(
            f"cannot be taken back: {', '.join(without)}: the archive lost that version, and it cannot be packed "
            "again here (apt-get install dpkg-repack lets it)"
        )
    again = [name for name, source in sorted(place.sources.items()) if source == "repack"]
    if again:
        notes.append(f"packed again from what is installed, as a way back: {_some(again)}")
    if place.kept_bytes + place.room.download > BUDGET:
        notes.append(f"the packages kept for going back take more than {BUDGET >> 20} MB: earlier ones are dropped")
    if any(_REBOOT.fullmatch(each.name) for each in place.changes):
        notes.append("a reboot will be needed before all of this is in use; it is never done by itself")
    return (*notes, NOT_UNDONE)


_MENDED = "finished first: dpkg --configure -a, then apt-get --fix-broken install if that is not enough"
NOT_UNDONE = (
    "configuration files that were edited stay as they are; what maintainer scripts do (users, databases, caches) "
    "cannot be taken back"
)


def health(component: Component, limit: float, times: int) -> tuple[HealthEndpoint, ...]:
    """The owner's own question about being well, where there is one."""
    return (HealthEndpoint(component.health_url, limit=limit, times=times),) if component.health_url else ()


def _fingerprint(changes: Iterable[Change]) -> str:
    words = sorted(f"{each.name} {each.before} {each.after}" for each in changes)
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _some(words: Iterable[str]) -> str:
    each = list(words)
    more = f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
    return ", ".join(each[:_SHOWN]) + more
