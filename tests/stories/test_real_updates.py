"""The whole life of an app under our care, through the command line: real processes, real disk, real environments.

Each story has a device of its own, and all of them run side by side, since most of an update is waiting to be sure.
"""

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stories.real_app import Json, RealDevice, Visitor, real_device
from stories.real_releases import Publisher, publisher, settings_file

from dunebugger_updater.effects.carry_memory import MEMORY_NAME
from dunebugger_updater.effects.python_env import COMPLETE
from dunebugger_updater.model.record import RECORD_NAME

pytestmark = pytest.mark.timeout(180)

OURS = {RECORD_NAME, MEMORY_NAME, COMPLETE}
"""Notes of the updater's own inside a release; they are nobody else's."""
EDITED = "[lights]\nbrightness = 90\n; mine\n"


def owned(device: RealDevice) -> None:
    """1.0.0 as its owner has it: running, with an edited config file and a note of their own."""
    device.install_by_hand()
    (device.install / "settings.ini").write_text(EDITED)
    (device.install / "my-notes.txt").write_text("the left lamp flickers\n")
    device.begin()
    device.visit("before")


def healthy(device: RealDevice, version: str) -> None:
    assert device.running["version"] == version
    assert len(device.app_processes()) == 1
    assert (device.install / "VERSION").read_text().strip() == version
    assert (device.install / "settings.ini").read_text() == EDITED
    assert (device.install / "my-notes.txt").read_text() == "the left lamp flickers\n"
    assert device.leftovers() == []


def a_good_update(device: RealDevice) -> None:
    device.shelf.offer("1.1.0")
    owned(device)
    found = device.answer("check", "--force")["components"]["core"]
    assert (found["current"], found["latest"], found["update_available"]) == ("1.0.0", "1.1.0", True)
    planned = device.update("--dry-run")
    assert planned["outcome"] == "planned"
    assert not device.install.is_symlink()
    with Visitor(device) as visitor:
        told = device.update()
    assert (told["outcome"], told["from"], told["to"], told["success"]) == ("updated", "1.0.0", "1.1.0", True)
    assert 0 < told["downtime_seconds"] < 5
    assert planned["plan"]["steps"] == [step["title"] for step in planned["steps"]]
    healthy(device, "1.1.0")
    assert str(device.install.readlink()) == "core.releases/1.1.0"
    assert (device.releases / "1.0.0/settings.ini").read_text() == EDITED
    assert (device.install / "settings.ini.new").read_text() == settings_file("1.1.0")
    kept = {
        "before",
        "start 1.0.0",
        "start 1.1.0",
        *(word for words in visitor.acknowledged.values() for word in words),
    }
    assert set(device.visits) == kept
    assert visitor.acknowledged.keys() == {"1.0.0", "1.1.0"}

    (backup,) = device.backups.iterdir()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with tarfile.open(backup) as tar:
        names = tar.getnames()
        assert {"core/settings.ini", "core/data/visits.db", "core/VERSION"} <= set(names)
        assert not [name for name in names if ".venv" in name]

    assert device.update()["outcome"] == "nothing_to_do"
    (past,) = device.answer("history", "core")
    assert (past["run"], past["outcome"]) == (told["run"], "updated")
    shown = device.answer("show", told["run"])
    assert shown["events"][0]["event"]["event"] == "opened"
    assert shown["events"][-1]["event"]["outcome"] == "updated"
    assert shown["plan_hash"] == told["plan_hash"]
    known = device.answer("status")["components"]["core"]
    assert (known["current"], known["status"]) == ("1.1.0", "up_to_date")

    assert device.call("stop", "core")[0] == 0
    assert device.app_processes() == []
    assert device.call("stop", "core")[0] == 0
    assert device.call("start", "core")[0] == 0
    device.wait_for_app()
    healthy(device, "1.1.0")


def rolled_back(device: RealDevice, version: str, *evidence: str) -> Json:
    """Offer ``version``, see it fail and everything come back, and answer what was told about it."""
    device.shelf.offer(version)
    device.answer("check", "--force")
    before = device.visits
    with Visitor(device) as visitor:
        told = device.update(status=4)
    assert (told["outcome"], told["success"], told["to"]) == ("rolled_back", False, version)
    assert all(any(words in line for line in (*told["evidence"], told["message"])) for words in evidence)
    healthy(device, "1.0.0")
    assert set(device.visits) >= {*before, *visitor.acknowledged["1.0.0"]}
    assert f"start {version}" not in device.visits
    assert version in device.answer("status")["components"]["core"]["quarantined"]
    assert device.update()["outcome"] == "nothing_to_do"
    return told


def a_sick_release(device: RealDevice) -> None:
    owned(device)
    told = rolled_back(device, "1.2.0", "1.2.0 starts", "answered 500", "the sound card does not answer")
    assert not device.install.is_symlink(), "the owner's plain directory is theirs again"
    assert told["downtime_seconds"] > 0
    # What failed here is taken again only by name; and what is newer than it as always.
    again = device.update("--version", "1.2.0", status=4)
    assert again["outcome"] == "rolled_back"
    device.shelf.offer("1.2.0", "1.7.0")
    device.answer("check", "--force")
    assert device.update()["to"] == "1.7.0"
    healthy(device, "1.7.0")


