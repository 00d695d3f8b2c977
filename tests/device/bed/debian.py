"""A Debian device under our care: its packages as dpkg tells them, our program on it, and how all of it must look.

The program's folders are its usual ones; what is configured is the least that lets it see packages only.
"""

import json
import subprocess
from dataclasses import dataclass
from typing import Any, TypeAlias

from device.bed import place
from device.bed.archive import Archive
from device.bed.device import Device
from device.bed.program import PYTHON, on_a_device

Json: TypeAlias = dict[str, Any]

CONF = "/etc/dunebugger/dunebugger.conf"
STATE = "/var/lib/dunebugger-updater"
AGENT = "/etc/systemd/system/dunebugger-updater.service"
CONFFILE = "/etc/tb-conf.conf"
OWN = "setting=mine ; è mio\n"
"""What an owner made of it."""
UNITS = "dunebugger-updater-apt-*"
PORT = 8470
CONFIGURATION = """\
[Updater]
initialDelayMinutes = 600

[Component system]
type = apt

[Panel]
listen = 127.0.0.1:{port}
"""
SERVICE = """\
[Unit]
After=network.target
[Service]
ExecStart={words}
Restart=always
RestartSec=0.2
[Install]
WantedBy=multi-user.target
"""
RECORDED = ("apt-get", "apt-cache", "apt-mark", "dpkg", "dpkg-query", "dpkg-repack", "systemctl", "systemd-run")
RECORDER = """\
#!/bin/sh
{{ printf '%s\\0' {name} "$@"; echo; }} >>/srv/argv
exec {path}.real "$@"
"""
"""Stands in a program's place.  Each call is a line; a newline inside of a word is told by the words' NULs."""
HOLD = """
import fcntl, os, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print(os.getpid(), flush=True)
time.sleep(float(sys.argv[2]))
"""
LIMIT = 180.0
"""Seconds that one command may take."""


@dataclass(frozen=True)
class Look:
    """Everything that an upgrade may change, as dpkg and apt tell it: to be compared byte for byte."""

    packages: str
    auto: str
    manual: str
    held: str

    @property
    def versions(self) -> dict[str, str]:
        rows = (line.split("\t") for line in self.packages.splitlines())
        return {name: version for name, version, _ in rows}

    def differs(self, other: "Look") -> list[str]:
        """The lines that only one of the two has: ``-`` for this one's, ``+`` for the other's."""
        found = []
        for part in ("packages", "auto", "manual", "held"):
            mine, others = (set(getattr(look, part).splitlines()) for look in (self, other))
            found += [f"{part} -{line}" for line in sorted(mine - others)]
            found += [f"{part} +{line}" for line in sorted(others - mine)]
        return found


class Debian:
    """One device, and its archive."""

    def __init__(self, device: Device, archive: Archive) -> None:
        self.device, self.archive = device, archive
        device.write(CONF, CONFIGURATION.format(port=PORT))
        self.url = f"http://127.0.0.1:{PORT}"

    # --- the device ---

    def look(self) -> Look:
        told = "${binary:Package}\\t${Version}\\t${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status}\\n"
        texts = (self.device.exec("apt-mark", f"show{what}") for what in ("auto", "manual", "hold"))
        return Look(self.device.exec("dpkg-query", "-W", "-f", told), *texts)

    def version(self, package: str) -> str:
        return self.device.exec("dpkg-query", "-W", "-f", "${Version}", package)

    def is_sound(self) -> None:
        """dpkg has nothing half done, and apt agrees."""
        assert self.device.exec("dpkg", "--audit") == ""
        check = self.device.run("apt-get", "check")
        assert check.returncode == 0, check.stderr

    def units(self) -> list[str]:
        """Our transient units that systemd still knows of."""
        told = self.device.exec("systemctl", "list-units", "--all", "--plain", "--no-legend", UNITS)
        return [line.split()[0] for line in told.splitlines()]

    def start_agent(self) -> None:
        """As a service that systemd starts again whenever it dies."""
        self.device.write(
            AGENT, SERVICE.format(words=" ".join(on_a_device(PYTHON, "-m", "dunebugger_updater", "agent")))
        )
        self.device.exec("systemctl", "daemon-reload")
        self.device.exec("systemctl", "-q", "enable", "--now", "dunebugger-updater")
        self.wait_for_agent()

    def wait_for_agent(self) -> None:
        place.wait_for(self._answers, 60, "the agent does not answer")

    def _answers(self) -> bool:
        return self.device.run("curl", "-fsS", "-m", "5", f"{self.url}/healthz").returncode == 0

    def record(self) -> None:
        """Have the programs that change packages write down what they are told, from now on."""
        for name in RECORDED:
            path = self.device.exec("sh", "-c", 'command -v "$0"', name)
            self.device.exec("mv", path, f"{path}.real")
            self.device.write(path, RECORDER.format(name=name, path=path))
            self.device.exec("chmod", "755", path)

    def recorded(self) -> list[list[str]]:
        """The argument lists since ``record``, each with its program's name in front."""
        return [line.split("\0") for line in self.device.read("/srv/argv").split("\0\n") if line]

    # --- our program ---

    def call(self, *words: str, limit: float = LIMIT) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        done = self.device.updater(*words, limit=limit)
        return done.returncode, done.stdout, done.stderr

    def answer(self, *words: str, status: int = 0, limit: float = LIMIT) -> Any:
        """What ``--json`` says; fails when the exit status is another one."""
        code, out, err = self.call(*words, "--json", limit=limit)
        assert code == status, f"{words}: exit status {code}\n{out}\n{err}"
        return json.loads(out)


def offered(device: Device, archive: Archive, *names: str) -> Debian:
    """A device that has these packages, and newer ones of them on offer."""
    care = Debian(device, archive)
    archive.connect(device)
    archive.install(device, *names)
    archive.publish(*names)
    archive.refresh(device)
    return care


class Holder:
    """Somebody else's program that holds a lock on a device, for as long as it is told or until it is ended."""

    def __init__(self, device: Device, lock: str, seconds: float) -> None:
        self._popen = subprocess.Popen(
            ["docker", "exec", "-i", device.name, "python3", "-c", HOLD, lock, str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            env=place.environment(),
        )
        assert self._popen.stdout is not None
        self.pid = int(self._popen.stdout.readline())
        """On the device."""
        self._device = device

    def end(self) -> None:
        self._device.run("kill", str(self.pid))
        self._popen.communicate(timeout=30)
