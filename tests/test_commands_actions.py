"""The commands of the action queue: by an agent's hands or by their own, with the same words and exit statuses."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from doubles.action_world import ActionWorld
from doubles.fleet import NOW, FakeAccounts, FakeFleet
from msgspec.structs import replace

from dunebugger_updater import actions_door, commands_actions
from dunebugger_updater.api.app import make_app
from dunebugger_updater.api.serve import serve_unix
from dunebugger_updater.effects.store import Database
from dunebugger_updater.events import Closed, Opened, Outcome
from dunebugger_updater.model.actions import ActionResult, ActionStatus, ActionType, Parameters
from dunebugger_updater.model.settings import Component, Settings, Updater
from dunebugger_updater.model.wire import AnyReply, AnyRequest, CreateAction
from dunebugger_updater.plan import Plan
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story


@pytest.fixture
def world(tmp_path: Path) -> ActionWorld:
    return ActionWorld(tmp_path)


class Updates:
    """Carries out as the real one does, and lets it be heard."""

    def __init__(self, world: ActionWorld) -> None:
        self.world = world

    async def carry_out(self, plan: Plan, actor: str, hear: Any, cancel: object = None) -> Story | Refusal:
        if self.world.busy is not None:
            return self.world.busy
        run = f"run-{len(self.world.runs.told) + 1}"
        opened = Opened(run, plan, actor)
        self.world.runs.write(run, self.world.clock.now(), opened)
        hear(opened)
        await asyncio.sleep(0)
        self.world.end(run)
        story = self.world.runs.read(run)
        assert story is not None
        return story


def house_of(world: ActionWorld) -> Any:
    """As much of a house as these commands see."""

    updater = Updater(state_path=world.place, maintenance_windows=world.windows, timezone="UTC")
    return SimpleNamespace(
        settings=Settings(updater=updater, components=(Component(name="system", type="apt"),)),
        device=SimpleNamespace(clock=world.clock, files=world, packages=world, installer=world),
        runs=world.runs,
        watch=SimpleNamespace(holds=world),
        plans=world,
        lock=world.lock,
        updates=Updates(world),
    )


async def say(house: Any, command: str, **words: object) -> int:
    """One command; ``--json`` unless it says otherwise."""
    usual: dict[str, object] = {"json": True, "yes": False, "in_window": False, "names": [], "action": None}
    return int(await getattr(commands_actions, command)(house, argparse.Namespace(**(usual | words))))


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """The one JSON document on standard output."""
    return json.loads(capsys.readouterr().out)


# without an agent


@pytest.mark.req("HC-08", "HC-57", "HP-20")
async def test_without_an_agent_an_action_is_queued_approved_and_carried_out(
    world: ActionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_of(world)
    assert await say(house, "action", type="apt_update") == 0
    made = told(capsys)
    assert set(made) >= {"action_id", "action_type", "status", "created_at", "plan_hash"}
    assert made["status"] == "pending_approval"
    assert world.runs.told == {}
    assert await say(house, "actions") == 0
    assert [each["action_id"] for each in told(capsys)] == [made["action_id"]]
    assert await say(house, "approve", action=made["action_id"]) == 0
    done = told(capsys)
    assert (done["status"], done["run"], done["result"]["success"]) == ("succeeded", "run-1", True)
    assert await say(house, "actions", action=made["action_id"], json=False) == 0
    assert "Setting up 12.1" in capsys.readouterr().out


@pytest.mark.req("HC-09", "HC-58", "HC-59", "HP-21")
@pytest.mark.parametrize("kind", ["apt_upgrade_all", "apt_upgrade_security", "clear_logs"])
async def test_with_yes_it_is_done_at_once_as_the_owner(
    world: ActionWorld, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await say(house_of(world), "action", type=kind, yes=True) == 0
    done = told(capsys)
    assert (done["action_type"], done["status"], done["requires_approval"]) == (kind, "succeeded", False)
    assert world.planned[0][0].value == kind


@pytest.mark.req("HC-17", "HP-02")
@pytest.mark.parametrize(
    ("kind", "names", "packages", "service"),
    [
        ("apt_upgrade_packages", ["g++", "tzdata"], ["g++", "tzdata"], None),
        ("restart_service", ["ssh"], [], "ssh"),
    ],
)
async def test_names_are_packages_or_the_service(
    world: ActionWorld,
    kind: str,
    names: list[str],
    packages: list[str],
    service: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await say(house_of(world), "action", type=kind, names=names) == 0
    parameters = told(capsys)["parameters"]
    assert (parameters["packages"], parameters["service"]) == (packages, service)


UNKNOWN = [("approve", "nobody"), ("reject", "../../x"), ("actions", "../../x"), ("approve", "")]


@pytest.mark.parametrize(
    ("kind", "names"), [("apt_upgrade_packages", ["-t"]), ("apt_update", ["tzdata"]), ("restart_service", ["a", "b"])]
)
async def test_names_that_cannot_be_meant_are_a_mistake_in_usage(
    world: ActionWorld, kind: str, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await say(house_of(world), "action", type=kind, names=names) == 2
    assert told(capsys)["error"]["code"] == "USAGE"


@pytest.mark.parametrize(("command", "name"), UNKNOWN)
async def test_an_action_that_is_not_there_is_a_mistake_in_usage(
    world: ActionWorld, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await say(house_of(world), command, action=name) == 2
    assert told(capsys)["error"]["code"] == "USAGE"
    async with served(world):
        assert await say(house_of(world), command, action=name) == 2
    assert told(capsys)["error"]["code"] == "USAGE"


async def test_a_second_one_is_refused_and_told_about_the_first(
    world: ActionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_of(world)
    await say(house, "action", type="apt_update")
    first = told(capsys)["action_id"]
    assert await say(house, "action", type="apt_upgrade_all", yes=True) == 3
    assert first in told(capsys)["error"]["message"]
    assert await say(house, "reject", action=first) == 0
    assert told(capsys)["status"] == "rejected"
    assert await say(house, "reject", action=first) == 3


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.FAILED, 1), (Outcome.REFUSED, 3), (Outcome.ROLLED_BACK, 4), (Outcome.STUCK, 5)]
)
async def test_how_it_ended_is_the_exit_status(
    world: ActionWorld, outcome: Outcome, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ends = outcome
    assert await say(house_of(world), "action", type="apt_upgrade_all", yes=True) == status
    assert told(capsys)["result"]["outcome"] == outcome.value
    assert await say(house_of(world), "action", type="apt_upgrade_all", yes=True, json=False) == status
    assert "the health check failed" in capsys.readouterr().out


async def test_a_busy_device_is_told_at_once_and_nothing_is_left_in_the_queue(
    world: ActionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.busy = Refusal(Outcome.REFUSED, "busy: another dunebugger-updater (process 7) is changing this device")
    assert await say(house_of(world), "action", type="apt_upgrade_all", yes=True) == 3
    assert "process 7" in told(capsys)["result"]["error"]
    world.busy = None
    assert await say(house_of(world), "action", type="apt_upgrade_all", yes=True) == 0


@pytest.mark.req("HC-53", "HC-55")
async def test_nothing_to_do_is_good_news_in_words(world: ActionWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.problem = Refusal(Outcome.NOTHING_TO_DO, "no security updates available")
    assert await say(house_of(world), "action", type="apt_upgrade_security", yes=True, json=False) == 0
    assert capsys.readouterr().out == "apply security updates (0): no security updates available\n"


async def test_who_did_what_is_in_the_audit(world: ActionWorld, capsys: pytest.CaptureFixture[str]) -> None:
    house = house_of(world)
    await say(house, "action", type="apt_upgrade_packages", names=["tzdata"])
    await say(house, "approve", action=told(capsys)["action_id"])
    database = Database(world.place / "updater.db")
    entries = [(each.action, each.detail.split()[0]) for each in database.audit(9)]
    database.close()
    assert entries[1] == ("queue action", "apt_upgrade_packages")
    assert entries[0][0] == "approve action"


async def test_a_command_finds_out_what_became_of_an_action_whose_agent_was_killed(
    world: ActionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.held_up = True
    async with world.agent() as agent:
        made = await agent.queued(requires_approval=False, by_owner=True)
        await agent.look(made.action_id)
    world.end("run-1")
    assert await say(house_of(world), "actions", action=made.action_id) == 0
    assert told(capsys)["status"] == "succeeded"


@pytest.mark.req("HC-77")
async def test_a_component_update_of_packages_stands_in_the_same_line(world: ActionWorld) -> None:
    house = house_of(world)
    plan = await world.plan(ActionType.APT_UPGRADE_ALL, Parameters())
    assert isinstance(plan, Plan)
    heard: list[object] = []
    story = await actions_door.update(house, plan, heard.append, "owner", named=False)
    assert isinstance(story, Story)
    assert [type(each) for each in heard] == [Opened]
    await say(house, "action", type="apt_update")
    refused = await actions_door.update(house, plan, heard.append, "owner", named=False)
    assert isinstance(refused, Refusal)
    assert refused.outcome is Outcome.REFUSED
    assert "apt_update" in refused.message
    assert len(world.runs.told) == 1


# by an agent


@asynccontextmanager
async def served(world: ActionWorld) -> AsyncIterator[FakeFleet]:
    """An agent's socket in the state directory."""
    fleet = FakeFleet()
    app = make_app(fleet, FakeAccounts(), version="1", commit="", hostname="dune")
    runner = await serve_unix(app, world.place / "agent.sock")
    try:
        yield fleet
    finally:
        await runner.cleanup()


