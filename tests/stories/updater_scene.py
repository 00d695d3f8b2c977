"""The updater itself before an update, and the plan that its planner makes for it."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from doubles.itself import HOME
from doubles.world import World

from dunebugger_updater.kinds import updater_itself
from dunebugger_updater.kinds.base import Artifact, Wish
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.model.trial import FACTORY, PROGRAM, SLOTS
from dunebugger_updater.offer import Offer
from dunebugger_updater.plan import Plan
from dunebugger_updater.services.own_trial import forget_old_trial
from dunebugger_updater.story import Story, Told

Made = tuple[World, Plan, Callable[[World, bool], None]]

CONTENT = b"the updater 1.1.0"
SHA = hashlib.sha256(CONTENT).hexdigest()
NEW = f"1.1.0-{SHA[:12]}"
KEPT = {"1.0.0-aaaaaaaaaaaa": b"1.0.0", "0.9.0-bbbbbbbbbbbb": b"0.9.0"}
OWN = Component(name="updater", type="updater", repository="owner/updater")
URL = "http://release.test/updater.tar.gz"


def program(slot: str) -> Path:
    return HOME / SLOTS / slot / PROGRAM


def _lying_here(*, kept: bool, back: bool) -> World:
    world = World()
    world.disk.archives[CONTENT] = {PROGRAM: b"1.1.0", "_internal/lib.so": b"new"}
    world.web.files[URL] = CONTENT
    slots = (KEPT if kept else {}) | ({NEW: b"1.1.0"} if back else {})
    for slot, version in slots.items():
        world.disk.put(program(slot), version)
    if slots:
        world.disk.put(HOME / "current", program(NEW if back else next(iter(KEPT))).parent)
    world.itself.start()
    return world


def _spoil(world: World, bad: str, version: str) -> None:
    if bad == "offline":
        world.itself.offline = True
    elif bad and bad != "foreign":
        getattr(world.itself, bad).add(version)


def updater_scene(
    updater: Updater, offer: Offer, now: datetime, *, bad: str = "", kept: bool = False, back: bool = False
) -> Made:
    """The factory's 1.0.0 runs, or a kept slot of it; 1.1.0 is published.  ``back``: 1.1.0 runs, and 1.0.0 is wanted.

    ``bad``: ``unfit``, ``broken``, ``deaf`` or ``blind`` (see ``doubles.itself``), ``offline``, or ``foreign``.
    """
    world = _lying_here(kept=kept, back=back)
    itself, was = world.itself, world.itself.slot
    old = next(iter(KEPT)) if kept else FACTORY
    wanted = "1.0.0" if back else "1.1.0"
    _spoil(world, bad, wanted)
    here = asyncio.run(updater_itself.look(world.device))
    if back:
        plan = updater_itself.plan_return("updater", here, old, "20260106T030000Z")
    else:
        artifact = Artifact("updater.tar.gz", URL, len(CONTENT), SHA)
        plan = updater_itself.plan_update(Wish(OWN, updater, offer, None, now), artifact, here)
    if bad == "foreign":
        itself.architecture = "arm64"
    world.power.spent = 0
    before = {path: each for path, each in world.disk.nodes.items() if each is not None}

    def verify(world: World, updated: bool) -> None:
        told = [Told(number, now, 0, event) for number, event in enumerate(world.journal.told)]
        # As the agent does at its start: what could not be removed when the disk said no.
        asyncio.run(forget_old_trial(world.device, [Story("run", tuple(told))] if told else []))
        slot = (old if back else NEW) if updated else was
        assert (itself.in_use, itself.slot) == (slot, slot), "what runs is what is in use"
        assert itself.version == (wanted if updated else "1.1.0" if back else "1.0.0")
        files = {path: each for path, each in world.disk.nodes.items() if each is not None}
        assert not {HOME / "trial", HOME / "trial.failed"} & set(files), "nobody counts any more"
        if not updated:
            assert files == before, "as it was before"
        elif not back:
            assert {"_internal/lib.so", PROGRAM} == set(world.disk.tree(program(NEW).parent))
            assert (program("0.9.0-bbbbbbbbbbbb") in files) == kept

    return world, plan, verify
