"""The way back of packages by hand: to the state before a run, as it recorded it, or to a label that was kept."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dunebugger_updater.checks import AnyCheck, HealthEndpoint, PackagesAre, PackagesReady, UnitsWell
from dunebugger_updater.kinds.apt_system import NOT_UNDONE, Place, debs, health, records
from dunebugger_updater.kinds.base import PATIENT, safe_name
from dunebugger_updater.model.packages import Package
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.steps import AnyStep, KeepPackages, NoteUnits, PutBackPackages, RemovePath, UpgradePackages
from dunebugger_updater.steps.packages import PackageSet


def plan_return(component: Component, updater: Updater, place: Place, wanted: str) -> Plan:
    """Plan the way to the packages that a label names: offline, from kept .debs."""
    if wanted not in {each.label for each in place.sets}:
        names = ", ".join(each.label for each in place.sets)
        raise EffectError(f"cannot go back to {wanted}: kept are {names or 'none'}")
    target: dict[str, Package] = {}
    added: dict[str, None] = {}
    used: list[PackageSet] = []
    for each in place.sets:  # newest first: what an older one says counts
        used.append(each)
        target |= {package.name: package for package in each.packages}
        added |= dict.fromkeys(each.added)
        if each.label == wanted:
            break
    back = tuple(
        package
        for name, package in sorted(target.items())
        if name not in added and (name not in place.here or place.here[name].version != package.version)
    )
    gone = tuple(sorted(name for name in added if name in place.here))
    now = tuple(place.here[name] for name in (*(each.name for each in back), *gone) if name in place.here)
    return returning(
        component.name,
        updater.state_path / "packages",
        (place.label, wanted),
        PutBackPackages(back, gone, debs(updater), _job("back", back, gone)),
        now,
        max(each.number for each in place.sets) + 1,
        tuple(records(updater) / f"{each.label}.json" for each in used),
        health(component, PATIENT, 3),
    )


def returning(
    component: str,
    folder: Path,
    labels: tuple[str, str],
    step: PutBackPackages,
    now: tuple[Package, ...],
    number: int,
    used: tuple[Path, ...],
    well: tuple[AnyCheck, ...],
) -> Plan:
    """The plan that goes back by ``step`` from the packages ``now`` in use, which are kept as far as they can be.

    ``labels``: from and to.  ``used``: the records of the sets that this walks back, which are then used up.
    """
    units = folder / "units" / f"{step.job}.json"
    kept = PackageSet(labels[0], number, now)
    keep = KeepPackages(
        step.directory, folder / "sets" / f"{safe_name(labels[0])}.json", kept, f"{step.job}-keep", lenient=True
    )
    versions = tuple((each.name, each.version) for each in step.packages)
    return Plan(
        component=component,
        verb="rollback",
        from_version=labels[0],
        to_version=labels[1],
        before=(PackagesReady(repaired=True),),
        steps=(NoteUnits(units), keep, step),
        after=(PackagesAre(versions, step.added), UnitsWell(units), *well),
        back=(PackagesAre(tuple((each.name, each.version) for each in now)), UnitsWell(units), *well),
        tidy=(RemovePath(units), *(RemovePath(path) for path in used)),
        notes=(NOT_UNDONE,),
    )


def back_from(plan: Plan, step: PutBackPackages, others: tuple[AnyStep, ...] = ()) -> Plan | None:
    """Plan the way back by hand of a run of ``plan``, by the step that it recorded before it acted, and ``others``."""
    did = next((each for each in plan.steps if isinstance(each, UpgradePackages | PutBackPackages)), None)
    keep = next((each for each in plan.steps if isinstance(each, KeepPackages)), None)
    if did is None or keep is None:
        return None
    marks = {each.name: each.auto for each in step.packages}
    versions = (
        {each.name: each.after for each in did.changes if each.after}
        if isinstance(did, UpgradePackages)
        else {each.name: each.version for each in did.packages}
    )
    well = tuple(each for each in plan.back if isinstance(each, HealthEndpoint))
    back = returning(
        plan.component,
        keep.record.parent.parent,
        (plan.to_version, plan.from_version or "the state before"),
        step,
        tuple(Package(name, version, marks.get(name, True)) for name, version in sorted(versions.items())),
        keep.kept.number + 1,
        (keep.record,),
        well,
    )
    return msgspec.structs.replace(back, steps=(*back.steps, *others))


async def missing(plan: Plan, device: Device) -> list[str]:
    """Answer what a way back needs and is not there any more."""
    gone: list[str] = []
    for step in plan.steps:
        if isinstance(step, PutBackPackages):
            here = await device.packages.installed()
            wanted = {each.name: each.version for each in step.packages}
            there = await device.packages.kept_from(wanted, step.directory)
            gone += [
                f"the .deb of {name} {version}"
                for name, version in wanted.items()
                if name not in there and (name not in here or here[name].version != version)
            ]
    return gone


def _job(what: str, packages: Iterable[Package], added: Iterable[str]) -> str:
    words = sorted((*(f"{each.name} {each.version}" for each in packages), *added))
    return f"{what}-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:12]}"
