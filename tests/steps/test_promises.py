"""The three promises that carry the house, over every step there is."""

import asyncio
import copy
from pathlib import Path
from typing import get_args

import pytest
from doubles.itself import HOME as SLOTS_HOME
from doubles.itself import PACKAGE
from doubles.world import PowerLossError, World
from stories.scenes import APP, COMPOSE, HOME, REPOSITORY, app_scene, apt_scene, compose_scene

from dunebugger_updater.model.compose_file import Spelling
from dunebugger_updater.model.packages import Change, Package
from dunebugger_updater.model.service import SystemdUnit
from dunebugger_updater.ports import ComposeService
from dunebugger_updater.steps import AnyStep
from dunebugger_updater.steps.base import Step
from dunebugger_updater.steps.chores import ClearLogs, RestartUnit
from dunebugger_updater.steps.containers import ForgetImage, KeepImage, PullImage, PutBackTag, RecreateService, SetTag
from dunebugger_updater.steps.files import CopyFile, Download, KeepBackup, RemovePath, Unpack
from dunebugger_updater.steps.itself import (
    EndTrial,
    FetchReleases,
    PointUpdater,
    RestartItself,
    ReturnUpdater,
    SelfTest,
)
from dunebugger_updater.steps.packages import (
    DownloadPackages,
    KeepPackages,
    NoteRelease,
    NoteUnits,
    PackageSet,
    PutBackPackages,
    RefreshLists,
    ReleaseNote,
    RepairPackages,
    UpgradePackages,
)
from dunebugger_updater.steps.releases import BuildVenv, CarryOver, Migrate, PointLink, Unadopt
from dunebugger_updater.steps.services import StartService, StopService

UNIT = SystemdUnit("app.service")
WHICH = ComposeService("scheduler", "world", (COMPOSE,), COMPOSE.parent)
ENV = COMPOSE.parent / ".env"
NEW, OLD = HOME / "1.1.0", HOME / "1.0.0"
DEBS, CURL = Path("/var/lib/updater/debs"), Package("curl", "1.0")
ARCHIVE = Path("/var/cache/app.tar.gz")


def _world(name: str) -> World:
    if name == "unpulled":
        return compose_scene().world
    if name == "compose":
        world = compose_scene().world
        world.engine.images["sha256:new"] = next(iter(world.engine.registry.values()))
        world.engine.names[f"{REPOSITORY}:1.1.0"] = "sha256:new"
        return world
    if name in {"apt", "upgraded"}:
        world = apt_scene(new=True, half=name == "upgraded").world
        for each, version in (("curl", "1.0"), ("libc6", "1.0"), ("curl", "1.1"), ("libnew", "1.1")):
            world.disk.put(DEBS / f"{each}_{version}_all.deb", b"deb")
        if name == "upgraded":
            world.debian.here |= {"curl": Package("curl", "1.1"), "libnew": Package("libnew", "1.1", auto=True)}
        return world
    world = app_scene(plain=name == "plain").world
    world.disk.put(ARCHIVE, b"archive of 1.1.0")
    world.disk.put(NEW / "VERSION", b"1.1.0")
    world.disk.put(NEW / "data.db", b"")
    world.disk.put(SLOTS_HOME / "slots/1.1.0-abc/dunebugger-updater", b"1.1.0")
    if name == "on trial":
        world.disk.put(SLOTS_HOME / "current", SLOTS_HOME / "slots/1.1.0-abc")
        world.disk.put(SLOTS_HOME / "trial", b"to=1.1.0-abc\nfrom=factory\nmark=m\ntries=2\n")
    if name == "adopted":
        world.disk.put(APP, NEW)
    if name == "stopped":
        asyncio.run(world.runners.stop(UNIT))
    return world


