"""When to look for releases: every so often, soon after a start, and never confused by a clock that jumps.

Pure: given what is remembered and what the clocks say, the answer is the same.
"""

import hashlib
from datetime import datetime, timedelta

import msgspec

_FIRST_RETRY = timedelta(minutes=1)
_LONGEST_RETRY = timedelta(hours=6)
_SPREAD = timedelta(minutes=15)
"""The most by which devices that are switched on together are kept apart."""


class Timetable(msgspec.Struct, frozen=True):
    """What is remembered over a power cut."""

    due: datetime | None = None
    """When the next check is planned, in wall time."""
    failures: int = 0
    """Checks in a row that did not work."""


def phase(device: str, interval: timedelta) -> timedelta:
    """Answer how much later than others this device asks: always the same for it, different between devices."""
    spread = min(_SPREAD, interval / 10)
    number = int.from_bytes(hashlib.sha256(device.encode()).digest()[:8], "big")
    return spread * (number / 2**64)


def at_start(known: Timetable, now: datetime, interval: timedelta, delay: timedelta, own: timedelta) -> Timetable:
    """Answer the plan after a start: not before ``delay``; what was missed while off runs once, soon."""
    earliest = now + delay + own
    if known.due is None:
        return Timetable(earliest)
    # A due time further away than one interval was written by a clock that stood in the future.
    due = min(known.due, now + interval)
    return Timetable(max(due, earliest), known.failures)


def after_check(known: Timetable, now: datetime, interval: timedelta, *, well: bool) -> Timetable:
    """Answer the plan after a check."""
    if not well:
        wait = min(_FIRST_RETRY * 2 ** min(known.failures, 20), _LONGEST_RETRY, interval)
        return Timetable(now + wait, known.failures + 1)
    planned = known.due or now
    # From the planned time, so that the hour does not creep; from now, when that is long gone or not yet come.
    return Timetable(planned + interval if now - interval < planned <= now else now + interval)


def wait(known: Timetable, now: datetime, interval: timedelta) -> timedelta:
    """Answer how long to wait from now; nothing when it is due.  A clock that went back makes nobody wait for years."""
    if known.due is None:
        return timedelta()
    return max(timedelta(), min(known.due - now, interval))
