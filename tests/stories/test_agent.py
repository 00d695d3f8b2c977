"""The agent as its owner has it: a process that looks, updates, serves and tells, and may be killed at any time."""

import asyncio
import contextlib
import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from doubles.github import Trouble
from stories.agents import PASSWORD, Agent, agent_device
from stories.real_app import Json, free_port, until
from stories.real_releases import Publisher, publisher
from stories.tiny import configuration

from dunebugger_updater.agent import running
from dunebugger_updater.config import load
from dunebugger_updater.events import Began, Closed
from dunebugger_updater.steps import AnyStep, Download, StopService
from dunebugger_updater.wiring import house

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def github() -> Iterator[Publisher]:
    with publisher() as published:
        yield published


@pytest.fixture
def agent(tmp_path: Path, github: Publisher) -> Iterator[Agent]:
    with agent_device(tmp_path / "d", github.shelf("1.1.0")) as made:
        yield made


def wait_for_step(agent: Agent, run: str, kind: type[AnyStep]) -> None:
    def begun() -> bool:
        told = agent.device.told(agent.device.state / f"runs/{run}.jsonl")
        steps = told[0].event.plan.steps if told else ()  # type: ignore[union-attr]  # the first event opens
        return any(isinstance(each.event, Began) and isinstance(steps[each.event.step], kind) for each in told)

    until(f"a step {kind.__name__} begins", begun, limit=45)


def events(agent: Agent, run: str) -> list[object]:
    return [each.event for each in agent.device.told(agent.device.state / f"runs/{run}.jsonl")]


@pytest.mark.req("DB-034")
def test_an_agent_killed_in_the_middle_of_an_update_finishes_or_undoes_it_before_it_answers_again(agent: Agent) -> None:
    agent.begin()
    agent.good("POST", "check", {"force": True})
    run = agent.update()
    wait_for_step(agent, run, StopService)
    agent.kill()
    agent.begin()
    assert isinstance(events(agent, run)[-1], Closed), "it recovers first, and answers then"
    view = agent.ended(run)
    assert view["outcome"] in {"updated", "rolled_back"}
    assert agent.device.running["version"] == ("1.1.0" if view["outcome"] == "updated" else "1.0.0")
    assert agent.device.ask("/health")[0] == 200
    assert len(agent.device.app_processes()) == 1
    assert "recovered: " in agent.said
    status, page = agent.ask("GET", "/setup", headers={})
    assert (status, "<form" in page) == (200, True)


def test_the_first_visitor_needs_the_one_time_code_from_the_log_and_it_is_good_once(agent: Agent) -> None:
    agent.begin()
    code = re.findall(r"one-time code: (\d{4}-\d{4}-\d{4})", agent.said)[0]
    path = "/api/v1/setup"
    wrong = agent.ask("POST", path, {"code": "0000-0000-0000", "password": PASSWORD}, {})
    assert wrong[0] == 403
    assert agent.ask("POST", path, {"code": code, "password": "short"}, {})[0] == 403
    told = agent.ask("POST", path, {"code": code, "password": PASSWORD}, {})
    assert told[0] == 200, told
    assert told[1]["role"] == "owner"
    assert agent.ask("POST", path, {"code": code, "password": "another password"}, {})[0] == 403
    assert agent.ask("POST", "/api/v1/session", {"password": PASSWORD}, {})[0] == 200
    assert agent.ask("GET", "/api/v1/components", headers={})[0] == 401
    agent.kill()
    before = len(re.findall("one-time code", agent.said))
    agent.begin()
    assert len(re.findall("one-time code", agent.said)) == before, "an owned device has no code any more"


async def _hear(line: aiohttp.ClientWebSocketResponse, subject: str) -> list[Json]:
    """All frames up to the first with that subject."""
    frames: list[Json] = []
    async with asyncio.timeout(45):
        while not frames or frames[-1]["subject"] != subject:
            frames.append(json.loads(await line.receive_str()))
    return frames


