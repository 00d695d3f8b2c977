"""Packages without a person: old enough, in a window, with a full way back, and never the same failure twice."""

from datetime import timedelta
from pathlib import Path

import pytest
from doubles.action_world import NIGHT, START, ActionWorld, Agent, quiet

from dunebugger_updater.model.actions import ActionStatus, ActionType, Parameters
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.model.packages import Pending
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.updates import Refusal

pytestmark = pytest.mark.req("HC-18")


def pending(name: str, candidate: str = "2", kept_back: str | None = None) -> Pending:
    return Pending(name, "1", candidate, security=False, origins=("Debian:12/stable",), kept_back=kept_back)


@pytest.fixture
def world(tmp_path: Path) -> ActionWorld:
    return ActionWorld(tmp_path, policy="auto", pending=(pending("adduser"), pending("tzdata")))


async def newest(agent: Agent) -> list[tuple[str, str, tuple[str, ...]]]:
    await quiet()
    found = await agent.parts.queue.newest(9)
    return [
        (each.action.action_type.value, each.action.status.value, each.action.parameters.packages) for each in found
    ]


async def test_what_is_ready_is_taken_and_the_action_says_that_the_policy_did_it(world: ActionWorld) -> None:
    async with world.agent() as agent:
        told = await agent.parts.auto.take()
        assert told.reason == "has been taken"
        assert await newest(agent) == [("apt_upgrade_all", "succeeded", ())]
        kept = (await agent.parts.queue.newest(1))[0]
        assert (kept.action.created_by, kept.action.decided_by) == ("policy", "policy")
    story = world.runs.read("run-1")
    assert story is not None
    assert story.opened.actor == "policy"


@pytest.mark.parametrize("policy", ["ask", "never"])
async def test_without_the_owners_policy_nothing_is_taken(world: ActionWorld, policy: str) -> None:
    world.policy = policy
    async with world.agent() as agent:
        assert not (await agent.parts.auto.take()).now
        assert await newest(agent) == []


async def test_nothing_pending_is_nothing_to_queue(world: ActionWorld) -> None:
    world.pending = (pending("held", kept_back="is held"),)
    async with world.agent() as agent:
        assert (await agent.parts.auto.take()).reason == "has nothing to upgrade"
        assert await newest(agent) == []


async def test_outside_the_window_it_waits_and_knows_until_when(world: ActionWorld) -> None:
    world.windows = (NIGHT,)
    async with world.agent() as agent:
        told = await agent.parts.auto.take()
        assert told.again_at == START + timedelta(hours=14)
        assert await newest(agent) == []
        await world.clock.turn(timedelta(hours=14, minutes=1))
        await agent.parts.auto.take()
        assert await newest(agent) == [("apt_upgrade_all", "succeeded", ())]


async def test_only_what_was_seen_for_long_enough_is_taken_also_across_a_restart(world: ActionWorld) -> None:
    world.minimum_age = 24
    async with world.agent() as agent:
        told = await agent.parts.auto.take()
        assert told.again_at == START + timedelta(hours=24)
        await world.clock.turn(timedelta(hours=20))
        world.pending = (*world.pending, pending("vim"))
        await agent.parts.auto.take()
        assert await newest(agent) == []
    async with world.agent() as agent:
        await world.clock.turn(timedelta(hours=5))
        await agent.parts.auto.take()
        assert await newest(agent) == [("apt_upgrade_packages", "succeeded", ("adduser", "tzdata"))]
        world.pending = (pending("adduser", "3"), pending("vim"))
        await world.clock.turn(timedelta(hours=20))
        await agent.parts.auto.take()
        assert (await newest(agent))[0] == ("apt_upgrade_packages", "succeeded", ("vim",)), "a new version is new"
    kept = from_json(world.files[world.place / "packages_seen.json"], dict[str, str])
    assert set(kept) == {"adduser=3", "vim=2"}, "what is not pending any more is forgotten"


async def test_what_a_clock_of_the_future_has_written_is_not_believed(world: ActionWorld) -> None:
    world.minimum_age = 24
    world.files[world.place / "packages_seen.json"] = b'{"adduser=2": "2031-01-01T00:00:00Z", "tzdata=2": "nonsense"}'
    async with world.agent() as agent:
        assert (await agent.parts.auto.take()).again_at == START + timedelta(hours=24)
    world.files[world.place / "packages_seen.json"] = b'{"adduser=2": "2031-01-01T00:00:00Z"}'
    async with world.agent() as agent:
        assert (await agent.parts.auto.take()).again_at == START + timedelta(hours=24)


async def test_what_could_not_be_taken_back_is_asked_for_and_not_taken(world: ActionWorld) -> None:
    world.lost = ("libc6",)
    async with world.agent() as agent:
        told = await agent.parts.auto.take()
        assert told.reason == "waits for approval: libc6 could not be taken back"
        assert await newest(agent) == [("apt_upgrade_all", "pending_approval", ())]
        assert "waits for another action" in (await agent.parts.auto.take()).reason
        assert world.runs.told == {}


@pytest.mark.parametrize("how", ["failed", "rejected", "expired"])
async def test_what_was_turned_down_or_failed_is_not_tried_again_by_itself_until_it_is_another(
    world: ActionWorld, how: str
) -> None:
    world.ends = Outcome.ROLLED_BACK
    world.lost = () if how == "failed" else ("libc6",)
    async with world.agent() as agent:
        await agent.parts.auto.take()
        made = (await agent.parts.queue.newest(1))[0].action
        if how == "rejected":
            await agent.decide(made.action_id, approve=False)
        if how == "expired":
            await world.clock.turn(timedelta(days=8))
            await agent.parts.work.tend()
        assert (await agent.look(made.action_id)).status.value == how
        assert f"was {how} before" in (await agent.parts.auto.take()).reason
        assert len(await newest(agent)) == 1
        world.archive, world.lost, world.ends = "12.2", (), Outcome.UPDATED
        await agent.parts.auto.take()
        assert (await newest(agent))[0] == ("apt_upgrade_all", "succeeded", ())


async def test_what_meets_a_busy_device_waits_for_a_window_like_everything_of_the_policys(world: ActionWorld) -> None:
    world.windows = (NIGHT,)
    await world.clock.turn(timedelta(hours=14, minutes=1))
    world.busy = Refusal(Outcome.REFUSED, "busy")
    async with world.agent() as agent:
        await agent.parts.auto.take()
        assert await newest(agent) == [("apt_upgrade_all", "approved", ())]
        world.busy = None
        await world.clock.turn(timedelta(hours=4))
        await agent.parts.work.tend()
        assert await newest(agent) == [("apt_upgrade_all", "approved", ())], "the window is over"
        await world.clock.turn(timedelta(hours=20))
        await agent.parts.work.tend()
        assert await newest(agent) == [("apt_upgrade_all", "succeeded", ())]


async def test_a_persons_action_goes_first(world: ActionWorld) -> None:
    async with world.agent() as agent:
        await agent.queued(ActionType.APT_UPGRADE_PACKAGES, parameters=Parameters(packages=("vim",)))
        await agent.parts.auto.take()
        assert [status for _, status, _ in await newest(agent)] == [ActionStatus.PENDING_APPROVAL.value]
