"""The owner's own copy of an installation: a tar.gz that any system can open, made while the app still runs."""

import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dunebugger_updater.effects.durable import make_directory, saying, sync_directory
from dunebugger_updater.ports import EffectError

if TYPE_CHECKING:
    import tarfile

_IN_MEMORY = 1_048_576
"""Bytes: files up to this are read first, so that their size is right although the app goes on writing."""


class _Padded(io.RawIOBase):
    """A file that always has as many bytes as it had when we looked: zeros where it shrank meanwhile."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size).ljust(max(size, 0), b"\0")


def archive(
    directory: Path,
    to: Path,
    heard: Callable[[str, float | None], None],
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Write ``directory`` without its virtual environment to ``to``: gzip level 1, mode 0600, whole or not at all.

    A file that vanishes or changes meanwhile is taken as it was read.  Sockets and pipes are left out.
    """
    import gzip  # noqa: PLC0415  (as below)
    import tarfile  # noqa: PLC0415  (memory that an idle agent need not hold)

    with saying(f"cannot back up {directory} to {to}"):
        root = Path(os.path.realpath(directory))
        if not root.is_dir():
            raise EffectError(f"cannot back up {directory}: there is no such directory")
        make_directory(to.parent)
        part = to.with_name(to.name + ".part")
        part.unlink(missing_ok=True)
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:  # noqa: PTH123  (a descriptor has no Path)
                # Level 1: a Pi packs four times faster than at the default level, for a seventh more space.
                with (
                    gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1) as packed,
                    tarfile.open(fileobj=packed, mode="w") as tar,
                ):
                    _add_all(tar, root, directory.name, leave_out={part, to}, heard=heard, stopped=stopped)
                raw.flush()
                os.fsync(raw.fileno())
            part.rename(to)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_directory(to.parent)


def is_environment(path: Path) -> bool:
    """Whether that is a virtual environment at the root of an installation: built again, never copied."""
    return path.name == ".venv" or (path.name == "venv" and (path / "pyvenv.cfg").exists())


def _add_all(
    tar: "tarfile.TarFile",
    root: Path,
    name: str,
    *,
    leave_out: set[Path],
    heard: Callable[[str, float | None], None],
    stopped: Callable[[], bool],
) -> None:
    _add(tar, root, name)
    for number, path in enumerate(_below(root, root)):
        if stopped():
            raise EffectError(f"cannot back up {root}: stopped")
        if path not in leave_out:
            _add(tar, path, f"{name}/{path.relative_to(root)}")
        if number % 500 == 499:  # noqa: PLR2004  (a line now and then)
            heard(f"{number + 1} files backed up", None)


def _below(directory: Path, root: Path) -> Iterator[Path]:
    try:
        found = sorted(directory.iterdir())
    except FileNotFoundError:
        return
    for path in found:
        if path.name == "__pycache__" or (directory == root and is_environment(path)):
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path, root)


def _add(tar: "tarfile.TarFile", path: Path, name: str) -> None:
    try:
        kind = stat.S_IFMT(path.lstat().st_mode)
        if kind in {stat.S_IFDIR, stat.S_IFLNK}:
            info = tar.gettarinfo(path, name)
            info.mtime = int(info.mtime)
            tar.addfile(info)
        elif kind == stat.S_IFREG:
            _add_file(tar, path, name)
    except FileNotFoundError:
        return  # The app removed it just now; it is not in the backup either.


def _add_file(tar: "tarfile.TarFile", path: Path, name: str) -> None:
    # Not waiting: it could have become a pipe since we looked.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as source:  # noqa: PTH123  (a descriptor has no Path)
        info = tar.gettarinfo(arcname=name, fileobj=source)
        info.mtime = int(info.mtime)
        if not info.isreg():
            tar.addfile(info)
        elif info.size <= _IN_MEMORY:
            content = source.read()
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        else:
            tar.addfile(info, _Padded(source))
