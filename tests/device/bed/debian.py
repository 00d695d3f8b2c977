"""A Debian device under our care: its packages as dpkg tells them, our program on it, and how all of it must look.

The program's folders are its usual ones; what is configured is the least that lets it see packages only.
"""

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from device.bed.archive import Archive
from device.bed.device import Device

Json: TypeAlias = dict[str, Any]

CONF = "/etc/dunebugger/dunebugger.conf"
STATE = "/var/lib/dunebugger-updater"
AGENT = "/etc/systemd/system/dunebugger-updater.service"
UNITS = "dunebugger-updater-apt-*"
CONFIGURATION = """\
[Updater]
initialDelayMinutes = 600

[Component system]
type = apt

[Panel]
listen = 127.0.0.1:8470
"""
SERVICE = """\
[Unit]
After=network.target
[Service]
ExecStart=/opt/updater/bin/python -m dunebugger_updater agent
Restart=always
RestartSec=0.2
[Install]
WantedBy=multi-user.target
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


class Debian:
    """One device, and its archive."""

    def __init__(self, device: Device, archive: Archive) -> None:
        self.device, self.archive = device, archive
        device.write(CONF, CONFIGURATION)

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
        self.device.write(AGENT, SERVICE)
        self.device.exec("systemctl", "daemon-reload")
        self.device.exec("systemctl", "-q", "enable", "--now", "dunebugger-updater")

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