@pytest.mark.req("DB-022")
@pytest.mark.req("DB-031")
async def test_who_asks_on_the_websocket_hears_progress_and_the_result_and_so_does_who_listens(agent: Agent) -> None:
    await asyncio.to_thread(agent.begin)
    token = {"Authorization": f"Bearer {agent.token}"}
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{agent.origin}/ws", headers=token) as asks,
        client.ws_connect(f"{agent.origin}/ws?token={agent.token}") as listens,
    ):
        await asks.send_json({"subject": "updater.check_updates", "source": "test", "body": {"force": True}, "id": 1})
        checked = (await _hear(asks, "update_check_result"))[-1]
        assert (checked["source"], checked["re"]) == ("controller", 1)
        core = checked["body"]["components"]["core"]
        assert (core["current"], core["latest"], core["update_available"]) == ("1.0.0", "1.1.0", True)
        await asks.send_json(
            {"subject": "updater.perform_update", "source": "test", "body": {"component": "core"}, "id": "u"}
        )
        *progress, result = [f for f in await _hear(asks, "update_result") if f["subject"].startswith("update_")]
        also = await _hear(listens, "update_result")
    steps = [frame for frame in progress if frame["subject"] == "update_progress"]
    assert {frame["re"] for frame in steps} == {"u"}
    assert {"run", "component", "step", "number", "of", "state", "message"} <= set(steps[0]["body"])
    numbers = [frame["body"]["number"] for frame in steps if frame["body"]["state"] == "began"]
    assert numbers == sorted(numbers) == list(range(1, steps[-1]["body"]["of"] + 1))
    body: dict[str, Any] = result["body"]
    assert (body["component"], body["success"], body["outcome"], body["dry_run"]) == ("core", True, "updated", False)
    assert also[-1]["body"] == body
    assert "re" not in also[-1]
    assert agent.device.running["version"] == "1.1.0"
    assert agent.token not in agent.said


def test_an_agent_left_alone_looks_takes_what_is_good_and_does_not_take_what_is_bad_twice(
    tmp_path: Path, github: Publisher
) -> None:
    with (
        told_to() as (url, letters),
        agent_device(
            tmp_path / "d",
            github.shelf("1.1.0"),
            updater="initialDelayMinutes = 0",
            component="policy = auto",
            more=f"[Notifications]\nurls = {url}\n",
        ) as agent,
    ):
        agent.begin()
        until("1.1.0 was taken", lambda: _outcomes(agent) == ["updated"], limit=45)
        assert agent.device.running["version"] == "1.1.0"
        agent.device.shelf.offer("1.1.0", "1.2.0")
        agent.kill()
        (agent.device.state / "timetable.json").unlink()
        agent.begin()
        until("1.2.0 was tried", lambda: _outcomes(agent) == ["updated", "rolled_back"], limit=45)
        until("the owner was told", lambda: any("back at 1.1.0" in each for each in letters))
        before = agent.good("GET", "components/core")["last_checked"]
        agent.kill()
        (agent.device.state / "timetable.json").unlink()
        agent.begin()
        until("it looked again", lambda: agent.good("GET", "components/core")["last_checked"] != before)
        core = agent.good("GET", "components/core")
        assert core["quarantined"] == ["1.2.0"]
        assert not core["update_available"]
        assert _outcomes(agent) == ["updated", "rolled_back"]
        assert agent.device.running["version"] == "1.1.0"
        assert [each for each in letters if "updated to 1.1.0" in each]
        assert len([each for each in letters if "back at 1.1.0" in each]) == 1, "each thing is told once"


def _outcomes(agent: Agent) -> list[str]:
    told = [each.event for file in agent.device.journals() for each in agent.device.told(file)]
    return [str(event.outcome) for event in told if isinstance(event, Closed)]


@pytest.mark.slow
def test_told_to_stop_it_ends_at_once_although_a_download_is_open_and_the_next_start_closes_the_run(
    agent: Agent, github: Publisher
) -> None:
    agent.begin()
    agent.good("POST", "check", {"force": True})
    github.fake.troubles.append(Trouble(rf"^/{agent.device.shelf.asset('core-1.1.0.tar.gz')}/", times=1, stall=60))
    try:
        run = agent.update()
        wait_for_step(agent, run, Download)
        status, told = agent.ask("POST", "/api/v1/components/core/stop")
        assert (status, told["error"]["code"]) == (409, "update_in_progress")
        code, seconds = agent.end()
    finally:
        github.fake.troubles.clear()
    assert (code, seconds < 5) == (0, True), f"exit status {code} after {seconds:.1f} s"
    assert "Traceback" not in agent.said
    assert not isinstance(events(agent, run)[-1], Closed)
    agent.begin()
    view = agent.ended(run)
    assert view["outcome"] in {"updated", "rolled_back", "failed"}
    assert agent.device.running["version"] == ("1.1.0" if view["outcome"] == "updated" else "1.0.0")
    assert agent.device.leftovers() == []


