"""Writing, linking and trading names: whole at every instant, whatever happens in between."""

import ctypes
import errno
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dunebugger_updater.effects import durable
from dunebugger_updater.effects.adoption import swap, unswap
from dunebugger_updater.ports import EffectError


def test_a_file_is_replaced_with_owner_and_mode_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.write_bytes(b"old")
    path.chmod(0o640)
    owner = 1000 if os.geteuid() == 0 else os.getuid()
    os.chown(path, owner, -1)
    durable.write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_uid == owner


def test_a_new_file_is_readable_by_all_unless_a_mode_is_asked_for(tmp_path: Path) -> None:
    durable.write_whole(tmp_path / "a", b"")
    durable.write_whole(tmp_path / "b", b"", 0o600)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o644, 0o600]


def test_writing_through_a_link_leaves_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    durable.write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_name_of_full_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)
    durable.write_whole(path, b"x")
    assert path.read_bytes() == b"x"


@pytest.mark.req("DB-110")
@pytest.mark.parametrize("place", ["fsync", "fchmod"])
def test_a_full_disk_leaves_the_old_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    calls = []

    def full(descriptor: int, *_: object) -> None:
        calls.append(descriptor)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, place, full)
    with pytest.raises(EffectError, match=f"^cannot write {path}: no space left on device$"):
        durable.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]
    assert len(calls) == 1  # a flush is never tried again on the same descriptor


def test_a_failed_flush_of_a_directory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(EffectError, match="to disk: input/output error"):
        durable.sync_directory(tmp_path)


def test_a_tree_is_flushed_with_and_without_the_kernels_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_bytes(b"x")
    (tmp_path / "d/dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "d/pipe")
    durable.sync_tree(tmp_path)
    flushed = []
    monkeypatch.setattr(durable, "_syncfs", lambda _descriptor: False)
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    durable.sync_tree(tmp_path)
    assert set(flushed) == {each.stat().st_ino for each in (tmp_path, tmp_path / "d", tmp_path / "d/x")}


def test_two_names_trade_places(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("x")
    durable.exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "b").is_dir()
    with pytest.raises(EffectError, match="no such file"):
        durable.exchange(tmp_path / "a", tmp_path / "c")


def test_a_file_system_without_exchange_is_named_as_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        def renameat2(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(durable, "_libc", Old)
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EINVAL)
    with pytest.raises(EffectError, match=r"cannot exchange .* this file system cannot exchange two names"):
        durable.exchange(tmp_path / "a", tmp_path / "b")


def test_a_link_is_relative_inside_its_folder_and_absolute_elsewhere(tmp_path: Path) -> None:
    durable.point_link(tmp_path / "core", tmp_path / "core.releases/1.4")
    assert str((tmp_path / "core").readlink()) == "core.releases/1.4"
    durable.point_link(tmp_path / "core", Path("/elsewhere/1.5"))
    assert durable.leads_to(tmp_path / "core") == Path("/elsewhere/1.5")


def test_a_link_never_replaces_something_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(EffectError, match="no link has that name"):
        durable.point_link(tmp_path / "file", tmp_path / "x")
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("keep", ["core.releases/adopted", "adopted", "../elsewhere/adopted"])
def test_a_swapped_directory_answers_to_both_names_and_comes_back(tmp_path: Path, keep: str) -> None:
    directory = tmp_path / "opt/core"
    directory.mkdir(parents=True)
    (directory / "x").write_bytes(b"mine")
    directory.chmod(0o750)
    before = directory.stat()
    keep_as = Path(os.path.normpath(directory.parent / keep))
    for _ in range(2):
        swap(directory, keep_as)
        assert directory.is_symlink()
        assert not keep_as.is_symlink()
        assert (directory / "x").read_bytes() == (keep_as / "x").read_bytes() == b"mine"
        after = keep_as.stat()
        assert (after.st_ino, after.st_mode, after.st_uid) == (before.st_ino, before.st_mode, before.st_uid)
    if not keep.startswith(".."):
        (tmp_path / "opt").rename(tmp_path / "moved")
        assert (tmp_path / "moved/core/x").read_bytes() == b"mine"
        (tmp_path / "moved").rename(tmp_path / "opt")
    for _ in range(2):
        unswap(directory, keep_as)
        assert not directory.is_symlink()
        assert directory.stat().st_ino == before.st_ino
        assert not os.path.lexists(keep_as)


def test_swapping_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    directory, foreign = tmp_path / "core", tmp_path / "foreign"
    directory.mkdir()
    foreign.write_bytes(b"mine")
    with pytest.raises(EffectError, match="something else has that name"):
        swap(directory, foreign)
    with pytest.raises(EffectError, match="into itself"):
        swap(directory, directory / "x")
    with pytest.raises(EffectError, match="not a directory of its own"):
        swap(tmp_path / "missing", tmp_path / "x")
    with pytest.raises(EffectError, match="something is mounted on it"):
        swap(Path("/proc"), tmp_path / "x")
    with pytest.raises(EffectError, match="a directory of its own already"):
        unswap(directory, foreign)
    (tmp_path / "link").symlink_to("foreign")
    with pytest.raises(EffectError, match="does not lead there"):
        unswap(tmp_path / "link", tmp_path / "x")
    assert foreign.read_bytes() == b"mine"
    assert directory.is_dir()


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("place", ["fsync", "symlink", "renameat2", "unlink"])
def test_a_swap_cut_off_anywhere_is_finished_by_repeating_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, undo: bool
) -> None:
    verb: Callable[[Path, Path], None] = unswap if undo else swap
    for cut in range(4):
        base = tmp_path / str(cut)
        directory, keep_as = base / "core", base / "core.releases/adopted"
        directory.mkdir(parents=True)
        (directory / "x").write_bytes(b"mine")
        if undo:
            swap(directory, keep_as)
        with monkeypatch.context() as patch:
            _cut_at(patch, place, cut)
            try:
                verb(directory, keep_as)
            except EffectError:
                assert (directory / "x").read_bytes() == b"mine"
        verb(directory, keep_as)
        assert (directory / "x").read_bytes() == b"mine"
        assert directory.is_symlink() != undo
        assert os.path.lexists(keep_as) != undo


