"""A package is installed over what the updater has brought itself to: the newer one runs, and one is told which."""

import subprocess
from collections.abc import Iterator

import pytest
from device.bed import place
from device.bed.device import Device
from device.bed.frozen import Frozen
from device.bed.selves import HOME, LIB, NAME, UNIT, Packaged, Versions, versions

pytestmark = [pytest.mark.device, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def published(frozen: Frozen) -> Iterator[Versions]:
    with versions(frozen) as made:
        yield made


@pytest.fixture
def selves(device: Device, published: Versions) -> Packaged:
    return Packaged(device, published)


def last_words(said: str) -> str:
    return next(line for line in reversed(said.splitlines()) if line.startswith(f"{NAME}: "))


def test_of_the_package_and_what_the_updater_brought_itself_to_the_newer_one_runs_and_it_is_told_which(
    selves: Packaged,
) -> None:
    device = selves.device
    selves.offer("1.1.0")
    words = ["docker", "exec", device.name, NAME, "update", "updater", "--yes"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdout=quiet, stderr=quiet, env=place.environment()):
        place.wait_for(lambda: selves.in_use != "factory", 120, "no version is on trial")
        said = selves.give("1.0.0")
    assert "waiting until it has finished updating itself" in said
    assert selves.last_run()["outcome"] == "updated", selves.journal()
    assert "1.1.0 goes on" in last_words(said)
    assert "1.0.0 stays to fall back on" in last_words(said)
    selves.wait_for("1.1.0", 60)
    assert (selves.in_use[:6], selves.component()["kept"]) == ("1.1.0-", ["1.0.0"])

    said = last_words(selves.give("1.2.0"))
    assert "1.2.0 runs now" in said
    assert "1.1.0, which is not newer" in said
    selves.wait_for("1.2.0", 60)
    assert (selves.in_use, selves.no_trial()) == ("factory", True)
    assert device.exec(NAME, "--version") == f"{NAME} 1.2.0"
    now = selves.component()
    assert (now["current"], now["status"], now["kept"]) == ("1.2.0", "up_to_date", ["1.1.0"])

    device.exec("ln", "-sfn", f"{HOME}/slots/1.3.0-gone", f"{HOME}/current")
    said = last_words(selves.give("1.0.0"))
    assert "1.0.0 runs now" in said
    assert "is gone" in said
    selves.wait_for("1.0.0", 60)

    device.exec("dpkg", "--remove", NAME)
    assert device.show(UNIT, "ActiveState") == "inactive"
    assert selves.version is None
    assert device.run("ls", LIB).stdout == ""
    assert device.run("ls", HOME).stdout != "", "the state stays for the next time"
    device.exec("dpkg", "--purge", NAME)
    assert device.run("ls", "-d", HOME, "/etc/dunebugger/dunebugger.conf").stdout == ""
    assert device.run("systemctl", "cat", NAME).returncode != 0
