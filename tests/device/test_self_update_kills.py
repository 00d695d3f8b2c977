"""Every system call that writes is killed, or told that the disk is full, while the frozen program updates itself.

What runs afterwards is the old version or the new one, whole, whenever it happened.  No device is needed: the launcher
runs here, and this test starts it again as systemd would.
"""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from device.bed import place
from device.bed.frozen import Frozen
from device.bed.selves import REPOSITORY, Versions, versions
from device.bed.shop import Shop

pytestmark = [pytest.mark.docker, pytest.mark.timeout(3600)]

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


def contents(folder: Path) -> dict[str, int]:
    return {str(each.relative_to(folder)): each.stat().st_size for each in folder.rglob("*") if each.is_file()}


@pytest.fixture(scope="module")
def published(frozen: Frozen) -> Iterator[Versions]:
    with versions(frozen) as made:
        yield made


def points(amount: int) -> list[tuple[str, int]]:
    """Faults, and the call of a thread at which they happen: each early one, and a sample of the later ones."""
    chance = random.Random(1)
    spread = sorted({*range(1, amount // 6), *(chance.randrange(1, 260) for _ in range(amount // 2))})
    return [(fault, number) for number in spread for fault in ("signal=KILL:when={}", "error=ENOSPC:when={}+")][:amount]


@pytest.mark.parametrize("amount", [8, pytest.param(300, marks=pytest.mark.slow)])
def test_a_fault_at_any_writing_call_leaves_the_old_version_or_the_new_one(
    tmp_path: Path, published: Versions, shop: Shop, amount: int
) -> None:
    factory, new = published.folder("1.0.0"), published.folder("1.1.0")
    shop.offer(REPOSITORY, {"v1.1.0": published.release("1.1.0")})
    whole = {"1.0.0": contents(factory), "1.1.0": contents(new)}
    met, ends = 0, []
    for fault, number in points(amount):
        here = Here(tmp_path / f"{re.sub('[^A-Z]', '', fault)}-{number}", factory, shop)
        try:
            met += here.suffer(fault.format(number))
            version = here.live()
            where = f"{fault.format(number)}: {version} from {here.slot}"
            assert version in whole, where
            assert contents(here.slot) == whole[version], where
            ends.append(version)
        finally:
            here.end()
    print(f"{met} of {len(ends)} faults were met; {ends.count('1.1.0')} ended on the new version")  # noqa: T201
    assert met > len(ends) / 2
