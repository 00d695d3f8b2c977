"""Folders and archives that come out the same whenever and wherever they are made: plain files, sorted, one time."""

import gzip
import os
import shutil
import tarfile
from pathlib import Path

PROGRAM = "dunebugger-updater"


def settle(folder: Path, time: int) -> None:
    """Leave only plain files and directories, with plain modes and one time; only the program itself is executable."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            content = path.resolve(strict=True)
            path.unlink()
            if content.is_dir():
                shutil.copytree(content, path)
            else:
                shutil.copyfile(content, path)
    for path in [folder, *folder.rglob("*")]:
        executable = path.is_dir() or path == folder / PROGRAM
        path.chmod(0o755 if executable else 0o644)
        os.utime(path, (time, time))


def size(folder: Path) -> int:
    """Count the bytes in all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def archive(folder: Path, target: Path, *, top: str, time: int) -> None:
    """Write ``folder`` as ``target``, a tar.gz with one directory ``top``: the same bytes for the same files."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if not (member.isfile() or member.isdir()):
            raise ValueError(f"cannot archive {member.name}: it is no plain file")
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = time
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in [folder, *sorted(folder.rglob("*"))]:
            tar.add(path, str(Path(top, path.relative_to(folder))), recursive=False, filter=plain)
