"""What is said to be pending is what the archive has, on a real Debian with a signed archive."""

from typing import Any

import pytest
from device.bed.archive import Archive
from device.bed.debian import Debian
from device.bed.debs import RASPBERRY, SECURITY, STABLE
from device.bed.device import Device

pytestmark = [pytest.mark.device]
NAMES = (
    *("tb-tool", "tb-lib", "tb-ssl", "tb-both", "tb-kernel", "tb-firmware", "tb-epoch", "tb-c++", "tb-held"),
    *("tb-newdep", "tb-old", "tb-breaks", "tb-unmet", "tb-phased", "tb-stale"),
)
PENDING = set(NAMES) - {"tb-old"}
SECURE = {"tb-lib", "tb-ssl", "tb-both", "tb-kernel"}
KEPT = {
    "tb-breaks": "it would remove tb-old",
    "tb-held": "held on this device; apt-mark unhold releases it",
    "tb-phased": "given out in phases, and this device's turn has not come (0 % have it)",
    "tb-unmet": "it depends on tb-does-not-exist, which is not installable",
}


@pytest.fixture
def care(device: Device, archive: Archive) -> Debian:
    made = Debian(device, archive)
    archive.connect(device, STABLE, SECURITY, RASPBERRY)
    archive.install(device, *NAMES)
    device.exec("apt-mark", "hold", "tb-held")
    archive.publish(*NAMES)
    archive.refresh(device)
    return made


def ours(told: dict[str, Any]) -> dict[str, Any]:
    """What is said of the archive's packages: the device's image has others."""
    return {each["name"]: each for each in told["packages"] if each["name"].startswith("tb-")}


def test_the_inventory_is_the_archives_truth(care: Debian) -> None:
    told = care.answer("packages")
    found = ours(told)
    assert set(found) == PENDING
    assert {name for name, each in found.items() if each["security"]} == SECURE
    assert {name: each["kept_back"] for name, each in found.items() if each["kept_back"]} == KEPT
    assert [name for name, each in found.items() if each["held"]] == ["tb-held"]
    assert (found["tb-lib"]["candidate"], found["tb-lib"]["security_version"]) == ("1.2", "1.1")
    assert found["tb-both"]["origins"] == ["Debian:12.99/stable", "Debian-Security:12/stable-security"]
    assert found["tb-firmware"]["origins"] == ["Raspberry Pi Foundation:stable"]
    assert (found["tb-epoch"]["installed"], found["tb-epoch"]["candidate"]) == ("1:1.0~rc1+b2", "1:1.1+deb12u1")
    for name, each in found.items():
        deb = care.archive.deb(name, each["candidate"])
        assert each["size"] == deb.stat().st_size, name
        assert each["installed"] == care.version(name)
    assert (told["security_known"], told["reboot_required"], told["broken"]) == (True, False, [])
    assert told["checked_at"] is not None
    only = care.answer("packages", "--security")
    assert set(ours(only)) == SECURE
    assert (only["total"], only["security"]) == (told["total"], told["security"])


def test_it_is_told_to_a_person_and_to_who_has_no_rights(care: Debian) -> None:
    code, out, err = care.call("packages")
    assert (code, err) == (0, "")
    assert "tb-unmet 1.0 -> 1.1: it depends on tb-does-not-exist" in out
    assert f"{len(SECURE)} with a security fix" in out
    as_guest = care.device.run("/opt/updater/bin/python", "-m", "dunebugger_updater", "packages", user="nobody")
    assert as_guest.returncode == 0, as_guest.stderr
    assert as_guest.stdout == out


def test_what_was_upgraded_leaves_and_what_it_needs_afterwards_is_told(care: Debian) -> None:
    before = care.answer("status")["components"]["system"]
    assert before["update_available"]
    names = ("tb-kernel", "tb-ssl", "tb-stale")
    care.device.exec("apt-get", "-qq", "-y", "install", "--only-upgrade", *names, limit=120)
    told = care.answer("packages")
    assert set(ours(told)) == PENDING - set(names)
    assert (told["reboot_required"], told["reboot_packages"]) == (True, ["tb-kernel"])
    assert "tb-stale.service" in told["stale_services"]
    after = care.answer("status")["components"]["system"]
    assert after["current"] != before["current"]
    assert f"{told['ready']} packages can be updated" in after["message"]
    care.device.exec("systemctl", "restart", "tb-stale")
    assert "tb-stale.service" not in care.answer("packages")["stale_services"]


def test_what_the_whole_would_become_is_what_it_becomes(care: Debian) -> None:
    offered = care.answer("status")["components"]["system"]["latest"]
    care.device.exec("apt-get", "-qq", "-y", "--with-new-pkgs", "upgrade", limit=300)
    view = care.answer("status")["components"]["system"]
    assert (view["current"], view["status"]) == (offered, "up_to_date")
    assert view["message"].startswith(f"up to date; {len(KEPT)} kept back")


def test_a_check_fetches_the_lists_and_says_since_when_that_does_not_work(care: Debian) -> None:
    view = care.answer("check", "system", "--force")["components"]["system"]
    assert (view["status"], view["problem"]) == ("update_available", None)
    care.archive.stop()
    view = care.answer("check", "system", "--force", status=1)["components"]["system"]
    assert view["status"] == "unknown"
    assert view["message"].startswith("unknown since ")
    assert "cannot reach the archive" in view["message"]
    assert "packages can be updated" in view["message"]
    assert care.answer("packages")["problem"] == view["problem"]


def test_without_a_security_archive_none_is_not_zero(device: Device, archive: Archive) -> None:
    care = Debian(device, archive)
    archive.connect(device, RASPBERRY)
    archive.install(device, "tb-firmware")
    archive.publish("tb-firmware")
    archive.refresh(device)
    told = care.answer("packages")
    assert set(ours(told)) == {"tb-firmware"}
    assert (told["security_known"], told["security"]) == (False, 0)
    assert "Raspberry Pi Foundation" in told["security_unknown"]
    assert "security unknown" in care.call("packages")[1]
