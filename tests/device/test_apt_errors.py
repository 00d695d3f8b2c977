"""What can go wrong with packages, on the real apt: each has its own sentence, and nothing is left half done."""

import re
from typing import Any

import pytest
from device.bed import place
from device.bed.archive import Archive, Fault
from device.bed.debian import CONFFILE, OWN, offered
from device.bed.device import PYTHON, Device, Devices

pytestmark = [pytest.mark.device]


def error(told: dict[str, Any]) -> str:
    """The one sentence of an action that failed."""
    assert told["status"] == "failed", told
    sentence: str = told["result"]["error"]
    assert "\n" not in sentence
    assert "Traceback" not in told["result"]["output"]
    return sentence


INDEX: dict[Fault, str] = {
    "expired": "has expired .* ago: .*clock is wrong",
    "not_yet": "clock of this device is wrong; set it",
    "unsigned": "signed.*so nothing vouches for it",
    "wrong_key": "is signed with the key \\w+, which this device does not have",
    "bad_hash": "is not what the archive's index promises.*try again later",
    "relabelled": "calls itself 'Debian-Old' now and was 'Debian'",
    "gone": "is not there any more; correct /etc/apt/sources.list",
}


def test_each_fault_of_an_archive_has_its_own_sentence(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-tool")
    before = care.look()
    for fault, sentence in INDEX.items():
        archive.publish("tb-tool", fault=fault)
        told = error(care.answer("action", "apt_update", "--yes", status=1))
        assert re.search(sentence, told), (fault, told)
    archive.stop()
    told = error(care.answer("action", "apt_update", "--yes", status=1))
    assert re.search("cannot reach the archive: .*Could not connect.*look at the network", told)
    archive.start()
    archive.publish("tb-tool")
    assert care.answer("action", "apt_update", "--yes")["status"] == "succeeded"
    assert care.look().differs(before) == []


def test_a_package_that_cannot_be_fetched_changes_nothing(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-tool", "tb-conf", "tb-ssl")
    before = care.look()
    archive.lose("tb-tool")
    assert "404" in error(care.answer("action", "apt_upgrade_all", "--yes", status=1))
    archive.mend()
    archive.truncate("tb-conf")
    told = error(care.answer("action", "apt_upgrade_all", "--yes", status=1))
    assert "is not what the archive's index promises" in told
    archive.mend()
    archive.stop()
    assert "cannot reach the archive" in error(care.answer("action", "apt_upgrade_all", "--yes", status=1))
    assert care.look().differs(before) == []
    care.is_sound()
    archive.start()
    assert care.answer("action", "apt_upgrade_all", "--yes")["status"] == "succeeded"
    assert care.version("tb-tool") == "1.1"


@pytest.mark.req("HC-53", "HC-55")
def test_nothing_to_do_is_no_failure(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-tool")
    told = care.answer("action", "apt_upgrade_security", "--yes")
    assert (told["status"], told["result"]["packages_upgraded"]) == ("succeeded", 0)
    assert "No security updates available" in told["result"]["output"]
    assert care.version("tb-tool") == "1.0"
    assert care.answer("action", "apt_upgrade_all", "--yes")["status"] == "succeeded"
    told = care.answer("action", "apt_upgrade_all", "--yes")
    assert (told["status"], told["result"]["packages_upgraded"]) == ("succeeded", 0)


@pytest.mark.req("HC-48")
@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("tb-badpost", "tb-badpost: .*post-installation script.*cannot migrate the database"),
        ("tb-badpre", "tb-badpre: .*pre-installation script.*refusing to upgrade"),
    ],
)
def test_a_failing_script_is_named_and_all_is_as_it_was(
    package: str, sentence: str, device: Device, archive: Archive
) -> None:
    care = offered(device, archive, "tb-tool", package, "tb-conf")
    device.write(CONFFILE, OWN)
    before = care.look()
    told = care.answer("action", "apt_upgrade_all", "--yes", status=4)
    assert re.search(sentence, error(told)), told
    assert told["result"]["outcome"] == "rolled_back"
    assert care.look().differs(before) == []
    care.is_sound()
    assert device.read(CONFFILE) == OWN


def test_a_service_that_crashes_with_its_new_version_runs_again_in_the_old(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-tool", "tb-daemon")
    before = care.look()
    told = care.answer("action", "apt_upgrade_all", "--yes", status=4)
    assert "tb-daemon" in error(told)
    assert care.look().differs(before) == []
    place.wait_for(lambda: device.show("tb-daemon", "ActiveState") == "active", 20, "tb-daemon does not run")


@pytest.mark.req("HC-50")
def test_who_is_not_root_is_told_to_use_sudo(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-tool")
    before = care.look()
    for user in ("guest", "pi"):
        for words in (("action", "apt_upgrade_all", "--yes"), ("action", "apt_update", "--yes")):
            done = device.run(PYTHON, "-m", "dunebugger_updater", *words, user=user)
            assert done.returncode in {1, 3}, (user, words, done.stdout)
            assert "sudo required" in done.stdout + done.stderr, (user, words, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
    assert care.look().differs(before) == []


def test_a_package_for_which_there_is_no_room_is_refused_with_the_file_system(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-huge", "tb-tool")
    before = care.look()
    told = care.answer("action", "apt_upgrade_all", "--yes", status=3)
    assert re.search("room|free", told["result"]["error"]), told
    assert care.look().differs(before) == []
    told = care.answer("action", "apt_upgrade_packages", "tb-tool", "--yes")
    assert told["status"] == "succeeded"


@pytest.mark.req("HC-51")
def test_a_disk_that_fills_up_while_unpacking_is_named_and_all_is_as_it_was(devices: Devices, archive: Archive) -> None:
    device = devices("--tmpfs=/opt/tb-big:size=8m")
    care = offered(device, archive, "tb-big", "tb-tool")
    before = care.look()
    told = care.answer("action", "apt_upgrade_all", "--yes", status=4)
    assert re.search("the disk is full at /opt/tb-big.*make room", error(told)), told
    assert care.look().differs(before) == []
    care.is_sound()


@pytest.mark.req("HC-49")
def test_an_upgrade_that_restarts_our_agent_goes_on_and_is_told_to_its_end(device: Device, archive: Archive) -> None:
    """As needrestart does it, and a package of the updater's own: from within the maintainer script."""
    care = offered(device, archive, "tb-restarts", "tb-tool")
    care.start_agent()
    was = device.show("dunebugger-updater", "MainPID")
    care.call("action", "apt_upgrade_all", "--yes", "--json")  # who follows it may lose sight of it
    place.wait_for(lambda: care.answer("actions")[0]["status"] not in {"approved", "executing"}, 120, "it goes on")
    (action,) = care.answer("actions")
    assert (action["status"], action["result"]["outcome"]) == ("succeeded", "updated"), action
    assert device.show("dunebugger-updater", "MainPID") not in {was, "0"}
    assert [care.version(name) for name in ("tb-restarts", "tb-tool")] == ["1.1", "1.1"]
    care.is_sound()
    assert care.units() == []
