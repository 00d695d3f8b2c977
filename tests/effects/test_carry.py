"""Carrying local data over on a real disk: nothing of the owner's is lost, and the old tree is never written to."""

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest
from doubles.owned_trees import carry, content, fill, later, release

from dunebugger_updater.effects import shipped, trees
from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.ports import Carried, EffectError


@pytest.mark.req("DB-088")
async def test_the_owners_files_go_along_and_edited_ones_stay_with_the_new_beside(tmp_path: Path) -> None:
    old = release(tmp_path / "1", {"app.py": "1", "app/x.conf": "default", "same.ini": "default", "gone.py": "1"})
    fill(old, {"app/x.conf": "edited", "same.ini": "edited", ".env": "secret", "data/show.db": "mine"})
    fill(old, {".venv/bin/python": "", "app/__pycache__/a.pyc": "", "venv/notes": "no environment"})
    (old / "uploads").mkdir()
    os.mkfifo(old / "pipe")
    (old / "music").symlink_to("/opt/dunebugger-data")
    (old / ".env").chmod(0o600)
    before = content(old)
    new = release(tmp_path / "2", {"app.py": "2", "app/x.conf": "default 2", "same.ini": "default"})
    for files in (None, None, DiskFiles(later)):
        carried = await carry(old, new, files=files)
        assert carried.kept == ("app/x.conf", "same.ini")
        assert content(new) == {
            "app.py": "2",
            "app/x.conf": "edited",
            "app/x.conf.new": "default 2",
            "same.ini": "edited",
            ".env": "secret",
            "data/show.db": "mine",
            "venv/notes": "no environment",
            "music": "-> /opt/dunebugger-data",
        }
        assert (new / "uploads").is_dir()
        assert stat.S_IMODE((new / ".env").stat().st_mode) == 0o600
        assert (new / "data/show.db").stat().st_mtime_ns == (old / "data/show.db").stat().st_mtime_ns
    assert content(old) == before


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_second_time_only_what_changed_is_copied_and_what_vanished_vanishes(
    tmp_path: Path, restarted: bool
) -> None:
    old = release(tmp_path / "1", {"a.conf": "1", "b.conf": "1"})
    fill(old, {"log": "1", "cache/x": "1", "still": "1", "b.conf": "edited"})
    new = release(tmp_path / "2", {"a.conf": "2", "b.conf": "2"})
    files = DiskFiles(later)
    assert (await carry(old, new, files=files)).copied == 4
    shutil.rmtree(old / "cache")
    fill(old, {"log": "12", "a.conf": "edited", "b.conf": "1", "fresh/y": "1"})
    (old / "empty").mkdir()
    second = await carry(old, new, files=DiskFiles(later) if restarted else files)
    assert second == Carried(kept=("a.conf",), copied=3)
    assert content(new) == {"a.conf": "edited", "a.conf.new": "2", "b.conf": "2", "log": "12", "still": "1"} | {
        "fresh/y": "1"
    }
    assert not (new / "cache").exists()
    assert (new / "empty").is_dir()


@pytest.mark.parametrize("shipped_before", [{}, {"log": "0"}], ids=["the app's own", "shipped once"])
async def test_a_log_that_grew_is_all_that_the_second_time_copies(
    tmp_path: Path, shipped_before: dict[str, str]
) -> None:
    old, new = release(tmp_path / "1", shipped_before), release(tmp_path / "2", {"app.py": "2"})
    fill(old, {"log": "1", "sub/db": "1"})
    files = DiskFiles(later)
    assert (await carry(old, new, files=files)).copied == 2
    (old / "log").write_text("12")
    (old / "sub").chmod(0o700)
    kept = tuple(shipped_before)
    assert await carry(old, new, files=files) == Carried(kept=kept, copied=1)
    assert content(new) == {"app.py": "2", "log": "12", "sub/db": "1"}
    assert stat.S_IMODE((new / "sub").stat().st_mode) == 0o700
    assert (new / "log").stat().st_mtime_ns == (old / "log").stat().st_mtime_ns
    (old / "log").write_text("123")
    assert await carry(old, new, files=files) == Carried(kept=kept, copied=1)
    assert content(new)["log"] == "123"


async def test_what_is_preserved_may_change_between_the_two_times(tmp_path: Path) -> None:
    old, new = release(tmp_path / "1", {"x": "1"}), release(tmp_path / "2", {"x": "2"})
    files = DiskFiles(later)
    assert (await carry(old, new, files=files)).copied == 0
    assert (await carry(old, new, "x", files=files)).copied == 1
    assert content(new) == {"x": "1"}
    assert (await carry(old, new, files=files)).copied == 0
    assert content(new) == {"x": "2"}


