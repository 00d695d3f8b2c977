"""What was approved is done once, and what came of it is known whatever happens meanwhile: restarts, too."""

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from doubles.action_world import NIGHT, START, ActionWorld, Agent, quiet

from dunebugger_updater.events import Closed, Opened
from dunebugger_updater.model.actions import ActionStatus, ActionType, Parameters
from dunebugger_updater.model.settings import Window
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.action_work import EVERY
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story

ALL, REFRESH = ActionType.APT_UPGRADE_ALL, ActionType.APT_UPDATE
NOW: dict[str, Any] = {"requires_approval": False, "by_owner": True}
BUSY = Refusal(Outcome.REFUSED, "busy: another dunebugger-updater (process 7) is changing this device")


@pytest.fixture
def world(tmp_path: Path) -> ActionWorld:
    return ActionWorld(tmp_path)


@pytest.mark.req("HC-16", "HC-43", "HC-44", "HC-62", "HC-70")
async def test_a_success_is_told_with_output_status_and_count(world: ActionWorld) -> None:
    async with world.agent() as agent:
        done = await agent.look((await agent.queued(**NOW)).action_id)
        assert done.result is not None
        assert (done.result.success, done.result.return_code, done.result.error) == (True, 0, None)
        assert done.result.output == "Setting up 12.1 apt_upgrade_all ..."
        assert (done.result.outcome, done.result.packages_upgraded) == ("updated", 2)
        assert done.ended_at is not None


@pytest.mark.req("HC-64", "HC-65", "HP-30")
async def test_packages_are_looked_at_again_after_every_apt_action(world: ActionWorld) -> None:
    async with world.agent() as agent:
        await agent.look((await agent.queued(**NOW)).action_id)
        await agent.look((await agent.queued(REFRESH, **NOW)).action_id)
        await agent.look((await agent.queued(ActionType.CLEAR_LOGS, **NOW)).action_id)
        assert agent.refreshes == 2


@pytest.mark.req("HC-48", "HC-63", "HC-70")
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.STUCK, Outcome.REFUSED])
async def test_a_failure_is_told_with_why_and_with_what_was_printed_so_far(
    world: ActionWorld, outcome: Outcome
) -> None:
    world.ends = outcome
    async with world.agent() as agent:
        done = await agent.look((await agent.queued(**NOW)).action_id)
        assert (done.status, done.run) == (ActionStatus.FAILED, "run-1")
        assert done.result is not None
        assert (done.result.success, done.result.outcome) == (False, outcome.value)
        assert "the health check failed" in (done.result.error or "")
        assert (done.result.output, done.result.return_code) == ("Setting up 12.1 apt_upgrade_all ...", 100)
        assert done.result.packages_upgraded == (None if outcome is Outcome.STUCK else 0)
        assert isinstance((await agent.queued()).action_id, str), "it is in nobody's way any more"


@pytest.mark.req("HC-40", "HC-41", "HC-05", "HC-72", "HP-10", "HP-27")
@pytest.mark.parametrize(("action_type", "limit"), [(REFRESH, 120), (ALL, 600)])
async def test_what_takes_too_long_is_called_overdue_once_and_goes_on(
    world: ActionWorld, action_type: ActionType, limit: int
) -> None:
    world.held_up = True
    async with world.agent() as agent:
        made = await agent.queued(action_type, **NOW)
        assert (await agent.look(made.action_id)).status is ActionStatus.EXECUTING
        await world.clock.turn(timedelta(seconds=limit - 1))
        assert (await agent.look(made.action_id)).status is ActionStatus.EXECUTING
        await world.clock.turn(timedelta(seconds=2))
        assert (await agent.look(made.action_id)).status is ActionStatus.OVERDUE
        await world.clock.turn(timedelta(days=3))
        assert agent.statuses().count("overdue") == 1
        world.go_on.set()
        assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED


async def test_an_approved_action_waits_while_the_device_is_busy_and_begins_by_itself(world: ActionWorld) -> None:
    world.busy = BUSY
    async with world.agent() as agent:
        made = await agent.queued(**NOW)
        waits = await agent.look(made.action_id)
        assert (waits.status, waits.waiting, waits.started_at) == (ActionStatus.APPROVED, BUSY.message, None)
        await agent.parts.work.tend()
        assert (await agent.look(made.action_id)).status is ActionStatus.APPROVED
        world.busy = None
        await agent.parts.work.tend()
        done = await agent.look(made.action_id)
        assert (done.status, done.waiting) == (ActionStatus.SUCCEEDED, "")


async def test_what_waited_and_has_another_plan_by_then_has_to_be_approved_anew(world: ActionWorld) -> None:
    world.busy = BUSY
    async with world.agent() as agent:
        made = await agent.queued(**NOW)
        await quiet()
        world.busy, world.archive = None, "12.2"
        await agent.parts.work.tend()
        seen = await agent.look(made.action_id)
        assert (seen.status, seen.decided_by) == (ActionStatus.PENDING_APPROVAL, None)
        assert seen.plan_hash != made.plan_hash
        assert world.runs.told == {}


