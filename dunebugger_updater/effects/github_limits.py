"""What GitHub lets us ask, and until when it does not: read from its headers, remembered in monotonic time.

As GitHub recommends: ``retry-after`` decides, then ``remaining`` 0 with ``reset``, else a minute, doubling.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from dunebugger_updater.ports import Clock

LONGEST = 3600.0
"""Seconds that we let ourselves be sent away for: a broken or hostile server must not park a device for years."""

SHORTEST = 60.0
"""Seconds to wait after a "slow down" that names no time."""

_SLOW_DOWN = ("secondary rate limit", "abuse detection")
_SLOW_DOWN_URLS = ("#abuse-rate-limits", "secondary-rate-limits")


class Limits(msgspec.Struct, frozen=True):
    """What is left in this hour, as GitHub last said."""

    limit: int
    remaining: int
    reset: datetime


class Throttle:
    """One bucket: the anonymous one, or a token's."""

    def __init__(self, clock: Clock, host: str) -> None:
        self._clock = clock
        self._host = host
        self._until = 0.0
        self._sentence = ""
        self._slowed = 0
        self.limits: Limits | None = None

    def objection(self) -> str | None:
        """Why nothing may be asked now, or ``None``."""
        return self._sentence if self._clock.up() < self._until else None

    def hear(self, status: int, headers: Mapping[str, str], message: str = "", documentation: str = "") -> str | None:
        """Learn from an answer.  A sentence when the answer itself says that a limit is reached."""
        self._read(headers)
        refused = status in (403, 429)
        if refused and (wait := _retry_after(headers, self._now(headers))) is not None:
            return self._slow_down(wait)
        used_up = headers.get("X-RateLimit-Remaining", "").strip() == "0"
        if used_up and headers.get("X-RateLimit-Resource", "core") == "core" and self.limits is not None:
            self._use_up(self.limits, self._now(headers))
            return self._sentence if refused else None
        told = any(words in message.lower() for words in _SLOW_DOWN) or documentation.endswith(_SLOW_DOWN_URLS)
        if status == 429 or (refused and told):
            if self.objection() is None:  # several requests under way hear the same thing, and it counts once
                self._slowed += 1
            return self._slow_down(SHORTEST * 2 ** min(self._slowed - 1, 6))
        if status < 400:
            self._slowed = 0
        return None

    def _read(self, headers: Mapping[str, str]) -> None:
        try:
            limit, remaining, reset = (int(headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))
            self.limits = Limits(limit, remaining, datetime.fromtimestamp(reset, UTC))
        except (KeyError, ValueError, OverflowError, OSError):
            return

    def _now(self, headers: Mapping[str, str]) -> datetime:
        # The server's own clock, where it tells it: a device without a battery may be decades off.
        return _http_date(headers.get("Date", "")) or self._clock.now()

    def _use_up(self, limits: Limits, now: datetime) -> None:
        wait = self._wait((limits.reset - now).total_seconds())
        self._sentence = f"{self._host}: the rate limit of {limits.limit} requests an hour is used up until {wait}"

    def _slow_down(self, seconds: float) -> str:
        self._sentence = f"{self._host} asks us to slow down until {self._wait(seconds)}"
        return self._sentence

    def _wait(self, seconds: float) -> str:
        seconds = min(max(seconds, 1.0), LONGEST)
        self._until = self._clock.up() + seconds
        return f"{(self._clock.now() + timedelta(seconds=seconds)).astimezone():%H:%M}"


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    date = _http_date(value)
    return (date - now).total_seconds() if date else None


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
