"""A device to try things on: a container with systemd as PID 1, on a network without a way out, thrown away afterwards.

Cutting its power keeps the disk and empties ``/run`` and ``/tmp``.  What the page cache held is not lost, as it would
be on a real device; and memory and process limits of units have no effect inside.
"""

import os
import subprocess
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from device.bed import place, program
from device.bed.engine import Engine
from device.bed.program import PYTHON

__all__ = ["CHECKOUT", "PYTHON", "Device", "Devices"]

CHECKOUT = "/opt/checkout"
CGROUPS = Path("/sys/fs/cgroup")
_NUMBERS = count(1)
"""For names that no two makers of one session share."""


class Device:
    """One device that is on.  Paths and commands are the device's."""

    def __init__(self, engine: Engine, name: str, network: str) -> None:
        self.engine, self.name, self.network = engine, name, network

    def run(
        self, *words: str, user: str = "root", limit: float = 60, more: Mapping[str, str] | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever its exit code.  ``text`` is what it reads."""
        settings = [word for key, value in (more or {}).items() for word in ("--env", f"{key}={value}")]
        return subprocess.run(
            ["docker", "exec", "-i", "--user", user, *settings, self.name, *program.on_a_device(*words)],
            check=False,
            capture_output=True,
            text=True,
            timeout=limit,
            input=text,
            env=place.environment(),
        )

    def exec(self, *words: str, user: str = "root", limit: float = 60, text: str = "") -> str:
        """Run a command that has to succeed, and answer what it printed, stripped."""
        done = self.run(*words, user=user, limit=limit, text=text)
        assert done.returncode == 0, (
            f"{words} on {self.name}: exit code {done.returncode}: {done.stderr or done.stdout}"
        )
        return done.stdout.strip()

    def python(self, *words: str, limit: float = 60, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run its Python, which has the locked requirements and imports this checkout.  ``-`` reads ``text``."""
        return self.run(PYTHON, *words, limit=limit, text=text)

    def updater(self, *words: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the project's own command, as of this checkout."""
        return self.python("-m", "dunebugger_updater.cli", *words, limit=limit)

    def write(self, path: str, text: str) -> None:
        """Make a file with its folders."""
        self.exec("/bin/sh", "-c", 'mkdir -p "$(dirname "$0")" && cat >"$0"', path, text=text)

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def copy_in(self, source: Path, path: str) -> None:
        """Copy a file or folder of this machine into the device."""
        self.engine.docker("cp", source, f"{self.name}:{path}")

    def show(self, unit: str, what: str) -> str:
        """One property of a unit, e.g. ``ActiveState``."""
        return self.exec("systemctl", "show", "--property", what, "--value", unit)

    def journal(self, unit: str) -> str:
        return self.exec("journalctl", "--no-pager", "--unit", unit)

    @property
    def address(self) -> str:
        """Its address on the network of the test: this machine reaches it there."""
        return self.engine.look(self.name, f'{{{{(index .NetworkSettings.Networks "{self.network}").IPAddress}}}}')

    def cut_power(self) -> None:
        """SIGKILL for every process at once, PID 1 first."""
        self.engine.docker("kill", "--signal", "KILL", self.name)
        place.wait_for(lambda: self.engine.look(self.name, "{{.State.Running}}") == "false", 20, f"{self.name} is on")

    def boot(self, limit: float = 60) -> None:
        """Turn it on, and return when every unit that is meant to run does."""
        self.engine.docker("start", self.name)
        self.wait_until_up(limit)

    def wait_until_up(self, limit: float = 60) -> None:
        place.wait_for(lambda: self._says() in ("running", "degraded"), limit, f"{self.name} has not booted")
        failed = self.run("systemctl", "--failed", "--plain", "--no-legend").stdout
        assert self._says() == "running", f"{self.name} booted, but some units failed: {failed}"

    def _says(self) -> str:
        return self.run("systemctl", "is-system-running").stdout.strip()

    def unplug(self) -> None:
        """Pull the network cable."""
        self.engine.docker("network", "disconnect", self.network, self.name)

    def plug(self) -> None:
        self.engine.docker("network", "connect", self.network, self.name)

    def throw_away(self) -> None:
        place.run(["docker", "rm", "-f", "-v", self.name])


class Devices:
    """Makes devices, and throws away those it made."""

    def __init__(self, engine: Engine, image: str) -> None:
        self._engine, self._image = engine, image
        self._made: list[Device] = []
        self._mark = ("--label", f"{place.LABEL}={place.token()}")
        self.network = f"{place.LABEL}-{os.getpid()}-{next(_NUMBERS)}"
        engine.docker("network", "create", "--internal", *self._mark, self.network)

    def __call__(self, *options: str) -> Device:
        """A fresh device that has booted.  ``options`` are more words for ``docker run``."""
        name = f"device-{os.getpid()}-{next(_NUMBERS)}"
        words = ["run", "--detach", "--name", name, "--hostname", name, "--network", self.network, *self._mark]
        words += ["--volume", f"{place.CHECKOUT}:{CHECKOUT}:ro", *program.volumes(), *_as_machine(), *options]
        self._engine.docker(*words, self._image, "/sbin/init")
        device = Device(self._engine, name, self.network)
        self._made.append(device)
        device.wait_until_up()
        return device

    @property
    def gateway(self) -> str:
        """This machine's address as devices see it."""
        config = "{{(index .IPAM.Config 0).Gateway}}"
        return self._engine.docker("network", "inspect", "--format", config, self.network)

    def throw_away(self) -> None:
        """Throw all of them away; the factory can make new ones."""
        while self._made:
            self._made.pop().throw_away()

    def close(self) -> None:
        self.throw_away()
        place.run(["docker", "network", "rm", self.network])


def _as_machine() -> list[str]:
    """What lets systemd be PID 1 without ``--privileged``, which small build machines forbid."""
    words = ["--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined", "--stop-signal=SIGRTMIN+3"]
    words += ["--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec"]
    if (CGROUPS / "cgroup.controllers").exists():
        return [*words, "--cgroupns=private", f"--volume={CGROUPS}:{CGROUPS}:rw"]
    own = CGROUPS / "systemd"
    if not own.is_dir():
        raise place.MissingError(f"cannot run systemd in a container: {own} is not mounted")
    return [*words, f"--volume={own}:{own}:rw"]
