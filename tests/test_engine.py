"""Decide, perform, record: what the engine does when things do not go as planned."""

import asyncio
import errno
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles.world import Journal, Power, PowerLossError, World
from msgspec.structs import replace
from stories.scenes import APP, HOME, Scene, app_scene, compose_scene
from stories.test_power_cuts import deaf

from dunebugger_updater.checks import NotBusy
from dunebugger_updater.engine import Cancel, Heard, JournalError, Progress, drive, resume
from dunebugger_updater.ports import Device, EffectError, Report
from dunebugger_updater.run import (
    Answered,
    AnyEvent,
    BackFailed,
    Began,
    Closed,
    Opened,
    Outcome,
    Run,
    TurnedBack,
    Undone,
    retell,
)
from dunebugger_updater.steps import PointLink, StartService


@pytest.fixture
def app() -> Scene:
    return app_scene()


async def tell(scene: Scene, cancel: Cancel | None = None, hear: object = deaf) -> Run:
    opened = Opened("run", scene.plan)
    await scene.world.journal.write(opened)
    return await drive(retell([opened]), scene.world.device, scene.world.journal, hear, cancel)  # type: ignore[arg-type]  # a list's append hears well


def closed(world: World) -> Closed:
    last = world.journal.told[-1]
    assert isinstance(last, Closed)
    return last


def turned(world: World) -> TurnedBack:
    return next(event for event in world.journal.told if isinstance(event, TurnedBack))


async def test_a_way_back_is_on_the_disk_before_its_step_acts(app: Scene) -> None:
    world = app.world
    recorded: list[int] = []

    class Watching(Journal):
        async def write(self, event: AnyEvent) -> None:
            if isinstance(event, Began) and isinstance(app.plan.steps[event.step], PointLink):
                assert world.disk.nodes[APP] == HOME / "1.0.0", "nothing happened yet"
                recorded.append(event.step)
            await super().write(event)

    world.journal = Watching(world.power)
    await tell(app)
    assert len(recorded) == 1


async def test_every_event_and_the_progress_is_heard_as_it_happens(app: Scene) -> None:
    heard: list[Heard] = []

    class Telling:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        async def download(self, url: str, to: Path, *, size: int | None, limit: int, report: Report) -> str:
            report("half", 0.5)
            assert any(isinstance(each, Progress) for each in heard), "heard while the step is still at work"
            return await app.world.web.download(url, to, size=size, limit=limit, report=report)

    device = app.world.device
    app.world.device = Device(
        device.clock, device.files, device.services, Telling(device.web), device.python, device.containers,  # type: ignore[arg-type]  # only what is asked
        device.packages, device.installer, device.itself, device.report,
    )  # fmt: skip
    await tell(app, hear=heard.append)
    assert [each for each in heard if not isinstance(each, Progress)] == app.world.journal.told[1:]


async def test_a_refused_check_changes_nothing() -> None:
    scene = await asyncio.to_thread(app_scene)
    scene.world.disk.room = 1
    await tell(scene)
    assert closed(scene.world).outcome is Outcome.REFUSED
    assert "not enough room" in closed(scene.world).reason
    assert not any(isinstance(event, Began) for event in scene.world.journal.told)
    scene.verify(scene.world, False)


async def test_a_show_that_began_during_the_download_stops_the_update_before_the_switch() -> None:
    scene = await asyncio.to_thread(app_scene)
    busy = Path("/run/show")
    scene.plan = replace(scene.plan, switch=(NotBusy(busy),))

    class Beginning(Journal):
        async def write(self, event: AnyEvent) -> None:
            await super().write(event)
            if isinstance(event, Began) and event.step == 1:
                scene.world.disk.put(busy, b"")

    scene.world.journal = Beginning(scene.world.power)
    await tell(scene)
    assert closed(scene.world).outcome is Outcome.REFUSED
    assert "busy" in closed(scene.world).reason
    scene.world.disk.drop(busy)
    scene.world.disk.drop(busy.parent)
    scene.verify(scene.world, False)


