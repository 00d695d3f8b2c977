"""What dpkg and apt print is read as it was recorded."""

from pathlib import Path

import pytest

from dunebugger_updater.effects.apt_pending import pending, read_links, why_security_unknown
from dunebugger_updater.effects.apt_words import (
    Archive,
    Here,
    read_archives,
    read_audit,
    read_installed,
    read_known,
    read_marks,
    read_records,
)
from dunebugger_updater.model.packages import Package

MARKS = """\
Package: libc6
Architecture: armhf
Auto-Installed: 1

Package: tzdata
Architecture: amd64
Auto-Installed: 1

Package: g++
Architecture: amd64
Auto-Installed: 0
"""
CAPTURES = Path(__file__).parents[2] / "captures/apt"


def told(name: str) -> str:
    return (CAPTURES / f"{name}.stdout.txt").read_text()


def test_archives_are_read_with_what_they_say_of_themselves_and_dpkg_is_none() -> None:
    archives = read_archives(told("apt-policy-suites"))
    assert {each.name: each.security for each in archives.values()} == {
        "Raspberry Pi Foundation:stable": False,
        "Debian-Security:12/stable-security": True,
        "Debian:12.99/stable": False,
    }
    assert all(place == each.place for place, each in archives.items())


def test_a_security_fix_below_the_candidate_is_seen() -> None:
    """apt itself shows only the candidate's origin."""
    known = read_known(told("apt-policy-tb-tool"))
    here = Here({name: Package(name, "1.0") for name in known}, frozenset({"tb-held"}))
    found = {each.name: each for each in pending(here, known, read_archives(told("apt-policy-suites")))}
    lib = found["tb-lib"]
    assert (lib.candidate, lib.security, lib.security_version) == ("1.2", True, "1.1")
    assert lib.origins == ("Debian:12.99/stable",)
    ssl = found["tb-ssl"]
    assert (ssl.security, ssl.security_version) == (True, None)
    assert found["tb-tool"].candidate == "1.1+deb12u1"
    assert not found["tb-firmware"].security
    assert found["tb-held"].held
    assert "apt-mark unhold" in (found["tb-held"].kept_back or "")


def test_a_package_that_apt_does_not_know_is_left_out() -> None:
    assert "tb-nonexistent" not in read_known(told("apt-policy-tb-tool"))


@pytest.mark.parametrize(
    ("origin", "label", "suite", "security"),
    [
        ("Debian", "Debian-Security", "stable-security", True),
        ("Debian", "Debian-Security", "oldstable-security", True),
        ("Devuan", "Devuan-Security", "daedalus-security", True),
        ("Ubuntu", "Ubuntu", "jammy-security", True),
        ("UbuntuESM", "UbuntuESM", "jammy-infra-security", True),
        ("Debian", "Debian", "stable-security", False),
        ("Ubuntu", "Ubuntu", "jammy-updates", False),
        ("Somebody", "Tools", "very-security", False),
        ("", "-Security", "security", False),
        ("Somebody", "Debian-Security", "stable-security", False),
    ],
)
def test_security_is_told_by_who_publishes_and_how_they_label_it(
    origin: str, label: str, suite: str, security: bool
) -> None:
    assert Archive("there", origin, label, suite).security is security


def test_what_an_archive_says_may_have_commas_and_spaces() -> None:
    text = " 500 http://a.test x/main all Packages\n     release v=1,o=A, B and C,a=stable,l=The, label,c=main,b=all\n"
    (archive,) = read_archives(text).values()
    assert (archive.origin, archive.label, archive.suite) == ("A, B and C", "The, label", "stable")


@pytest.mark.parametrize(
    ("archives", "words"),
    [
        ([Archive("a", "Raspbian", "Raspbian"), Archive("b", "Raspberry Pi Foundation")], "Pi Foundation and Raspbian"),
        ([Archive("a", "Debian", "Debian", "stable")], "no archive of Debian's security fixes"),
        ([], "no package list was ever fetched"),
    ],
)
def test_where_security_cannot_be_told_the_reason_is(archives: list[Archive], words: str) -> None:
    assert words in (why_security_unknown({each.place: each for each in archives}) or "")