async def test_a_file_too_young_to_tell_is_copied_again(tmp_path: Path) -> None:
    old, new = fill(tmp_path / "1", {"x": "1"}), release(tmp_path / "2", {})
    files = DiskFiles(time.time)
    assert (await carry(old, new, files=files)).copied == 1
    assert (await carry(old, new, files=files)).copied == 1


async def test_what_was_done_to_the_new_copy_is_undone_by_asking_again(tmp_path: Path) -> None:
    old, new = release(tmp_path / "1", {}), release(tmp_path / "2", {"app.py": "2"})
    fill(old, {"show.db": "mine"})
    files = DiskFiles(later)
    await carry(old, new, files=files)
    await carry(old, new, files=files)
    fill(new, {"show.db": "half migrated", "show.db-journal": "x"})
    await carry(old, new, files=files)
    assert content(new) == {"app.py": "2", "show.db": "mine"}


async def test_the_copies_beside_are_refreshed_and_not_taken_for_the_owners(tmp_path: Path) -> None:
    one = release(tmp_path / "1", {"x.conf": "1", "y.conf": "1"})
    fill(one, {"x.conf": "mine", "y.conf": "mine"})
    two = release(tmp_path / "2", {"x.conf": "2", "y.conf": "2"})
    await carry(one, two)
    fill(two, {"y.conf.new": "the owner wrote here"})
    three = release(tmp_path / "3", {"x.conf": "3", "y.conf": "3"})
    await carry(two, three)
    assert content(three) == {
        "x.conf": "mine",
        "x.conf.new": "3",
        "y.conf": "mine",
        "y.conf.new": "the owner wrote here",
        "y.conf.new.new": "3",
    }


async def test_a_link_where_the_release_has_a_directory_stays_and_nothing_behind_it_is_touched(tmp_path: Path) -> None:
    disk = fill(tmp_path / "disk", {"a": "2", "b": "mine"})
    old = release(tmp_path / "1", {"data/a": "1"})
    shutil.rmtree(old / "data")
    (old / "data").symlink_to(disk)
    new = release(tmp_path / "2", {"data/a": "2", "data/sub/c": "2"})
    for files in (None, None):
        await carry(old, new, files=files)
        assert content(new) == {"data": f"-> {disk}", "data.new/a": "2", "data.new/sub/c": "2"}
    assert content(disk) == {"a": "2", "b": "mine"}
    # A cut may lose the stash and the notes, but never reach through the link: what is there looks like the release's.
    (new / ".shipped").rename(tmp_path / "stash")
    (new / ".carried.json").unlink()
    await carry(old, new)
    assert content(disk) == {"a": "2", "b": "mine"}
    (tmp_path / "stash").rename(new / ".shipped")
    (old / "data").unlink()
    await carry(old, new)
    assert content(new) == {"data/a": "2", "data/sub/c": "2"}
    assert content(disk) == {"a": "2", "b": "mine"}


async def test_what_is_preserved_wins_without_a_word(tmp_path: Path) -> None:
    old, new = release(tmp_path / "1", {"data/a": "1"}), release(tmp_path / "2", {"data/a": "2", "data/b": "2"})
    assert await carry(old, new, "data/") == Carried(kept=(), copied=1)
    assert content(new) == {"data/a": "1", "data/b": "2"}
    with pytest.raises(EffectError, match="is not a path inside the installation"):
        await carry(old, new, "../other")


def git(tree: Path, *argv: str) -> None:
    identity = ("-c", "user.name=pi", "-c", "user.email=pi@localhost", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, "-C", str(tree), *argv], check=True, capture_output=True)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_git_clone_is_adopted_with_its_edits_its_history_and_its_untracked_files(
    tmp_path: Path, restarted: bool
) -> None:
    old = fill(tmp_path / "1", {"main.py": "1", "app/config/x.conf": "1", "dropped.py": "1", "hack.py": "1"})
    git(old, "init", "-q")
    git(old, "add", ".")
    git(old, "commit", "-q", "-m", "one")
    fill(old, {"app/config/x.conf": "edited", "hack.py": "edited", "untracked.wav": "mine"})
    if os.geteuid() == 0:
        for parent in (tmp_path, *tmp_path.parents):  # pytest closes its folders to others
            if parent.stat().st_uid == os.geteuid() and parent.stat().st_mode & 0o777 == 0o700:
                parent.chmod(0o755)
        for folder, folders, names in os.walk(old):
            for name in [*folders, *names, "."]:
                os.chown(os.path.join(folder, name), 1000, 1000)  # noqa: PTH118  (a Path would drop the dot)
    new = release(tmp_path / "2", {"main.py": "2", "app/config/x.conf": "2", "hack.py": "1"})
    files = DiskFiles(later)
    for _ in range(2):
        carried = await carry(old, new, files=files)
        assert carried.kept == ("app/config/x.conf", "hack.py")
        mine = {path: text for path, text in content(new).items() if not path.startswith(".git/")}
        assert mine == {
            "main.py": "2",
            "app/config/x.conf": "edited",
            "app/config/x.conf.new": "2",
            "hack.py": "edited",
            "untracked.wav": "mine",
        }
        files = DiskFiles(later) if restarted else files
    assert (new / ".git/HEAD").read_text() == (old / ".git/HEAD").read_text()
    assert (new / "hack.py").stat().st_uid == old.stat().st_uid


