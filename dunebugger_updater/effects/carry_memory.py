"""What one carrying-over remembers for the next, so that the one while the app stands still has next to nothing to do.

It is written only after all that it speaks of is on the disk, and believed only for what has not changed since.
"""

import contextlib
from pathlib import Path

import msgspec

from dunebugger_updater.effects.durable import saying, write_whole
from dunebugger_updater.effects.trees import Look
from dunebugger_updater.model.codec import from_json, to_json

MEMORY_NAME = ".carried.json"
"""Lies in the root of the new tree, and so is gone when that tree is."""

RACY = 2_000_000_000
"""ns: a file younger than this when it was read may change again without looking changed."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """One name of the old tree at the last time."""

    look: Look | None
    """``None``: too young to be believed."""
    digest: str | None = None
    landed: Look | None = None
    """How our copy in the new tree looked, where there is one."""


class Memory(msgspec.Struct, frozen=True):
    """One finished carrying-over, from one directory to one other."""

    old: tuple[int, int]
    """Device and inode: the old tree may get another name in between."""
    new: tuple[int, int]
    seen: dict[str, Seen]
    directories: tuple[str, ...]
    displaced: frozenset[str]
    beside: dict[str, str]
    """Path of each ``NAME.new`` that we made to its sha256: at the next update they are not the owner's."""
    blobs: dict[str, str] | None = None
    """What git's index said, when it was ``index``."""
    index: Look | None = None
    new_blobs: dict[str, str] = {}


def recall(tree: Path) -> Memory | None:
    """What was remembered in ``tree``.  Unreadable is as good as nothing: then all is compared again."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return from_json((tree / MEMORY_NAME).read_bytes(), Memory)
    return None


def remember(tree: Path, memory: Memory) -> None:
    """Write it down.  Names that are no text (broken encodings) are left out: they are simply copied each time."""
    seen = {path: each for path, each in memory.seen.items() if path.isascii() or _is_text(path)}
    directories = tuple(path for path in memory.directories if _is_text(path))
    displaced = frozenset(path for path in memory.displaced if _is_text(path))
    spelled = msgspec.structs.replace(memory, seen=seen, directories=directories, displaced=displaced)
    write_whole(tree / MEMORY_NAME, to_json(spelled), 0o600)


def identity(tree: Path) -> tuple[int, int]:
    """What stays the same when a directory is renamed."""
    with saying(f"cannot look at {tree}"):
        status = tree.stat()
        return (status.st_dev, status.st_ino)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