def test_native_packages_have_plain_names_and_foreign_ones_their_architecture() -> None:
    """dpkg appends the native architecture to some, apt to none; ``all`` is native."""
    here = read_installed(
        "libc6\tamd64\t2.36\tinstall\tinstalled\nlibc6\tarmhf\t2.36\thold\tinstalled\n"
        "tzdata\tall\t2024a\tinstall\tinstalled\ng++\tamd64\t4:12\tinstall\thalf-configured\n"
        "gone\tamd64\t1\tdeinstall\tconfig-files\nnever\tamd64\t\tunknown\tnot-installed\n",
        read_marks(MARKS, "amd64"),
        "amd64",
    )
    assert set(here.packages) == {"libc6", "libc6:armhf", "tzdata", "g++"}
    assert {name for name, each in here.packages.items() if each.auto} == {"libc6:armhf", "tzdata"}
    assert here.held == {"libc6:armhf"}
    assert here.packages["g++"].state == "half-configured"


def test_records_are_of_the_archive_and_not_of_what_is_installed() -> None:
    records = read_records(told("apt-show-tb-newdep"), "amd64")
    assert {key: each.size for key, each in records.items()} == {("tb-newdep", "1.1"): 658}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dpkg-audit-after-conffile", "tb-conf is unpacked and not configured yet: dpkg --configure tb-conf does it"),
        ("dpkg-audit-badpost", "tb-badpost is half configured: dpkg --configure tb-badpost tries again"),
        ("interrupted-audit", "tb-slow is half configured: dpkg --configure tb-slow tries again"),
        ("powerloss-audit", "tb-slow is half configured: dpkg --configure tb-slow tries again"),
    ],
)
def test_what_dpkg_left_half_done_is_a_sentence_for_each_package(name: str, words: str) -> None:
    assert read_audit(told(name)) == (words,)


def test_an_audit_of_several_troubles_keeps_them_apart() -> None:
    both = told("dpkg-audit-after-conffile") + told("dpkg-audit-badpost")
    assert [each.split()[0] for each in read_audit(both)] == ["tb-conf", "tb-badpost"]
    assert read_audit("") == ()


def test_a_version_that_others_get_first_is_pending_also_where_apt_does_not_call_it_the_candidate() -> None:
    """apt 2.7 and later rank a phased version below the installed one."""
    known = read_known(
        "tb:\n  Installed: 1.0\n  Candidate: 1.0\n  Version table:\n     1.1 1 (phased 20%)\n"
        "        500 http://a.test x/main all Packages\n *** 1.0 100\n        100 /var/lib/dpkg/status\n"
    )
    (found,) = pending(Here({"tb": Package("tb", "1.0")}, frozenset()), known, {})
    assert (found.candidate, found.kept_back) == (
        "1.1",
        "given out in phases, and this device's turn has not come (20 % have it)",
    )


@pytest.mark.parametrize("candidate", ["1.0", "0.9"])
def test_what_a_pin_keeps_out_is_not_pending(candidate: str) -> None:
    known = read_known(
        f"tb:\n  Installed: 1.0\n  Candidate: {candidate}\n  Package pin: {candidate}\n  Version table:\n     2.0 -1\n"
        "         -1 http://a.test x/main all Packages\n *** 1.0 100\n        100 /var/lib/dpkg/status\n"
        "     0.9 1001\n       1001 http://a.test y/main all Packages\n"
    )
    assert [each.version for each in known["tb"].versions] == ["2.0", "1.0", "0.9"]
    assert pending(Here({"tb": Package("tb", "1.0")}, frozenset()), known, {}) == ()


def test_only_web_addresses_are_taken_as_links() -> None:
    text = (
        'Acquire::Changelogs::URI::Origin::Debian "https://changes.test/@CHANGEPATH@_changelog";\n'
        'Acquire::Changelogs::URI::Origin::Evil "javascript:alert(1)";\nAcquire::Changelogs::URI "";\n'
    )
    assert read_links(text) == {"Debian": "https://changes.test/@CHANGEPATH@_changelog"}
