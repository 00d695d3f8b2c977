"""A place for the updater on this machine: the launcher runs here, and who uses it starts it again as systemd would."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import zlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from device.bed import place
from device.bed.shop import Shop
from device.bed.strikes import CALLS

LAUNCH = place.CHECKOUT / "packaging/launch"
LIFE = 60
"""Seconds that one process may take to come to its end, or to answer."""
AFTERWARDS = 8
"""Seconds that a process with a fault may go on: it may have to tell of it."""
_INSIDE = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"')
_PORTS = count(20_000 + os.getpid() % 10_000)
_STEADY = re.compile(rb'("check":"updater_steady","seconds":)\d\d\.0')


def _free_port() -> int:
    """One that no other place of this session has."""
    for port in _PORTS:
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is always another number")


class Here:
    """A place for the updater on this machine."""

    def __init__(self, root: Path, factory: Path, shop: Shop, at: Path | None = None) -> None:
        """``at``: where it believes to lie, so that it may be copied as it is."""
        self.root, self._factory, self._shop, self._at = root, factory, shop, at
        self.home, self.state = root / "home", root / "state"
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        believed = at or root
        (root / "dunebugger.conf").write_text(
            f"[Updater]\nstatePath = {believed}/state\nbackupPath = {believed}/backups\ngithubApiUrl = {shop.url}\n"
            f"[Panel]\nlisten = 127.0.0.1:{self.port}\n"
            f"[Component core]\ntype = python_app\nrepository = me/core\ninstallPath = {believed}/core\n"
        )
        self._life: subprocess.Popen[bytes] | None = None

    def copy(self, root: Path) -> "Here":
        """Another place that is as this one is now."""
        shutil.copytree(self.root, root, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
        return Here(root, self._factory, self._shop, self._at)

    def begin(self, *before: str) -> None:
        """Start the launcher; ``before``: what calls it."""
        believed = self._at or self.root
        own = {"DUNEBUGGER_UPDATER_SLOTS": f"{believed}/home", "DUNEBUGGER_UPDATER_FACTORY": str(self._factory)}
        environ = {"PATH": os.environ["PATH"], "DUNEBUGGER_CONFIG": f"{believed}/dunebugger.conf", **own}
        inside = (*_INSIDE, str(self.root), str(self._at)) if self._at else ()
        with (self.root / "log").open("ab") as log:
            self._life = subprocess.Popen(
                [*inside, *before, str(LAUNCH)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ,
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

    def record(self, trace: Path, *, ask: bool) -> None:
        """Live once, to the restart or to the end of the run, with every call that may write told in ``trace``."""
        self._live_traced(["-y", "-s", "0", "-e", f"trace={CALLS}"], trace, ask=ask, over=lambda: self.at_rest)

    def suffer(self, fault: Sequence[str], *, ask: bool) -> bool:
        """Live once with a fault in it, and a little longer; answers whether it was met."""
        trace = self.root / "trace"
        self._live_traced(fault, trace, ask=ask, over=lambda: self.at_rest or _struck(trace))
        return _struck(trace)

    def _live_traced(self, options: Sequence[str], trace: Path, *, ask: bool, over: Callable[[], bool]) -> None:
        self.begin("strace", "-f", "-qq", "-o", str(trace), *options)
        if ask:
            self._until(lambda: not self.alive or _struck(trace) or self.version is not None)
            self.update()
        self._until(lambda: not self.alive or over())
        self._until(lambda: not self.alive or self.at_rest, AFTERWARDS)
        self.end()

    def _until(self, true: Callable[[], bool], limit: float = LIFE) -> None:
        end = time.monotonic() + limit
        while time.monotonic() < end and not true():
            time.sleep(0.05)

    # --- what is true ---

    @property
    def slot(self) -> Path:
        link = self.home / "current"
        return self.home / "slots" / link.readlink().name if link.is_symlink() else self._factory

    @property
    def at_rest(self) -> bool:
        """Whether a run was made and is over, and its trial too."""
        told = self.told()
        over = bool(told) and told[-1]["event"] == "closed"
        return over and not any((self.home / name).exists() for name in ("trial", "trial.failed"))

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
        return [json.loads(line.rpartition(b" ")[0])["event"] for line in self._lines()[1]]

    def hurry(self) -> None:
        """Let 12 seconds be enough for the open run: nobody wants to wait for a minute and a half 300 times."""
        file, lines = self._lines()
        if file and lines:
            first = _STEADY.sub(rb"\g<1>12.0", lines[0].rpartition(b" ")[0])
            changed = b"%s %08x" % (first, zlib.crc32(first))
            assert len(changed) == len(lines[0])
            with file.open("r+b") as journal:
                journal.write(changed)

    def _lines(self) -> tuple[Path | None, Sequence[bytes]]:
        runs = sorted((self.state / "runs").glob("*-updater.jsonl"))
        if not runs:
            return None, ()
        whole = runs[-1].read_bytes().split(b"\0", 1)[0].rpartition(b"\n")[0]
        return runs[-1], whole.splitlines()


def _struck(trace: Path) -> bool:
    told = trace.read_text(errors="replace") if trace.exists() else ""
    return "(INJECTED)" in told or "killed by SIGKILL" in told
