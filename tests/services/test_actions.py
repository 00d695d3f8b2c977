"""The action queue: what waits for a yes, what a yes is worth, and that one apt action at a time is under way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from doubles.action_world import ActionWorld, Agent

from dunebugger_updater.effects.store import Database
from dunebugger_updater.effects.store_actions import ActionTable
from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView, Kept, Parameters
from dunebugger_updater.model.wire import Declined
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.updates import Refusal

ALL, SECURITY, REFRESH = ActionType.APT_UPGRADE_ALL, ActionType.APT_UPGRADE_SECURITY, ActionType.APT_UPDATE
WEEK = timedelta(days=7)


@pytest.fixture
def world(tmp_path: Path) -> ActionWorld:
    return ActionWorld(tmp_path)


@pytest.fixture
async def agent(world: ActionWorld) -> AsyncIterator[Agent]:
    async with world.agent() as it:
        yield it


@pytest.mark.req("HC-04", "HC-11", "HC-60", "HC-68", "HP-14")
async def test_an_action_waits_for_an_owner_and_is_carried_out_once_approved(agent: Agent) -> None:
    made = await agent.queued()
    assert made.status is ActionStatus.PENDING_APPROVAL
    assert (made.created_by, made.notes, made.requires_approval) == ("tablet", ("a note",), True)
    assert agent.world.runs.told == {}
    approved = await agent.decide(made.action_id)
    assert isinstance(approved, ActionView)
    assert (approved.status, approved.decided_by) == (ActionStatus.APPROVED, "owner")
    done = await agent.look(made.action_id)
    assert (done.status, done.run) == (ActionStatus.SUCCEEDED, "run-1")
    assert agent.statuses() == ["pending_approval", "approved", "executing", "executing", "succeeded"]
    story = agent.world.runs.read("run-1")
    assert story is not None
    assert (story.opened.actor, story.opened.plan.hash) == ("owner", made.plan_hash)


@pytest.mark.req("HC-28", "HC-45", "HP-20", "HP-22")
async def test_what_waits_shows_the_exact_command_and_every_package_with_its_versions(agent: Agent) -> None:
    made = await agent.queued(SECURITY)
    assert made.title == "apply security updates (2)"
    assert made.command == "apt-get install --only-upgrade tzdata=2 'libc6=1:2~deb12u1'"
    assert [(each.name, each.before, each.after) for each in made.changes] == [
        ("tzdata", "1", "2"),
        ("libc6", "1", "1:2~deb12u1"),
    ]
    await agent.decide(made.action_id, approve=False)
    commands = [
        (await agent.queued(kind, parameters=Parameters(service=service), dry_run=True)).command
        for kind, service in ((REFRESH, None), (ActionType.RESTART_SERVICE, "ssh"), (ActionType.CLEAR_LOGS, None))
    ]
    assert commands == ["apt-get update", "systemctl restart ssh", "journalctl --vacuum-time=7d"]


@pytest.mark.req("HC-12")
async def test_in_maintenance_mode_nobody_has_to_be_asked(agent: Agent) -> None:
    agent.world.maintenance = True
    made = await agent.queued()
    assert (made.status, made.decided_by) == (ActionStatus.APPROVED, "maintenance mode")
    assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED


@pytest.mark.req("HP-13")
async def test_an_owner_may_approve_by_asking_and_nobody_else_may(agent: Agent) -> None:
    by_operator = await agent.queued(requires_approval=False)
    assert by_operator.status is ActionStatus.PENDING_APPROVAL
    await agent.decide(by_operator.action_id, approve=False)
    by_owner = await agent.queued(requires_approval=False, by_owner=True)
    assert by_owner.status is ActionStatus.APPROVED
    asked_for = await agent.look(by_owner.action_id)
    assert asked_for.status is ActionStatus.SUCCEEDED
    assert (await agent.queued(by_owner=True)).status is ActionStatus.PENDING_APPROVAL, "an owner may also wish to wait"


@pytest.mark.req("HC-47", "HC-77", "HP-11")
@pytest.mark.parametrize("second", [ALL, SECURITY, REFRESH])
async def test_a_second_apt_action_is_told_which_one_is_in_its_way(agent: Agent, second: ActionType) -> None:
    first = await agent.queued(REFRESH)
    told = await agent.create(second)
    assert isinstance(told, Declined)
    assert told.code == "CONFLICT"
    assert first.action_id in told.message
    assert "waits for approval" in told.message
    other = await agent.queued(ActionType.CLEAR_LOGS)
    assert other.status is ActionStatus.PENDING_APPROVAL, "what does not need apt does not wait for it"
    await agent.decide(first.action_id, approve=False)
    assert (await agent.queued(second)).status is ActionStatus.PENDING_APPROVAL


@pytest.mark.req("HC-77", "HP-24")
async def test_of_two_that_are_created_at_once_exactly_one_wins(agent: Agent) -> None:
    for _ in range(20):
        told = await asyncio.gather(*(agent.create() for _ in range(5)))
        won = [each for each in told if isinstance(each, ActionView)]
        assert len(won) == 1
        assert {each.code for each in told if isinstance(each, Declined)} == {"CONFLICT"}
        await agent.decide(won[0].action_id, approve=False)


def test_the_database_itself_holds_one_apt_action_at_a_time_for_two_processes(
    tmp_path: Path, world: ActionWorld
) -> None:
    one, two = Database(tmp_path / "updater.db"), Database(tmp_path / "updater.db")
    try:
        made = ActionView(
            action_id="a", action_type=ALL, status=ActionStatus.PENDING_APPROVAL, created_at=world.clock.now()
        )
        first, second = ActionTable(one), ActionTable(two)
        assert first.add(Kept(made, b""))
        other = Kept(
            ActionView(action_id="b", action_type=REFRESH, status=ActionStatus.APPROVED, created_at=world.clock.now()),
            b"",
        )
        assert not second.add(other)
        kept = second.read("a")
        assert kept is not None
        assert second.change(kept)
        assert not first.change(kept), "it was changed since it was read"
    finally:
        one.close()
        two.close()


@pytest.mark.req("HC-46")
async def test_what_another_version_wrote_blocks_nobody(agent: Agent, tmp_path: Path) -> None:
    made = await agent.queued()
    database = Database(tmp_path / "updater.db")
    database.rows("update action set document = ? where id = ?", '{"who": "knows"}', made.action_id)
    database.close()
    assert (await agent.queued()).status is ActionStatus.PENDING_APPROVAL


async def test_a_yes_is_only_to_the_plan_that_was_shown(agent: Agent) -> None:
    made = await agent.queued()
    wrong = await agent.decide(made.action_id, plan_hash="of something else")
    assert isinstance(wrong, Declined)
    assert wrong.code == "plan_changed"
    agent.world.archive = "12.2"
    late = await agent.decide(made.action_id, plan_hash=made.plan_hash)
    assert isinstance(late, Declined)
    assert late.code == "plan_changed"
    now = await agent.look(made.action_id)
    assert now.status is ActionStatus.PENDING_APPROVAL
    assert now.plan_hash != made.plan_hash
    assert agent.world.runs.told == {}
    assert isinstance(await agent.decide(made.action_id, plan_hash=now.plan_hash), ActionView)
    assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED


async def test_a_yes_without_a_hash_is_to_what_the_queue_shows_and_not_to_what_became_of_it(agent: Agent) -> None:
    made = await agent.queued()
    agent.world.archive = "12.2"
    told = await agent.decide(made.action_id)
    assert isinstance(told, Declined)
    assert "changed" in told.message
    assert isinstance(await agent.decide(made.action_id), ActionView)


async def test_what_was_looked_at_is_queued_only_as_it_was_seen(agent: Agent) -> None:
    seen = await agent.queued(dry_run=True)
    assert (seen.action_id, seen.status) == ("", ActionStatus.PENDING_APPROVAL)
    assert (await agent.parts.queue.newest(9)) == []
    agent.world.archive = "12.2"
    told = await agent.create(plan_hash=seen.plan_hash)
    assert isinstance(told, Declined)
    assert told.code == "plan_changed"
    again = await agent.queued(dry_run=True)
    assert (await agent.queued(plan_hash=again.plan_hash)).plan_hash == again.plan_hash
    assert (await agent.queued(dry_run=True)).action_id == "", "a look is in nobody's way"


@pytest.mark.req("HC-53", "HC-55", "HC-76", "HP-23")
@pytest.mark.parametrize(
    ("action_type", "words"), [(ALL, "nothing to upgrade"), (SECURITY, "no security updates available")]
)
async def test_nothing_to_do_is_a_success_with_no_packages(agent: Agent, action_type: ActionType, words: str) -> None:
    agent.world.problem = Refusal(Outcome.NOTHING_TO_DO, words)
    made = await agent.queued(action_type)
    assert (made.status, made.plan_hash, made.run) == (ActionStatus.SUCCEEDED, None, None)
    assert made.result is not None
    assert (made.result.success, made.result.output, made.result.packages_upgraded) == (True, words, 0)
    assert (await agent.queued(action_type)).status is ActionStatus.SUCCEEDED, "and it is in nobody's way"


async def test_what_has_been_done_meanwhile_by_others_ends_as_a_success(agent: Agent) -> None:
    made = await agent.queued()
    agent.world.problem = Refusal(Outcome.NOTHING_TO_DO, "nothing to upgrade")
    told = await agent.decide(made.action_id)
    assert isinstance(told, ActionView)
    assert told.status is ActionStatus.SUCCEEDED
    assert agent.world.runs.told == {}


async def test_what_cannot_be_planned_is_not_queued_and_says_why(agent: Agent) -> None:
    agent.world.problem = Refusal(Outcome.FAILED, "cannot read the package lists: /var/lib/apt/lists is empty")
    told = await agent.create()
    assert told == Declined("failed", "cannot read the package lists: /var/lib/apt/lists is empty", "failed")
    assert await agent.parts.queue.newest(9) == []


@pytest.mark.parametrize(("wrong", "code"), [(True, "bad_parameters"), (False, "refused")])
async def test_what_was_wrongly_asked_for_is_told_from_what_cannot_be_now(
    agent: Agent, *, wrong: bool, code: str
) -> None:
    agent.world.problem = Refusal(Outcome.REFUSED, "cannot upgrade tb-x: it is not installed", wrong=wrong)
    assert await agent.create() == Declined(code, "cannot upgrade tb-x: it is not installed", "refused")
    assert await agent.parts.queue.newest(9) == []


@pytest.mark.req("HC-36")
async def test_all_packages_with_security_only_are_the_security_updates(agent: Agent) -> None:
    made = await agent.queued(ALL, parameters=Parameters(security_only=True))
    assert made.action_type is SECURITY
    assert agent.world.planned[-1][0] is SECURITY


@pytest.mark.req("HC-78", "HP-08", "HP-28")
@pytest.mark.parametrize(
    ("action_type", "parameters"),
    [
        (ActionType.APT_UPGRADE_PACKAGES, Parameters()),
        (ActionType.APT_UPGRADE_PACKAGES, Parameters(packages=("openssh-server", "--allow-downgrades"))),
        (ActionType.APT_UPGRADE_PACKAGES, Parameters(packages=("a b",))),
        (ActionType.APT_UPGRADE_PACKAGES, Parameters(packages=("tzdata\n",))),
        (ActionType.APT_UPGRADE_PACKAGES, Parameters(packages=("tzdata=1.0",))),
        (ActionType.APT_UPGRADE_PACKAGES, Parameters(security_only=True, packages=("tzdata",))),
        (ALL, Parameters(packages=("tzdata",))),
        (REFRESH, Parameters(security_only=True)),
        (ActionType.RESTART_SERVICE, Parameters()),
        (ActionType.RESTART_SERVICE, Parameters(service="--help")),
        (ActionType.RESTART_SERVICE, Parameters(service="ssh; reboot")),
        (ActionType.RESTART_SERVICE, Parameters(service="dunebugger-updater.service")),
        (ActionType.CLEAR_LOGS, Parameters(service="ssh")),
        (ALL, Parameters(in_window=True)),
    ],
)
async def test_what_does_not_fit_together_never_gets_as_far_as_a_plan(
    agent: Agent, action_type: ActionType, parameters: Parameters
) -> None:
    told = await agent.create(action_type, parameters=parameters)
    assert isinstance(told, Declined)
    assert told.code == "bad_parameters"
    assert told.message.startswith("cannot ")
    assert agent.world.planned == []


@pytest.mark.parametrize("name", ["g++", "libstdc++6:armhf", "python3.11", "0ad"])
async def test_every_legal_name_of_a_package_is_taken(agent: Agent, name: str) -> None:
    made = await agent.queued(ActionType.APT_UPGRADE_PACKAGES, parameters=Parameters(packages=(name,)))
    assert made.parameters.packages == (name,)


async def test_what_waits_too_long_expires_and_can_be_neither_approved_nor_in_the_way(agent: Agent) -> None:
    made = await agent.queued()
    assert made.expires_at == agent.world.clock.now() + WEEK
    await agent.world.clock.turn(WEEK - timedelta(minutes=1))
    await agent.parts.work.tend()
    assert (await agent.look(made.action_id)).status is ActionStatus.PENDING_APPROVAL
    await agent.world.clock.turn(timedelta(minutes=2))
    told = await agent.decide(made.action_id)
    assert isinstance(told, Declined)
    assert "expired" in told.message
    assert (await agent.look(made.action_id)).status is ActionStatus.EXPIRED
    assert (await agent.queued()).status is ActionStatus.PENDING_APPROVAL


async def test_a_clock_that_jumps_and_cannot_be_believed_expires_nothing(agent: Agent) -> None:
    clock = agent.world.clock
    clock.doubt = "the clock has not been set"
    clock.shown -= timedelta(days=20_000)
    made = await agent.queued()
    assert made.expires_at is None, "seven days from 1972 is no date"
    clock.shown += timedelta(days=30_000)
    await agent.parts.work.tend()
    assert (await agent.look(made.action_id)).status is ActionStatus.PENDING_APPROVAL
    clock.shown -= timedelta(days=10_000)
    clock.doubt = None
    await agent.parts.work.tend()
    seen = await agent.look(made.action_id)
    assert (seen.status, seen.expires_at) == (ActionStatus.PENDING_APPROVAL, clock.now() + WEEK)


async def test_a_clock_that_is_lost_later_does_not_end_the_days_that_were_given(agent: Agent) -> None:
    clock, made = agent.world.clock, await agent.queued()
    clock.doubt = "the clock has not been set from the network since this device started"
    clock.shown += timedelta(days=3000)
    await agent.parts.work.tend()
    assert (await agent.look(made.action_id)).status is ActionStatus.PENDING_APPROVAL
    assert isinstance(await agent.decide(made.action_id), ActionView)
    assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED


async def test_what_is_over_cannot_be_decided_again(agent: Agent) -> None:
    made = await agent.queued()
    await agent.decide(made.action_id, approve=False)
    for approve in (True, False):
        told = await agent.decide(made.action_id, approve=approve)
        assert isinstance(told, Declined)
        assert told.code == "too_late"
    unknown = await agent.decide("no-such-action")
    assert isinstance(unknown, Declined)
    assert unknown.code == "action_not_found"


async def test_of_two_who_approve_at_once_one_is_too_late_and_it_is_done_once(agent: Agent) -> None:
    made = await agent.queued()
    told = await asyncio.gather(*(agent.decide(made.action_id) for _ in range(4)))
    assert sum(isinstance(each, ActionView) for each in told) == 1
    assert (await agent.look(made.action_id)).status is ActionStatus.SUCCEEDED
    assert len(agent.world.runs.told) == 1
