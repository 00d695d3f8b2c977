"""``self-test`` says what does not work here, in words, and touches nothing."""

import asyncio
import contextlib
import sqlite3
import sys
import zlib
from pathlib import Path

import pytest
from doubles.clock import Clock
from stories.scenes import app_scene
from stories.tiny import Said, say

from dunebugger_updater import __version__
from dunebugger_updater.effects.journal import RunDirectory
from dunebugger_updater.effects.store import Database
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Closed, Opened, Outcome


def tried(state: Path, *words: str | Path) -> Said:
    return say(*words, "self-test", "--json", "--state", state)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A device with a past."""
    state = tmp_path / "state"
    asyncio.run(_remember(state, app_scene().plan))
    return state


@pytest.fixture
def journal(state: Path) -> Path:
    return next((state / "runs").iterdir())


async def _remember(state: Path, plan: Plan) -> None:
    database = Database(state / "updater.db")
    database.remember("name", "value")
    database.close()
    runs = RunDirectory(state / "runs", Clock())
    run, journal = runs.create("app")
    await journal.write(Opened(run, plan))
    await journal.write(Closed(Outcome.UPDATED))
    (state / "holds.json").write_text('["core"]')
    (state / "timetable.json").write_text("{}")


def test_a_device_with_a_past_is_read_whole_and_left_as_it_is(state: Path) -> None:
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    told = tried(state)
    assert (told.code, told.document["problems"]) == (0, [])
    assert (told.document["version"], told.document["architecture"]) == (__version__, architecture())
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before
    assert say("self-test", "--state", state).out.endswith(f"({architecture()}): works\n")


def test_a_fresh_device_has_nothing_to_read(tmp_path: Path) -> None:
    assert tried(tmp_path / "nothing").document["problems"] == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("timetable.json", '{"due": 3}', "cannot understand"),
        ("checks/core.json", '{"catalogue": []}', "cannot understand"),
        ("holds.json", '{"core": true}', "cannot understand"),
    ],
)
def test_what_is_whole_and_not_understood_is_a_problem(state: Path, name: str, content: str, told: str) -> None:
    (state / name).parent.mkdir(exist_ok=True)
    (state / name).write_text(content)
    found = tried(state)
    assert found.code == 1
    (problem,) = found.document["problems"]
    assert told in problem
    assert name in problem


def test_what_the_disk_has_damaged_speaks_against_no_version(state: Path) -> None:
    for name in ("timetable.json", "holds.json", "updater.db"):
        (state / name).write_bytes(b"\xff{half")
    (state / "runs" / "20260101T000000-00-core.jsonl").write_bytes(b"torn\n")
    assert tried(state).document["problems"] == []


def test_a_run_that_speaks_of_unknown_steps_is_a_problem(state: Path, journal: Path) -> None:
    record = (
        b'{"n":2,"at":"2030-01-01T00:00:00Z","up":1.0,"event":{"event":"began","step":0,"way_back":[{"do":"fly"}]}}'
    )
    journal.write_bytes(journal.read_bytes().rstrip(b"\0") + record + b" %08x\n" % zlib.crc32(record))
    (problem,) = tried(state).document["problems"]
    assert f"line 3 of {journal}" in problem


def test_a_database_of_another_making_is_a_problem(state: Path) -> None:
    with contextlib.closing(sqlite3.connect(state / "updater.db")) as database:
        database.executescript("drop table token; create table token (another text);")
    (problem,) = tried(state).document["problems"]
    assert "updater.db" in problem


def test_a_configuration_that_it_would_not_start_with_is_a_problem(state: Path) -> None:
    file = state / "dunebugger.conf"
    file.write_text("[Updater]\nkeepReleases = many\n")
    found = tried(state, "--config", file)
    assert found.code == 1
    assert "cannot read the configuration" in found.document["problems"][0]
    assert "keepReleases" in found.document["problems"][0]


def test_a_part_that_is_not_there_is_a_problem(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dunebugger_updater.effects.backup", None)
    (problem,) = tried(state).document["problems"]
    assert "cannot import dunebugger_updater.effects.backup" in problem
