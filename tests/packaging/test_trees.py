"""What a self-update takes: made the same at each build, and by our own reader's strict rules."""

import os
from pathlib import Path

import pytest
import trees

from dunebugger_updater.effects import archive as reader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "built"
    (made / "_internal/lib").mkdir(parents=True)
    (made / trees.PROGRAM).write_text("program")
    (made / "_internal/lib/real.so").write_text("library")
    (made / "_internal/link.so").symlink_to("lib/real.so")
    (made / "_internal/also").symlink_to("lib")
    (made / "_internal/odd").write_text("odd")
    (made / "_internal/odd").chmod(0o6777)
    return made


def test_a_settled_folder_has_plain_files_plain_modes_and_one_time(folder: Path) -> None:
    trees.settle(folder, 1_000_000_000)
    paths = list(folder.rglob("*"))
    assert not [path for path in paths if path.is_symlink()]
    assert (folder / "_internal/link.so").read_text() == "library"
    assert (folder / "_internal/also/real.so").read_text() == "library"
    assert {int(path.stat().st_mtime) for path in paths} == {1_000_000_000}
    assert [path.name for path in paths if path.is_file() and os.access(path, os.X_OK)] == [trees.PROGRAM]
    assert {oct(path.stat().st_mode & 0o7777) for path in paths} == {"0o755", "0o644"}


def test_an_archive_is_the_same_whenever_it_is_made(folder: Path, tmp_path: Path) -> None:
    trees.settle(folder, 1_000_000_000)
    trees.archive(folder, tmp_path / "a.tar.gz", top="x-1", time=1_000_000_000)
    for path in folder.rglob("*"):
        os.utime(path, (5, 5))
    trees.archive(folder, tmp_path / "b.tar.gz", top="x-1", time=1_000_000_000)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_what_is_no_plain_file_is_not_archived(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no plain file"):
        trees.archive(folder, tmp_path / "a.tar.gz", top="x-1", time=0)


def test_our_own_reader_takes_it(folder: Path, tmp_path: Path) -> None:
    """It refuses links, odd modes, several tops and whatever else a self-update must never unpack."""
    trees.settle(folder, 1_000_000_000)
    trees.archive(folder, tmp_path / "a.tar.gz", top="x-1", time=1_000_000_000)
    reader.unpack(tmp_path / "a.tar.gz", tmp_path / "slot")
    for path in folder.rglob("*"):
        there = tmp_path / "slot" / path.relative_to(folder)
        assert there.is_dir() == path.is_dir()
        assert path.is_dir() or there.read_bytes() == path.read_bytes()
    assert os.access(tmp_path / "slot" / trees.PROGRAM, os.X_OK)
