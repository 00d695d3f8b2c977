"""A place for the updater on this machine: the launcher runs here, and who uses it starts it again as systemd would."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from device.bed import place
from device.bed.shop import Shop

LAUNCH = place.CHECKOUT / "packaging/launch"
CALLS = (
    "write,pwrite64,openat,rename,renameat,renameat2,symlink,symlinkat,unlink,unlinkat,mkdir,fsync,fdatasync,ftruncate"
)
CALLS += ",fallocate,link,linkat,rmdir"
LIFE = 45
"""Seconds that one process may take to come to its end, or to answer."""


class Here:
    """A place for the updater on this machine."""

    def __init__(self, root: Path, factory: Path, shop: Shop) -> None:
        self.root, self._factory = root, factory
        self.home, self.state = root / "home", root / "state"
        self.home.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (root / "dunebugger.conf").write_text(
            f"[Updater]\nstatePath = {self.state}\nbackupPath = {root}/backups\ngithubApiUrl = {shop.url}\n"
            f"[Panel]\nlisten = 127.0.0.1:{self.port}\n"
            f"[Component core]\ntype = python_app\nrepository = me/core\ninstallPath = {root}/core\n"
        )
        self._life: subprocess.Popen[bytes] | None = None

    def begin(self, *before: str) -> None:
        """Start the launcher; ``before``: what calls it."""
        own = {"DUNEBUGGER_UPDATER_SLOTS": str(self.home), "DUNEBUGGER_UPDATER_FACTORY": str(self._factory)}
        environ = {"PATH": os.environ["PATH"], "DUNEBUGGER_CONFIG": str(self.root / "dunebugger.conf"), **own}
        with (self.root / "log").open("ab") as log:
            self._life = subprocess.Popen(
                [*before, str(LAUNCH)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ,
                start_new_session=True,
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self._life is not None and self._life.poll() is None

    def end(self) -> None:
        """SIGKILL for it and all that it has started."""
        if self._life is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._life.pid, signal.SIGKILL)
            self._life.wait()

    @property
    def version(self) -> str | None:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            line.request("GET", "/api/version")
            return str(json.loads(line.getresponse().read())["version"])
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            line.close()

    def update(self) -> None:
        """Ask for the update, as the command does; whether it is heard does not matter."""
        line = http.client.HTTPConnection("localhost")
        line.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(OSError, http.client.HTTPException):
            line.sock.settimeout(LIFE)
            line.sock.connect(str(self.state / "agent.sock"))
            line.request("POST", "/api/v1/components/updater/update", b"{}", {"Content-Type": "application/json"})
            line.getresponse().read()
        line.close()

    def suffer(self, inject: str) -> bool:
        """Live once with a fault in it; answers whether it was met."""
        trace = self.root / "trace"
        self.begin("strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:{inject}")
        self._until(lambda: not self.alive or self.version is not None)
        self.update()
        self._until(lambda: not self.alive)
        self.end()
        told = trace.read_text(errors="replace") if trace.exists() else ""
        return "(INJECTED)" in told or "killed by SIGKILL" in told

    def live(self) -> str:
        """Start it again and again, as systemd does, until a version answers."""
        for _ in range(8):
            self.begin()
            self._until(lambda: not self.alive or self.version is not None)
            if self.alive and (version := self.version) is not None:
                return version
            self.end()
        raise AssertionError(f"nothing answers any more:\n{(self.root / 'log').read_text()[-3000:]}")

    def _until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + LIFE
        while time.monotonic() < end and not true():
            time.sleep(0.05)

    @property
    def slot(self) -> Path:
        link = self.home / "current"
        return link.resolve() if link.is_symlink() else self._factory

    def run_on(self, ended: Callable[[], bool], limit: float) -> None:
        """Be systemd until something is true."""
        end = time.monotonic() + limit
        while not ended():
            assert time.monotonic() < end, f"it never came to that:\n{(self.root / 'log').read_text()[-5000:]}"
            if not self.alive:
                self.end()
                self.begin()
            time.sleep(0.2)

    def told(self) -> list[dict[str, object]]:
        """The events of the newest run."""
        runs = sorted((self.state / "runs").glob("*-updater.jsonl"))
        lines = runs[-1].read_bytes().split(b"\0", 1)[0].splitlines() if runs else []
        return [json.loads(line.rpartition(b" ")[0])["event"] for line in lines]
