"""Installed by one command on a device without Python, running after each boot, and gone without a trace."""

import json
import re
import urllib.request
from collections.abc import Sequence

import pytest
from device.bed import place
from device.bed.device import Device
from device.bed.frozen import Frozen

NAME = "dunebugger-updater"
STATE = f"/var/lib/{NAME}"
CONF = "/etc/dunebugger/dunebugger.conf"
KEPT_BY_OTHERS = (
    r"/(proc|sys|dev|run|tmp|state|opt/checkout)(/|$)|/var/(log|lib/dpkg|lib/systemd/deb-systemd[^/]*|cache)(/|$)"
)
"""Where others keep books about what happened."""
FORMS = ("deb", "tarball", "file")


class Installed:
    """A device, and one form of the program to put on it."""

    def __init__(self, device: Device, frozen: Frozen, form: str) -> None:
        self.device, self.frozen, self.form = device, frozen, form
        source = {"deb": frozen.deb, "tarball": frozen.tarball, "file": frozen.file}[form]
        self.path = f"/home/pi/{source.name}"
        device.copy_in(source, self.path)
        self.before = self.files()
        if form == "tarball":
            device.exec("tar", "-xzf", self.path, "-C", "/home/pi/")

    def install(self) -> str:
        return self.device.exec(*self._words("install"), limit=120)

    def remove(self) -> None:
        self.device.exec(*self._words("uninstall"))

    def purge(self) -> None:
        self.device.exec(*self._words("purge"))

    def _words(self, what: str) -> Sequence[str]:
        if self.form == "deb":
            return {
                "install": ("dpkg", "-i", self.path),
                "uninstall": ("dpkg", "--remove", NAME),
                "purge": ("dpkg", "--purge", NAME),
            }[what]
        if self.form == "tarball":
            return ("sh", f"{self.path.removesuffix('-install.tar.gz')}/install.sh", what)
        flag = {"install": (), "uninstall": ("--uninstall",), "purge": ("--purge",)}[what]
        return (self.path, "install", *flag)

    def files(self) -> set[str]:
        """Everything on the disk but what others keep books in, and what was brought to install it."""
        found = self.device.exec("find", "/", "-xdev").splitlines()
        return {path for path in found if not re.match(KEPT_BY_OTHERS, path) and not path.startswith("/home/pi/dune")}

    def ask(self, path: str) -> tuple[int, str]:
        with urllib.request.urlopen(f"http://{self.device.address}:8470{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()

    def answers(self) -> bool:
        try:
            return self.ask("/healthz")[0] == 200
        except OSError:
            return False


@pytest.fixture(params=FORMS)
def installed(request: pytest.FixtureRequest, bare_device: Device, frozen: Frozen) -> Installed:
    return Installed(bare_device, frozen, request.param)


def test_it_is_installed_serves_comes_back_after_a_power_cut_and_leaves_nothing(installed: Installed) -> None:
    device = installed.device
    assert ":8470/" in installed.install()
    assert device.show(NAME, "ActiveState") == "active"
    assert device.show(NAME, "SubState") == "running"
    assert installed.answers()
    told = json.loads(device.exec(NAME, "version", "--json"))
    assert told["version"] == installed.frozen.version
    assert re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?", told["commit"])
    assert json.loads(installed.ask("/api/version")[1])["version"] == installed.frozen.version
    assert "the panel is at http://" in device.journal(NAME)
    assert "one-time code" in device.run(NAME, "status").stderr
    done = device.run(NAME, "doctor", "--json")
    found = {each["id"]: each for each in json.loads(done.stdout)["findings"]}
    assert {name: each["severity"] for name, each in found.items() if name.startswith("installation")} == {
        "installation.service": "fine",
        "installation.files": "fine",
    }, done.stdout

    device.cut_power()
    device.boot()
    place.wait_for(installed.answers, 30, "the panel is not back after a boot")
    device.write("/opt/dunebugger/mine", "the owner's\n")
    device.write(f"{CONF}.mine", "the owner's\n")

    installed.remove()
    assert not installed.answers()
    left = installed.files() - installed.before
    assert {path for path in left if not path.startswith(STATE)} == {
        "/etc/dunebugger",
        CONF,
        f"{CONF}.mine",
        "/opt/dunebugger",
        "/opt/dunebugger/mine",
    }
    installed.purge()
    assert installed.files() - installed.before == {
        "/etc/dunebugger",
        f"{CONF}.mine",
        "/opt/dunebugger",
        "/opt/dunebugger/mine",
    }
    assert installed.before - installed.files() == set()
    assert device.run("systemctl", "cat", NAME).returncode != 0


def test_installing_it_again_changes_nothing_that_the_owner_wrote(installed: Installed) -> None:
    device = installed.device
    installed.install()
    mine = device.read(CONF) + "\n[Panel]\nlisten = 127.0.0.1:8471\n".replace("[Panel]\n", "")
    mine = mine.replace(";listen = 0.0.0.0:8470", "listen = 0.0.0.0:8471").replace("\nlisten = 127.0.0.1:8471\n", "")
    device.write(CONF, mine)
    code = device.run(NAME, "status").stderr
    before = installed.files()
    installed.install()
    assert device.read(CONF) == mine
    assert installed.files() == before
    assert device.run(NAME, "status").stderr == code
    assert device.show(NAME, "ActiveState") == "active"
    place.wait_for(lambda: ":8471/" in device.journal(NAME), 20, "the new port was not taken")


def test_it_needs_root_and_says_so(installed: Installed) -> None:
    if installed.form == "deb":
        done = installed.device.run("dpkg", "-i", installed.path, user="pi")
        assert done.returncode == 2
        return
    done = installed.device.run(*installed._words("install"), user="pi")
    assert done.returncode == 3
    assert "this needs root" in done.stderr
    assert installed.files() - installed.before == set()
