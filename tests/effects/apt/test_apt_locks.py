"""A lock that somebody else holds: three tries with pauses between them, and whoever holds it is named."""

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.apt_locks import holder
from dunebugger_updater.effects.apt_runner import PAUSES, AptRunner
from dunebugger_updater.effects.apt_sentences import Lock, lock_held, locked
from dunebugger_updater.effects.apt_unit import Ended
from dunebugger_updater.ports import EffectError

FILE = "/var/lib/dpkg/lock-frontend"
HELD = f"E: Could not get lock {FILE}. It is held by process 4194304 (unattended-upgr)\n"
HOLD = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); input()"


class Units:
    """Ends as it is told to, one time after the other."""

    def __init__(self, ends: Sequence[Ended]) -> None:
        self.ends = list(ends)
        self.started = 0

    async def run(self, job: str, argv: Sequence[str], hear: Callable[[str], None], **_: Any) -> Ended:
        self.started += 1
        return self.ends.pop(0)


def runner(folder: Path, clock: SmallClock, *ends: Ended) -> tuple[AptRunner, Units]:
    nobody: Any = None
    made, units = AptRunner(folder, nobody, clock), Units(ends)
    made.units = units  # type: ignore[assignment]  # the only method that run() calls is there
    return made, units


def run(made: AptRunner, told: list[str]) -> Ended:
    def hear(message: str, done: float | None = None) -> None:
        assert done is None, "nobody knows how long it waits"
        told.append(message)

    return asyncio.run(made.run("job", ("apt-get", "update"), hear))


@pytest.mark.req("HC-54")
def test_a_lock_that_is_given_up_in_time_is_waited_for_and_the_wait_is_told(tmp_path: Path) -> None:
    clock, told = SmallClock(), list[str]()
    made, units = runner(tmp_path, clock, Ended(100, "exit-code", HELD), Ended(0, "success"))
    assert run(made, told).code == 0
    assert (units.started, clock.slept) == (2, [30.0])
    assert told == [f"waiting 30 s: unattended-upgr (process 4194304) holds {FILE}"]


@pytest.mark.req("HC-54")
def test_after_three_tries_the_holder_is_named_and_nothing_else_is_tried(tmp_path: Path) -> None:
    clock = SmallClock()
    made, units = runner(tmp_path, clock, *(Ended(100, "exit-code", HELD) for _ in range(9)))
    with pytest.raises(EffectError) as caught:
        run(made, [])
    assert str(caught.value) == (
        f"cannot change packages: unattended-upgr (process 4194304) holds {FILE}, and still did after 3 tries; "
        "wait until it has ended, then try again"
    )
    assert (units.started, clock.slept) == (3, list(PAUSES))


@pytest.mark.parametrize(
    "ended",
    [Ended(0, "success", HELD), Ended(100, "exit-code", "E: Unable to locate package x\n"), Ended(None, "gone")],
)
def test_what_is_no_lock_is_not_tried_again(tmp_path: Path, ended: Ended) -> None:
    clock = SmallClock()
    made, units = runner(tmp_path, clock, ended)
    assert run(made, []) == ended
    assert (units.started, clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("said", "lock"),
    [
        (HELD, Lock(FILE, 4194304, "unattended-upgr")),
        ("dpkg: error: dpkg frontend lock was locked by another process with pid 77\n", Lock(FILE, 77)),
        (f"E: Unable to acquire the dpkg frontend lock ({FILE}), is another process using it?\n", Lock(FILE)),
        ("E: Could not open lock file /var/lib/dpkg/lock - open (13: Permission denied)\n", None),
    ],
)
def test_each_of_the_words_for_a_held_lock_is_known(said: str, lock: Lock | None) -> None:
    assert lock_held(said) == lock


def test_a_holder_that_nobody_named_is_found_by_the_kernels_table(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        found = holder(Lock(str(file)))
        other.stdin.write("\n")
    assert found.pid == other.pid
    assert found.holder == f"{found.name} (process {other.pid})"
    assert "python" in found.name


def test_our_own_place_in_a_made_up_table_is_read_and_nonsense_is_not(tmp_path: Path) -> None:
    file, table = tmp_path / "lock", tmp_path / "locks"
    with file.open("w") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        status = file.stat()
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        table.write_text(f"1: nonsense\n\n2: POSIX  ADVISORY  WRITE {os.getpid()} {place} 0 EOF\n")
        assert holder(Lock(str(file)), table).pid == os.getpid()
        table.write_text(f"2: POSIX  ADVISORY  WRITE 0 {place} 0 EOF\n")
        nobody = holder(Lock(str(file)), table)
    assert (nobody.pid, nobody.holder) == (None, "another program")
    assert "another program holds" in locked(nobody, 3)
    assert holder(Lock(str(tmp_path / "none")), tmp_path / "none either") == Lock(str(tmp_path / "none"))
