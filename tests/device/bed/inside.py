"""A device seen from this machine: its processes and files without asking it, so that a kill comes at its instant.

The device is a container, so its processes are ours to see, and its disk lies under ``/proc``.  Needs root.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from device.bed.device import Device

Phase: TypeAlias = Literal["download", "unpack", "configure"]
PHASES: tuple[Phase, ...] = cast("tuple[Phase, ...]", get_args(Phase))


@dataclass(frozen=True)
class Process:
    """One that runs on the device, by its number on this machine."""

    pid: int
    words: tuple[str, ...]
    cgroup: str

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Inside:
    """One device, until its power is cut."""

    def __init__(self, device: Device) -> None:
        self._first = int(device.engine.look(device.name, "{{.State.Pid}}"))
        self._root = Path(f"/proc/{self._first}/root")
        self._space = Path(f"/proc/{self._first}/ns/pid").readlink()

    def processes(self) -> Iterator[Process]:
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            with contextlib.suppress(OSError):  # it ended meanwhile
                if (folder / "ns/pid").readlink() == self._space:
                    words = (folder / "cmdline").read_text().split("\0")[:-1]
                    yield Process(int(folder.name), tuple(words), (folder / "cgroup").read_text())

    def agent(self) -> list[Process]:
        """Our agent's processes, without what it left to systemd."""
        return [each for each in self.processes() if "/dunebugger-updater.service" in each.cgroup]

    def unit(self) -> list[Process]:
        """All that runs in a transient unit of ours, as ``systemctl kill`` would find it."""
        return [each for each in self.processes() if "/dunebugger-updater-apt-" in each.cgroup]

    def first(self) -> Process:
        """PID 1: with it everything dies at once."""
        return Process(self._first, ("init",), "")

    def phase(self, state: str, since: int = 0) -> Phase | None:
        """What apt is doing at this instant, by the last thing that it told of its progress ``since`` (ns)."""
        newest = max(self._told(state), key=lambda file: file[0], default=(0, ""))
        if newest[0] < since:
            return None
        found: Phase | None = None
        for line in newest[1].splitlines():
            kind, _, rest = line.partition(":")
            text = rest.rpartition(":")[2]
            if kind == "dlstatus":
                found = "download"
            elif kind == "pmstatus" and text.startswith(("Preparing to configure", "Configuring", "Installed")):
                found = "configure"
            elif kind == "pmstatus" and text.startswith(("Preparing", "Unpacking")):
                found = "unpack"
        return found

    def file(self, path: str) -> Path:
        """A file or folder of the device, from here."""
        return self._root / path.lstrip("/")

    def _told(self, state: str) -> Iterator[tuple[int, str]]:
        for file in self.file(state).glob("packages/jobs/*/status"):
            with contextlib.suppress(OSError):
                yield file.stat().st_mtime_ns, file.read_text()
