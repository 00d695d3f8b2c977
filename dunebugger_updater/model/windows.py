"""Maintenance windows: spans of real time that begin at a local hour, right across every change of the clocks.

A day's beginning that a change skips is the first instant after the gap; one that happens twice is the first of the
two.  The length is what really passes.  All comparing is in UTC: inside one zone Python subtracts what the clock on
the wall shows, which is an hour wrong twice a year.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from dunebugger_updater.model.settings import Window

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_FAR = 400
"""Days that are looked ahead: a window of a weekday comes within seven, whatever the zone does."""


def occurrence(window: Window, day: date, usual_zone: str) -> tuple[datetime, datetime] | None:
    """Answer beginning and end, in UTC, of the window that begins on that local day; ``None`` on other days."""
    if day.weekday() not in window.days:
        return None
    zone = _zone(window.zone or usual_zone)
    wall = datetime.combine(day, window.start)
    start = _instant(wall, zone)
    if start.astimezone(zone).date() != day and _missing(day, zone):
        return None  # a day that a zone left out has no window
    return start, start + timedelta(minutes=window.minutes)


def is_open(windows: Sequence[Window], now: datetime, usual_zone: str) -> datetime | None:
    """Answer when the window that is open ends (those that meet count as one); ``None`` when none is open."""
    end = now
    spans = sorted(_around(windows, now, usual_zone, 2))
    for first, last in spans:
        if first <= end < last:
            end = last
    return end if end > now else None


def next_open(windows: Sequence[Window], now: datetime, usual_zone: str) -> datetime | None:
    """Answer when a window begins next after ``now``; ``None`` when none ever does."""
    coming = [first for first, _ in _around(windows, now, usual_zone, 9) if first > now]
    if not coming and windows:
        coming = [first for first, _ in _around(windows, now, usual_zone, _FAR) if first > now]
    return min(coming, default=None)


def _around(
    windows: Sequence[Window], now: datetime, usual_zone: str, days: int
) -> Iterator[tuple[datetime, datetime]]:
    for window in windows:
        today = now.astimezone(_zone(window.zone or usual_zone)).date()
        for offset in range(-2, days):
            found = occurrence(window, today + offset * _DAY, usual_zone)
            if found is not None:
                yield found


def _instant(wall: datetime, zone: "ZoneInfo") -> datetime:
    """Answer the instant of a local time: the first of two, and after a gap the first that there is."""
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # In a gap, ``fold=0`` reads with the offset before it, which lands behind the gap by as much as ``wall`` was in it.
    before = wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    after = wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    low = (wall - max(before, after)).replace(tzinfo=UTC)
    high = found
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _missing(day: date, zone: "ZoneInfo") -> bool:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    return noon.astimezone(UTC).astimezone(zone).date() != day


@lru_cache(maxsize=16)
def _zone(name: str) -> "ZoneInfo":
    from zoneinfo import ZoneInfo  # noqa: PLC0415  (it reads how Python was built; only windows need it)

    return ZoneInfo(name)
