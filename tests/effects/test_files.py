"""The disk as steps see it."""

import asyncio
import errno
import os
import socket
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from dunebugger_updater.effects import backup, removal
from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.ports import EffectError, Files, TreeSize


def silent(message: str, done: float | None = None) -> None:
    pass


@pytest.fixture
def files() -> Files:
    return DiskFiles()


async def test_looking_tells_links_directories_and_nothing_apart(files: Files, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "to-d").symlink_to("d")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert await files.exists(tmp_path / "dangling")
    assert not await files.exists(tmp_path / "d/x/y")
    assert await files.is_directory(tmp_path / "d")
    assert not await files.is_directory(tmp_path / "to-d")
    assert await files.link_target(tmp_path / "to-d") == tmp_path / "d"
    assert await files.link_target(tmp_path / "d") is None
    assert await files.link_target(tmp_path / "nothing") is None
    assert await files.listing(tmp_path) == ["d", "dangling", "to-d"]
    assert list(await files.listing(tmp_path / "nothing")) == []


async def test_reading_answers_nothing_for_no_file_and_refuses_what_is_too_long(files: Files, tmp_path: Path) -> None:
    await files.write(tmp_path / "x", b"12345")
    assert await files.read(tmp_path / "x") == b"12345"
    assert await files.read(tmp_path / "x", limit=5) == b"12345"
    assert await files.read(tmp_path / "y") is None
    with pytest.raises(EffectError, match="more than 4 bytes"):
        await files.read(tmp_path / "x", limit=4)


async def test_reading_a_pipe_is_refused_instead_of_waiting(files: Files, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EffectError, match="not a plain file"):
        await files.read(tmp_path / "pipe")


async def test_a_copy_has_mode_and_times_and_follows_links_on_both_sides(files: Files, tmp_path: Path) -> None:
    source = tmp_path / "compose.yml"
    source.write_bytes(b"services")
    source.chmod(0o640)
    os.utime(source, (1_000_000_000, 1_000_000_000))
    (tmp_path / "from").symlink_to("compose.yml")
    (tmp_path / "to").symlink_to("real")
    await files.copy(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"services"
    found = (tmp_path / "real").lstat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, 1_000_000_000)
    await files.copy(source, tmp_path / "new/folder/x")
    assert (tmp_path / "new/folder/x").read_bytes() == b"services"
    with pytest.raises(EffectError, match=r"cannot copy .*: no such file"):
        await files.copy(tmp_path / "missing", tmp_path / "x")


