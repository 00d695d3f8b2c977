"""Whatever happens, at whatever instant, the device ends up running something that works, and loses nothing.

Every instant of every scene: the power goes, the disk answers EIO or ENOSPC; then, while recovering, once more.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from doubles.itself import LeftError
from doubles.world import Fault, PowerLossError, World
from stories.scenes import SCENES, Scene

from dunebugger_updater.engine import JournalError, drive
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.run import AnyEvent, Opened, Outcome, Restarted, retell

GOOD = {Outcome.UPDATED, Outcome.ROLLED_BACK, Outcome.FAILED, Outcome.REFUSED}


def counts(scene: Scene, ended: Outcome | None) -> bool:
    """Whether what was planned has become of it: a rollback by hand that does not succeed has ``failed``."""
    return ended is (Outcome.ROLLED_BACK if scene.plan.verb == "rollback" else Outcome.UPDATED)


def deaf(heard: object) -> None:
    """Nobody listens."""


async def _begin(scene: Scene) -> None:
    world = scene.world
    await world.journal.write(Opened("run", scene.plan))
    await drive(retell(world.journal.told), world.device, world.journal, deaf)


async def _recover(world: World) -> None:
    await world.journal.write(Restarted())
    await drive(retell(world.journal.told), world.device, world.journal, deaf)


def carry(world: World, attempt: Coroutine[Any, Any, None]) -> None:
    """Go on to the end, also when the updater's process makes way for another one."""
    while True:
        try:
            asyncio.run(attempt)
        except LeftError:
            world.itself.start()
            attempt = _recover(world)
        else:
            return


def outcome(world: World) -> Outcome | None:
    closed = retell(world.journal.told).closed
    return closed.outcome if closed else None


def play(scene: Scene, faults: list[tuple[int, Fault]]) -> Outcome | None:
    """Update; at each fault's instant something happens, and the device comes back; then let it end in peace."""
    world = scene.world
    attempt = _begin(scene)
    for budget, fault in faults:
        world.power.budget, world.power.fault = budget, fault
        try:
            carry(world, attempt)
        except PowerLossError:
            world.boot()
        except JournalError:
            world.power.budget = None  # the agent ends and is started again; the device runs on
            world.itself.start()
        world.power.budget = None
        if not world.journal.told:
            return None
        attempt = _recover(world)
    carry(world, attempt)
    return outcome(world)


def instants(name: str) -> int:
    scene = SCENES[name]()
    play(scene, [])
    return scene.world.power.spent


@pytest.mark.parametrize("name", SCENES)
def test_undisturbed_a_scene_ends_well(name: str) -> None:
    scene = SCENES[name]()
    carry(scene.world, _begin(scene))
    ended = outcome(scene.world)
    bad = any(word in name for word in ("broken", "unbuildable", "wrong", "gone"))
    assert counts(scene, ended) == (not bad)
    assert ended in GOOD
    scene.verify(scene.world, counts(scene, ended))


EVERY_DAY = ("app-broken", "compose-broken", "apt-new-broken", "updater-broken")
"""One of each kind, going there and back; the others are tried with more than a power cut among the slow tests."""


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param(name, fault, marks=() if fault == "kill" or name in EVERY_DAY else pytest.mark.slow)
        for name in SCENES
        for fault in ("kill", "EIO", "ENOSPC")
    ],
)
def test_one_fault_at_every_instant_leaves_old_or_new_and_nothing_lost(name: str, fault: Fault) -> None:
    for instant in range(instants(name)):
        scene = SCENES[name]()
        ended = play(scene, [(instant, fault)])
        where = f"{name}, {fault} at instant {instant} ({scene.world.power.places[instant]})"
        if ended is None:
            scene.verify(scene.world, False)
            continue
        assert ended in GOOD, f"{where}: {retell(scene.world.journal.told).closed}"
        try:
            scene.verify(scene.world, counts(scene, ended))
        except AssertionError as error:
            raise AssertionError(f"{where}: ended {ended}: {error}") from error


@pytest.mark.parametrize(
    ("name", "stride", "leap"),
    [
        *((name, 9, 6) for name in EVERY_DAY),
        *(pytest.param(name, 3, 2, marks=[pytest.mark.slow, pytest.mark.timeout(300)]) for name in SCENES),
    ],
)
def test_a_second_power_cut_while_recovering_changes_nothing_about_that(name: str, stride: int, leap: int) -> None:
    for first in range(0, instants(name), stride):
        for second in range(first % leap, 24, leap):
            scene = SCENES[name]()
            ended = play(scene, [(first, "kill"), (second, "kill")])
            if ended is None:
                continue
            assert ended in GOOD, f"{name}: cut at {first} and again at {second}"
            try:
                scene.verify(scene.world, counts(scene, ended))
            except AssertionError as error:
                raise AssertionError(f"{name}: cut at {first} and again at {second}: {ended}: {error}") from error


@pytest.mark.parametrize("name", ["app", "app-broken", "compose", "compose-latest-broken"])
@pytest.mark.parametrize("budget", range(1, 9))
def test_a_device_that_loses_power_again_and_again_still_comes_to_an_end(name: str, budget: int) -> None:
    scene = SCENES[name]()
    world = scene.world
    again: tuple[int, Fault] = (budget, "kill")
    cuts: list[tuple[int, Fault]] = [(budget * 3, "kill"), *[again] * 60]
    ended = play(scene, cuts)
    if ended is not None and ended is not Outcome.STUCK:
        scene.verify(world, counts(scene, ended))
    restarts = sum(isinstance(event, Restarted) for event in world.journal.told)
    assert ended is not None or not world.journal.told
    assert restarts <= 61


@pytest.mark.parametrize("name", SCENES)
def test_plans_and_events_survive_the_way_to_the_disk_and_back(name: str) -> None:
    scene = SCENES[name]()
    play(scene, [])
    for event in scene.world.journal.told:
        assert from_json(to_json(event), AnyEvent) == event  # type: ignore[arg-type]  # a union is no class
