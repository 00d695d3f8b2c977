"""What still runs as it was before an upgrade: the kernel, and services with files that were replaced under them.

Only read, from ``/run``, ``/boot`` and ``/proc``.  Without root only our own processes can be looked into.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_KERNEL = re.compile(r"linux-image-(\d[\d.]*(?:-\d+)?(?:\+[a-z0-9]+)?)-?(.*)")
_BUILT = re.compile(r"Debian (\S+) \(")
_SERVICE = re.compile(r"/([^/\s]+\.service)(?:/|$)")
_OF_PACKAGES = ("/usr/", "/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/")
"""Where packages put programs and libraries; what an app maps elsewhere and deletes is its own business."""
_MAPS = 4 * 1024**2


def reboot(root: Path, installed: Mapping[str, str]) -> tuple[bool, tuple[str, ...]]:
    """Whether a reboot is needed, and by which packages.

    Maintainer scripts may ask for one.  Besides, a kernel that was installed and does not run yet asks by being there.
    """
    asked = (root / "run/reboot-required").exists()
    packages = set(_text(root / "run/reboot-required.pkgs").split()) if asked else set()
    kernels = () if _is_container(root) else _newer_kernels(root, installed)
    return asked or bool(kernels), tuple(sorted(packages.union(kernels)))


def _newer_kernels(root: Path, installed: Mapping[str, str]) -> tuple[str, ...]:
    running = _text(root / "proc/sys/kernel/osrelease").strip()
    there = _KERNEL.fullmatch(f"linux-image-{running}")
    if there is None:
        return ()
    newer = [
        name
        for name in installed
        if (found := _KERNEL.fullmatch(name)) and found[2] == there[2] and _order(found[1]) > _order(there[1])
    ]
    if newer:
        return (max(newer, key=_order),)
    mine = f"linux-image-{running}"
    built = _BUILT.search(_text(root / "proc/version"))
    # The same name and a newer build: an upgrade that did not change what modules have to fit to.
    return (mine,) if built and mine in installed and installed[mine] != built[1] else ()


def stale_services(root: Path) -> tuple[str, ...]:
    """Answer the systemd services that have a process with a replaced file of a package in its memory."""
    found = set()
    try:
        numbers = [each for each in os.listdir(root / "proc") if each.isdigit()]  # noqa: PTH208  (names are enough)
    except OSError:
        return ()
    for number in numbers:
        process = root / "proc" / number
        if _has_replaced_files(process) and (unit := _unit(process)):
            found.add(unit)
    return tuple(sorted(found))


def _has_replaced_files(process: Path) -> bool:
    for line in _text(process / "maps").splitlines():
        if line.endswith(" (deleted)"):
            path = line.partition("/")[2]
            if f"/{path}".startswith(_OF_PACKAGES):
                return True
    return False


def _unit(process: Path) -> str | None:
    """The unit that a process belongs to; what runs in a container or in somebody's session is not ours to restart."""
    for line in _text(process / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "name=systemd"} and (found := _SERVICE.search(path)):
            return found[1]
    return None


def _is_container(root: Path) -> bool:
    return (root / ".dockerenv").exists() or (root / "run/systemd/container").exists()


def _order(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|[a-z]+", version)]


def _text(path: Path) -> str:
    """What is in a small file; nothing where it is not, or is not for us (a process may have ended meanwhile)."""
    try:
        with path.open("rb") as file:
            return file.read(_MAPS).decode(errors="replace")
    except OSError:
        return ""