def quick(world: ActionWorld) -> None:
    """Waiting takes no time."""

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    world.clock.sleep = sleep  # type: ignore[method-assign,assignment]  # the double's own way needs somebody to turn it


async def test_while_an_agent_runs_it_does_the_work_and_the_command_follows_the_run(
    world: ActionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    quick(world)
    house = house_of(world)
    async with served(world) as fleet:

        def begun(request: AnyRequest) -> AnyReply | None:
            if isinstance(request, CreateAction):
                asyncio.get_running_loop().call_soon(carry_out, "a-1")
            return None

        def carry_out(name: str) -> None:
            if name not in fleet.actions:
                asyncio.get_running_loop().call_soon(carry_out, name)
                return
            world.runs.write("run-1", NOW, Opened("run-1", Plan("system", "update", None, "12.1")))
            fleet.actions[name] = replace(fleet.actions[name], status=ActionStatus.EXECUTING, run="run-1")
            asyncio.get_running_loop().call_later(0.05, end, name)

        def end(name: str) -> None:
            world.runs.write("run-1", NOW, Closed(Outcome.UPDATED))
            result = ActionResult(success=True, output="Setting up tzdata", outcome="updated")
            fleet.actions[name] = replace(fleet.actions[name], status=ActionStatus.SUCCEEDED, result=result)

        fleet.answers = begun
        assert await say(house, "action", type="apt_upgrade_all", yes=True) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["status"] == "succeeded"
        events = [json.loads(line)["event"] for line in said.err.splitlines()]
        assert events == ["opened", "closed"]
        assert fleet.asked[0][0] == "local"
        first = fleet.asked[0][1]
        assert isinstance(first, CreateAction)
        assert (first.by_owner, first.requires_approval) == (True, False)
    assert not (world.place / "updater.db").exists(), "the command left the queue to the agent"


async def test_an_agents_queue_is_listed_approved_and_rejected(
    world: ActionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    quick(world)
    house = house_of(world)
    async with served(world) as fleet:
        for _ in range(2):
            assert await say(house, "action", type="apt_update") == 0
            assert told(capsys)["status"] == "pending_approval"
        assert await say(house, "actions", json=False) == 0
        assert "a-2" in capsys.readouterr().out
        assert await say(house, "reject", action="a-1") == 0
        assert told(capsys)["status"] == "rejected"
        asyncio.get_running_loop().call_later(
            0.05, lambda: fleet.actions.update({"a-2": replace(fleet.actions["a-2"], waiting="waits for the window")})
        )
        assert await say(house, "approve", action="a-2") == 0
        assert (told(capsys)["status"], fleet.actions["a-2"].status) == ("approved", ActionStatus.APPROVED)
        assert await say(house, "approve", action="a-7") == 2
