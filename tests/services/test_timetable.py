"""When to look: a year of a device that is switched off at the wall, and clocks that jump."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunebugger_updater.services.timetable import Timetable, after_check, at_start, phase, wait

DAY, DELAY = timedelta(hours=24), timedelta(minutes=5)
START = datetime(2026, 1, 1, tzinfo=UTC)


def play(days: float, off: Iterator[tuple[float, float]] | None = None) -> list[datetime]:
    """The checks of a device; ``off`` gives hours on and hours off, in turn."""
    checks: list[datetime] = []
    now, end, known = START, START + timedelta(days=days), Timetable()
    while now < end:
        on, away = next(off) if off else (days * 24, 0.0)
        until = min(end, now + timedelta(hours=on))
        known = at_start(known, now, DAY, DELAY, timedelta(minutes=3))
        while True:
            now += wait(known, now, DAY)
            if now >= until:
                now = until
                break
            checks.append(now)
            known = after_check(known, now, DAY, well=True)
        now += timedelta(hours=away)
    return checks


@pytest.mark.req("DB-002")
@pytest.mark.req("DB-074")
def test_it_looks_five_minutes_after_the_start_and_then_every_day_at_the_same_hour() -> None:
    checks = play(10)
    assert checks[0] == START + timedelta(minutes=8)
    assert {second - first for first, second in pairwise(checks)} == {DAY}


def test_switched_off_every_night_it_still_looks_once_a_day() -> None:
    def nights() -> Iterator[tuple[float, float]]:
        while True:
            yield 14.0, 10.0

    checks = play(365, nights())
    days = {check.date() for check in checks}
    assert len(days) >= 364
    assert len(checks) <= 366


def test_a_check_missed_for_weeks_runs_once_soon_after_the_start() -> None:
    known = at_start(Timetable(START), START + timedelta(days=60), DAY, DELAY, timedelta())
    assert known.due == START + timedelta(days=60) + DELAY
    after = after_check(known, known.due, DAY, well=True)
    assert after.due == known.due + DAY, "not sixty checks in a row"


@given(st.integers(min_value=0, max_value=2**32))
def test_whatever_the_power_does_no_day_sees_more_than_a_start_and_a_plan_ask_for(seed: int) -> None:
    random = Random(seed)

    def any_power() -> Iterator[tuple[float, float]]:
        while True:
            yield random.uniform(0.01, 200), random.uniform(0.01, 400)

    checks = play(120, any_power())
    for first, third in zip(checks, checks[2:], strict=False):
        assert third - first > timedelta(hours=23), "never three in one day"


@given(st.floats(min_value=-50 * 365, max_value=50 * 365))
def test_a_clock_that_jumps_never_silences_it_for_longer_than_a_day(days: float) -> None:
    known = after_check(Timetable(START), START, DAY, well=True)
    jumped = START + timedelta(days=days)
    assert timedelta() <= wait(known, jumped, DAY) <= DAY
    again = at_start(known, jumped, DAY, DELAY, timedelta())
    assert again.due is not None
    assert DELAY <= again.due - jumped <= DAY


def test_a_check_that_failed_is_tried_again_later_and_later_but_not_hammered() -> None:
    known, now, waits = Timetable(START), START, []
    for _ in range(12):
        known = after_check(known, now, DAY, well=False)
        waits.append(wait(known, now, DAY))
        now += waits[-1]
    assert waits[0] == timedelta(minutes=1)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=6)
    assert after_check(known, now, DAY, well=True).failures == 0


def test_devices_switched_on_together_do_not_ask_together_and_each_keeps_its_place() -> None:
    places = [phase(f"device-{number}", DAY) for number in range(1000)]
    assert places == [phase(f"device-{number}", DAY) for number in range(1000)]
    assert timedelta() <= min(places)
    assert max(places) <= timedelta(minutes=15)
    minutes = [sum(1 for place in places if minute <= place.total_seconds() / 60 < minute + 1) for minute in range(15)]
    assert min(minutes) > 30
