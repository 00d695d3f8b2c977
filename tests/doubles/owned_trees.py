"""Install directories on a real disk, for what carries an owner's data from one release to the next."""

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from dunebugger_updater.effects.carry_memory import MEMORY_NAME
from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.effects.new_tree import STASH_NAME
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.model.record import RECORD_NAME, ReleaseRecord
from dunebugger_updater.ports import Carried

OURS = {RECORD_NAME, MEMORY_NAME, STASH_NAME}


def silent(message: str, done: float | None = None) -> None:
    pass


def later() -> float:
    """A minute on, so that files just made are old enough to be believed unchanged."""
    return time.time() + 60


def fill(tree: Path, files: Mapping[str, str]) -> Path:
    tree.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(content)
    return tree


def release(tree: Path, files: Mapping[str, str]) -> Path:
    fill(tree, files)
    record = {path: hashlib.sha256(content.encode()).hexdigest() for path, content in files.items()}
    (tree / RECORD_NAME).write_bytes(to_json(ReleaseRecord("0" * 64, record)))
    return tree


def content(tree: Path) -> dict[str, str]:
    """Every file and link of a tree, without our own notes."""
    found = {}
    for folder, folders, names in os.walk(tree):
        here = Path(folder)
        if here == tree:
            folders[:] = [name for name in folders if name not in OURS]
        for name in [*names, *(each for each in folders if (here / each).is_symlink())]:
            path = here / name
            if name not in OURS and (path.is_symlink() or path.is_file()):
                found[str(path.relative_to(tree))] = (
                    f"-> {path.readlink()}" if path.is_symlink() else path.read_text(errors="replace")
                )
    return found


async def carry(old: Path, new: Path, *preserve: str, files: DiskFiles | None = None) -> Carried:
    return await (files or DiskFiles(later)).carry_over(old, new, preserve=preserve, report=silent)
