"""An upgrade taken back: every package, every mark and the owner's files are what they were, byte for byte."""

import pytest
from device.bed import wares
from device.bed.archive import Archive
from device.bed.debian import CONFFILE, OWN, STATE, Debian
from device.bed.debs import RASPBERRY, SECURITY, STABLE
from device.bed.device import Device

pytestmark = [pytest.mark.device]

NAMES = (*wares.GOOD, "tb-lib", "tb-newdep", "tb-kernel", "tb-ask", "tb-slow-a", "tb-slow-b")
AUTO = ("tb-slow-b", "tb-lib")


def installed(device: Device, archive: Archive, *, cached: bool = False, keep_old: bool = False) -> Debian:
    """All of them in their old versions, one held, one changed by its owner, and everything newer on offer."""
    care = Debian(device, archive)
    archive.connect(device, STABLE, SECURITY, RASPBERRY)
    archive.install(device, *(set(NAMES) - set(AUTO)), "tb-held", auto=AUTO, cached=cached)
    device.write(CONFFILE, OWN)
    device.exec("apt-mark", "hold", "tb-held")
    archive.publish(*NAMES, "tb-held", keep_old=keep_old)
    archive.refresh(device)
    return care


def by_whom(care: Debian) -> None:
    """apt put them back, in one transaction; dpkg by itself was not needed."""
    told = care.device.exec("sh", "-c", f"grep -rh '^[$] ' {STATE}/packages/jobs/*/output")
    acted = [line for line in told.splitlines() if "--allow-downgrades" in line or "--force-downgrade" in line]
    assert len(acted) == 1, acted
    assert acted[0].startswith("$ apt-get "), acted
    assert acted[0].count("_1.0_") > len(NAMES) // 2, "by the .debs that were kept"


def upgraded_and_taken_back(care: Debian) -> None:
    before = care.look()
    told = care.answer("update", "system", "--yes")
    assert told["outcome"] == "updated", told
    after = care.look()
    new = {deb.name: deb.version for name in NAMES for deb in wares.AFTER[name]}
    assert new["tb-lib"] == "1.2"
    assert new["tb-newlib"] == "1.1"
    assert after.versions == {**before.versions, **new}
    assert after.auto.splitlines() == sorted([*before.auto.splitlines(), "tb-newlib"])
    assert (after.manual, after.held) == (before.manual, before.held)
    assert care.device.read(CONFFILE) == OWN
    care.is_sound()
    told = care.answer("rollback", "system", "--yes")
    assert told["outcome"] == "rolled_back", told
    by_whom(care)
    assert care.look().differs(before) == []
    assert care.device.read(CONFFILE) == OWN
    care.is_sound()
    assert care.device.show("tb-service", "ActiveState") == "active"
    assert care.units() == []


def test_versions_that_the_archive_has_forgotten_are_packed_again(device: Device, archive: Archive) -> None:
    care = installed(device, archive)
    archive.asked.clear()
    upgraded_and_taken_back(care)
    assert not [path for path in archive.asked if "_1.0_" in path]


def test_versions_that_are_in_the_cache_are_taken_from_there(device: Device, archive: Archive) -> None:
    device.exec("dpkg", "--purge", "dpkg-repack")
    upgraded_and_taken_back(installed(device, archive, cached=True))


def test_versions_that_the_archive_still_has_are_fetched(device: Device, archive: Archive) -> None:
    device.exec("dpkg", "--purge", "dpkg-repack")
    care = installed(device, archive, keep_old=True)
    archive.asked.clear()
    upgraded_and_taken_back(care)
    assert [path for path in archive.asked if "tb-tool_1.0_" in path]


def test_what_could_not_be_taken_back_is_said_before(device: Device, archive: Archive) -> None:
    """Neither cache nor archive has the old version, and there is no dpkg-repack to make it."""
    device.exec("dpkg", "--purge", "dpkg-repack")
    care = installed(device, archive)
    before = care.look()
    plan = care.answer("update", "system", "--dry-run")
    notes = " ".join(plan["plan"]["notes"])
    assert "tb-tool" in notes
    assert "dpkg-repack" in notes
    assert care.look().differs(before) == []
