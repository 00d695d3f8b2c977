"""Removing what is no longer wanted, so that a half-removed tree never carries the name of a whole one."""

import os
import re
import shutil
from pathlib import Path

from dunebugger_updater.effects.durable import beside, saying, sync_directory
from dunebugger_updater.ports import EffectError

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def mount_points() -> tuple[Path, ...]:
    """Every path that something is mounted on (proc(5), mountinfo).  Unlike ``ismount`` this sees bind mounts."""
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    # The fifth field; blanks and the like are written as octal escapes of bytes.
    return tuple(Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[4])) for line in lines)


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted exactly there."""
    return path.is_mount() or Path(os.path.realpath(path)) in mount_points()


def remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to) or a whole tree; gone already is fine.

    Refuses a relative path, ``/``, and whatever has something mounted on it or inside.
    """
    cannot = f"cannot remove {path or '(nothing)'}"
    if not path.is_absolute() or ".." in path.parts:
        raise EffectError(f"{cannot}: only whole, absolute paths are removed")
    if path == Path(path.anchor):
        raise EffectError(f"{cannot}: that is the whole device")
    if path.parent.is_dir():
        with saying(cannot):
            _remove(path, cannot)


def _remove(path: Path, cannot: str) -> None:
    going = beside(path, "removing")
    for tree in (going, path):
        if not tree.is_dir() or tree.is_symlink():
            tree.unlink(missing_ok=True)
            continue
        real = Path(os.path.realpath(tree))
        if mounted := next((each for each in mount_points() if each.is_relative_to(real)), None):
            raise EffectError(f"{cannot}: something is mounted on {mounted}; unmount it first")
        if tree != going:
            tree.rename(going)
            sync_directory(path.parent)
        shutil.rmtree(going)
    sync_directory(path.parent)
