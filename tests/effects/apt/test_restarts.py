"""What still runs as it was before is found in a made-up ``/run`` and ``/proc``."""

from pathlib import Path

import pytest

from dunebugger_updater.effects.apt_restarts import reboot, stale_services

LINUX = "linux-image-6.1.0-18-amd64"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("6.1.0-18-amd64\n")
    (tmp_path / "proc/version").write_text("Linux version 6.1.0-18-amd64 (x) #1 SMP Debian 6.1.76-1 (2024-02-01)\n")
    return tmp_path


def process(root: Path, number: int, cgroup: str, *maps: str) -> None:
    folder = root / "proc" / str(number)
    folder.mkdir()
    (folder / "cgroup").write_text(f"{cgroup}\n")
    lines = (f"7f0000000000-7f0000001000 r-xp 00000000 08:01 42    {path}\n" for path in maps)
    (folder / "maps").write_text("".join(lines))


def test_a_device_that_asks_for_nothing_needs_no_reboot(root: Path) -> None:
    assert reboot(root, {LINUX: "6.1.76-1"}) == (False, ())
    assert reboot(root, {}) == (False, ())


def test_packages_that_ask_for_a_reboot_are_named(root: Path) -> None:
    (root / "run/reboot-required").write_text("*** System restart required ***\n")
    assert reboot(root, {}) == (True, ())
    (root / "run/reboot-required.pkgs").write_text("libssl3\ndbus\nlibssl3\n")
    assert reboot(root, {}) == (True, ("dbus", "libssl3"))


@pytest.mark.parametrize(
    ("running", "installed", "newer"),
    [
        ("6.1.0-18-amd64", ["6.1.0-9-amd64", "6.1.0-21-amd64", "6.1.0-20-amd64"], "6.1.0-21-amd64"),
        ("6.1.0-18-cloud-amd64", ["6.1.0-21-amd64", "6.1.0-17-cloud-amd64"], None),
        ("6.6.31+rpt-rpi-v8", ["6.12.25+rpt-rpi-v8", "6.12.30+rpt-rpi-2712"], "6.12.25+rpt-rpi-v8"),
        ("6.1.0-18-amd64", ["amd64", "6.1.0-21-amd64-dbg", "6.1.0-21-amd64-unsigned"], None),
        ("not a kernel", ["6.1.0-21-amd64"], None),
    ],
)
def test_a_newer_kernel_of_the_same_kind_waits_for_a_reboot(
    root: Path, running: str, installed: list[str], newer: str | None
) -> None:
    (root / "proc/sys/kernel/osrelease").write_text(f"{running}\n")
    by = (f"linux-image-{newer}",) if newer else ()
    assert reboot(root, {f"linux-image-{each}": "1" for each in installed}) == (newer is not None, by)


def test_a_newer_build_of_the_running_kernel_waits_for_a_reboot(root: Path) -> None:
    assert reboot(root, {LINUX: "6.1.90-1"}) == (True, (LINUX,))


def test_a_container_has_no_kernel_of_its_own(root: Path) -> None:
    (root / ".dockerenv").write_text("")
    assert reboot(root, {LINUX: "6.1.90-1"}) == (False, ())


def test_services_with_replaced_files_are_found_by_their_unit(root: Path) -> None:
    deleted = "/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)"
    process(root, 10, "0::/system.slice/ssh.service", "/usr/sbin/sshd", deleted)
    process(root, 11, "0::/system.slice/ssh.service", deleted)
    process(root, 12, "0::/system.slice/well.service", "/usr/lib/libssl.so.3")
    process(root, 13, "1:name=systemd:/system.slice/system-getty.slice/getty@tty1.service", "/sbin/agetty (deleted)")
    assert stale_services(root) == ("getty@tty1.service", "ssh.service")


@pytest.mark.parametrize(
    ("cgroup", "mapped"),
    [
        ("0::/system.slice/app.service", "/memfd:pulse (deleted)"),
        ("0::/system.slice/app.service", "/tmp/cache (deleted)"),
        ("0::/system.slice/app.service", "/dev/zero (deleted)"),
        ("0::/system.slice/docker-0123.scope", "/usr/lib/libssl.so.3 (deleted)"),
        ("0::/user.slice/user-1000.slice/session-3.scope", "/usr/bin/bash (deleted)"),
        ("0::/", "/usr/bin/bash (deleted)"),
    ],
)
def test_what_is_no_service_or_no_package_file_is_not_told(root: Path, cgroup: str, mapped: str) -> None:
    process(root, 10, cgroup, mapped)
    assert stale_services(root) == ()


def test_a_process_that_ends_meanwhile_is_no_trouble(root: Path) -> None:
    (root / "proc/10").mkdir()
    assert stale_services(root) == ()
    assert stale_services(root / "nowhere") == ()