def a_release_that_exits_at_once(device: RealDevice) -> None:
    owned(device)
    rolled_back(device, "1.3.0", "1.3.0 cannot find its sound card", "core is not running")


def a_release_that_breaks_its_data(device: RealDevice) -> None:
    owned(device)
    rolled_back(device, "1.5.0", "the sound card does not answer")
    assert device.ask("/visits")[1]["columns"] == ["word"]


def a_release_that_cannot_be_built(device: RealDevice) -> None:
    device.shelf.offer("1.4.0")
    owned(device)
    before = device.running["pid"]
    told = device.update(status=1)
    assert told["outcome"] == "failed"
    assert "nothing changed" in told["message"]
    assert "dunebugger-no-such-part" in told["message"]
    assert device.running["pid"] == before, "the app was not even restarted"
    healthy(device, "1.0.0")
    assert not device.install.is_symlink()
    assert list(device.releases.iterdir()) == []
    assert device.answer("status")["components"]["core"]["quarantined"] == []


def going_back_by_hand(device: RealDevice) -> None:
    device.shelf.offer("1.6.0")
    owned(device)
    device.update()
    assert device.ask("/visits")[1]["columns"] == ["word", "colour"]
    device.visit("after")
    told = device.answer("rollback", "core", "--yes")
    assert (told["outcome"], told["success"], told["to"]) == ("rolled_back", True, "1.0.0")
    healthy(device, "1.0.0")
    assert not device.install.is_symlink()
    assert set(device.visits) == {"start 1.0.0", "before"}, "the data is as it was before the update"
    assert device.ask("/visits")[1]["columns"] == ["word"]
    assert device.update()["outcome"] == "nothing_to_do", "what was taken back is not offered again"

    told = device.update("--version", "1.6.0")
    assert (told["outcome"], told["to"]) == ("updated", "1.6.0")
    healthy(device, "1.6.0")
    assert "migrated before" in device.visits

    told = device.answer("rollback", "core", "--to", "1.0.0", "--yes")
    assert told["outcome"] == "rolled_back"
    healthy(device, "1.0.0")
    assert device.ask("/visits")[1]["columns"] == ["word"]
    assert str(device.install.readlink()) == "core.releases/1.0.0"
    code, _, err = device.call("rollback", "core", "--to", "0.9.0", "--yes")
    assert code == 1
    assert "cannot go back to 0.9.0: kept are" in err


def a_first_update_of_somebody_elses_installation(device: RealDevice) -> None:
    """A clone with its own owner, no VERSION file, and things that no release ships."""
    device.shelf.offer("1.1.0")
    device.install_by_hand(leave_out=["VERSION"])
    (device.install / "VERSION").write_text("\n")  # the app reads it; it says nothing
    (device.install / "settings.ini").write_text(EDITED)
    (device.install / "my-notes.txt").write_text("the left lamp flickers\n")
    (device.install / ".git").mkdir()
    (device.install / ".git/HEAD").write_text("ref: refs/heads/main\n")
    secret = device.install / ".env"
    secret.write_text("TOKEN=made-up\n")
    secret.chmod(0o600)
    user = 4242 if os.geteuid() == 0 else os.geteuid()
    for path in (device.root, *device.root.parents):  # somebody else has to reach it
        if os.geteuid() == 0 and path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o755)
    for path in (device.install, *device.install.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)
    device.begin()
    found = device.answer("check")["components"]["core"]
    assert (found["current"], found["latest"]) == (None, "1.1.0")
    told = device.update()
    assert (told["outcome"], told["from"]) == ("updated", None)
    healthy(device, "1.1.0")
    assert str(device.install.readlink()) == "core.releases/1.1.0"
    kept = device.releases / "original"
    assert (kept / ".git/HEAD").exists()
    for root in (kept, device.install.resolve()):
        assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o600
        theirs = [path for path in (root, *root.rglob("*")) if path.name not in OURS]
        assert [str(path) for path in theirs if path.lstat().st_uid != user] == []
    (pid,) = device.app_processes()
    assert Path(f"/proc/{pid}").stat().st_uid == user, "the app runs with its owner's rights, not with ours"
    told = device.answer("rollback", "core", "--yes")
    assert told["outcome"] == "rolled_back"
    assert (device.install / ".git/HEAD").exists()
    assert not device.install.is_symlink()


STORIES: tuple[Callable[[RealDevice], None], ...] = (
    going_back_by_hand,
    a_sick_release,
    a_good_update,
    a_first_update_of_somebody_elses_installation,
    a_release_that_breaks_its_data,
    a_release_that_exits_at_once,
    a_release_that_cannot_be_built,
)


EVERY_DAY = (a_sick_release, a_first_update_of_somebody_elses_installation)
"""Each makes real environments, so the others are for CI."""


@pytest.fixture(scope="module")
def github() -> Iterator[Publisher]:
    with publisher() as running:
        yield running


@pytest.mark.req("DB-034")
@pytest.mark.parametrize(
    "story",
    [pytest.param(story, id=story.__name__, marks=() if story in EVERY_DAY else pytest.mark.slow) for story in STORIES],
)
def test_on_real_processes_and_a_real_disk(
    story: Callable[[RealDevice], None], github: Publisher, tmp_path: Path
) -> None:
    with real_device(tmp_path / "device", github.shelf()) as device:
        story(device)
