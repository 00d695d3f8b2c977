"""Unpacking a release archive: judged as a whole first, written aside, and given its name when it is on the disk.

What is taken over from the archive: names, content, and whether the owner may execute a file.  Files become 0644 or
0755 and directories 0755 (so a group- or world-writable member is, after unpacking, neither); owners, times and
comments are ignored.  When everything lies under one directory, as in source archives, that directory is left out.
"""

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from dunebugger_updater.effects.archive_names import OURS, Tree, shown
from dunebugger_updater.effects.archive_stream import ArchiveStream, Limits, Refused
from dunebugger_updater.effects.commands import Owner
from dunebugger_updater.effects.tar_reader import Member, members
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.model.record import RECORD_NAME, ReleaseRecord
from dunebugger_updater.ports import EffectError

__all__ = ["Limits", "Refused", "unpack"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Plan(msgspec.Struct, frozen=True):
    """What the first pass found: the members in their order, and where each of them goes."""

    members: tuple[tuple[Member, str], ...]
    """The path is empty for the release's own root."""
    directories: tuple[str, ...]
    """Parents first."""
    archive_sha256: str


def unpack(
    archive: Path,
    into: Path,
    *,
    owner: Owner | None = None,
    limits: Limits = Limits(),  # noqa: B008  (a frozen value)
    heard: Callable[[str, float | None], None] | None = None,
) -> Mapping[str, str]:
    """Unpack ``archive`` (.tar, or that with gzip, bzip2 or xz) so that ``into`` exists only complete and on the disk.

    Blocks; answers the sha256 of each file by its relative path, which is also in ``.release.json`` afterwards.
    ``owner`` becomes the owner of everything when we are root.  ``heard`` gets a line and a share from 0 to 1.
    ``Refused``: the archive is odd in any way, and nothing was written.  ``EffectError``: the disk said no, or
    ``into`` is there already.  After either, nothing is left.  A half unpacked one from a power cut is removed first.
    """
    tell = _every_percent(heard)
    try:
        with _opened(archive) as file:
            if os.path.lexists(into):
                raise EffectError(f"cannot unpack {archive.name}: {into} exists already")
            _remove(_staging_name(into), into.parent)
            plan = _judge(file, limits, lambda share: tell(f"checking {archive.name}", share / 2))
            with _staging(into) as (parent, name, root):
                files = _write(
                    file, plan, limits, root, lambda share: tell(f"unpacking {archive.name}", 0.5 + share / 2)
                )
                record = to_json(ReleaseRecord(plan.archive_sha256, files))
                _new_file(root, RECORD_NAME, iter((record,)), executable=False)
                _hand_over(root, plan.directories, (*files, RECORD_NAME), owner)
                _flush(root)
                _name(parent, name, into)
    except Refused as why:
        raise Refused(f"cannot unpack {archive.name}: {why}") from why.__cause__
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EffectError(f"cannot unpack {archive.name}: no space left on {into.parent}") from error
        raise EffectError(f"cannot unpack {archive.name}: {(error.strerror or str(error)).lower()}") from error
    return files


def _every_percent(heard: Callable[[str, float | None], None] | None) -> Callable[[str, float], None]:
    last = -1

    def tell(message: str, share: float) -> None:
        nonlocal last
        if heard is not None and int(share * 100) > last:
            last = int(share * 100)
            heard(message, share)

    return tell


def _opened(archive: Path) -> BinaryIO:
    # Without O_NONBLOCK, opening a named pipe would wait for ever.
    file = os.fdopen(os.open(archive, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Refused("it is no file")
    return file


def _judge(file: BinaryIO, limits: Limits, heard: Callable[[float], None]) -> _Plan:
    """Read the whole archive and write nothing: what is odd at its end must not be found half-way through writing."""
    stream = ArchiveStream(file, limits, heard)
    tree = Tree(limits)
    found: list[tuple[Member, str]] = []
    for member in members(stream, limits):
        found.append((member, tree.add(member.name, directory=member.directory)))
        for _ in stream.pieces(member.size):
            pass
    if all(member.directory for member, _ in found):
        raise Refused("it holds no files")
    top = tree.top()
    placed = tuple((member, _below(top, path)) for member, path in found)
    directories = tuple(below for path in tree.directories() if (below := _below(top, path)))
    for path in (*directories, *(path for _, path in placed)):
        if path.partition("/")[0].casefold() in OURS:
            raise Refused(f"member {shown(path.encode())}: that name in a release's root is the updater's own")
    return _Plan(placed, directories, stream.sha256)


def _below(top: str, path: str) -> str:
    return "" if f"{path}/" == top else path.removeprefix(top)


@contextlib.contextmanager
def _staging(into: Path) -> Iterator[tuple[int, str, int]]:
    """An empty directory beside ``into``, as parent, name and itself; gone afterwards unless it was renamed.

    Nobody but us may enter it, and all is done relative to it: no link can come in between.
    """
    name = _staging_name(into)
    parent = os.open(into.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
        try:
            root = os.open(name, _DIRECTORY, dir_fd=parent)
            try:
                yield parent, name, root
            finally:
                os.close(root)
        except BaseException:
            # What cannot be removed now is removed before the next attempt; the first error is the one to tell.
            with contextlib.suppress(OSError):
                _remove(name, into.parent)
            raise
    finally:
        os.close(parent)


def _staging_name(into: Path) -> str:
    return f".{into.name}.unpacking"


def _remove(name: str, parent: Path) -> None:
    left = parent / name
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left)
    else:
        left.unlink(missing_ok=True)


def _write(file: BinaryIO, plan: _Plan, limits: Limits, root: int, heard: Callable[[float], None]) -> dict[str, str]:
    for path in plan.directories:
        os.mkdir(path, 0o700, dir_fd=root)
    stream = ArchiveStream(file, limits, heard)
    files: dict[str, str] = {}
    expected = iter(plan.members)
    for member in members(stream, limits):
        judged, path = next(expected, (None, ""))
        if member != judged:
            break
        if not member.directory:
            files[path] = _new_file(root, path, stream.pieces(member.size), executable=member.executable)
    if stream.sha256 != plan.archive_sha256:
        raise EffectError("cannot unpack an archive that changes while it is read")
    return dict(sorted(files.items()))


def _new_file(root: int, path: str, content: Iterator[bytes], *, executable: bool) -> str:
    """Write one file that must not exist yet; the answer is its sha256."""
    sha256 = hashlib.sha256()
    descriptor = os.open(path, _NEW, 0o600, dir_fd=root)
    try:
        for piece in content:
            sha256.update(piece)
            left = memoryview(piece)
            while left:
                left = left[os.write(descriptor, left) :]
        os.fchmod(descriptor, 0o755 if executable else 0o644)
    finally:
        os.close(descriptor)
    return sha256.hexdigest()


def _hand_over(root: int, directories: tuple[str, ...], files: tuple[str, ...], owner: Owner | None) -> None:
    """Give everything its owner, and directories their mode; the root last, since it keeps others out until then."""
    if os.geteuid() != 0:
        owner = None
    if owner is not None:
        for path in files:
            os.chown(path, owner.uid, owner.gid, dir_fd=root, follow_symlinks=False)
    for path in (*reversed(directories), "."):
        descriptor = os.open(path, _DIRECTORY, dir_fd=root)
        try:
            os.fchmod(descriptor, 0o755)
            if owner is not None:
                os.fchown(descriptor, owner.uid, owner.gid)
        finally:
            os.close(descriptor)


def _name(parent: int, name: str, into: Path) -> None:
    """The last act: from here on ``into`` exists, and is known to be on the disk; or neither."""
    if os.path.lexists(into):  # a rename would silently replace an empty directory
        raise EffectError(f"cannot unpack to {into}: it has appeared meanwhile")
    os.rename(name, into.name, src_dir_fd=parent, dst_dir_fd=parent)
    try:
        os.fsync(parent)
    except OSError:
        os.rename(into.name, name, src_dir_fd=parent, dst_dir_fd=parent)
        raise


def _flush(root: int) -> None:
    """All of it to the disk, in one go: a flush per file takes minutes on a card with thousands of them."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        os.sync()  # slower for the rest of the machine, and tells no error; only where the C library lacks the other
        return
    if syncfs(root) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
