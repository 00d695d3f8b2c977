"""The updater as a component: what is planned for it, and what its owner is told."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from doubles.itself import HOME
from doubles.world import PowerLossError, World
from stories.scenes import NOW, OFFER, UPDATER
from stories.updater_scene import OWN, SHA, updater_scene

from dunebugger_updater.kinds import updater_itself
from dunebugger_updater.kinds.base import Artifact, Wish
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.model.trial import Failed, Trial, failed, trial, version_in, written
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import AnyEvent, Committed, Opened
from dunebugger_updater.services import components
from dunebugger_updater.services.own_trial import forget_old_trial
from dunebugger_updater.steps import Download, EndTrial, PointUpdater, RemovePath, ReturnUpdater
from dunebugger_updater.story import Story, Told


def with_slots(*names: str) -> World:
    world = World()
    for name in names:
        world.disk.put(HOME / "slots" / name / "dunebugger-updater", version_in(name).encode())
    return world


def wish() -> Wish:
    return Wish(OWN, UPDATER, OFFER, None, NOW)


@pytest.mark.parametrize(("size", "sha256"), [(None, "a" * 64), (5, None)])
async def test_nothing_is_planned_that_no_checksum_vouches_for(size: int | None, sha256: str | None) -> None:
    here = await updater_itself.look(World().device)
    with pytest.raises(EffectError, match="nothing that was signed states its size and sha256"):
        updater_itself.plan_update(wish(), Artifact("x.tar.gz", "http://release.test/x", size, sha256), here)


@pytest.mark.req("RM-047")
@pytest.mark.req("RM-056")
async def test_a_version_is_placed_beside_the_one_that_runs_under_a_name_of_its_own() -> None:
    _, plan, _ = await asyncio.to_thread(updater_scene, UPDATER, OFFER, NOW)
    download = next(step for step in plan.steps if isinstance(step, Download))
    assert (download.size, download.sha256, download.limit) == (17, SHA, 17)
    point = next(step for step in plan.steps if isinstance(step, PointUpdater))
    assert (point.to, point.former) == (f"1.1.0-{SHA[:12]}", "factory")
    assert plan.watch is not None
    assert plan.watch.unit == "dunebugger-updater.service"  # type: ignore[union-attr]  # it is a unit


async def test_slots_go_beyond_those_that_are_kept_and_never_the_one_that_runs() -> None:
    world = with_slots("0.7.0-a", "0.8.0-b", "0.9.0-c", "1.0.0-d")
    world.disk.put(HOME / "current", HOME / "slots" / "1.0.0-d")
    world.itself.start()
    here = await updater_itself.look(world.device)
    plan = updater_itself.plan_update(wish(), Artifact("x.tar.gz", "http://release.test/x", 5, "f" * 64), here)
    gone = [step.path.name for step in plan.tidy if isinstance(step, RemovePath) and step.path.parent.name == "slots"]
    assert len(gone) == 2, "two are kept besides the one in use, and the one that ran is one of them"
    assert not {"1.0.0-d", "1.1.0-" + "f" * 12, "factory"} & set(gone)


async def test_a_kept_version_is_named_by_its_number_or_its_slot() -> None:
    world = with_slots("0.9.0-c")
    here = await updater_itself.look(world.device)
    for wanted in ("0.9.0", "0.9.0-c"):
        assert updater_itself.plan_return("updater", here, wanted, "mark").to_version == "0.9.0"
    with pytest.raises(EffectError, match=r"cannot go back to 0\.8\.0: kept are 0\.9\.0"):
        updater_itself.plan_return("updater", here, "0.8.0", "mark")


async def test_a_copy_without_a_launcher_says_that_it_does_not_update_itself_and_how_it_is_updated() -> None:
    world = World()
    world.itself.home = None
    assert await components.kept(OWN, Settings(), world.device) == ()
    there = await components.installed(OWN, Settings(), world.device)
    assert there.version == "1.0.0"
    assert "update it the way it was installed" in there.detail
    assert components.obstacle(OWN, world.device) == updater_itself.NOT_HERE
    with pytest.raises(EffectError, match="cannot update the updater from here"):
        await updater_itself.look(world.device)


@pytest.mark.parametrize(
    ("triplet", "told"),
    [("x86_64-linux-gnu", "amd64"), ("aarch64-linux-gnu", "arm64"), ("arm-linux-gnueabihf", "armhf")],
)
def test_the_program_is_for_what_it_was_built_for_whatever_the_kernel_says(triplet: str, told: str) -> None:
    assert architecture(triplet) == told


def test_a_trial_is_read_as_it_is_written_and_torn_off_lines_are_not_believed() -> None:
    there = Trial("1.1.0-abc", "factory", "20260101T000000Z", 2)
    content = written(there)
    assert trial(content) == there
    for length in range(len(content) - len(b"tries=2\nlimit=200\n")):
        assert trial(content[:length]) is None
    assert trial(b"to=a\nfrom=b\ntries=12\n") is None
    assert trial(None) is None
    assert failed(b"to=a\nmark=m\nwhy=it = odd\nwhen=w\n") == Failed("a", "m", "it = odd", "w")
    assert failed(b"to=a\nmark=m\nwhy=torn") is None


def _told(mark: str, *, counts: bool) -> Story:
    _, plan, _ = updater_scene(UPDATER, OFFER, NOW)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    steps = tuple(
        PointUpdater(HOME, step.to, step.former, mark) if isinstance(step, PointUpdater) else step
        for step in plan.steps
    )
    opened = Opened("run", msgspec.structs.replace(plan, steps=steps))
    events: list[AnyEvent] = [opened, *([Committed()] if counts else [])]
    return Story("run", tuple(Told(number, at, 0, event) for number, event in enumerate(events)))


@pytest.mark.parametrize(
    ("content", "current", "counts", "stays"),
    [
        (b"nonsense", "1.1.0-abc", False, False),
        (written(Trial("1.1.0-abc", "factory", "mark")), "factory", False, False),
        (written(Trial("1.1.0-abc", "factory", "mark")), "1.1.0-abc", True, False),
        (written(Trial("1.1.0-abc", "factory", "mark")), "1.1.0-abc", False, True),
        (written(Trial("1.1.0-abc", "factory", "other")), "1.1.0-abc", True, True),
    ],
    ids=["unreadable", "given up or never begun", "counts", "not judged", "another attempt"],
)
def test_a_trial_goes_when_it_is_over_and_stays_while_nobody_has_judged_the_version(
    content: bytes, current: str, counts: bool, stays: bool
) -> None:
    world = with_slots("1.1.0-abc")
    if current != "factory":
        world.disk.put(HOME / "current", HOME / "slots" / current)
    world.disk.put(HOME / "trial", content)
    asyncio.run(forget_old_trial(world.device, [_told("mark", counts=counts)]))
    assert (HOME / "trial" in world.disk.nodes) == stays


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("trial.failed", b"to=1.1.0-abc\nmark=mark\nwhy=did not stay up\n", "1.1.0 did not stay up"),
        ("trial", written(Trial("1.1.0-abc", "factory", "mark", 2)), "1.1.0 was started and taken back"),
    ],
)
async def test_what_the_launcher_gave_up_is_not_put_on_trial_again_by_the_same_attempt(
    name: str, content: bytes, told: str
) -> None:
    world = with_slots("1.1.0-abc")
    world.disk.put(HOME / name, content)
    with pytest.raises(EffectError, match=told):
        await PointUpdater(HOME, "1.1.0-abc", "factory", "mark").apply(world.device)
    assert world.itself.in_use == "factory"
    await PointUpdater(HOME, "1.1.0-abc", "factory", "another").apply(world.device)
    assert world.itself.in_use == "1.1.0-abc", "an attempt of its own, asked for by name"


async def test_a_version_that_counts_is_in_use_again_although_the_launcher_went_back_at_the_last_instant() -> None:
    world = with_slots("1.1.0-abc")
    world.disk.put(HOME / "trial", written(Trial("1.1.0-abc", "factory", "mark", 0)))
    await EndTrial(HOME, "1.1.0-abc").apply(world.device)
    world.itself.start()
    assert (world.itself.slot, HOME / "trial" in world.disk.nodes) == ("1.1.0-abc", False)


async def test_at_no_instant_of_going_back_does_the_link_lead_to_a_version_on_trial_that_nobody_counts() -> None:
    counted: set[tuple[str, bool]] = set()
    for instant in range(20):
        world = with_slots("1.1.0-abc")
        world.disk.put(HOME / "current", HOME / "slots" / "1.1.0-abc")
        world.disk.put(HOME / "trial", written(Trial("1.1.0-abc", "factory", "mark", 2)))
        world.power.budget = instant
        try:
            await ReturnUpdater(HOME, "factory").apply(world.device)
        except PowerLossError:
            pass
        else:
            assert counted == {("1.1.0-abc", True), ("factory", True), ("factory", False)}, "each was met"
            return
        state = (world.itself.in_use, HOME / "trial" in world.disk.nodes)
        assert state != ("1.1.0-abc", False), f"cut at instant {instant}"
        counted.add(state)
    pytest.fail("it never came to an end")
