"""The ways to bring a running app to its next start, and a prober that tells from outside how long nobody answered."""

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from bench.downtime_app import Releases, add_local_data
from dunebugger_updater.effects import journal
from dunebugger_updater.run import Began, Finished
from dunebugger_updater.steps import CarryOver, PointLink, StartService, StopService

LIMIT = 240.0
POLL = 0.001
CHECKOUT = Path(__file__).resolve().parents[2]

CONF = """\
[Updater]
statePath = {root}/state
backupPath = {root}/backups
githubApiUrl = {github}
keepReleases = 2

[Component core]
type = python_app
repository = dunebugger/core
asset = core-{{version}}.tar.gz
installPath = {root}/opt/core
runner = process
command = {{install_path}}/.venv/bin/python {{install_path}}/app.py {port}
healthUrl = http://127.0.0.1:{port}/health
"""

RESTART = """\
import asyncio, sys
from pathlib import Path
from dunebugger_updater.config import load
from dunebugger_updater.kinds import python_app
from dunebugger_updater.wiring import house

async def main():
    settings = load(Path(sys.argv[1]), has_apt=False)
    runs = python_app.service(settings.component("core"), settings.updater)
    async with house(settings) as built:
        await built.device.services.stop(runs)
        await built.device.services.start(runs)

asyncio.run(main())
"""
"""A bare restart, by the very parts that stop and start the app in an update."""


def now() -> float:
    """Seconds since boot, as the journal counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def ask(port: int) -> int | None:
    """The pid of what answers."""
    with contextlib.suppress(OSError, ValueError, IndexError, KeyError), socket.socket() as line:
        line.settimeout(5)
        line.connect(("127.0.0.1", port))
        line.sendall(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
        heard = b""
        while piece := line.recv(4096):
            heard += piece
        return int(json.loads(heard.split(b"\r\n\r\n", 1)[1])["pid"])
    return None


class Prober:
    """Asks every millisecond, and remembers for each pid when it was first and last heard."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._walk, name="prober")
        self.heard: dict[int, tuple[float, float]] = {}

    def _walk(self) -> None:
        while not self._over.is_set():
            if (pid := ask(self._port)) is not None:
                at = now()
                self.heard[pid] = (self.heard.get(pid, (at, at))[0], at)
            time.sleep(POLL)

    def __enter__(self) -> Self:
        self._thread.start()
        self.until(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)

    def until(self, pids: int) -> None:
        """Wait until so many have answered."""
        end = now() + 60
        while len(self.heard) < pids:
            assert now() < end, "the app does not answer"
            time.sleep(0.02)

    @property
    def gap(self) -> tuple[float, float]:
        """When the old one was last heard, and the new one first."""
        self.until(2)
        (_, last), (first, _) = self.heard.values()
        return last, first


