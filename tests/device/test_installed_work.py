"""The installed package does its work from within the walls of its own unit: the command only hands it over."""

import pytest
from device.bed.archive import Archive
from device.bed.debian import Look
from device.bed.device import Device
from device.bed.frozen import Frozen
from device.bed.presepe import CONF, SETTINGS, Presepe

pytestmark = [pytest.mark.device]

NAME = "dunebugger-updater"
BY_SERVICE = "local"
"""Who says yes when the service carries out a command's wish; by itself the command says ``owner`` or ``SUDO_USER``."""
PACKAGES = """
[Component system]
type = apt
"""


class InstalledPresepe(Presepe):
    """The first user's device, looked after by the package."""

    def __init__(self, device: Device, frozen: Frozen) -> None:
        super().__init__(device)
        device.copy_in(frozen.deb, "/srv/updater.deb")
        device.exec("dpkg", "-i", "--force-confold", "/srv/updater.deb", limit=120)
        device.write(CONF, SETTINGS + PACKAGES)
        device.exec("systemctl", "restart", NAME, limit=90)

    def call(self, *words: str) -> tuple[int, str, str]:
        done = self.device.run(NAME, *words, limit=200)
        return done.returncode, done.stdout, done.stderr

    @property
    def agent(self) -> str:
        """The service's process: that it stays the same one tells that nothing was restarted on the way."""
        return self.device.show(NAME, "MainPID")


def packages(device: Device) -> Look:
    told = "${binary:Package}\\t${Version}\\t${db:Status-Status}\\n"
    texts = (device.exec("apt-mark", f"show{what}") for what in ("auto", "manual", "hold"))
    return Look(device.exec("dpkg-query", "-W", "-f", told), *texts)


def test_the_installed_package_updates_an_app_and_packages_and_brings_both_back(
    device: Device, archive: Archive, frozen: Frozen
) -> None:
    archive.connect(device)
    archive.install(device, "tb-tool", "tb-conf")
    presepe = InstalledPresepe(device, frozen)
    agent = presepe.agent
    assert agent != "0"

    presepe.offer({"1.1.0": "well"})
    assert presepe.component("--force")["latest"] == "1.1.0"
    told = presepe.update()
    assert (told["outcome"], told["to"]) == ("updated", "1.1.0")
    assert told["actor"] == BY_SERVICE
    shown = presepe.ask()
    assert (shown["version"], shown["user"], shown["brightness"]) == ("1.1.0", "pi", "90")

    presepe.offer({"1.1.0": "well", "1.2.0": "crashes"}, limit=20)
    presepe.component("--force")
    told = presepe.update(status=4)
    assert (told["outcome"], told["to"], told["actor"]) == ("rolled_back", "1.2.0", BY_SERVICE)
    assert "no module named lgpio" in "\n".join(presepe.answer("show", told["run"])["evidence"])
    assert presepe.ask()["version"] == "1.1.0"

    archive.publish("tb-tool", "tb-conf")
    archive.refresh(device)
    first = packages(device)
    told = presepe.answer("action", "apt_upgrade_all", "--yes")
    assert told["result"]["outcome"] == "updated", told
    assert packages(device).versions == {**first.versions, "tb-tool": "1.1", "tb-conf": "1.1"}
    told = presepe.answer("rollback", "system", "--yes")
    assert (told["outcome"], told["actor"]) == ("rolled_back", BY_SERVICE), told
    assert packages(device).differs(first) == []

    assert presepe.agent == agent, "the service went on all the while"
    said = device.journal(NAME)
    assert "Traceback" not in said, said
