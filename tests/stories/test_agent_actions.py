"""The whole agent with an action queue: asked over its socket, done by the real engine, known after a restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stories.real_app import free_port

from dunebugger_updater.agent import running
from dunebugger_updater.effects import agent_door
from dunebugger_updater.model.actions import ActionType, Parameters
from dunebugger_updater.model.settings import Panel, Settings, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.steps import CopyFile
from dunebugger_updater.wiring import house

pytestmark = pytest.mark.timeout(120)


BUSY = {"approved", "executing", "overdue"}


class Copying:
    """Plans that copy a file instead of changing this machine's packages."""

    def __init__(self, place: Path) -> None:
        self.place = place

    async def plan(self, action_type: ActionType, parameters: Parameters) -> Plan | Refusal:
        if action_type is ActionType.CLEAR_LOGS:
            return Refusal(Outcome.NOTHING_TO_DO, "nothing to clear")
        step = CopyFile(self.place / "from", self.place / "to")
        return Plan("system", "update", "debian-12.0", "debian-12.1", steps=(step,))

    async def output(self, plan: Plan) -> str:
        return f"copied for {plan.to_version}"


class Asked:
    """What the agent answers."""

    def __init__(self, state: Path) -> None:
        self.state = state

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        status, content = await agent_door.post(self.state, f"/api/v1/{path}", json.dumps(body).encode())
        return status, json.loads(content)

    async def get(self, path: str) -> Any:
        return json.loads((await agent_door.get(self.state, f"/api/v1/{path}"))[1])

    async def ended(self, action: str) -> Any:
        async with asyncio.timeout(30):
            while (told := await self.get(f"actions/{action}"))["status"] in BUSY:  # noqa: ASYNC110  (a bounded look)
                await asyncio.sleep(0.02)
        return told


@asynccontextmanager
async def agent(place: Path) -> AsyncIterator[Asked]:
    settings = Settings(
        updater=Updater(state_path=place / "state", backup_path=place / "backups"),
        components=(),  # this machine's packages are nobody's business here
        panel=Panel(host="127.0.0.1", port=free_port()),
    )
    async with house(settings) as built:
        plans: Any = Copying(place)
        async with running(replace(built, plans=plans)):
            yield Asked(place / "state")


@pytest.mark.req("HC-06", "HC-13", "HC-15", "HC-61", "HC-69", "HC-74", "HC-75", "HP-26", "HP-31")
async def test_from_the_wish_to_the_result_and_over_a_restart(tmp_path: Path) -> None:
    (tmp_path / "from").write_text("new")
    async with agent(tmp_path) as asked:
        status, made = await asked.post("actions", {"action_type": "apt_upgrade_all"})
        assert (status, made["status"]) == (202, "pending_approval")
        status, second = await asked.post("actions", {"action_type": "apt_update"})
        assert (status, second["error"]["code"]) == (409, "CONFLICT")
        assert made["action_id"] in second["error"]["message"]
        status, _ = await asked.post(f"actions/{made['action_id']}/approve", {"plan_hash": "another"})
        assert status == 409
        assert not (tmp_path / "to").exists()
    async with agent(tmp_path) as asked:
        status, _ = await asked.post(f"actions/{made['action_id']}/approve", {"plan_hash": made["plan_hash"]})
        assert status == 200
        done = await asked.ended(made["action_id"])
        assert (tmp_path / "to").read_text() == "new"
        assert (done["status"], done["result"]["output"]) == ("succeeded", "copied for debian-12.1")
        run = await asked.get(f"runs/{done['run']}")
        assert (run["view"]["outcome"], run["view"]["plan_hash"]) == ("updated", made["plan_hash"])
        _, nothing = await asked.post("actions", {"action_type": "clear_logs", "requires_approval": False})
        assert (nothing["status"], nothing["result"]["output"]) == ("succeeded", "nothing to clear")
    async with agent(tmp_path) as asked:
        listed = (await asked.get("actions"))["actions"]
        assert [each["status"] for each in listed] == ["succeeded", "succeeded"]
        assert [each["action"] for each in (await asked.get("audit"))["audit"]][-1] == "queue action"


async def test_a_damaged_database_loses_the_queue_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "from").write_text("new")
    async with agent(tmp_path) as asked:
        _, made = await asked.post("actions", {"action_type": "apt_upgrade_all", "requires_approval": False})
        done = await asked.ended(made["action_id"])
    (tmp_path / "state" / "updater.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 20_000)
    for name in ("updater.db-wal", "updater.db-shm"):
        (tmp_path / "state" / name).unlink(missing_ok=True)
    async with agent(tmp_path) as asked:
        assert (await asked.get("actions"))["actions"] == []
        assert (await asked.get(f"runs/{done['run']}"))["view"]["outcome"] == "updated"
        status, _ = await asked.post("actions", {"action_type": "apt_upgrade_all"})
        assert status == 202