def _cut_at(patch: pytest.MonkeyPatch, place: str, after: int) -> None:
    """Let the ``after``-th call of ``place`` fail."""
    left = [after]
    module: object = os if place != "renameat2" else durable
    name = place if place != "renameat2" else "exchange"
    real = getattr(module, name)

    def maybe(*args: object, **named: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*args, **named)

    if place == "renameat2":
        from dunebugger_updater.effects import adoption  # noqa: PLC0415  (only here)

        def failing(one: Path, other: Path) -> None:
            with durable.saying("cut"):
                maybe(one, other)

        patch.setattr(adoption, "exchange", failing)
    else:
        patch.setattr(os, name, maybe)


CHILD = """
import sys
from pathlib import Path
from dunebugger_updater.effects.adoption import swap, unswap
from dunebugger_updater.effects.durable import point_link, write_whole
base = Path(sys.argv[1])
print("ready", flush=True)
while True:
    for letter in "ab":
        write_whole(base / "file", letter.encode() * 20000)
        point_link(base / "link", base / f"to-{letter}")
        (swap if letter == "a" else unswap)(base / "core", base / "core.releases/adopted")
"""


def test_whoever_is_killed_at_any_instant_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core/x").write_bytes(b"mine")
    durable.write_whole(tmp_path / "file", b"b" * 20000)
    durable.point_link(tmp_path / "link", tmp_path / "to-b")
    dice = random.Random(80)
    root = str(Path(__file__).parents[2])
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, env={"PYTHONPATH": root}
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(dice.uniform(0.001, 0.03))
            child.send_signal(signal.SIGKILL)
        assert (tmp_path / "file").read_bytes() in {b"a" * 20000, b"b" * 20000}
        assert str((tmp_path / "link").readlink()) in {"to-a", "to-b"}
        assert (tmp_path / "core/x").read_bytes() == b"mine"
        unswap(tmp_path / "core", tmp_path / "core.releases/adopted")
        assert (tmp_path / "core").is_dir()
        assert not (tmp_path / "core").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_new_file_belongs_to_whoever_owns_its_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    durable.write_whole(tmp_path / "new", b"x")
    found = (tmp_path / "new").stat()
    assert (found.st_uid, found.st_gid) == (1234, 1235)
