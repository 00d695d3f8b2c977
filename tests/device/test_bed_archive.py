"""The test's archive is what the tests that use it believe: apt itself is asked."""

import pytest
from device.bed.archive import Archive, Fault
from device.bed.debs import RASPBERRY, SECURITY, STABLE
from device.bed.device import Device

pytestmark = [pytest.mark.device]

UPDATE = ("apt-get", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=0", "update")
INSTALL = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "-y",
    "-oAcquire::Retries=0",
    "install",
    "--only-upgrade",
)


def would_upgrade(device: Device, *more: str) -> dict[str, str]:
    """What ``apt-get -s upgrade`` says: the rest of the line, by package."""
    lines = device.exec("apt-get", "-s", *more, "upgrade").splitlines()
    return {words[1]: words[2] for words in (line.split(" ", 2) for line in lines) if words[0] == "Inst"}


def test_what_is_published_is_pending_with_its_origin(device: Device, archive: Archive) -> None:
    archive.connect(device, STABLE, SECURITY, RASPBERRY)
    archive.install(
        device, "tb-tool", "tb-lib", "tb-ssl", "tb-firmware", "tb-epoch", "tb-c++", "tb-phased", "tb-newdep"
    )
    assert would_upgrade(device) == {}
    archive.publish("tb-tool", "tb-lib", "tb-ssl", "tb-firmware", "tb-epoch", "tb-c++", "tb-phased", "tb-newdep")
    archive.refresh(device)
    assert would_upgrade(device) == {
        "tb-c++": "[1.0] (1.1 Debian:12.99/stable [all])",
        "tb-epoch": "[1:1.0~rc1+b2] (1:1.1+deb12u1 Debian:12.99/stable [all])",
        "tb-firmware": "[1.0] (1.1 Raspberry Pi Foundation:stable [all])",
        "tb-lib": "[1.0] (1.2 Debian:12.99/stable [all])",
        "tb-ssl": "[1.0] (1.1 Debian-Security:12/stable-security [all])",
        "tb-tool": "[1.0] (1.1 Debian:12.99/stable [all])",
    }
    assert "tb-newdep" in would_upgrade(device, "--with-new-pkgs")
    done = device.run("apt-get", "-s", "install", "tb-tool=1.0")
    assert "1.0" in done.stdout, "the installed version is no news"
    device.exec(*INSTALL, "tb-tool", "tb-lib", "tb-c++")
    versions = device.exec("dpkg-query", "-W", "-f", "${Package}=${Version} ", "tb-tool", "tb-lib", "tb-c++")
    assert versions == "tb-c++=1.1 tb-lib=1.2 tb-tool=1.1"
    assert "was not found" in device.run("apt-get", "-s", "install", "tb-tool=1.0").stderr


FAULTS: dict[Fault, str] = {
    "expired": "is expired",
    "not_yet": "is not valid yet",
    "unsigned": "is no longer signed",
    "wrong_key": "NO_PUBKEY",
    "bad_hash": "Hash Sum mismatch",
    "relabelled": "changed its 'Label' value",
    "gone": "no longer has a Release file",
}


def test_each_fault_of_an_index_is_apt_s_own_and_passes(device: Device, archive: Archive) -> None:
    archive.connect(device)
    for fault, says in FAULTS.items():
        archive.publish("tb-tool", fault=fault)
        done = device.run(*UPDATE)
        assert (fault, done.returncode) == (fault, 100)
        assert says in done.stderr, fault
        archive.publish("tb-tool")
        archive.refresh(device)


def test_a_package_that_is_missing_cut_short_or_out_of_reach_is_apt_s_own(device: Device, archive: Archive) -> None:
    archive.connect(device)
    archive.install(device, "tb-tool", "tb-conf")
    archive.publish("tb-tool", "tb-conf")
    archive.refresh(device)
    archive.lose("tb-tool")
    assert "404" in device.run(*INSTALL, "tb-tool").stderr
    archive.truncate("tb-conf")
    assert "unexpected size" in device.run(*INSTALL, "tb-conf").stderr
    archive.mend()
    archive.stop()
    assert "Connection refused" in device.run(*UPDATE).stderr
    assert "Connection refused" in device.run(*INSTALL, "tb-tool").stderr
    archive.start()
    archive.refresh(device)
    device.exec(*INSTALL, "tb-tool")


def test_maintainer_scripts_fail_and_owners_files_stay(device: Device, archive: Archive) -> None:
    archive.connect(device)
    names = ("tb-badpost", "tb-badpre", "tb-conf", "tb-kernel", "tb-daemon", "tb-stale")
    archive.install(device, *names)
    device.write("/etc/tb-conf.conf", "setting=mine\n")
    archive.publish(*names)
    archive.refresh(device)
    assert "cannot migrate the database" in device.run(*INSTALL, "tb-badpost").stdout
    assert device.exec("dpkg-query", "-W", "-f", "${db:Status-Status}", "tb-badpost") == "half-configured"
    device.copy_in(archive.deb("tb-badpost", "1.0"), "/srv/old.deb")
    device.exec("dpkg", "-i", "/srv/old.deb")
    assert "refusing to upgrade" in device.run(*INSTALL, "tb-badpre").stdout
    device.exec(*INSTALL, "-o", "Dpkg::Options::=--force-confold", "tb-conf", "tb-kernel")
    assert device.read("/etc/tb-conf.conf") == "setting=mine\n"
    assert device.read("/run/reboot-required.pkgs") == "tb-kernel\n"
    assert device.show("tb-daemon", "ActiveState") == "active"
    device.exec(*INSTALL, "tb-daemon", "tb-stale")
    assert device.show("tb-stale", "ActiveState") == "active"
    maps = device.read(f"/proc/{device.show('tb-stale', 'MainPID')}/maps")
    assert "/usr/lib/tb-stale/sleep (deleted)" in maps
    assert "no module named lgpio" in device.journal("tb-daemon")