async def test_told_to_stop_it_ends_at_once_although_people_look_at_it(agent: Agent) -> None:
    await asyncio.to_thread(agent.begin)
    token = {"Authorization": f"Bearer {agent.token}"}
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{agent.origin}/ws", headers=token) as line:
        idle = socket.create_connection(("127.0.0.1", agent.port))
        ending = asyncio.create_task(asyncio.to_thread(agent.end))
        farewell = await line.receive(timeout=10)
        code, seconds = await ending
        idle.close()
    assert farewell.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    assert (code, seconds < 5) == (0, True), f"exit status {code} after {seconds:.1f} s"


def test_systemd_hears_that_it_is_ready_alive_and_stopping(agent: Agent, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(15)
        agent.begin(environ={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"})
        heard = [ear.recv(100).decode() for _ in range(6)]
        agent.end()
        while heard[-1] != "STOPPING=1":
            heard.append(ear.recv(100).decode())
    assert heard[0].startswith("EXTEND_TIMEOUT_USEC="), "what a power cut left open may take long"
    assert heard.count("READY=1") == 1
    assert not [each for each in heard[heard.index("READY=1") :] if each.startswith("EXTEND")]
    assert heard.count("WATCHDOG=1") >= 3


def test_a_second_agent_says_in_a_sentence_that_there_is_one_and_leaves_the_first_alone(agent: Agent) -> None:
    agent.begin()
    first = agent.process
    with contextlib.redirect_stdout(None):
        code, out, err = agent.device.call("agent")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1, err
    assert err.startswith(f"dunebugger-updater: busy: another dunebugger-updater (process {first.pid}) is the agent")
    assert agent.device.answer("status") is not None
    assert (agent.device.state / "agent.sock").is_socket()
    assert agent.answers()


def test_a_taken_port_is_a_sentence_and_an_exit_status(agent: Agent) -> None:
    with socket.create_server(("127.0.0.1", agent.port)):
        code, _, err = agent.device.call("agent")
    assert code == 1
    assert (
        err.splitlines()[-1] == f"dunebugger-updater: cannot listen on 127.0.0.1:{agent.port}: Address already in use"
    )
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("panel", "status", "words"),
    [
        ("listen = nowhere", 2, "listen"),
        ("listen = 203.0.113.7:8470", 1, "cannot listen on 203.0.113.7:8470"),
        ("tlsCertificate = {root}/none.pem\ntlsKey = {root}/none.key", 1, "cannot use the certificate {root}/none.pem"),
    ],
)
def test_a_panel_that_cannot_be_served_is_a_sentence(
    panel: str, status: int, words: str, tmp_path: Path, github: Publisher
) -> None:
    with agent_device(tmp_path / "d", github.shelf("1.1.0")) as agent:
        text = agent.device.conf.read_text()
        if panel.startswith("listen"):
            text = re.sub(r"listen = .*\n", "", text)
        agent.device.conf.write_text(text + panel.format(root=tmp_path) + "\n")
        code, out, err = agent.device.call("agent")
    assert (code, out) == (status, "")
    assert words.format(root=tmp_path) in err
    assert "Traceback" not in err


async def test_a_part_that_breaks_ends_the_whole_agent_loudly_for_systemd_to_start_it_anew(tmp_path: Path) -> None:
    settings = load(configuration(tmp_path, more=f"[Panel]\nlisten = 127.0.0.1:{free_port()}"), has_apt=False)

    async def breaks() -> None:
        raise ZeroDivisionError

    async def live() -> None:
        async with house(settings) as built, running(built) as agent:
            agent._own(breaks())
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as told:
        await asyncio.wait_for(live(), 20)
    assert told.group_contains(ZeroDivisionError)
    assert not socket_is_served(tmp_path / "state/agent.sock")


def socket_is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller, contextlib.suppress(OSError):
        caller.connect(str(path))
        return True
    return False


def test_in_the_journal_each_line_has_its_level_and_no_time_of_its_own(agent: Agent) -> None:
    agent.log.touch()
    there = agent.log.stat()
    agent.begin(environ={"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"})
    assert f"<6>the panel is at {agent.origin}/" in agent.said.splitlines()
    assert all(re.match(r"<[3467]>", line) for line in agent.said.splitlines())


@contextlib.contextmanager
def told_to() -> Iterator[tuple[str, list[str]]]:
    """A web hook on loopback, as apprise's ``json://`` calls it; answers its address and the titles that came."""
    titles: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            titles.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["title"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *words: object) -> None:  # noqa: A002  (the base class's word)
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_address[1]}/hook", titles
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