EXAMPLES: list[tuple[str, AnyStep]] = [
    ("app", Download("http://release.test/app.tar.gz", Path("/var/cache/new.tar.gz"), None, None)),
    ("app", Unpack(ARCHIVE, HOME / "1.2.0")),
    ("app", KeepBackup(OLD, Path("/opt/backups/app.tar.gz"))),
    ("compose", CopyFile(COMPOSE, Path("/opt/backups/compose.yml"))),
    ("app", RemovePath(ARCHIVE)),
    ("app", BuildVenv(NEW)),
    ("app", CarryOver(OLD, NEW, APP)),
    ("app", Migrate(OLD, NEW, APP, (), "migrate.py")),
    ("app", PointLink(APP, NEW)),
    ("plain", PointLink(APP, NEW, HOME / "original")),
    ("adopted", Unadopt(APP, OLD)),
    ("stopped", StartService(UNIT)),
    ("app", StopService(UNIT)),
    ("compose", KeepImage("sha256:old", "kept:1")),
    ("compose", ForgetImage(f"{REPOSITORY}:1.0.0")),
    ("unpulled", PullImage(f"{REPOSITORY}:1.1.0", "sha256:bbb")),
    ("compose", SetTag(WHICH, COMPOSE, ENV, REPOSITORY, "1.1.0")),
    ("compose", PutBackTag(WHICH, COMPOSE, ENV, Spelling(f"{REPOSITORY}:1.1.0"))),
    ("compose", RecreateService(WHICH, "sha256:old")),
    ("apt", RefreshLists("refresh")),
    ("upgraded", RepairPackages("mend")),
    ("apt", NoteUnits(Path("/var/lib/updater/units.json"))),
    ("apt", KeepPackages(DEBS / "more", Path("/var/lib/updater/set.json"), PackageSet("a", 1, (CURL,)), "keep")),
    ("apt", DownloadPackages((Change("libc6", "1.0", "1.1"),), Path("/var/lib/updater/new"), "get")),
    ("apt", UpgradePackages((Change("curl", "1.0", "1.1"), Change("libnew", None, "1.1")), DEBS, DEBS, "up")),
    ("upgraded", PutBackPackages((CURL,), ("libnew",), DEBS, "back")),
    ("apt", NoteRelease(Path("/var/lib/updater/release.json"), ReleaseNote("1.0.0", {"curl": "1.0"}))),
    ("app", RestartUnit("app.service")),
    ("app", ClearLogs(7, "logs")),
    ("app", SelfTest(PACKAGE / "dunebugger-updater", "1.0.0", "amd64")),
    ("app", PointUpdater(SLOTS_HOME, "1.1.0-abc", "factory", "mark")),
    ("given up", ReturnUpdater(SLOTS_HOME, "1.1.0-abc")),
    ("app", RestartItself(SLOTS_HOME, "factory")),
    ("app", FetchReleases("owner/updater")),
    ("on trial", EndTrial(SLOTS_HOME, "1.1.0-abc")),
]
FORGETTING = (
    *(RemovePath, CarryOver, Migrate, RecreateService, SelfTest, RestartItself, FetchReleases, EndTrial),
    *(RefreshLists, RepairPackages, KeepPackages, NoteUnits, RestartUnit, ClearLogs),
)
"""Steps that need no way back of their own; each says why where it is defined."""


def state(world: World) -> tuple[object, ...]:
    """Everything that can be seen of a device, apart from empty directories and what the app itself wrote."""
    engine = world.engine
    files = {k: v for k, v in world.disk.nodes.items() if v is not None and k.name != "data.db"}
    running = {key: (each.image, each.running) for key, each in engine.containers.items()}
    return copy.deepcopy((files, dict(world.debian.here), dict(world.runners.running), dict(engine.names), running))


def test_every_step_of_the_catalogue_has_an_example() -> None:
    assert {type(step) for _, step in EXAMPLES} == set(get_args(AnyStep))


@pytest.mark.parametrize(("name", "step"), EXAMPLES, ids=lambda each: type(each).__name__)
async def test_apply_is_safe_to_repeat(name: str, step: Step) -> None:
    world = await asyncio.to_thread(_world, name)
    await step.apply(world.device)
    once = state(world)
    data = dict(world.disk.nodes)
    await step.apply(world.device)
    assert state(world) == once
    assert world.disk.nodes == data


@pytest.mark.parametrize(("name", "step"), EXAMPLES, ids=lambda each: type(each).__name__)
async def test_apply_cut_at_any_instant_can_be_applied_again(name: str, step: Step) -> None:
    world = await asyncio.to_thread(_world, name)
    world.power.spent = 0
    await step.apply(world.device)
    whole, instants = state(world), world.power.spent
    for instant in range(instants):
        world = await asyncio.to_thread(_world, name)
        world.power.budget = instant
        with pytest.raises(PowerLossError):
            await step.apply(world.device)
        world.power.budget = None
        await step.apply(world.device)
        assert state(world) == whole, f"cut at {world.power.places[-1]}"


@pytest.mark.parametrize(("name", "step"), EXAMPLES, ids=lambda each: type(each).__name__)
async def test_way_back_only_reads(name: str, step: Step) -> None:
    world = await asyncio.to_thread(_world, name)
    before, spent = dict(world.disk.nodes), world.power.spent
    seen = state(world)
    await step.way_back(world.device)
    assert world.power.spent == spent, "nothing was acted on"
    assert state(world) == seen
    assert world.disk.nodes == before


@pytest.mark.parametrize(("name", "step"), EXAMPLES, ids=lambda each: type(each).__name__)
async def test_the_way_back_restores_what_was_there(name: str, step: Step) -> None:
    world = await asyncio.to_thread(_world, name)
    before = state(world)
    way_back = await step.way_back(world.device)
    await step.apply(world.device)
    assert way_back or isinstance(step, FORGETTING)
    if isinstance(step, FORGETTING):
        return
    assert state(world) != before, "an example that changes nothing shows nothing"
    for each in way_back:
        await each.apply(world.device)
    assert state(world) == before


@pytest.mark.parametrize(("name", "step"), EXAMPLES, ids=lambda each: type(each).__name__)
async def test_the_way_back_can_be_walked_when_nothing_was_done_yet(name: str, step: Step) -> None:
    world = await asyncio.to_thread(_world, name)
    before = state(world)
    for each in await step.way_back(world.device):
        await each.apply(world.device)
    assert state(world) == before


@pytest.mark.parametrize(("name", "step"), EXAMPLES, ids=lambda each: type(each).__name__)
def test_a_step_can_say_what_it_does(name: str, step: Step) -> None:
    assert step.title == step.title.strip()
    assert 0 < len(step.title) < 120