async def test_a_file_gets_its_name_and_asking_again_is_fine(files: Files, tmp_path: Path) -> None:
    (tmp_path / "x.unverified").write_bytes(b"x")
    (tmp_path / "x").write_bytes(b"before")
    for _ in range(2):
        await files.rename(tmp_path / "x.unverified", tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == b"x"
        assert not await files.exists(tmp_path / "x.unverified")
    with pytest.raises(EffectError, match=r"cannot rename .*: no such file"):
        await files.rename(tmp_path / "y.unverified", tmp_path / "y")


async def test_age_checksum_size_and_free_space(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_bytes(b"abc")
    (tmp_path / "d/loop").symlink_to("..")
    os.utime(tmp_path / "d/x", (1000, 1000))
    files = DiskFiles(now=lambda: 1060.0)
    assert await files.age(tmp_path / "d/x") == 60
    assert await files.age(tmp_path / "nothing") is None
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert await files.checksum(tmp_path / "d/x") == known
    assert await files.checksum(tmp_path / "nothing") is None
    assert (await files.size(tmp_path / "d/x")) == TreeSize(3, 1)
    assert (await files.size(tmp_path / "nothing")) == TreeSize(0, 0)
    (system, there), (same, here) = await files.free(tmp_path / "not/yet/there"), await files.free(tmp_path)
    assert system == same
    assert abs(there - here) < 1_000_000_000 < here  # others write meanwhile


async def test_a_removed_tree_is_gone_and_what_a_link_leads_to_is_not(files: Files, tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_bytes(b"mine")
    (tmp_path / "d/link").symlink_to("../outside")
    (tmp_path / "link").symlink_to("outside")
    for name in ("d", "link", "nothing", "no/such/place"):
        await files.remove(tmp_path / name)
        await files.remove(tmp_path / name)
    assert await files.listing(tmp_path) == ["outside"]
    assert (tmp_path / "outside/x").read_bytes() == b"mine"


async def test_a_half_removed_tree_never_has_the_real_name_and_the_next_time_ends_it(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "1.3"
    tree.mkdir()
    (tree / "x").write_bytes(b"")

    def cut(_path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(removal.shutil, "rmtree", cut)  # type: ignore[attr-defined]  # the module's own import
        with pytest.raises(EffectError, match=r"cannot remove .*/1\.3: input/output error"):
            await files.remove(tree)
    assert await files.listing(tmp_path) == [".1.3.removing"]
    await files.remove(tree)
    assert await files.listing(tmp_path) == []


@pytest.mark.parametrize("path", ["/", "", "relative", "/opt/../etc", "/proc", "/proc/.."])
async def test_removing_what_would_be_a_catastrophe_is_refused(files: Files, path: str) -> None:
    with pytest.raises(EffectError, match="cannot remove"):
        await files.remove(Path(path))


async def test_removing_a_tree_with_something_mounted_inside_is_refused(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core/music").mkdir(parents=True)
    monkeypatch.setattr(removal, "mount_points", lambda: (Path("/"), tmp_path / "core/music"))
    with pytest.raises(EffectError, match=r"something is mounted on .*core/music; unmount it first"):
        await files.remove(tmp_path / "core")
    assert (tmp_path / "core/music").is_dir()


def test_mount_points_with_blanks_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("36 35 98:0 / /mnt/my\\040disk rw - ext4 /dev/sda rw\n")
    monkeypatch.setattr(removal, "_MOUNTS", table)
    assert removal.mount_points() == (Path("/mnt/my disk"),)


@pytest.mark.req("DB-080")
async def test_a_backup_holds_everything_but_what_is_built_again(files: Files, tmp_path: Path) -> None:
    core = tmp_path / "core.releases/adopted"
    for folder in ("app/__pycache__", ".git", ".venv/bin", "venv", "empty", "app/venv"):
        (core / folder).mkdir(parents=True)
    for name in ("app/main.py", "app/__pycache__/main.pyc", ".git/HEAD", ".venv/bin/python", ".env", "app/venv/x"):
        (core / name).write_text(name)
    (core / "venv/pyvenv.cfg").write_text("home = /usr")
    (core / "link").symlink_to("/nowhere")
    os.mkfifo(core / "pipe")
    (tmp_path / "core").symlink_to("core.releases/adopted")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(core / "sock"))
        to = tmp_path / "backups/core.20261120.tar.gz"
        await files.archive(tmp_path / "core", to, silent)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert await files.listing(to.parent) == [to.name]
    with tarfile.open(to) as tar:
        names = {name.removeprefix("core").removeprefix("/") for name in tar.getnames()}
        assert tar.getmember("core/link").linkname == "/nowhere"
        env = tar.extractfile("core/.env")
        assert env is not None
        assert env.read() == b".env"
    assert names == {
        *("", "app", "app/main.py", "app/venv", "app/venv/x", ".git", ".git/HEAD", ".env", "empty", "link"),
    }


async def test_a_file_that_shrinks_or_vanishes_meanwhile_does_not_fail_the_backup(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = tmp_path / "core"
    core.mkdir()
    (core / "gone").write_bytes(b"x")
    (core / "shrinks").write_bytes(b"x" * 3_000_000)
    (core / "z").write_bytes(b"last")
    real = tarfile.TarFile.addfile

    def busy(tar: tarfile.TarFile, info: tarfile.TarInfo, source: object = None) -> None:
        (core / "gone").unlink(missing_ok=True)
        if info.name == "core/shrinks":
            os.truncate(core / "shrinks", 10)
        real(tar, info, source)  # type: ignore[arg-type]  # whatever it was given

    monkeypatch.setattr(tarfile.TarFile, "addfile", busy)
    await files.archive(core, tmp_path / "b.tar.gz", silent)
    with tarfile.open(tmp_path / "b.tar.gz") as tar:
        assert [(each.name, each.size) for each in tar] == [("core", 0), ("core/shrinks", 3_000_000), ("core/z", 4)]
        last = tar.extractfile("core/z")
        assert last is not None
        assert last.read() == b"last"


async def test_a_backup_that_fails_leaves_no_file_behind(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core").mkdir()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EffectError, match=r"cannot back up .*: no space left on device"):
        await files.archive(tmp_path / "core", tmp_path / "b.tar.gz", silent)
    assert await files.listing(tmp_path) == ["core"]


async def test_a_cancelled_backup_has_stopped_writing_when_the_caller_goes_on(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = tmp_path / "core"
    core.mkdir()
    for number in range(20):
        (core / f"{number:02}").write_bytes(b"x")
    reached, go_on = threading.Event(), threading.Event()
    real = backup._add

    def slow(tar: tarfile.TarFile, path: Path, name: str) -> None:
        if path.name == "10":
            reached.set()
            go_on.wait(10)
        real(tar, path, name)

    monkeypatch.setattr(backup, "_add", slow)
    task = asyncio.create_task(files.archive(core, tmp_path / "b.tar.gz", silent))
    await asyncio.to_thread(reached.wait, 10)
    task.cancel()
    asyncio.get_running_loop().call_later(0.01, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await files.listing(tmp_path) == ["core"]


async def test_an_archive_is_unpacked_for_the_owner_of_the_old_release(files: Files, tmp_path: Path) -> None:
    source = tmp_path / "source/app-1.4"
    source.mkdir(parents=True)
    (source / "main.py").write_bytes(b"print()")
    with tarfile.open(tmp_path / "app.tar.gz", "w:gz") as tar:
        tar.add(source, "app-1.4")
    old = tmp_path / "old"
    old.mkdir()
    owner = 1000 if os.geteuid() == 0 else os.getuid()
    os.chown(old, owner, -1)
    await files.unpack(tmp_path / "app.tar.gz", tmp_path / "1.4", owner_like=old, report=silent)
    assert (tmp_path / "1.4/main.py").read_bytes() == b"print()"
    assert (tmp_path / "1.4/main.py").stat().st_uid == owner
    await files.unpack(tmp_path / "app.tar.gz", tmp_path / "1.5", owner_like=tmp_path / "missing", report=silent)
    assert (tmp_path / "1.5/main.py").stat().st_uid == os.getuid()
