"""What apt and dpkg print when they fail becomes a sentence that says what to do: on what they really printed."""

from pathlib import Path

import pytest

from dunebugger_updater.effects.apt_locks import holder
from dunebugger_updater.effects.apt_sentences import Lock, failed_script, lock_held, locked, sentence

CAPTURES = Path(__file__).parents[2] / "captures" / "apt_errors"


def said(name: str) -> str:
    return (CAPTURES / f"{name}.txt").read_text()


def told(name: str) -> str:
    return sentence("cannot upgrade packages", said(name), lambda _: " (5 MB free)")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("apt-install-noversion", "the archive has tb-ssl 7.7 no more"),
        ("apt-install-nonexistent", "no archive knows a package tb-nonexistent"),
        ("apt-install-unmet", "dependencies are broken (tb-unmet : Depends: tb-does-not-exist"),
        ("apt-install-conflict", "apt would have to remove packages"),
        ("apt-downgrade-refused", "apt would have to downgrade packages"),
        ("apt-conffile-prompt-noninput", "asked about a configuration file"),
        ("apt-upgrade-badpost", "tb-badpost: installed tb-badpost package post-installation script"),
        ("apt-upgrade-badpost", "it said: tb-badpost: cannot migrate the database"),
        ("apt-upgrade-badpre", "tb-badpre: new tb-badpre package pre-installation script"),
        ("dpkg-configure-badpost", "dpkg --audit tells what it left half done"),
        ("enospc-archives", "the disk is full at /var/cache/apt/archives/ (5 MB free)"),
        ("enospc-dpkg-unpack", "the disk is full at /opt/tb-big/blob.dpkg-new (5 MB free)"),
        ("interrupted-apt-install", "dpkg --configure -a finishes what it left"),
        ("nonroot-dpkg", "sudo required"),
        ("nonroot-install", "sudo required"),
        ("nonroot-update", "sudo required"),
        ("repo-404-install", "the archive answers 404 for http://"),
        ("repo-404-update", "is not there any more; correct /etc/apt/sources.list"),
        ("repo-badhash-update", "is not what the archive's index promises"),
        ("repo-corrupt-deb-install", "is not what the archive's index promises"),
        ("repo-badsource-update", "line 1 of /etc/apt/sources.list.d/x.list is not understood"),
        ("repo-down-install", "cannot reach the archive"),
        ("repo-down-update-error-mode-any", "cannot reach the archive"),
        ("repo-expired-update", "has expired 1784d"),
        ("repo-relabel-update", "calls itself 'Debian-Old' now and was 'Debian'"),
        ("repo-unsigned-update", "is not signed, so nothing vouches for it"),
        ("repo-unsigned-again-update", "is no longer signed, so nothing vouches for it"),
        ("repo-wrongkey-update", "is signed with the key 389BFE0C3703A332"),
    ],
)
@pytest.mark.req("HC-50", "HC-51")
def test_each_failure_has_a_sentence_of_its_own(name: str, words: str) -> None:
    assert lock_held(said(name)) is None
    assert told(name).startswith("cannot upgrade packages: ")
    assert words in told(name)
    assert "\n" not in told(name)


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        ("lock-frontend-install", Lock("/var/lib/dpkg/lock-frontend", 144, "python3")),
        ("lock-frontend-install-timeout3", Lock("/var/lib/dpkg/lock-frontend", 144, "python3")),
        ("lock-dpkg-install", Lock("/var/lib/dpkg/lock", 190, "python3")),
        ("lock-dpkg-configure", Lock("/var/lib/dpkg/lock-frontend", 190)),
        ("lock-lists-update", Lock("/var/lib/apt/lists/lock", 220, "python3")),
        ("lock-archives-install", Lock("/var/cache/apt/archives/lock", 242, "python3")),
    ],
)
@pytest.mark.req("HC-54")
def test_a_lock_that_others_hold_is_seen_with_its_holder(name: str, lock: Lock) -> None:
    assert lock_held(said(name)) == lock
    assert lock.holder in locked(lock, 3)
    assert "after 3 tries" in locked(lock, 3)


def test_after_a_time_out_the_kernel_is_asked_who_holds_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "lock-frontend"
    file.touch()
    table = tmp_path / "locks"
    status = file.stat()
    device = f"{status.st_dev >> 8 & 0xFFF:02x}:{status.st_dev & 0xFF:02x}"
    table.write_text(
        f"1: POSIX  ADVISORY  WRITE 0 {device}:{status.st_ino} 0 EOF\n"
        f"2: -> POSIX  ADVISORY  WRITE 1 {device}:{status.st_ino} 0 EOF\n"
    )
    unknown = lock_held(f"E: Unable to acquire the dpkg frontend lock ({file}), is another process using it?")
    assert unknown == Lock(str(file))
    found = holder(unknown, table)
    assert (found.pid, bool(found.name)) == (1, True)
    assert holder(unknown, tmp_path / "none").holder == "another program"


def test_several_failed_packages_are_all_named() -> None:
    text = "".join(f"dpkg: error processing package {name} (--configure):\n dependency problems\n" for name in "abc")
    assert failed_script(text) == "a: dependency problems; b, c failed too"
    assert failed_script("all is well") is None


def test_what_nobody_knows_is_told_in_its_own_words() -> None:
    text = "Reading package lists...\nE: Something new went wrong.\nE: Sub-process /usr/bin/dpkg returned an error\n"
    assert sentence("cannot upgrade packages", text) == "cannot upgrade packages: Something new went wrong"
    assert sentence("cannot upgrade packages", "") == "cannot upgrade packages: it failed without a word"


def test_a_clock_before_the_archives_time_is_named_as_that() -> None:
    text = "E: Release file for http://a/dists/x/InRelease is not valid yet (invalid for another 2h 3min 1s)."
    assert "the clock of this device is wrong" in sentence("cannot refresh the package lists", text)
