"""Each action on packages, on the real apt: it changes what it says and nothing else, and it goes back by label."""

from pathlib import Path

import pytest
from device.bed.archive import Archive
from device.bed.debian import CONFFILE, OWN, STATE, Debian, offered
from device.bed.device import Device

from dunebugger_updater.model.packages import Package
from dunebugger_updater.steps import PutBackPackages

pytestmark = [pytest.mark.device]

MINE = ("tb-tool", "tb-ssl", "tb-lib", "tb-conf", "tb-newdep", "tb-held", "tb-service")


@pytest.mark.req("HC-08", "HC-09", "HC-10", "HC-17", "HC-45", "HC-67", "HP-02", "HP-03")
def test_each_action_does_what_it_says_and_nothing_else(device: Device, archive: Archive) -> None:
    care = Debian(device, archive)
    archive.connect(device)
    archive.install(device, *(set(MINE) - {"tb-lib"}), auto=["tb-lib"])
    device.exec("apt-mark", "hold", "tb-held")
    device.write(CONFFILE, OWN)
    archive.publish(*MINE)
    first = care.look()

    assert care.answer("action", "apt_update", "--yes")["status"] == "succeeded"
    assert care.look().differs(first) == [], "the lists change nothing that is installed"

    told = care.answer("action", "apt_upgrade_security", "--yes")
    assert told["result"]["packages_upgraded"] == 2, told
    # tb-lib has a fix in 1.1 and something newer, 1.2, that is no security update
    assert care.look().versions == {**first.versions, "tb-ssl": "1.1", "tb-lib": "1.1"}
    assert care.look().auto == first.auto

    told = care.answer("action", "apt_upgrade_packages", "tb-tool", "--yes")
    assert "tb-tool" in told["result"]["output"]
    assert care.look().versions == {**first.versions, "tb-ssl": "1.1", "tb-lib": "1.1", "tb-tool": "1.1"}

    told = care.answer("action", "apt_upgrade_all", "--yes")
    assert told["result"]["outcome"] == "updated", told
    last = care.look()
    assert last.versions == {
        **first.versions,
        **dict.fromkeys(set(MINE) - {"tb-held"}, "1.1"),
        "tb-lib": "1.2",
        "tb-newlib": "1.1",
    }
    assert last.auto.split() == sorted([*first.auto.split(), "tb-newlib"])
    assert device.read(CONFFILE) == OWN
    care.is_sound()

    was = device.show("tb-service", "MainPID")
    assert care.answer("action", "restart_service", "tb-service", "--yes")["status"] == "succeeded"
    assert device.show("tb-service", "MainPID") not in {was, "0"}
    assert care.answer("action", "clear_logs", "--yes")["status"] == "succeeded"
    assert care.units() == []


def test_a_label_leads_back_over_several_upgrades_and_their_marks(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-tool", "tb-newdep", "tb-conf")
    first = care.look()
    label = care.answer("update", "system", "--dry-run")["from"]
    care.answer("action", "apt_upgrade_packages", "tb-newdep", "--yes")
    care.answer("action", "apt_upgrade_all", "--yes")
    assert "tb-newlib" in care.look().versions
    archive.stop()
    told = care.answer("rollback", "system", "--to", label, "--yes")
    assert (told["outcome"], told["to"]) == ("rolled_back", label)
    assert care.look().differs(first) == []
    care.is_sound()


def test_the_commands_that_are_told_lead_back_without_us_and_without_an_archive(
    device: Device, archive: Archive
) -> None:
    care = Debian(device, archive)
    names = ("tb-epoch", "tb-newdep", "tb-tool")
    archive.connect(device)
    archive.install(device, *names[:2], auto=names[2:])
    archive.publish(*names)
    archive.refresh(device)
    first = care.look()
    care.answer("action", "apt_upgrade_all", "--yes")
    assert care.look().differs(first) != []
    archive.stop()
    was = tuple(Package(name, first.versions[name], auto=name == "tb-tool") for name in names)
    told = PutBackPackages(was, ("tb-newlib",), Path(STATE) / "packages/debs", "back").by_hand
    device.exec("sh", "-c", told.replace("apt-get install", "apt-get -y install"))
    assert care.look().differs(first) == []
    care.is_sound()


def test_what_dpkg_had_left_half_done_is_finished_before_the_upgrade(device: Device, archive: Archive) -> None:
    care = offered(device, archive, "tb-tool", "tb-conf")
    device.copy_in(archive.deb("tb-ssl", "1.0"), "/srv/tb-ssl.deb")
    device.exec("dpkg", "--unpack", "/srv/tb-ssl.deb")
    assert "tb-ssl" in device.exec("dpkg", "--audit")
    told = care.answer("update", "system", "--yes")
    assert told["outcome"] == "updated", told
    assert any("dpkg --configure -a" in note for note in told["notes"]), "it is said before"
    assert care.version("tb-tool") == "1.1"
    care.is_sound()
