"""Looking at a tree and copying single names out of it, with everything that belongs to them."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from dunebugger_updater.effects.durable import beside, give

Look: TypeAlias = tuple[int, int, int, int, int]
"""Mode, size in bytes, mtime and ctime in ns, inode: as long as none of them changes, nothing in the file has."""

_NO_ATTRIBUTES = {errno.ENOTSUP, errno.ENODATA, errno.EPERM, errno.EACCES, errno.EINVAL}


def look(found: os.stat_result) -> Look:
    """What tells a changed file from an unchanged one."""
    return (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def look_at(path: str) -> Look | None:
    """The same for a name; ``None`` when nothing has it."""
    try:
        return look(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def walk(root: str, skip: Callable[[str, str], bool]) -> dict[str, Look]:
    """Every name below ``root``, relative, directories before what is in them; links are not followed.

    ``skip`` is asked for what lies in the root and for directories, with the folder (relative, ending in a slash, or
    empty) and the name.  What vanishes while we look is not there.
    """
    found: dict[str, Look] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            # By descriptor: a sixth quicker, and a directory that became a link meanwhile is not followed.
            opened = os.open(f"{root}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            if not folder:
                raise
            continue
        try:
            with os.scandir(opened) as entries:
                for entry in entries:
                    name = entry.name
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    mode = status.st_mode
                    directory = (mode & 0o170000) == stat.S_IFDIR
                    if (directory or not folder) and skip(folder, name):
                        continue
                    path = folder + name
                    found[path] = (mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
                    if directory:
                        folders.append(path + "/")
        finally:
            os.close(opened)
    return found


def copy_file(source: Path, target: Path, *, flush: bool) -> Look | None:
    """Copy one plain file with owner, mode, times and extended attributes; it has its name only when it is whole.

    Answers how the source looked before its first byte was read, or ``None`` when it is no plain file (any more).
    """
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(reading, "rb") as from_:  # noqa: PTH123  (a descriptor has no Path)
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            return None
        draft = beside(target, "writing")
        draft.unlink(missing_ok=True)
        try:
            writing = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(writing, "wb") as to:  # noqa: PTH123  (a descriptor has no Path)
                shutil.copyfileobj(from_, to, 1_048_576)
                to.flush()
                give(writing, status.st_uid, status.st_gid)
                _copy_attributes(reading, writing)
                os.fchmod(writing, stat.S_IMODE(status.st_mode))
                os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
                if flush:
                    os.fsync(writing)
            draft.rename(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    return look(status)


def copy_link(source: Path, target: Path) -> Look:
    """Copy a symbolic link as it is written, with its owner."""
    status = source.lstat()
    draft = beside(target, "writing")
    draft.unlink(missing_ok=True)
    draft.symlink_to(os.readlink(source))  # noqa: PTH115  (as it is written)
    with contextlib.suppress(PermissionError):
        os.lchown(draft, status.st_uid, status.st_gid)
    os.utime(draft, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
    draft.rename(target)
    return look(status)


def copy_directory_looks(source: Path, target: Path) -> None:
    """Give a directory the owner, mode and attributes of another."""
    status = source.stat(follow_symlinks=False)
    there = target.stat(follow_symlinks=False)
    reading = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        writing = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if (status.st_uid, status.st_gid) != (there.st_uid, there.st_gid):
                give(writing, status.st_uid, status.st_gid)
            _copy_attributes(reading, writing)
            if status.st_mode != there.st_mode:
                os.fchmod(writing, stat.S_IMODE(status.st_mode))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_attributes(reading: int, writing: int) -> None:
    try:
        for name in os.listxattr(reading):
            os.setxattr(writing, name, os.getxattr(reading, name))
    except OSError as error:
        # Another file system, or rights that only root has: the content matters more.
        if error.errno not in _NO_ATTRIBUTES:
            raise
