"""Writing so that a power cut leaves the old or the new, never a half: the few primitives that the disk is built on.

Each change is flushed before the call returns.  A flush that failed is never tried again on the same descriptor:
Linux reports a lost write once and then calls the pages clean.
"""

import contextlib
import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dunebugger_updater.ports import EffectError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_LONGEST_NAME = 255
_NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def saying(cannot: str) -> Iterator[None]:
    """Turn an ``OSError`` into a sentence: ``cannot``, then the system's own reason."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EffectError(f"{cannot}: {reason}") from error


def beside(path: Path, purpose: str) -> Path:
    """The hidden sibling of ``path`` for ``purpose``: always the same name, so that what a power cut left is found."""
    name = f".{path.name}.{purpose}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()}.{purpose}"
    return path.with_name(name)


def sync_directory(directory: Path) -> None:
    """Put the names in ``directory`` on the disk."""
    with saying(f"cannot flush {directory} to disk"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_tree(path: Path) -> None:
    """Put everything below ``path`` on the disk: its whole file system at once, where the kernel can."""
    with saying(f"cannot flush {path} to disk"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if _syncfs(descriptor):
                return
        finally:
            os.close(descriptor)
        _sync_one_by_one(path)


def _syncfs(descriptor: int) -> bool:
    syncfs = getattr(_libc(), "syncfs", None)
    if syncfs is None:
        return False
    if syncfs(descriptor) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.ENOSYS:
        return False
    raise OSError(number, os.strerror(number))


def _sync_one_by_one(path: Path) -> None:
    for folder, _, names in os.walk(path):
        for name in [*names, "."]:
            each = os.path.join(folder, name)  # noqa: PTH118  (a Path would drop the ".")
            if stat.S_IFMT(os.lstat(each).st_mode) in {stat.S_IFREG, stat.S_IFDIR}:
                descriptor = os.open(each, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Make ``directory`` and what is missing above it, on the disk; there already is fine."""
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for each in reversed(missing):
        with saying(f"cannot create {each}"):
            each.mkdir(exist_ok=True)
        sync_directory(each.parent)


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace the file ``path`` in one instant; owner and mode stay as they were when it is there already.

    A new file belongs to whoever owns its directory: what we write as root into somebody's app is theirs.  ``mode``
    wins over both the old mode and the default, 0644.  A symbolic link stays one: what it leads to is written.
    """
    with saying(f"cannot write {path}"):
        real = Path(os.path.realpath(path))
        try:
            before = real.stat()
        except FileNotFoundError:
            before = None
        if before is not None and not stat.S_ISREG(before.st_mode):
            raise EffectError(f"cannot write {path}: it is not a plain file")
        draft = beside(real, "writing")
        draft.unlink(missing_ok=True)
        # O_EXCL: the directory may belong to somebody who could have put a link there for us to follow.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as stream:  # noqa: PTH123  (a descriptor has no Path)
                stream.write(content)
                stream.flush()
                like = before or real.parent.stat()
                give(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, _mode(mode, before))
                os.fsync(descriptor)
            draft.rename(real)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_directory(real.parent)


def rename(source: Path, target: Path) -> None:
    """Give a finished file its name in one instant.  Safe to repeat: there already under its new name is fine."""
    with saying(f"cannot rename {source} to {target}"):
        if os.path.lexists(source) or not os.path.lexists(target):
            source.rename(target)
        for parent in {source.parent, target.parent}:
            sync_directory(parent)


def _mode(asked: int | None, before: os.stat_result | None) -> int:
    if asked is not None:
        return asked
    return 0o644 if before is None else stat.S_IMODE(before.st_mode)


def give(descriptor: int, uid: int, gid: int) -> None:
    """Give the open file that owner.  Without root this may be refused, and then the file stays ours."""
    try:
        os.fchown(descriptor, uid, gid)
    except PermissionError:
        if os.geteuid() == 0:
            raise


def exchange(one: Path, other: Path) -> None:
    """Let two names trade places in one instant, whatever they stand for."""
    code = _libc().renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if code != 0:
        number = ctypes.get_errno()
        why = os.strerror(number).lower()
        if number in _NO_EXCHANGE:
            why = "this file system cannot exchange two names in one instant (ext4, btrfs, xfs, f2fs and tmpfs can)"
        raise EffectError(f"cannot exchange {one} and {other}: {why}")
    for parent in {one.parent, other.parent}:
        sync_directory(parent)


def link_content(link: Path, target: Path) -> str:
    """What to write into ``link``: relative when ``target`` lies below its folder, so that both can move together."""
    return str(target.relative_to(link.parent)) if target.is_relative_to(link.parent) else str(target)


def leads_to(link: Path) -> Path | None:
    """Where a symbolic link leads, absolute and without looking further; ``None`` when it is none."""
    with saying(f"cannot look at {link}"):
        try:
            content = os.readlink(link)  # noqa: PTH115  (Path.readlink would normalise what was written)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise
        return Path(os.path.normpath(link.parent / content))


def point_link(link: Path, target: Path) -> None:
    """Make ``link`` lead to ``target`` in one instant, there already or not."""
    with saying(f"cannot point {link} to {target}"):
        if os.path.lexists(link) and not link.is_symlink():
            raise EffectError(f"cannot point {link} to {target}: something that is no link has that name")
        draft = beside(link, "pointing")
        draft.unlink(missing_ok=True)
        draft.symlink_to(link_content(link, target))
        draft.rename(link)
        sync_directory(link.parent)
