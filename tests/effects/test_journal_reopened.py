"""A run that is continued by another process: its story goes on behind what is there, whoever wrote that."""

from pathlib import Path

import pytest
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.journal import RunDirectory
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Began, Closed, Finished, Opened, Outcome, Restarted
from dunebugger_updater.steps import BuildVenv

AS_WRITTEN = 60
"""Spelled ``60``; once read it is a float and would be spelled ``60.0``, two bytes longer."""


@pytest.fixture
def runs(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "runs", SmallClock())


async def cut(runs: RunDirectory) -> str:
    """A run that the power left open."""
    plan = Plan("core", "update", "1.0", "1.1", steps=(BuildVenv(Path("/opt/core"), limit=AS_WRITTEN),))
    run, journal = runs.create("core")
    for event in (Opened(run, plan), Began(0, ())):
        await journal.write(event)
    return run


async def test_a_reopened_run_is_told_to_its_end(runs: RunDirectory) -> None:
    run = await cut(runs)
    story = runs.read(run)
    assert story is not None
    journal = runs.reopen(story)
    end = (Restarted(), Finished(0), Closed(Outcome.UPDATED))
    for event in end:
        await journal.write(event)
    told = runs.read(run)
    assert told is not None
    assert told.events[2:] == end


async def test_what_was_told_before_stays_as_it_was_written(runs: RunDirectory, tmp_path: Path) -> None:
    run = await cut(runs)
    file = tmp_path / "runs" / f"{run}.jsonl"
    before = file.read_bytes().rstrip(b"\0")
    story = runs.read(run)
    assert story is not None
    await runs.reopen(story).write(Restarted())
    assert file.read_bytes().startswith(before)


async def test_a_torn_line_gives_way_to_the_next_event(runs: RunDirectory, tmp_path: Path) -> None:
    run = await cut(runs)
    file = tmp_path / "runs" / f"{run}.jsonl"
    file.write_bytes(file.read_bytes().rstrip(b"\0") + b'{"n":2,"at":"20')
    story = runs.read(run)
    assert story is not None
    await runs.reopen(story).write(Restarted())
    told = runs.read(run)
    assert told is not None
    assert told.events[-1] == Restarted()


def test_a_plan_has_the_same_hash_after_it_was_on_the_disk() -> None:
    plan = Plan("core", "update", "1.0", "1.1", steps=(BuildVenv(Path("/opt/core"), limit=AS_WRITTEN),))
    spelled_as_read = Plan("core", "update", "1.0", "1.1", steps=(BuildVenv(Path("/opt/core"), limit=float(60)),))
    assert plan.hash == spelled_as_read.hash
