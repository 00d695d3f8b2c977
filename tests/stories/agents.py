"""The real agent on a real device: a process of its own, and a client that speaks with it as the owner does."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stories.real_app import CHECKOUT, LIMIT, Json, RealDevice, free_port, real_device, until
from stories.real_releases import Shelf

PASSWORD = "sand in the gears"


class Agent:
    """One device with an agent that can be started, stopped and killed."""

    def __init__(self, device: RealDevice) -> None:
        self.device = device
        self.port = free_port()
        self.log = device.root / "agent.log"
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self, *, updater: str = "", component: str = "", more: str = "") -> None:
        """Write the configuration, with these lines added to its sections."""
        self.device.write_configuration()
        text = self.device.conf.read_text().replace("[Component core]\n", f"{updater}\n[Component core]\n{component}\n")
        self.device.conf.write_text(f"{text}\n[Panel]\nlisten = 127.0.0.1:{self.port}\n{more}")

    def begin(self, *, environ: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers."""
        self.launch(environ=environ)
        until("the agent answers", self.answers, limit=30)
        if not self.token:
            self.token = self.make_token("owner")

    def launch(self, *, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        words = {**os.environ, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}", **(environ or {})}
        argv = [sys.executable, "-m", "dunebugger_updater", "--config", str(self.device.conf), "agent"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdout=log, stderr=log, cwd=CHECKOUT, env=words, start_new_session=True
            )
        self.device.started(self._process)
        return self._process

    def make_token(self, role: str) -> str:
        told = self.device.answer("token", "create", "--name", f"{role}-{time.monotonic_ns()}", "--role", role)
        return str(told["token"])

    def answers(self) -> bool:
        assert self.process.poll() is None, f"the agent ended:\n{self.said}"
        with contextlib.suppress(OSError):
            return self.ask("GET", "/healthz")[0] == 200
        return False

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the agent was not started"
        return self._process

    @property
    def said(self) -> str:
        """Everything that all agents of this device have logged."""
        return self.log.read_text() if self.log.exists() else ""

    def kill(self) -> None:
        """SIGKILL."""
        self.device.kill(self.process)

    def end(self, limit: float = 5.0) -> tuple[int, float]:
        """SIGTERM; answers the exit status and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(limit + LIMIT)
        return code, time.monotonic() - began

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON (or text) of one answer; with the owner's token when there is one."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Authorization": f"Bearer {self.token}"} if self.token and headers is None else dict(headers or {})
        try:
            content = None if body is None else json.dumps(body)
            line.request(method, path, content, {"Content-Type": "application/json", **sent} if content else sent)
            heard = line.getresponse()
            text = heard.read().decode()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            line.close()
        with contextlib.suppress(ValueError):
            return heard.status, json.loads(text)
        return heard.status, text

    def good(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of an answer that has to be a good one."""
        status, told = self.ask(method, f"/api/v1/{path}", body)
        assert status < 300, f"{method} {path}: {status} {told}"
        return told

    def update(self, version: str | None = None) -> str:
        """Start an update; answers its run."""
        body = {} if version is None else {"version": version}
        return str(self.good("POST", "components/core/update", body)["run"])

    def ended(self, run: str, limit: float = 45.0) -> Json:
        """Wait for the end of a run; answers how it stands then."""
        until(f"run {run} ends", lambda: self._view(run)["outcome"] != "running", limit, 0.1)
        return self._view(run)

    def _view(self, run: str) -> Json:
        found: Json = self.good("GET", f"runs/{run}")["view"]
        return found


@contextlib.contextmanager
def agent_device(root: Path, shelf: Shelf, **settings: str) -> Iterator[Agent]:
    """A device with 1.0.0 installed and running, and its agent not started yet."""
    with real_device(root, shelf) as device:
        agent = Agent(device)
        agent.configure(**settings)
        device.install_by_hand("1.0.0")
        device.begin()
        yield agent
