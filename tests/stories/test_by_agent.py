"""The command line while an agent runs: the agent does the work, and we are told as if there were none."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doubles.github import Trouble
from stories.agents import Agent, agent_device
from stories.real_app import LIMIT, Json, until
from stories.real_releases import Publisher, publisher

from dunebugger_updater.events import Began, Closed, Opened

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def github() -> Iterator[Publisher]:
    with publisher() as published:
        yield published


@pytest.fixture
def agent(tmp_path: Path, github: Publisher) -> Iterator[Agent]:
    with agent_device(tmp_path / "d", github.shelf("1.1.0", "1.2.0")) as made:
        yield made


@contextmanager
def following(agent: Agent, github: Publisher, stall: float) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """``update core`` while the agent's download hangs; answers the command and the agent's run."""
    asset = agent.device.shelf.asset("core-1.1.0.tar.gz")
    github.fake.troubles.append(Trouble(rf"^/{asset}/", times=1, stall=stall))
    try:
        command = agent.device.launch("update", "core", "--version", "1.1.0", "--yes", "--json")
        until("the download begins", lambda: any(isinstance(each, Began) for each in events(agent)), limit=45)
        said = agent.device.root / "said.err"
        until("the command tells of it", lambda: "opened" in said.read_text())
        yield command, agent.device.journals()[-1].stem
    finally:
        github.fake.troubles.clear()


def events(agent: Agent) -> list[object]:
    """What happened in the last run."""
    files = agent.device.journals()
    return [each.event for each in agent.device.told(files[-1])] if files else []


def actor(agent: Agent) -> str:
    opened = events(agent)[0]
    assert isinstance(opened, Opened)
    return opened.actor


def same(told: Json) -> Json:
    """An answer without what is another one in each run: its name, its times and sizes, and whose it was."""
    own = {"run", "started_at", "ended_at", "seconds", "downtime_seconds", "plan_hash", "actor", "steps", "evidence"}
    return {key: value for key, value in told.items() if key not in own}


@pytest.mark.req("DB-022")
def test_check_and_update_answer_as_they_do_without_an_agent(agent: Agent) -> None:
    alone = agent.device.answer("check")
    agent.begin()
    served = agent.device.answer("check", "--force")
    for each in (alone, served):
        assert each["components"]["core"].pop("last_checked") is not None
    assert served == alone
    good = agent.device.update("--version", "1.1.0", status=0)
    assert (good["success"], good["outcome"]) == (True, "updated")
    assert agent.device.running["version"] == "1.1.0"
    bad = agent.device.update("--version", "1.2.0", status=4)
    assert (bad["success"], bad["outcome"]) == (False, "rolled_back")
    assert agent.device.running["version"] == "1.1.0"
    by_it = actor(agent)
    nothing = agent.device.update("--version", "1.1.0", status=0)
    agent.end()
    assert agent.device.update("--version", "1.1.0", status=0) == nothing
    again = agent.device.update("--version", "1.2.0", status=4)
    assert set(again) == set(bad)
    assert same(again) == same(bad)
    assert actor(agent) != by_it, "the runs before were the agent's"


@pytest.mark.slow
def test_who_stops_following_is_told_that_the_run_goes_on_in_the_agent_and_it_does(
    agent: Agent, github: Publisher
) -> None:
    agent.begin()
    with following(agent, github, stall=4) as (command, run):
        command.send_signal(signal.SIGINT)
        assert command.wait(LIMIT) == 130
        assert not isinstance(events(agent)[-1], Closed)
        said = (agent.device.root / "said.err").read_text()
        assert agent.ended(run)["outcome"] == "updated"
    assert said.splitlines()[-1] == (
        f"stopped following; run {run} goes on in the agent: dunebugger-updater show {run} tells how it stands"
    )
    assert "Traceback" not in said
    assert agent.device.running["version"] == "1.1.0"


@pytest.mark.slow
def test_an_agent_killed_while_we_follow_is_a_sentence_that_says_what_becomes_of_the_run(
    agent: Agent, github: Publisher
) -> None:
    agent.begin()
    with following(agent, github, stall=60) as (command, run):
        agent.kill()
        assert command.wait(LIMIT) == 1
    sentence = f"the agent went away; run {run} goes on when it starts again, or by recover"
    told = json.loads((agent.device.root / "said.out").read_text())
    assert (told["success"], told["outcome"], told["message"]) == (False, "failed", sentence)
    assert "Traceback" not in (agent.device.root / "said.err").read_text()
    assert agent.device.answer("recover")[0]["run"] == run
    assert isinstance(events(agent)[-1], Closed)
