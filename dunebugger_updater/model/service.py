"""What runs a component: a systemd unit, or a process of our own with a pid file."""

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec


class SystemdUnit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="runner", tag="systemd"):
    """A unit that systemd starts and watches."""

    unit: str
    """With its suffix: ``dunebugger.service``."""

    @property
    def label(self) -> str:
        return self.unit


class OwnProcess(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="runner", tag="process"):
    """A process started by us, found again by its pid file.  No systemd and no root needed."""

    name: str
    argv: tuple[str, ...]
    directory: Path
    """Where it runs, looked up anew at each start: a link to the release in use."""
    pid_file: Path
    log_file: Path

    @property
    def label(self) -> str:
        return self.name


Service: TypeAlias = SystemdUnit | OwnProcess


class ServiceState(msgspec.Struct, frozen=True):
    """What a service is doing at one moment."""

    active: bool
    coming: bool = False
    """Not active, but its runner is starting it or will do so by itself (systemd: activating, auto-restart)."""
    restarts: int = 0
    """How often it was restarted by whoever watches it; growth means a crash loop even while it is "active"."""
    pid: int | None = None
    detail: str = ""
    """The runner's own words: ``failed (exit-code)``, ``auto-restart``."""


class UnitState(msgspec.Struct, frozen=True):
    """How one systemd service is, as far as comparing it with later goes."""

    word: Literal["running", "stopped", "failed", "restarting", "changing"]
    restarts: int = 0
    enabled: bool = False
    """Whether it is meant to run from boot on."""
