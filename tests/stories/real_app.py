"""A real device in a temporary folder: the app with the ``process`` runner, and our command line as the owner calls it.

Nothing here is made up but GitHub: processes are real, and so are the disk, the environments and the signals.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias

from stories.real_releases import Shelf, files_of

from dunebugger_updater.effects import journal
from dunebugger_updater.effects.processes import everyone
from dunebugger_updater.story import Told

Json: TypeAlias = dict[str, Any]

CHECKOUT = Path(__file__).resolve().parents[2]
LIMIT = 60.0
"""Seconds that one command may take."""

CONF = """\
[Updater]
statePath = {state}
backupPath = {backups}
githubApiUrl = {github}
keepReleases = {keep}

[Component core]
type = python_app
repository = {repository}
asset = core-{{version}}.tar.gz
installPath = {install}
runner = process
command = {{install_path}}/.venv/bin/python {{install_path}}/app.py {port}
healthUrl = http://127.0.0.1:{port}/health
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(what: str, true: Callable[[], bool], limit: float = 15.0, pause: float = 0.01) -> None:
    """Wait for the world outside; fails after ``limit`` seconds."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, f"waited {limit} s in vain: {what}"
        time.sleep(pause)


class RealDevice:
    """``root`` holds everything, so that a copy of it is a device as well (at the same place)."""

    def __init__(self, root: Path, shelf: Shelf, keep_releases: int = 3) -> None:
        self.root = root
        self.install = root / "opt/core"
        self.releases = root / "opt/core.releases"
        self.state = root / "state"
        self.backups = root / "backups"
        self.conf = root / "dunebugger.conf"
        self.pid_file = self.state / "processes/core.pid"
        self.port = free_port()
        self.shelf = shelf
        self._keep = keep_releases
        self._started: list[subprocess.Popen[bytes]] = []

    def write_configuration(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        values = {"state": self.state, "backups": self.backups, "install": self.install, "port": self.port}
        text = CONF.format(**values, github=self.shelf.url, keep=self._keep, repository=self.shelf.repository)
        self.conf.write_text(text)

    def install_by_hand(self, version: str = "1.0.0", *, leave_out: Sequence[str] = ()) -> None:
        """Lay the app out as its owner did before there was an updater: a plain directory with an environment."""
        for name, text in files_of(version).items():
            if name not in leave_out:
                file = self.install / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        argv = ["/usr/bin/python3", "-m", "venv", "--without-pip", str(self.install / ".venv")]
        subprocess.run(argv, check=True, timeout=LIMIT)

    def begin(self) -> None:
        """Start the app, as its owner does, and wait until it answers."""
        code, _, err = self.call("start", "core")
        assert code == 0, err
        self.wait_for_app()

    def wait_for_app(self) -> None:
        def answers() -> bool:
            with contextlib.suppress(OSError):
                return self.ask("/version")[0] == 200
            return False

        until("the app answers", answers)

    # --- our program ---

    def launch(self, *words: str) -> subprocess.Popen[bytes]:
        """Start the updater in a process group of its own; what it says goes to files."""
        return self._launch("dunebugger_updater", "--config", str(self.conf), *words)

    def _launch(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        log = self.root / "said"
        environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}"}
        with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as err:
            argv = [sys.executable, "-m", module, *words]
            started = subprocess.Popen(
                argv, stdout=out, stderr=err, cwd=CHECKOUT, env=environment, start_new_session=True
            )
        self._started.append(started)
        return started

    def started(self, other: subprocess.Popen[bytes]) -> None:
        """Another program of this device, to be ended with it."""
        self._started.append(other)

    def call(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        return self.call_module("dunebugger_updater", "--config", str(self.conf), *words)

    def call_module(self, module: str, *words: str) -> tuple[int, str, str]:
        """The same for another program of ours."""
        code = self._launch(module, *words).wait(LIMIT)
        log = self.root / "said"
        return code, log.with_suffix(".out").read_text(), log.with_suffix(".err").read_text()

    def answer(self, *words: str, status: int = 0) -> Any:
        """What ``--json`` says; fails when the exit status is another one."""
        code, out, err = self.call(*words, "--json")
        assert code == status, f"{words}: exit status {code}\n{out}\n{err}"
        return json.loads(out)

    def update(self, *words: str, status: int = 0) -> Json:
        told: Json = self.answer("update", "core", "--yes", *words, status=status)
        return told

    def kill(self, updater: subprocess.Popen[bytes]) -> None:
        """SIGKILL it with its whole group; the app has a session of its own and lives on."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(updater.pid, signal.SIGKILL)
        updater.wait(LIMIT)

    # --- the app ---

    def ask(self, path: str, limit: float = 5.0) -> tuple[int, Json]:
        """Ask the running app; ``OSError`` when nobody answers."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
        try:
            line.request("GET", path)
            heard = line.getresponse()
            return heard.status, json.loads(heard.read())
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
        finally:
            line.close()

    @property
    def running(self) -> Json:
        """``version`` and ``pid`` of what answers."""
        return self.ask("/version")[1]

    @property
    def visits(self) -> list[str]:
        status, told = self.ask("/visits")
        assert status == 200
        assert told["check"] == "ok"
        return [str(word) for word in told["visits"]]

    def visit(self, word: str) -> str:
        """Leave a word; answers the version that has acknowledged it."""
        status, told = self.ask(f"/visit?{word}")
        assert status == 200
        return str(told["version"])

    def app_processes(self) -> list[int]:
        """Every process of the app, however it was started."""
        found = []
        for each in everyone():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")
                if os.fsencode(self.install / "app.py") in words:
                    found.append(each.pid)
        return found

    def cut_power(self, updater: subprocess.Popen[bytes] | None = None) -> None:
        """As a power cut, for the processes: all die at once, and the pid file names a process of another boot."""
        if updater is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(updater.pid, signal.SIGKILL)
        self.kill_app()
        if updater is not None:
            updater.wait(LIMIT)
            self.kill_app()  # it may have started one between our look and its end
        with contextlib.suppress(FileNotFoundError):
            mark = json.loads(self.pid_file.read_text())
            self.pid_file.write_text(json.dumps({**mark, "boot": "the boot before"}))

    def kill_app(self) -> None:
        def gone() -> bool:
            found = self.app_processes()  # again at each look: a dying updater may have started one just now
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not found

        until("the app is gone", gone)

    # --- what is on the disk ---

    def journals(self) -> list[Path]:
        return sorted((self.state / "runs").glob("*.jsonl"))

    def told(self, file: Path) -> Sequence[Told]:
        return journal.read(file)

    def leftovers(self) -> list[str]:
        """Names that only an unfinished act leaves behind."""
        endings = (".unpacking", ".removing", ".unverified", ".part", ".writing", ".pointing", ".etag", ".anew")
        places = (self.install.parent, self.releases, self.state, self.backups)
        found = {str(path) for place in places for path in place.rglob("*") if path.name.endswith(endings)}
        return sorted(found)

    def close(self) -> None:
        """End what was started here."""
        for each in self._started:
            if each.poll() is None:
                self.kill(each)
        self.kill_app()

    def restore(self, prepared: Path) -> None:
        """Be as when ``prepared`` was copied, with the app running."""
        self.close()
        self._started.clear()
        for child in self.root.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
        shutil.copytree(prepared, self.root, symlinks=True, dirs_exist_ok=True)


class Visitor:
    """Somebody who uses the app all the time, and remembers which version has acknowledged what."""

    def __init__(self, device: RealDevice) -> None:
        self._device = device
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._walk, name="visitor")
        self.acknowledged: dict[str, list[str]] = {}

    def _walk(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            with contextlib.suppress(OSError, AssertionError):
                word = f"grain-{number}"
                self.acknowledged.setdefault(self._device.visit(word), []).append(word)
            self._over.wait(0.04)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)


@contextlib.contextmanager
def real_device(root: Path, shelf: Shelf, *, keep_releases: int = 3) -> Iterator[RealDevice]:
    """A device with nothing installed yet; everything that it started is ended afterwards."""
    made = RealDevice(root, shelf, keep_releases)
    made.write_configuration()
    try:
        yield made
    finally:
        made.close()
