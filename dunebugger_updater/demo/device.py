"""A made-up device in a temporary folder: its configuration file, its app, and the app's own data.

Everything that is specific to it is here; what updates it is the same as on any other device.
"""

import asyncio
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dunebugger_updater.config import load
from dunebugger_updater.demo.apps import APP, COUNTER, REPOSITORY, SETTINGS
from dunebugger_updater.effects.clock import SystemClock
from dunebugger_updater.effects.services import Runners
from dunebugger_updater.kinds import python_app
from dunebugger_updater.model.service import Service
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.ports import EffectError

GREETING = "Welcome to the beach"
"""What the device's owner has written into the app's settings."""

_CONFIGURATION = """\
[Updater]
githubApiUrl = {api_url}
statePath = {root}/state
backupPath = {root}/backups

[Component {app}]
type = python_app
repository = {repository}
installPath = {root}/{app}
runner = process
command = {{install_path}}/.venv/bin/python app.py {port}
healthUrl = {url}/health

[Panel]
listen = 127.0.0.1:{panel_port}
"""


@dataclass(frozen=True, slots=True)
class MadeUpDevice:
    """Where everything is."""

    root: Path
    port: int
    """Where the app listens, on loopback."""
    panel_port: int
    """Where the panel does."""

    @property
    def configuration(self) -> Path:
        """Its ``dunebugger.conf``."""
        return self.root / "dunebugger.conf"

    @property
    def app(self) -> Path:
        """Where the app is installed: a link to the release in use."""
        return self.root / APP

    @property
    def app_url(self) -> str:
        """Where the app answers."""
        return f"http://127.0.0.1:{self.port}"

    def configure(self, api_url: str, more: str = "") -> Settings:
        """Write the configuration file, as its owner would, and read it as the updater does.  ``more``: sections."""
        words = {"root": self.root, "app": APP, "repository": REPOSITORY, "port": self.port, "url": self.app_url}
        text = _CONFIGURATION.format(api_url=api_url, panel_port=self.panel_port, **words)
        self.configuration.write_text(text + more)
        return load(self.configuration, has_apt=False)

    def edit_settings(self) -> None:
        """Change the greeting by hand, as its owner would."""
        file = self.app / SETTINGS
        file.write_text(file.read_text().replace("greeting = Hello", f"greeting = {GREETING}"))

    def visits(self) -> int:
        """Answer how many rows the app's own database holds."""
        with closing(sqlite3.connect(f"file:{self.app / COUNTER}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM visits").fetchone()[0])


@contextmanager
def made_up_device() -> Iterator[MadeUpDevice]:
    """Make a device; at the end, whatever happened, end what runs on it and remove it.  Not inside a running loop."""
    root = Path(tempfile.mkdtemp(prefix="dunebugger-demo-")).resolve()
    device = MadeUpDevice(root, *_free_ports())
    try:
        with _everything_in(root / "tmp"):
            yield device
    finally:
        try:
            if device.configuration.exists():
                settings = load(device.configuration, has_apt=False)
                asyncio.run(Runners().stop(service(settings)))
        finally:
            shutil.rmtree(root, ignore_errors=True)
    if root.exists():
        raise EffectError(f"cannot remove {root}: remove it by hand")


@contextmanager
def _everything_in(folder: Path) -> Iterator[None]:
    """Let the programs that are started meanwhile (pip) have their temporary files and caches in ``folder``."""
    folder.mkdir()
    places = {"TMPDIR": str(folder), "PIP_CACHE_DIR": str(folder)}
    before = {name: os.environ.pop(name, None) for name in places}
    os.environ |= places
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def component(settings: Settings) -> Component:
    """Answer the component that the story is about: the device may have a container besides."""
    return settings.components[0]


def service(settings: Settings) -> Service:
    """Answer what runs the app."""
    return python_app.service(component(settings), settings.updater)


def clock() -> SystemClock:
    """A clock that is believed: the demo works without a network too, where nothing has set the clock yet."""
    return SystemClock(built=datetime.min.replace(tzinfo=UTC), setters=())


def _free_ports() -> tuple[int, int]:
    with closing(socket.socket()) as one, closing(socket.socket()) as other:  # both at once, or they may be the same
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])