async def test_a_bug_in_a_step_is_told_in_full_and_turns_the_run_back(
    app: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = PointLink.apply

    async def broken(self: PointLink, device: Device) -> None:
        if self.target == HOME / "1.1.0":
            raise ZeroDivisionError("division by zero")
        await real(self, device)

    monkeypatch.setattr(PointLink, "apply", broken)
    with caplog.at_level(logging.ERROR):
        await tell(app)
    assert closed(app.world).outcome is Outcome.ROLLED_BACK
    assert "internal error" in closed(app.world).reason
    assert "Traceback" in caplog.text
    assert not turned(app.world).blame
    app.verify(app.world, False)


async def test_a_way_back_that_fails_for_a_moment_is_tried_again() -> None:
    scene = await asyncio.to_thread(lambda: app_scene(bad="start"))
    world, tries = scene.world, [0]
    real = world.runners.start

    async def unwilling(service: object) -> None:
        tries[0] += 1
        if tries[0] == 2:
            raise EffectError("cannot start app.service: the bus does not answer")
        await real(service)  # type: ignore[arg-type]  # whatever it is given

    world.runners.start = unwilling  # type: ignore[method-assign]  # a bus that does not answer once
    await tell(scene)
    assert any(isinstance(event, BackFailed) for event in world.journal.told)
    assert closed(world).outcome is Outcome.ROLLED_BACK
    scene.verify(world, False)


async def test_a_way_back_that_never_works_ends_stuck_with_the_commands_for_a_person() -> None:
    scene = await asyncio.to_thread(lambda: app_scene(bad="start"))
    world = scene.world

    async def never(link: Path, target: Path) -> None:
        if target == HOME / "1.0.0":
            raise EffectError("cannot point /opt/app: read-only file system")
        world.disk.put(link, target)

    world.disk.point_link = never  # type: ignore[method-assign]  # a disk that says no
    await tell(scene)
    end = closed(world)
    assert end.outcome is Outcome.STUCK
    assert "read-only file system" in end.reason
    assert "ln -sfn /opt/app.releases/1.0.0 /opt/app" in end.commands
    assert "systemctl start app.service" in end.commands
    assert end.commands.index("ln -sfn /opt/app.releases/1.0.0 /opt/app") < end.commands.index(
        "systemctl start app.service"
    )


async def test_put_back_but_not_well_is_stuck_unless_it_was_ill_before() -> None:
    scene = await asyncio.to_thread(lambda: app_scene(bad="start"))

    class Poisoning(Journal):
        async def write(self, event: AnyEvent) -> None:
            await super().write(event)
            if isinstance(event, TurnedBack):
                scene.world.broken.add("1.0.0")

    scene.world.journal = Poisoning(scene.world.power)
    await tell(scene)
    assert closed(scene.world).outcome is Outcome.STUCK
    assert "everything was put back, but it is not well" in closed(scene.world).reason


async def test_a_component_that_was_ill_before_is_not_blamed_on_the_update() -> None:
    scene = await asyncio.to_thread(lambda: app_scene(bad="start"))
    scene.world.runners.running.clear()
    scene.world.broken.add("1.0.0")
    await tell(scene)
    assert retell(scene.world.journal.told).ill_before
    assert closed(scene.world).outcome is Outcome.ROLLED_BACK
    assert not turned(scene.world).blame


async def test_a_failed_health_check_blames_the_version_and_keeps_its_last_words() -> None:
    scene = await asyncio.to_thread(lambda: app_scene(bad="start"))
    await tell(scene)
    assert turned(scene.world).blame
    assert turned(scene.world).evidence == ("app.service: last words",)


@pytest.mark.parametrize(("side", "told"), [("before", 2), ("after", 1)])
async def test_nobody_waits_for_more_checks_once_an_update_has_failed_one(side: str, told: int, app: Scene) -> None:
    """Before an update the owner hears every objection; after it each further check could cost minutes of downtime."""
    both = (NotBusy(Path("/run/show")), NotBusy(Path("/run/rehearsal")))
    for check in both:
        app.world.disk.put(check.file, b"")
    app.plan = replace(app.plan, **{side: both})
    await tell(app)
    answered = [event for event in app.world.journal.told if isinstance(event, Answered) and event.side == side]
    assert [len(event.objections) for event in answered] == [told]


async def test_a_broken_download_blames_nobody() -> None:
    scene = await asyncio.to_thread(lambda: app_scene(bad="download"))
    await tell(scene)
    assert closed(scene.world).outcome is Outcome.FAILED
    assert "sha256" in closed(scene.world).reason
    assert not turned(scene.world).blame


async def test_a_disk_that_takes_no_word_after_a_restart_still_gets_the_former_release_back(app: Scene) -> None:
    world = app.world

    class UntilTheStart(Journal):
        async def write(self, event: AnyEvent) -> None:
            if isinstance(event, Began) and isinstance(app.plan.steps[event.step], StartService):
                raise PowerLossError
            await super().write(event)

    class Full(Journal):
        async def write(self, event: AnyEvent) -> None:
            raise JournalError("cannot write the journal: no space left on device")

    world.journal = UntilTheStart(world.power)
    with pytest.raises(PowerLossError):
        await tell(app)
    assert world.disk.nodes[APP] == HOME / "1.1.0"
    with pytest.raises(JournalError):
        await resume(retell(world.journal.told), world.device, Full(world.power), deaf)
    assert world.disk.nodes[APP] == HOME / "1.0.0"
    assert list(world.runners.running.values()) == [HOME / "1.0.0"]


async def test_a_full_disk_blames_nobody(app: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unpack(*_: object, **__: object) -> None:
        raise EffectError("cannot unpack: no space left on device") from OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(app.world.disk, "unpack", unpack)
    await tell(app)
    assert closed(app.world).outcome is Outcome.FAILED
    assert not turned(app.world).blame


@pytest.mark.parametrize("make", [app_scene, compose_scene])
async def test_cancel_is_free_until_something_live_was_touched_and_means_going_back_after(
    make: Callable[[], Scene],
) -> None:
    count = len((await asyncio.to_thread(make)).plan.steps)
    for number in range(count):
        scene = await asyncio.to_thread(make)
        cancel = Cancel()

        def hear(heard: Heard, cancel: Cancel = cancel, number: int = number) -> None:
            if isinstance(heard, Began) and heard.step == number:
                cancel.ask("cancelled by the owner")

        await tell(scene, cancel, hear)
        run = retell(scene.world.journal.told)
        assert closed(scene.world).outcome is (Outcome.ROLLED_BACK if run.touched else Outcome.REFUSED)
        assert closed(scene.world).reason == "cancelled by the owner"
        scene.verify(scene.world, False)


async def test_cancel_after_the_commit_comes_too_late(app: Scene) -> None:
    cancel = Cancel()

    class Late(Journal):
        async def write(self, event: AnyEvent) -> None:
            await super().write(event)
            if isinstance(event, Answered) and event.side == "after":
                cancel.ask("too late")

    app.world.journal = Late(Power())
    await tell(app, cancel)
    assert closed(app.world).outcome is Outcome.UPDATED


async def test_a_download_under_way_ends_at_once_when_cancelled(app: Scene) -> None:
    cancel, under_way = Cancel(), asyncio.Event()

    async def endless(url: str, to: Path, *, size: int | None, limit: int, report: Report) -> str:
        under_way.set()
        await asyncio.Event().wait()
        return ""

    app.world.web.download = endless  # type: ignore[method-assign]  # a server that never ends
    task = asyncio.ensure_future(tell(app, cancel))
    await under_way.wait()
    cancel.ask("cancelled by the owner")
    async with asyncio.timeout(5):
        await task
    assert closed(app.world).outcome is Outcome.REFUSED


async def test_a_journal_that_cannot_be_written_stops_the_run_and_puts_back_what_was_touched() -> None:
    for failing in range(1, 40):
        scene = await asyncio.to_thread(app_scene)
        writes = [0]

        class Full(Journal):
            async def write(self, event: AnyEvent, writes: list[int] = writes, failing: int = failing) -> None:
                writes[0] += 1
                if writes[0] >= failing:
                    raise JournalError("cannot write the journal: no space left on device")
                await super().write(event)

        scene.world.journal = Full(scene.world.power)
        try:
            await tell(scene)
        except JournalError:
            version = scene.world.disk.tree(APP)["VERSION"]
            assert scene.world.runners.running == {"app.service": scene.world.disk.real(APP)}
            assert version in {b"1.0.0", b"1.1.0"}
        else:
            assert closed(scene.world).outcome is Outcome.UPDATED
            return
    pytest.fail("never written whole")


async def test_the_way_back_is_walked_last_first() -> None:
    scene = await asyncio.to_thread(lambda: app_scene(bad="start"))
    await tell(scene)
    undone = [event.step for event in scene.world.journal.told if isinstance(event, Undone)]
    assert undone == sorted(undone, reverse=True)
    assert undone[-1] == 0
    begun = [event for event in scene.world.journal.told if isinstance(event, Began)]
    assert isinstance(scene.plan.steps[begun[-1].step], StartService)


async def test_a_listener_that_breaks_does_not_stop_the_run(app: Scene, caplog: pytest.LogCaptureFixture) -> None:
    def broken(heard: Heard) -> None:
        raise BrokenPipeError("nobody is there")

    await tell(app, hear=broken)
    assert closed(app.world).outcome is Outcome.UPDATED
    assert "a listener to a run of app broke" in caplog.text
    app.verify(app.world, True)
