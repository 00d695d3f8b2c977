"""The clock, and when it is not believed."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dunebugger_updater.effects.clock import SystemClock, kernel_clock_is_unset
from dunebugger_updater.ports import Clock

EARLY = datetime(2000, 1, 1, tzinfo=UTC)


def clock(tmp_path: Path, *, unset: bool | None, built: datetime = EARLY) -> SystemClock:
    return SystemClock(
        built=built, synchronized=tmp_path / "synchronized", setters=(tmp_path / "setter",), unset=lambda: unset
    )


async def test_the_clocks_run() -> None:
    found: Clock = SystemClock()
    before = found.up()
    await found.sleep(0.01)
    assert found.up() - before >= 0.01
    assert abs(found.up() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
    assert abs((found.now() - datetime.now(UTC)).total_seconds()) < 1


def test_a_clock_from_before_this_program_is_not_believed(tmp_path: Path) -> None:
    future = datetime(2999, 1, 1, tzinfo=UTC)
    (tmp_path / "synchronized").touch()
    told = clock(tmp_path, unset=False, built=future).trusted()
    assert told == f"the clock shows {datetime.now(UTC):%Y-%m-%d}, before this program was built (2999-01-01)"


@pytest.mark.parametrize(
    ("unset", "setter", "marker", "believed"),
    [
        (False, False, False, True),  # the kernel knows that it was set
        (True, True, True, True),  # timesyncd has set it
        (True, True, False, False),  # somebody will set it, and has not yet
        (True, False, False, True),  # nobody here would ever know better
        (None, True, False, True),  # no way to know
    ],
)
def test_a_clock_is_believed_once_it_was_set(
    tmp_path: Path, unset: bool | None, setter: bool, marker: bool, believed: bool
) -> None:
    if setter:
        (tmp_path / "setter").mkdir()
    if marker:
        (tmp_path / "synchronized").touch()
    told = clock(tmp_path, unset=unset).trusted()
    assert told == (None if believed else "the clock has not been set from the network since this device started")


def test_the_kernel_answers_without_being_changed() -> None:
    before = time.time()
    assert kernel_clock_is_unset() in {True, False, None}
    assert abs(time.time() - before) < 5