async def test_a_component_update_of_packages_is_an_action_that_its_owner_approves_by_asking(
    world: ActionWorld,
) -> None:
    plan = await world.plan(ALL, Parameters())
    assert isinstance(plan, Plan)
    async with world.agent() as agent:
        told = await agent.desk.update(plan, "tablet", by_owner=False)
        assert getattr(told, "code", "") == "approval_needed"
        assert "apt_upgrade_all" in getattr(told, "message", "")
        opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        story = await agent.desk.update(plan, "owner", opened, by_owner=True)
        assert isinstance(story, Story)
        assert opened.result() == story.id
        world.maintenance = True
        assert isinstance(await agent.desk.update(plan, "tablet", by_owner=False), Story)
        kept = await agent.parts.queue.newest(9)
        assert [each.action.status for each in kept] == [ActionStatus.SUCCEEDED] * 2
        await agent.queued(REFRESH, requires_approval=True)
        world.maintenance = False
        waiting = await agent.queued(ActionType.CLEAR_LOGS)
        assert waiting.status is ActionStatus.PENDING_APPROVAL


async def test_a_component_update_is_in_the_way_of_actions_and_they_of_it(world: ActionWorld) -> None:
    plan = await world.plan(ALL, Parameters())
    assert isinstance(plan, Plan)
    world.held_up = True
    async with world.agent() as agent:
        pending = await agent.queued()
        told = await agent.desk.update(plan, "owner", by_owner=True)
        assert getattr(told, "code", "") == "CONFLICT"
        await agent.decide(pending.action_id, approve=False)
        under_way = agent.create_task(agent.desk.update(plan, "owner", by_owner=True))
        await quiet()
        assert getattr(await agent.create(), "code", "") == "CONFLICT"
        world.go_on.set()
        assert isinstance(await under_way, Story)


async def test_a_component_update_that_meets_a_busy_device_fails_at_once_and_lies_in_nobodys_way(
    world: ActionWorld,
) -> None:
    plan = await world.plan(ALL, Parameters())
    assert isinstance(plan, Plan)
    world.busy = BUSY
    async with world.agent() as agent:
        assert await agent.desk.update(plan, "owner", by_owner=True) == BUSY
        kept = await agent.parts.queue.newest(1)
        assert kept[0].action.status is ActionStatus.FAILED
        assert kept[0].action.result is not None
        assert kept[0].action.result.error == BUSY.message


# restarts


async def test_what_was_pending_or_approved_is_still_that_after_a_restart(world: ActionWorld) -> None:
    world.busy = BUSY
    async with world.agent() as agent:
        pending = await agent.queued(ActionType.CLEAR_LOGS)
        approved = await agent.queued(**NOW)
        await quiet()
    world.busy = None
    async with world.agent() as agent:
        await agent.parts.work.settle()
        assert (await agent.look(pending.action_id)).status is ActionStatus.PENDING_APPROVAL
        assert (await agent.look(approved.action_id)).status is ActionStatus.APPROVED
        await agent.parts.work.tend()
        assert (await agent.look(approved.action_id)).status is ActionStatus.SUCCEEDED


@pytest.mark.req("HC-13", "HC-61")
@pytest.mark.parametrize("known", [True, False], ids=["with its run's id", "killed before the id was written"])
@pytest.mark.parametrize("outcome", [Outcome.UPDATED, Outcome.ROLLED_BACK])
async def test_an_action_that_was_under_way_follows_its_run_after_a_restart(
    world: ActionWorld, outcome: Outcome, known: bool
) -> None:
    world.held_up = True
    async with world.agent() as agent:
        made = await agent.queued(**NOW)
        assert (await agent.look(made.action_id)).run == "run-1"
        kept = await agent.parts.queue.read(made.action_id)
        assert kept is not None
        if not known:
            await agent.parts.queue.move(kept, run=None)
    world.ends = outcome
    async with world.agent() as agent:
        await agent.parts.work.settle()
        assert (await agent.look(made.action_id)).status is ActionStatus.EXECUTING, "its run is open: nobody knows yet"
        world.end("run-1")  # as recover does
        await agent.parts.work.settle()
        done = await agent.look(made.action_id)
        assert done.run == "run-1"
        assert done.status is (ActionStatus.SUCCEEDED if outcome is Outcome.UPDATED else ActionStatus.FAILED)
        assert done.result is not None
        assert done.result.outcome == outcome.value


async def test_an_action_that_was_stopped_before_it_had_begun_has_failed_and_says_that_nothing_changed(
    world: ActionWorld,
) -> None:
    old = await world.plan(ALL, Parameters())
    assert isinstance(old, Plan)
    world.runs.write("run-0", START - timedelta(hours=1), Opened("run-0", old))
    world.runs.write("run-0", START - timedelta(hours=1), Closed(Outcome.UPDATED))
    world.busy = BUSY
    async with world.agent() as agent:
        made = await agent.queued(**NOW)
        await quiet()
        kept = await agent.parts.queue.read(made.action_id)
        assert kept is not None
        assert kept.action.plan_hash == old.hash, "an earlier run had the same plan"
        await agent.parts.queue.move(kept, status=ActionStatus.EXECUTING, started_at=world.clock.now())
    world.busy = None
    async with world.agent() as agent:
        world.lock.taken = True
        await agent.parts.work.settle()
        assert (await agent.look(made.action_id)).status is ActionStatus.EXECUTING, "somebody may be at it"
        world.lock.taken = False
        await agent.parts.work.settle()
        done = await agent.look(made.action_id)
        assert done.status is ActionStatus.FAILED
        assert done.result is not None
        assert "nothing was changed" in (done.result.error or "")


