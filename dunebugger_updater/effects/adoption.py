"""Giving a directory another name while its old name goes on working, in one instant, and taking it back.

A symbolic link is laid out under the new name first, written as if it stood under the old one; then the two names trade
places.  So at every moment the old name leads to the directory, and each crash point is told from the next by looking.
"""

import os
from pathlib import Path

from dunebugger_updater.effects.durable import (
    exchange,
    leads_to,
    link_content,
    make_directory,
    saying,
    sync_directory,
)
from dunebugger_updater.effects.removal import is_mount_point
from dunebugger_updater.ports import EffectError


def swap(directory: Path, keep_as: Path) -> None:
    """In one instant: the directory is called ``keep_as`` and its old name is a link to it.  Safe to repeat."""
    if _is_real(keep_as) and leads_to(directory) == keep_as:
        _flush(directory, keep_as)
        return
    cannot = f"cannot move {directory} to {keep_as}"
    if keep_as.is_relative_to(directory):
        raise EffectError(f"{cannot}: a directory cannot be moved into itself")
    if not _is_real(directory):
        raise EffectError(f"{cannot}: {directory} is not a directory of its own")
    if is_mount_point(directory):
        raise EffectError(f"{cannot}: something is mounted on it; point the install path to a directory inside it")
    if not _prepared(directory, keep_as):
        if os.path.lexists(keep_as):
            raise EffectError(f"{cannot}: something else has that name already; move it away first")
        make_directory(keep_as.parent)
        with saying(cannot):
            keep_as.symlink_to(link_content(directory, keep_as))
        sync_directory(keep_as.parent)
    exchange(directory, keep_as)


def unswap(directory: Path, kept_as: Path) -> None:
    """The mirror: the directory has its own name back and ``kept_as`` is gone.  Safe to repeat."""
    cannot = f"cannot move {kept_as} back to {directory}"
    if leads_to(directory) == kept_as and _is_real(kept_as):
        exchange(directory, kept_as)
    if not _is_real(directory):
        raise EffectError(f"{cannot}: {directory} does not lead there")
    if _prepared(directory, kept_as):
        with saying(cannot):
            kept_as.unlink()
    elif os.path.lexists(kept_as):
        raise EffectError(f"{cannot}: {directory} is a directory of its own already")
    _flush(directory, kept_as)


def _is_real(directory: Path) -> bool:
    return directory.is_dir() and not directory.is_symlink()


def _prepared(directory: Path, keep_as: Path) -> bool:
    return keep_as.is_symlink() and os.readlink(keep_as) == link_content(directory, keep_as)  # noqa: PTH115  (as it is written)


def _flush(directory: Path, keep_as: Path) -> None:
    for parent in {directory.parent, keep_as.parent}:
        if parent.is_dir():
            sync_directory(parent)
