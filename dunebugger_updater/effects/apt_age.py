"""What the files around apt and dpkg tell: the lists' age, the release, whether a plan would still be the same."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

_LISTS = Path("var/lib/apt/lists")
_TOUCHED = ("var/lib/apt/periodic/update-success-stamp", "var/lib/apt/lists", "var/lib/apt/lists/partial")
"""What apt-get update touches each time.  The lists themselves carry the archive's times, not ours."""
_INPUTS = ("var/lib/dpkg/status", "var/lib/dpkg/arch", "var/lib/apt/extended_states", "etc/apt", "etc/machine-id")
_MOST = 16 * 1024**2


def fetched(root: Path) -> bool:
    """Whether any list of packages is here."""
    return any("_Packages" in name for name in _names(root / _LISTS))


def checked_at(root: Path) -> datetime | None:
    """Answer when the lists were last fetched, as far as that has left a trace; ``None`` without lists."""
    if not fetched(root):
        return None
    times = [each.stat().st_mtime for part in _TOUCHED if (each := root / part).exists()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def inputs(root: Path) -> tuple[object, ...]:
    """Answer a stamp of every file that apt makes a plan from: the same stamp means the same plan."""
    paths = [root / part for part in _INPUTS]
    paths += [root / _LISTS / name for name in _names(root / _LISTS)]
    paths += [root / "var/lib/dpkg/updates" / name for name in _names(root / "var/lib/dpkg/updates")]
    paths += list(_below(root / "etc/apt"))
    return tuple(sorted(_stamps(paths)))


def debs(*folders: Path) -> tuple[object, ...]:
    """Answer a stamp of the .debs in these folders."""
    return tuple(sorted(_stamps([each / name for each in folders for name in _names(each) if name.endswith(".deb")])))


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *names))


def _stamps(paths: list[Path]) -> Iterator[tuple[str, int, int, int]]:
    for path in paths:
        try:
            there = path.stat()
        except OSError:
            continue
        yield str(path), there.st_mtime_ns, there.st_size, there.st_ino


def journal(root: Path) -> int:
    """Count the records that dpkg has not worked into its status yet: it is at work, or was interrupted."""
    return sum(name.isdigit() for name in _names(root / "var/lib/dpkg/updates"))


def release(root: Path) -> str:
    """Answer the distribution and its point release, as ``debian-12.5``."""
    told = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text(root / "etc/os-release"), re.MULTILINE))
    name, version = told.get("ID", ""), told.get("VERSION_ID", "")
    point = text(root / "etc/debian_version").strip()
    if re.fullmatch(r"\d+\.\d+", point) and point.partition(".")[0] == version:
        version = point
    clean = re.sub(r"[^a-z0-9.-]+", "", f"{name}-{version}".lower()).strip("-.")
    return clean or "linux"


def text(path: Path) -> str:
    """What is in a file; nothing where it is not, or is not for us."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode(errors="replace")
    except OSError:
        return ""


def _names(folder: Path) -> list[str]:
    try:
        return [each.name for each in folder.iterdir()]
    except OSError:
        return []
