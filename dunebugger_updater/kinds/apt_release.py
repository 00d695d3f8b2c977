"""Packages that somebody publishes a release of: its manifest names exact versions, and they come from apt's archives.

The release's version is written down on the device, with the packages that it stands for: it counts for as long as
they all are at those versions.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from dunebugger_updater.checks import PackagesAre, ServiceSteady
from dunebugger_updater.kinds import apt_system
from dunebugger_updater.kinds.base import PATIENT, Installed, Wish, notes, wanted_before
from dunebugger_updater.manifest import words as said
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.model.service import SystemdUnit
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.steps import NoteRelease
from dunebugger_updater.steps.packages import ReleaseNote


def note_of(updater: Updater, component: Component) -> Path:
    """Where it is written down which release the device has."""
    return updater.state_path / "packages" / "releases" / f"{component.name}.json"


async def installed(component: Component, updater: Updater, device: Device) -> Installed:
    """Answer the release that was installed, when its packages still are what it brought."""
    content = await device.files.read(note_of(updater, component))
    try:
        note = from_json(content, ReleaseNote) if content else None
    except msgspec.MsgspecError:
        note = None
    if note is None:
        return Installed(detail="no release of its packages was installed here yet")
    here = await device.packages.installed()
    other = [
        f"{name} is {here[name].version if name in here else 'gone'}"
        for name, version in note.packages.items()
        if name not in here or here[name].version != version
    ]
    if other:
        return Installed(detail=f"{note.version} was installed, and was changed since: {', '.join(other[:3])}")
    return Installed(note.version, detail=f"{len(note.packages)} packages")


async def plan_update(wish: Wish, device: Device) -> Plan:
    """Plan exactly the versions that the release's manifest names.  ``EffectError`` says why it cannot be planned."""
    component, updater, offer, guidance = wish.component, wish.updater, wish.offer, wish.guidance
    if guidance is None or not guidance.packages:
        raise EffectError(
            f"cannot update {component.name}: release {offer.release.tag} does not say which packages it is made of; "
            "its update manifest has to name them, with their versions"
        )
    wanted = dict(guidance.packages)
    here = await device.packages.installed()
    if unknown := sorted(name for name in wanted if name not in here):
        raise EffectError(f"cannot update {component.name}: {', '.join(unknown[:5])} is not installed on this device")
    there = (await installed(component, updater, device)).version
    place = await apt_system.look(updater, device, _behind(wanted, {name: each.version for name, each in here.items()}))
    plan = apt_system.plan_upgrade(component, updater, place)
    note = NoteRelease(note_of(updater, component), ReleaseNote(offer.version, wanted))
    services = [each.service_name for each in guidance.post_checks if isinstance(each, said.ServiceActive)]
    steady = [ServiceSteady(SystemdUnit(each if "." in each else f"{each}.service"), PATIENT) for each in services]
    return msgspec.structs.replace(
        plan,
        from_version=there,
        to_version=offer.version,
        before=(*plan.before, *wanted_before(wish, apt_system.debs(updater))),
        # What is at its version already has no step of its own.
        steps=(*(plan.steps if place.changes else ()), note),
        switch=plan.switch if place.changes else (),
        after=(PackagesAre(tuple(sorted(wanted.items()))), *plan.after, *steady)
        if place.changes
        else (PackagesAre(tuple(sorted(wanted.items()))),),
        back=plan.back if place.changes else (),
        notes=(*notes(wish), *plan.notes),
    )


def _behind(wanted: Mapping[str, str], here: Mapping[str, str]) -> Mapping[str, str]:
    return {name: version for name, version in wanted.items() if here.get(name) != version}
