"""Actions on a device in memory, with real plans and the real engine: what is approved is what happens."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doubles.action_world import Runs, TurnedClock, quiet
from doubles.world import World

from dunebugger_updater.effects.store import Database
from dunebugger_updater.effects.store_actions import ActionTable
from dunebugger_updater.engine import drive
from dunebugger_updater.kinds import way_back
from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Package
from dunebugger_updater.model.settings import Component, Settings, Updater
from dunebugger_updater.model.wire import ActionSeen, CreateAction, DecideAction, Declined, ListActions
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import AnyEvent, Opened, retell
from dunebugger_updater.services.action_desk import ActionDesk
from dunebugger_updater.services.action_parts import ActionNeeds, action_parts
from dunebugger_updater.services.action_told import notification
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.history import view
from dunebugger_updater.services.packages import PackagePlans, jobs
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story

ALL = ActionType.APT_UPGRADE_ALL
STATE = Path("/var/lib/dunebugger-updater")


class Packages:
    """A device whose packages are in memory, and its action queue."""

    def __init__(self, place: Path, tasks: asyncio.TaskGroup) -> None:
        self.world = World()
        self.debian = self.world.debian
        self.debian.here = {name: Package(name, "1") for name in ("adduser", "libc6", "tzdata")}
        self.debian.archive = {"adduser": "1", "libc6": "2", "tzdata": "2"}
        self.clock, self.runs = TurnedClock(), Runs()
        self.database = Database(place / "updater.db")
        component = Component(name="system", type="apt", policy="auto")
        settings = Settings(updater=Updater(state_path=STATE, backup_path=STATE), components=(component,))
        plans = PackagePlans(settings, self.world.device)
        nobody: Any = self

        async def printed(plan: Plan) -> tuple[str, int | None]:
            codes = [(await self.debian.said(job))[1] for job in jobs(plan)]
            return await plans.output(plan), next((code for code in codes if code), None)

        needs = ActionNeeds(
            settings=settings,
            device=replace(self.world.device, clock=self.clock),
            runs=self.runs,
            holds=nobody,
            store=ActionTable(self.database),
            plans=plans,
            lock=nobody,
            maintenance=nobody,
            printed=printed,
            zone="UTC",
        )
        self.parts = action_parts(needs, Bus(), self.carry_out, self.refreshed)
        self.desk: ActionDesk = self.parts.desk(tasks)

    async def state(self) -> Any:
        return type("State", (), {"on": False})

    async def held(self) -> tuple[str, ...]:
        return ()

    async def refreshed(self) -> None:
        """Nobody looks."""

    async def carry_out(self, plan: Plan, actor: str, opened: "asyncio.Future[str] | None" = None) -> Story | Refusal:
        run = f"run-{len(self.runs.told) + 1}"
        runs, now = self.runs, self.clock.now()

        class Journal:
            async def write(self, event: AnyEvent) -> None:
                runs.write(run, now, event)

        first = Opened(run, plan, actor)
        await Journal().write(first)
        if opened is not None:
            opened.set_result(run)
        await drive(retell([first]), self.world.device, Journal(), lambda _: None)
        story = self.runs.read(run)
        assert story is not None
        return story

    @property
    def versions(self) -> Mapping[str, str]:
        return {name: each.version for name, each in self.debian.here.items()}

    async def create(self, action_type: ActionType = ALL, *, yes: bool = False, **told: Any) -> ActionView:
        reply = await self.desk.answer(
            CreateAction(action_type, Parameters(**told), requires_approval=not yes, by_owner=yes), "owner"
        )
        assert isinstance(reply, ActionSeen), reply
        return reply.action

    async def approve(self, action: str) -> ActionView | Declined:
        reply = await self.desk.answer(DecideAction(action, approve=True), "owner")
        return reply if isinstance(reply, Declined) else reply.action  # type: ignore[union-attr]  # one was decided

    async def look(self, action: str) -> ActionView:
        for _ in range(50):
            await quiet()
            reply = await self.desk.answer(ListActions(1, action), "owner")
            found: ActionView = reply.actions[0]  # type: ignore[union-attr]  # one was asked for
            if not found.status.is_begun:
                break
        return found


@asynccontextmanager
async def packages(place: Path) -> AsyncIterator[Packages]:
    async with asyncio.TaskGroup() as tasks:
        made = Packages(place, tasks)
        try:
            yield made
        finally:
            made.database.close()


@pytest.mark.req("HC-09", "HC-44", "HC-66")
async def test_what_was_approved_is_what_is_installed_and_counted(tmp_path: Path) -> None:
    async with packages(tmp_path) as device:
        made = await device.create()
        assert [(each.name, each.before, each.after) for each in made.changes] == [
            ("libc6", "1", "2"),
            ("tzdata", "1", "2"),
        ]
        assert "libc6=2 tzdata=2" in made.command
        await device.approve(made.action_id)
        done = await device.look(made.action_id)
        assert (done.status, device.versions) == (
            ActionStatus.SUCCEEDED,
            {"adduser": "1", "libc6": "2", "tzdata": "2"},
        )
        assert done.result is not None
        assert (done.result.packages_upgraded, done.result.outcome) == (2, "updated")
        assert "2 upgraded" in done.result.output
        again = await device.create()
        assert (again.status, again.result.packages_upgraded if again.result else None) == (ActionStatus.SUCCEEDED, 0)


@pytest.mark.req("HC-17")
async def test_named_packages_are_the_only_ones_that_change(tmp_path: Path) -> None:
    async with packages(tmp_path) as device:
        made = await device.create(ActionType.APT_UPGRADE_PACKAGES, yes=True, packages=("tzdata",))
        assert (await device.look(made.action_id)).status is ActionStatus.SUCCEEDED
        assert device.versions == {"adduser": "1", "libc6": "1", "tzdata": "2"}


@pytest.mark.req("HC-56")
async def test_a_version_that_came_meanwhile_has_to_be_approved_anew(tmp_path: Path) -> None:
    async with packages(tmp_path) as device:
        made = await device.create()
        device.debian.archive["tzdata"] = "3"
        told = await device.approve(made.action_id)
        assert isinstance(told, Declined)
        assert device.versions["tzdata"] == "1"
        now = await device.look(made.action_id)
        assert [each.after for each in now.changes] == ["2", "3"]
        await device.approve(made.action_id)
        assert (await device.look(made.action_id)).status is ActionStatus.SUCCEEDED
        assert device.versions["tzdata"] == "3"


@pytest.mark.req("HC-19", "HC-48")
async def test_a_failing_upgrade_ends_as_failed_with_the_former_versions_back(tmp_path: Path) -> None:
    async with packages(tmp_path) as device:
        device.world.broken.add("tzdata=2")
        made = await device.create(yes=True)
        done = await device.look(made.action_id)
        assert (done.status, device.versions) == (
            ActionStatus.FAILED,
            {"adduser": "1", "libc6": "1", "tzdata": "1"},
        )
        assert done.result is not None
        assert (done.result.outcome, done.result.packages_upgraded) == ("rolled_back", 0)
        assert "tzdata" in (done.result.error or "")
        story = device.runs.read(done.run or "")
        assert story is not None
        assert view(story).outcome == "rolled_back"


async def test_what_is_taken_back_by_hand_has_worked_and_says_that_it_was_taken_back(tmp_path: Path) -> None:
    async with packages(tmp_path) as device:
        made = await device.create(yes=True)
        upgraded = device.runs.read((await device.look(made.action_id)).run or "")
        assert upgraded is not None
        plan = way_back.plan_back(tuple(upgraded.events))
        assert isinstance(plan, Plan)
        assert isinstance(await device.desk.update(plan, "owner", by_owner=True), Story)
        back = (await device.parts.queue.newest(1))[0].action
        assert (back.verb, back.status) == ("rollback", ActionStatus.SUCCEEDED)
        assert back.result is not None
        assert (back.result.outcome, back.result.packages_upgraded, back.result.error) == ("rolled_back", 2, None)
        assert device.versions == {"adduser": "1", "libc6": "1", "tzdata": "1"}
        told = notification(back, device.clock.now())
        assert told is not None
        assert (told.event, told.title) == ("rolled_back", f"done: rollback system to {plan.to_version}")


@pytest.mark.req("HC-18")
async def test_the_policy_takes_all_of_it_and_asks_where_something_cannot_be_kept(tmp_path: Path) -> None:
    async with packages(tmp_path) as device:
        device.debian.repackable = False
        await device.parts.auto.take()
        kept = (await device.parts.queue.newest(1))[0]
        assert kept.action.status is ActionStatus.PENDING_APPROVAL
        assert device.versions["libc6"] == "1"
        await device.desk.answer(DecideAction(kept.action.action_id, approve=False), "owner")
        device.debian.repackable = True
        await device.parts.auto.take()
        assert (await device.look((await device.parts.queue.newest(1))[0].action.action_id)).decided_by == "policy"
        assert device.versions == {"adduser": "1", "libc6": "2", "tzdata": "2"}


@pytest.mark.req("HC-08", "HC-31", "HP-03")
@pytest.mark.parametrize("action_type", [ActionType.APT_UPDATE, ActionType.CLEAR_LOGS])
async def test_the_small_ones_are_runs_too(tmp_path: Path, action_type: ActionType) -> None:
    async with packages(tmp_path) as device:
        done = await device.look((await device.create(action_type, yes=True)).action_id)
        assert (done.status, done.run) == (ActionStatus.SUCCEEDED, "run-1")
        assert done.result is not None
        assert done.result.packages_upgraded is None


@pytest.mark.req("HC-50")
async def test_without_the_rights_it_fails_with_the_sentence_and_changes_nothing(tmp_path: Path) -> None:
    async with packages(tmp_path) as device:
        device.debian.not_ready = "cannot change packages: sudo required (run as root)"
        done = await device.look((await device.create(yes=True)).action_id)
        assert done.status is ActionStatus.FAILED
        assert done.result is not None
        assert "sudo required" in (done.result.error or "")
        assert device.versions["libc6"] == "1"