async def test_an_overdue_action_is_settled_too_and_no_action_stays_under_way_for_days(world: ActionWorld) -> None:
    world.held_up = True
    async with world.agent() as agent:
        made = await agent.queued(**NOW)
        await quiet()
        await world.clock.turn(timedelta(seconds=601))
        assert (await agent.look(made.action_id)).status is ActionStatus.OVERDUE
    world.end("run-1")
    async with world.agent() as agent:
        looking = agent.create_task(agent.parts.work.run())
        await world.clock.turn(timedelta(seconds=EVERY))
        assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED
        assert not looking.done()


async def test_a_run_that_is_not_in_the_journal_any_more_is_not_called_harmless(world: ActionWorld) -> None:
    world.held_up = True
    async with world.agent() as agent:
        made = await agent.queued(**NOW)
        await quiet()
    world.runs.told.clear()
    async with world.agent() as agent:
        await agent.parts.work.settle()
        done = await agent.look(made.action_id)
        assert done.result is not None
        assert done.result.error == "cannot tell what came of it: its run run-1 is not in the journal any more"


# windows


@pytest.mark.req("HC-18")
async def test_an_approved_action_waits_for_the_window_says_so_and_begins_in_it(world: ActionWorld) -> None:
    world.windows = (NIGHT,)
    async with world.agent() as agent:
        made = await agent.queued(parameters=Parameters(in_window=True), **NOW)
        waits = await agent.look(made.action_id)
        assert (waits.status, waits.waiting) == (
            ActionStatus.APPROVED,
            "waits for the window at 2026-11-21 02:00 UTC",
        )
        agent.create_task(agent.parts.work.run())
        for _ in range(15 * 4):
            await world.clock.turn(timedelta(minutes=15))
            if world.runs.told:
                break
        done = await agent.look(made.action_id)
        assert done.status is ActionStatus.SUCCEEDED
        assert done.started_at is not None
        assert done.started_at.hour == 2


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)], ids=str)
async def test_in_the_nights_when_the_clocks_change_it_begins_where_its_owner_sees_the_window(
    world: ActionWorld, day: date
) -> None:
    rome = ZoneInfo("Europe/Rome")
    world.windows = (Window(NIGHT.days, NIGHT.start, 120, "Europe/Rome"),)
    world.clock.shown = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=rome).astimezone(START.tzinfo)
    async with world.agent() as agent:
        made = await agent.queued(parameters=Parameters(in_window=True), **NOW)
        for _ in range(20):
            await world.clock.turn(timedelta(minutes=15))
            await agent.parts.work.tend()
        done = await agent.look(made.action_id)
        assert done.started_at is not None
        seen = done.started_at.astimezone(rome)
        assert f"{seen:%Y-%m-%d}" == str(day)
        assert seen.hour == (3 if seen.month == 3 else 2), "the hour from two to three does not exist in March"


@pytest.mark.parametrize("why", ["a wrong clock", "maintenance mode"])
async def test_in_an_open_window_too_it_waits_for_a_clock_to_believe_and_for_people_to_be_done(
    world: ActionWorld, why: str
) -> None:
    world.windows = (NIGHT,)
    world.clock.shown = START + timedelta(hours=14, minutes=10)
    async with world.agent() as agent:
        world.clock.doubt = "nothing has set it" if why == "a wrong clock" else None
        world.maintenance = why == "maintenance mode"
        made = await agent.queued(parameters=Parameters(in_window=True), **NOW)
        waits = await agent.look(made.action_id)
        assert waits.status is ActionStatus.APPROVED
        assert "clock" in waits.waiting if world.clock.doubt else "maintenance" in waits.waiting
        world.clock.doubt, world.maintenance = None, False
        await agent.parts.work.tend()
        assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED


async def test_a_queue_that_cannot_be_written_does_not_hold_up_what_is_being_done(
    world: ActionWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.held_up = True
    async with world.agent() as agent:
        made = await agent.queued(**NOW)
        await quiet()
        broken = Broken(agent)
        world.go_on.set()
        await quiet()
        broken.mend()
        assert "cannot use the action queue" in caplog.text
        await agent.parts.work.settle()
        assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED, "found in the journal"


class Broken:
    """A database that takes nothing until it is mended."""

    def __init__(self, agent: Agent) -> None:
        def no(_: object) -> bool:
            raise EffectError("cannot use the action queue: disk I/O error")

        self._store = agent.parts.queue._store
        self._usual = self._store.change
        self._store.change = no  # type: ignore[method-assign,assignment]  # the disk that breaks

    def mend(self) -> None:
        self._store.change = self._usual  # type: ignore[method-assign]  # and is well again