class Device:
    """The app twice in one folder: under the updater, and laid out by hand."""

    def __init__(self, root: Path, port: int, files: int, size: int) -> None:
        self.root, self.port = root, port
        self.install, self.plain = root / "opt/core", root / "by-hand/core"
        self._conf = root / "dunebugger.conf"
        self._releases = Releases(files, size)
        self._number = 0
        self._children: list[subprocess.Popen[bytes]] = []
        (root / "downloads").mkdir(parents=True)
        github = [sys.executable, str(CHECKOUT / "tests/bench/downtime_app.py")]
        self._github = subprocess.Popen(
            github, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, env=_environment()
        )
        self._conf.write_text(CONF.format(root=root, port=port, github=self._hear()))

    def prepare(self) -> None:
        """Lay both out, with local data; the updater's one is then under its control."""
        archive = self._offer()
        for place in (self.install, self.plain):
            place.mkdir(parents=True)
            _run("tar", "-xzf", str(archive), "-C", str(place), "--strip-components=1")
            _run("/usr/bin/python3", "-m", "venv", str(place / ".venv"))
            add_local_data(place)
        self.cli("start", "core")
        with Prober(self.port):
            self._offer()
            self.cli("check", "core", "--force")
            self.cli("update", "core", "--yes")
        self.cli("stop", "core")
        os.sync()

    def close(self) -> None:
        """End what was started here."""
        with contextlib.suppress(Exception):
            self.cli("stop", "core")
        for child in self._children:
            child.kill()
            child.wait(20)
        self._github.kill()
        self._github.communicate()  # ends it, and closes both of its pipes

    def cli(self, *words: str) -> None:
        _run(sys.executable, "-m", "dunebugger_updater", "--config", str(self._conf), *words)

    # --- the arms: each answers seconds of downtime, and what is known about its parts ---

    def update(self) -> dict[str, float]:
        """Ours, as the owner calls it."""
        self._offer()
        self.cli("check", "core", "--force")
        with self._managed() as prober:
            self.cli("update", "core", "--yes")
            last, first = prober.gap
        return {"downtime": first - last, **self._stages(last, first)}

    def restart(self) -> dict[str, float]:
        """A bare restart by the same runner."""
        with self._managed() as prober:
            _run(sys.executable, "-c", RESTART, str(self._conf))
            last, first = prober.gap
        return {"downtime": first - last}

    def plain_restart(self) -> dict[str, float]:
        """A bare restart by hand: SIGTERM, wait, start."""
        with self._by_hand(self.install) as (prober, old):
            _end(old)
            self._start(self.install)
            last, first = prober.gap
        return {"downtime": first - last}

    def usual(self) -> dict[str, float]:
        """Stop, back up, extract over, pip install, start.  The backup is not compressed, which is kind to this way."""
        archive = self._offer()
        backup = self.root / "backup.tar"
        backup.unlink(missing_ok=True)
        with self._by_hand(self.plain) as (prober, old):
            _end(old)
            _run("tar", "-cf", str(backup), "-C", str(self.plain.parent), "core")
            _run("tar", "-xzf", str(archive), "-C", str(self.plain), "--strip-components=1", "--exclude=settings.ini")
            pip = str(self.plain / ".venv/bin/pip")
            _run(pip, "install", "-q", "--disable-pip-version-check", "-r", str(self.plain / "requirements.txt"))
            self._start(self.plain)
            last, first = prober.gap
        return {"downtime": first - last}

    def _offer(self) -> Path:
        self._number += 1
        version = f"1.0.{self._number}"
        archive = self.root / "downloads/core.tar.gz"
        archive.write_bytes(self._releases.archive(version))
        assert self._github.stdin is not None
        self._github.stdin.write(f"{version} {archive}\n")
        self._github.stdin.flush()
        self._hear()
        return archive

    def _hear(self) -> str:
        assert self._github.stdout is not None
        line = self._github.stdout.readline().strip()
        assert line, "the fake GitHub has ended"
        return line

    def _start(self, place: Path) -> subprocess.Popen[bytes]:
        argv = [str(place / ".venv/bin/python"), str(place / "app.py"), str(self.port)]
        child = subprocess.Popen(argv, cwd=place, start_new_session=True)
        self._children.append(child)
        return child

    @contextlib.contextmanager
    def _managed(self) -> Iterator[Prober]:
        self.cli("start", "core")
        os.sync()
        try:
            with Prober(self.port) as prober:
                yield prober
        finally:
            self.cli("stop", "core")

    @contextlib.contextmanager
    def _by_hand(self, place: Path) -> Iterator[tuple[Prober, subprocess.Popen[bytes]]]:
        first = self._start(place)
        os.sync()
        try:
            with Prober(self.port) as prober:
                yield prober, first
        finally:
            for child in self._children:
                child.kill()
                child.wait(20)
            self._children.clear()

    def _stages(self, last: float, first: float) -> dict[str, float]:
        """Where the time of the latest update went, from its journal."""
        told = journal.read(max((self.root / "state/runs").glob("*.jsonl")))
        plan = next(each.event.plan for each in told if hasattr(each.event, "plan"))
        began = {each.event.step: each.up for each in told if isinstance(each.event, Began)}
        done = {each.event.step: each.up for each in told if isinstance(each.event, Finished)}
        live = {type(step): number for number, step in enumerate(plan.steps) if number in done}
        marks = [
            ("announce the stop", began[live[StopService]]),
            ("stop", done[live[StopService]]),
            ("carry over", done[live[CarryOver]]),
            ("point the link", done[live[PointLink]]),
            ("start", done[live[StartService]]),
            ("until it answers", first),
        ]
        found, before = {}, last
        for name, at in marks:
            found[name], before = at - before, at
        return found


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(CHECKOUT)}


def _run(*argv: str) -> None:
    done = subprocess.run(argv, cwd=CHECKOUT, env=_environment(), timeout=LIMIT, check=False, capture_output=True)
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"


def _end(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGTERM)
    child.wait(20)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
