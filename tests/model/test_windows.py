"""Maintenance windows, right across every change of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dunebugger_updater.model.settings import Window
from dunebugger_updater.model.windows import is_open, next_open, occurrence

ALL = tuple(range(7))
ROME = "Europe/Rome"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_window_is_at_the_same_local_hour_in_winter_and_in_summer() -> None:
    window = Window(ALL, time(2), 120, ROME)
    assert occurrence(window, date(2026, 1, 15), ROME) == (at("2026-01-15T01:00"), at("2026-01-15T03:00"))
    assert occurrence(window, date(2026, 7, 15), ROME) == (at("2026-07-15T00:00"), at("2026-07-15T02:00"))


def test_an_hour_that_does_not_exist_begins_after_the_gap_and_lasts_as_long() -> None:
    window = Window(ALL, time(2, 30), 60, ROME)
    assert occurrence(window, date(2026, 3, 29), ROME) == (at("2026-03-29T01:00"), at("2026-03-29T02:00"))


def test_an_hour_that_comes_twice_begins_the_first_time_and_lasts_as_long() -> None:
    window = Window(ALL, time(2, 30), 180, ROME)
    assert occurrence(window, date(2026, 10, 25), ROME) == (at("2026-10-25T00:30"), at("2026-10-25T03:30"))


def test_a_day_that_a_zone_left_out_has_no_window() -> None:
    window = Window(ALL, time(2), 60, "Pacific/Apia")
    assert occurrence(window, date(2011, 12, 30), ROME) is None
    assert occurrence(window, date(2011, 12, 31), ROME) is not None


def test_a_window_over_midnight_is_open_on_the_next_day() -> None:
    window = Window((6,), time(23), 180, "UTC")  # Sunday
    assert is_open([window], at("2026-01-05T01:00"), ROME) == at("2026-01-05T02:00")
    assert is_open([window], at("2026-01-05T02:00"), ROME) is None


def test_windows_that_meet_count_as_one() -> None:
    windows = [Window(ALL, time(1), 60, "UTC"), Window(ALL, time(2), 60, "UTC"), Window(ALL, time(2, 30), 90, "UTC")]
    assert is_open(windows, at("2026-01-05T01:10"), ROME) == at("2026-01-05T04:00")


def test_no_windows_are_never_open() -> None:
    assert is_open([], at("2026-01-05T01:10"), ROME) is None
    assert next_open([], at("2026-01-05T01:10"), ROME) is None


@pytest.mark.req("DB-099")
@pytest.mark.parametrize("zone", [ROME, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_through_a_year_every_listed_day_has_exactly_one_window_of_full_length(zone: str) -> None:
    windows = [Window((0, 2, 4), time(2, 15), 95, zone)]
    local = ZoneInfo(zone)
    now, end = at("2026-01-01T00:00"), at("2027-01-01T00:00")
    opened: list[datetime] = []
    open_minutes = 0
    while now < end:
        closes = is_open(windows, now, "UTC")
        if closes is not None:
            open_minutes += 15
            begun = closes - timedelta(minutes=95)
            if not opened or opened[-1] != begun:
                opened.append(begun)
        now += timedelta(minutes=15)
    days = [begun.astimezone(local).date() for begun in opened]
    assert days == sorted(set(days))
    expected = {date(2026, 1, 1) + timedelta(days=n) for n in range(365)}
    assert {day for day in expected if day.weekday() in {0, 2, 4}} - set(days) <= {date(2026, 12, 31), date(2026, 1, 1)}
    assert abs(open_minutes - 95 * len(days)) <= 15 * len(days)
    for begun in opened[:-1]:
        assert next_open(windows, begun - timedelta(minutes=1), "UTC") == begun
