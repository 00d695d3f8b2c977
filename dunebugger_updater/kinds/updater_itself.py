"""The updater itself: versions beside each other in slots, and a link that says which of them the launcher starts.

``slots/1.2.0-0123456789ab/`` is one artifact, whole.  The package's own version, the factory, lies elsewhere and is
never touched; with no link, or nothing else that works, it runs.
"""

from pathlib import Path

import msgspec

from dunebugger_updater.checks import AnyCheck, FreeSpace, Need, UpdaterReads, UpdaterRuns, UpdaterServes, UpdaterSteady
from dunebugger_updater.kinds.base import Artifact, Installed, Wish, busy, conditions, notes, safe_name, wanted_before
from dunebugger_updater.model.service import SystemdUnit
from dunebugger_updater.model.settings import Updater
from dunebugger_updater.model.trial import FACTORY, PROGRAM, SLOTS, place, slot_name, version_in
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.steps import (
    AnyStep,
    Download,
    EndTrial,
    FetchReleases,
    PointUpdater,
    RemovePath,
    RestartItself,
    SelfTest,
    Unpack,
)
from dunebugger_updater.steps.itself import UNIT

NOT_HERE = (
    "cannot update the updater from here: it was not started by the launcher of its package; "
    "update it the way it was installed (pip, git, your distribution), or install the package"
)

STEADY = 90.0
"""Seconds that a version has to run well before it counts.  With three starts that end a little earlier the launcher
still brings the former one back within its limit."""
_UNPACKED = 4
"""How much larger than its archive a version is taken to be."""


class Kept(msgspec.Struct, frozen=True):
    """A version that lies here and is not in use."""

    slot: str
    version: str
    age: float = 0.0
    """Seconds."""


class Place(msgspec.Struct, frozen=True):
    """How the updater lies on this device."""

    home: Path
    factory: Path
    slot: str
    """Where it runs from."""
    version: str
    architecture: str
    others: tuple[Kept, ...] = ()
    """Newest first."""
    leftovers: tuple[str, ...] = ()

    def program(self, slot: str) -> Path:
        """The executable of a slot."""
        return place(self.home, self.factory, slot) / PROGRAM


async def installed(device: Device) -> Installed:
    """Answer the version that runs."""
    itself = device.itself
    if itself.home is None:
        return Installed(itself.version, detail=f"this program; {NOT_HERE}")
    return Installed(itself.version, detail=f"runs from {place(itself.home, itself.factory, itself.slot)}")


async def kept(device: Device) -> tuple[str, ...]:
    """Answer the versions that are here besides the one that runs, the package's own among them."""
    if device.itself.home is None:
        return ()
    here = await look(device)
    return tuple(sorted({each.version for each in here.others} - {here.version}))


async def look(device: Device) -> Place:
    """Read how it lies on the disk.  ``EffectError`` where it was not installed to be updated by itself."""
    itself = device.itself
    if itself.home is None:
        raise EffectError(NOT_HERE)
    slots = itself.home / SLOTS
    names = await device.files.listing(slots)
    others = [
        Kept(name, version_in(name), await device.files.age(slots / name) or 0.0)
        for name in names
        if name[0] != "." and name != itself.slot
    ]
    others.sort(key=lambda each: each.age)
    if itself.slot != FACTORY and (version := await _factory_version(device)):
        others.append(Kept(FACTORY, version))
    return Place(
        itself.home,
        itself.factory,
        itself.slot,
        itself.version,
        itself.architecture,
        tuple(others),
        tuple(name for name in names if name[0] == "." and name.endswith((".unpacking", ".removing"))),
    )


async def _factory_version(device: Device) -> str | None:
    inside = device.itself.factory / "_internal" / "dunebugger_updater" / "VERSION"
    content = await device.files.read(inside, 4096)
    return content.decode(errors="replace").strip() if content else None


def plan_update(wish: Wish, artifact: Artifact, here: Place) -> Plan:
    """Plan the way to the offered version.  Nothing of it is believed without a checksum that somebody signed."""
    version = safe_name(wish.offer.version)
    if artifact.sha256 is None or artifact.size is None:
        raise EffectError(f"cannot trust {artifact.name}: nothing that was signed states its size and sha256")
    slot = slot_name(version, artifact.sha256)
    downloads = wish.updater.state_path / "downloads" / safe_name(f"updater-{version}")
    archive, into = downloads / safe_name(artifact.name), here.home / SLOTS / slot
    return Plan(
        component=wish.component.name,
        verb="update",
        from_version=here.version,
        to_version=wish.offer.version,
        before=(
            *conditions(wish.component),
            FreeSpace(
                (
                    Need(archive.parent, artifact.size, "download"),
                    Need(into.parent, artifact.size * _UNPACKED, "unpacked version"),
                )
            ),
            *wanted_before(wish, here.home),
        ),
        steps=(
            Download(artifact.url, archive, artifact.size, artifact.sha256, artifact.size),
            Unpack(archive, into),
            *_switch(here, slot, wish.offer.version, wish.stamp),
            FetchReleases(wish.component.repository),
        ),
        switch=busy(wish.component),
        after=_after(here, slot, wish.offer.version),
        back=(UpdaterServes(),),
        tidy=(*_settled(here, slot), RemovePath(downloads), *_no_longer_kept(wish.updater, here, slot)),
        watch=SystemdUnit(UNIT),
        notes=notes(wish),
    )


def plan_return(component: str, here: Place, wanted: str, stamp: str) -> Plan:
    """Plan the way to a version that is here, by its number or its slot's name; the same trial as for a new one."""
    found = next((each for each in here.others if wanted in {each.version, each.slot}), None)
    if found is None:
        there = ", ".join(sorted({each.version for each in here.others})) or "none"
        raise EffectError(f"cannot go back to {wanted}: kept are {there}")
    return Plan(
        component=component,
        verb="rollback",
        from_version=here.version,
        to_version=found.version,
        steps=_switch(here, found.slot, found.version, stamp),
        after=_after(here, found.slot, found.version),
        back=(UpdaterServes(),),
        tidy=_settled(here, found.slot),
        watch=SystemdUnit(UNIT),
        notes=("the panel and the API are away for some seconds",),
    )


def former_of(plan: Plan) -> str | None:
    """Answer the slot from which a run of the updater went away."""
    return next((step.former for step in plan.steps if isinstance(step, PointUpdater)), None)


def _switch(here: Place, slot: str, version: str, stamp: str) -> tuple[AnyStep, ...]:
    return (
        SelfTest(here.program(slot), version, here.architecture),
        PointUpdater(here.home, slot, here.slot, stamp),
        RestartItself(here.home, slot),
    )


def _after(here: Place, slot: str, version: str) -> tuple[AnyCheck, ...]:
    return (UpdaterRuns(slot, version), UpdaterServes(), UpdaterSteady(STEADY), UpdaterReads(here.program(slot)))


def _settled(here: Place, slot: str) -> tuple[AnyStep, ...]:
    return (EndTrial(here.home, slot), RestartItself(here.home, slot))


def _no_longer_kept(updater: Updater, here: Place, slot: str) -> tuple[AnyStep, ...]:
    """Never the new one, the one that ran until now, nor the factory."""
    former = [each.slot for each in here.others if each.slot not in {slot, FACTORY}]
    room = updater.keep_releases - (0 if here.slot == FACTORY else 1)
    gone = [*former[max(room, 0) :], *here.leftovers]
    return tuple(RemovePath(here.home / SLOTS / name) for name in gone)
