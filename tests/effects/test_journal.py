"""The journal on disk: what it took survives, what is damaged ends the story, and nothing is guessed."""

import asyncio
import errno
import os
import zlib
from pathlib import Path

import pytest
from doubles.clock import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from stories.scenes import app_scene

from dunebugger_updater.effects import journal as on_disk
from dunebugger_updater.effects.journal import ROOM, RunDirectory, RunFile, read
from dunebugger_updater.engine import JournalError
from dunebugger_updater.run import AnyEvent, Closed, Finished, Later, Opened, Outcome, Restarted, TurnedBack, retell
from dunebugger_updater.story import Told

PLAN = app_scene().plan
EVENTS: list[AnyEvent] = [Opened("run", PLAN), Restarted(), Finished(0), Finished(1)]


async def write(path: Path, events: list[AnyEvent]) -> RunFile:
    journal = RunFile(path, Clock())
    for event in events:
        await journal.write(event)
    return journal


async def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    await write(tmp_path / "run.jsonl", EVENTS)
    told = read(tmp_path / "run.jsonl")
    assert [each.event for each in told] == EVENTS
    assert [each.n for each in told] == [0, 1, 2, 3]


async def test_room_for_the_end_is_reserved_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    journal = await write(path, EVENTS)
    assert path.stat().st_size >= ROOM
    assert path.stat().st_blocks * 512 >= ROOM, "really reserved, not only promised"
    await journal.write(Closed(Outcome.UPDATED))
    assert path.stat().st_size == len(path.read_bytes().rstrip(b"\0")) < ROOM


async def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    await write(tmp_path / "runs" / "run.jsonl", EVENTS)
    assert (tmp_path / "runs" / "run.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700


async def test_a_torn_last_line_costs_that_line_and_the_story_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    journal = await write(path, EVENTS)
    journal.close()
    whole = path.read_bytes()
    for cut in range(1, 40):
        path.write_bytes(whole[:-cut])
        told = read(path)
        assert [each.event for each in told] == EVENTS[:3]
    again = RunFile(path, Clock())
    await again.write(Restarted())
    assert [each.event for each in read(path)] == [*EVENTS[:3], Restarted()]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_makes_it_tell_what_never_happened(data: st.DataObject) -> None:
    lines = [on_disk._line(Told(n, Clock().now(), 1.0, event)) for n, event in enumerate(EVENTS)]
    whole = bytearray(b"".join(lines))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    path = Path(os.fsdecode(f"/dev/shm/journal-{os.getpid()}.jsonl"))
    path.write_bytes(bytes(whole))
    try:
        events = [each.event for each in read(path)]
    finally:
        path.unlink()
    assert events == EVENTS[: len(events)]


async def test_a_flush_that_fails_once_is_survived_by_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.jsonl"
    journal = await write(path, EVENTS[:2])
    real, failed = os.fdatasync, [0]

    def once(fd: int) -> None:
        failed[0] += 1
        if failed[0] == 1:
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", once)
    await journal.write(EVENTS[2])
    assert failed[0] == 2, "the same file was not asked again"
    assert [each.event for each in read(path)] == EVENTS[:3]
    await journal.write(EVENTS[3])
    assert [each.event for each in read(path)] == EVENTS
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run.jsonl"]


async def test_a_disk_that_takes_nothing_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await write(tmp_path / "run.jsonl", EVENTS[:2])

    def never(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", never)
    with pytest.raises(JournalError, match=r"cannot write .*run\.jsonl"):
        await journal.write(EVENTS[2])


async def test_runs_are_listed_in_the_order_in_which_they_were_opened(tmp_path: Path) -> None:
    clock = Clock()
    runs = RunDirectory(tmp_path / "runs", clock)
    made = []
    for wait in (0, 0, 5, -4000, 0):
        clock.seconds += wait
        run, journal = runs.create("app")
        await journal.write(Opened(run, PLAN))
        made.append(run)
    assert list(runs.ids()) == made, "a clock that went back changes nothing"
    assert len(set(made)) == len(made)


async def test_old_runs_go_and_open_ones_stay(tmp_path: Path) -> None:
    clock = Clock()
    runs = RunDirectory(tmp_path / "runs", clock, keep=3)
    first, journal = runs.create("app")
    await journal.write(Opened(first, PLAN))
    for _ in range(6):
        clock.seconds += 1
        run, journal = runs.create("app")
        await journal.write(Opened(run, PLAN))
        await journal.write(Closed(Outcome.UPDATED))
    left = runs.ids()
    assert first in left
    assert len(left) <= 4


@pytest.mark.parametrize("name", ["../../etc/passwd", ".hidden", "none", ""])
def test_only_runs_can_be_read(tmp_path: Path, name: str) -> None:
    assert RunDirectory(tmp_path, Clock()).read(name) is None


def _line_of(number: int, event: str) -> bytes:
    record = f'{{"n":{number},"at":"2030-01-01T00:00:00Z","up":1.0,"event":{event}}}'.encode()
    return record + b" %08x\n" % zlib.crc32(record)


@pytest.mark.req("RM-062")
async def test_what_a_newer_version_added_to_a_run_is_passed_over_and_the_run_goes_on(tmp_path: Path) -> None:
    """It was put on trial, told more than we know, and was taken back."""
    path = tmp_path / "run.jsonl"
    journal = await write(path, EVENTS[:2])
    journal.close()
    new = _line_of(2, '{"event":"levitated","height":3}') + _line_of(3, '{"event":"restarted","mood":["good",1]}')
    await asyncio.to_thread(path.write_bytes, path.read_bytes() + new)
    assert [each.event for each in read(path)] == [*EVENTS[:2], Later("levitated"), Restarted()]
    await RunFile(path, Clock()).write(TurnedBack("it did not stay up"))
    told = read(path)
    assert [each.event for each in told[3:]] == [Restarted(), TurnedBack("it did not stay up")]
    assert new in await asyncio.to_thread(path.read_bytes), "and keeps what it said, as it said it"
    assert retell([each.event for each in told]).turned is not None


async def test_a_journal_ends_where_a_newer_version_did_what_cannot_be_taken_back_here(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    journal = await write(path, EVENTS[:2])
    journal.close()
    new = _line_of(2, '{"event":"began","step":1,"way_back":[{"do":"levitate"}]}') + _line_of(
        3, '{"event":"restarted"}'
    )
    await asyncio.to_thread(path.write_bytes, path.read_bytes() + new)
    assert [each.event for each in read(path)] == EVENTS[:2]
