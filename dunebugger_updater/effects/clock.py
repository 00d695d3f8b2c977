"""The port ``Clock``, and whether the wall clock can be believed: small boards have none that runs while they are off.

A wrong clock opens maintenance windows at the wrong time and lets certificates look expired; downloads and limits do
not depend on it, since they are measured in seconds since boot.
"""

import asyncio
import ctypes
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""This program was not there before: a clock that shows less is wrong.  Moved forward with releases, never back."""
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd(8) makes it when it has set the clock in this boot."""
SETTERS = (Path("/run/systemd/timesync"), Path("/run/chrony"), Path("/run/ntpd.pid"), Path("/run/openntpd.sock"))
"""Where something runs that sets the clock from the network."""

_TIMEX_BYTES = 512
"""More than ``struct timex`` on any machine (208 at most): only the answer is of interest, not what is in it."""
_TIME_ERROR = 5
"""adjtimex(2): nothing has synchronized this clock."""


class SystemClock:
    """The machine's clocks.  The parameters are for tests.

    ``unset``: whether the kernel says that nothing has synchronized its clock; ``None`` when it does not say.
    """

    def __init__(
        self,
        *,
        built: datetime = BUILT,
        synchronized: Path = SYNCHRONIZED,
        setters: Sequence[Path] = SETTERS,
        unset: Callable[[], bool | None] | None = None,
    ) -> None:
        self._built = built
        self._synchronized = synchronized
        self._setters = setters
        self._unset = unset or kernel_clock_is_unset

    def now(self) -> datetime:
        """Wall time, in UTC."""
        return datetime.now(UTC)

    def up(self) -> float:
        """Seconds since boot, sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Wait.  A machine that sleeps meanwhile makes it longer, so whoever waits long asks ``up`` afterwards."""
        await asyncio.sleep(seconds)

    def trusted(self) -> str | None:
        """``None`` when the wall clock can be believed, else why not.

        Believed is a clock that something has set from the network in this boot, and also one that nothing here would
        ever set: then there is a battery, or nobody who knows better.
        """
        now = self.now()
        if now < self._built:
            return f"the clock shows {now:%Y-%m-%d}, before this program was built ({self._built:%Y-%m-%d})"
        if self._synchronized.exists() or not self._unset():
            return None
        if any(each.exists() for each in self._setters):
            return "the clock has not been set from the network since this device started"
        return None


def kernel_clock_is_unset() -> bool | None:
    """What the kernel says about its clock; reading needs no rights.  ``None`` when it does not answer."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    # All zeros asks for nothing to be changed.
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else bool(state == _TIME_ERROR)