async def test_a_very_long_index_is_asked_for_folder_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fill(tmp_path / "1", {f"{folder}/{name:03}": name * "x" for folder in "ab" for name in range(9)})
    git(old, "init", "-q")
    git(old, "add", ".")
    whole = await shipped.from_git(old)
    monkeypatch.setattr(shipped, "KEPT_OUTPUT", 700)
    assert whole is not None
    assert len(whole) == 18
    assert await shipped.from_git(old) == whole


async def test_an_unknown_directory_keeps_its_configuration_and_takes_new_code(tmp_path: Path) -> None:
    old = fill(tmp_path / "1", {"main.py": "1", "x.ini": "mine", "notes": "mine"})
    new = release(tmp_path / "2", {"main.py": "2", "x.ini": "2"})
    assert (await carry(old, new)).kept == ("x.ini",)
    assert content(new) == {"main.py": "2", "x.ini": "mine", "x.ini.new": "2", "notes": "mine"}


async def test_names_and_contents_that_are_no_text_go_along(tmp_path: Path) -> None:
    old, new = release(tmp_path / "1", {}), release(tmp_path / "2", {})
    odd = os.fsdecode(b"m\xfcsik \n.wav")
    (old / odd).write_bytes(b"\xff\x00")
    for _ in range(2):
        await carry(old, new)
        assert (new / odd).read_bytes() == b"\xff\x00"


async def test_a_tree_that_does_not_say_what_it_shipped_is_refused_as_the_new_one(tmp_path: Path) -> None:
    old, new = release(tmp_path / "1", {}), fill(tmp_path / "2", {"x": "1"})
    with pytest.raises(EffectError, match=r"has no \.release\.json that says what it shipped"):
        await carry(old, new)
    with pytest.raises(EffectError, match="they are the same directory"):
        await carry(old, old)
    with pytest.raises(EffectError, match="no such file"):
        await carry(tmp_path / "missing", new)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("verb", ["rename", "mkdir", "unlink", "fsync", "symlink", "utime"])
async def test_a_cut_at_any_point_is_healed_by_asking_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, second: bool
) -> None:
    for cut in range(12):
        base = tmp_path / str(cut)
        old = release(base / "1", {"x.conf": "1", "d/a": "1", "file": "1"})
        fill(old, {"x.conf": "mine", "own/deep/y": "mine"})
        (old / "link").symlink_to("x.conf")
        new = release(base / "2", {"x.conf": "2", "d/a": "2", "file": "2", "own": "2"})
        files = DiskFiles(later)
        if second:
            await carry(old, new, files=files)
            fill(old, {"d/a": "mine", "fresh/z": "mine"})
            (old / "file").unlink()
            (old / "file").symlink_to("d")
        wanted = DiskFiles(later)
        with monkeypatch.context() as patch:
            left = [cut]
            real = getattr(os, verb)

            def maybe(*args: object, _left: list[int] = left, _real: object = real, **named: object) -> object:
                _left[0] -= 1
                if _left[0] < 0:
                    raise OSError(5, "cut")
                return _real(*args, **named)  # type: ignore[operator]  # the os function itself

            patch.setattr(os, verb, maybe)
            try:
                await carry(old, new, files=files)
            except EffectError as error:
                assert "cut" in str(error)  # noqa: PT017  (how far it came differs)
        await carry(old, new, files=wanted)
        expected = {"x.conf": "mine", "x.conf.new": "2", "own/deep/y": "mine", "own.new": "2", "link": "-> x.conf"}
        if second:
            expected |= {"d/a": "mine", "d/a.new": "2", "fresh/z": "mine", "file": "-> d", "file.new": "2"}
        else:
            expected |= {"d/a": "2", "file": "2"}
        assert content(new) == expected


@pytest.mark.req("DB-088")
async def test_a_full_disk_is_told_and_leaves_no_drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = fill(tmp_path / "1", {"x": "1"}), release(tmp_path / "2", {})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(trees.shutil, "copyfileobj", full)  # type: ignore[attr-defined]  # the module's own import
    with pytest.raises(EffectError, match=r"cannot carry .* over to .*: no space left on device"):
        await carry(old, new)
    assert content(new) == {}
