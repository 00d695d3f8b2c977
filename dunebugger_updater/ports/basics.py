"""What all ports share: the one exception, telling how far it is, and time."""

from datetime import datetime
from typing import Protocol


class EffectError(Exception):
    """The world said no.  The text is one sentence for a person: lower case, what and where, "cannot …"."""


class UnfitError(EffectError):
    """What was asked for does not fit this device, as long as it is as it is: who asks again is told the same.

    ``wrong``: it is the words that are wrong, and not the device that is in the way.
    """

    def __init__(self, sentence: str, *, wrong: bool) -> None:
        super().__init__(sentence)
        self.wrong = wrong


class Report(Protocol):
    """Where a step tells how far it is.  Telling must never block or fail."""

    def __call__(self, message: str, done: float | None = None) -> None:
        """``message`` is one line; ``done`` is a share from 0 to 1 when it is known."""


class Clock(Protocol):
    """Time.  Wall time for people and schedules, ``up`` for durations and limits."""

    def now(self) -> datetime:
        """Wall time, in UTC."""

    def up(self) -> float:
        """Seconds since boot, sleep included.  Never jumps."""

    async def sleep(self, seconds: float) -> None: ...

    def trusted(self) -> str | None:
        """``None`` when the wall clock can be believed, else the reason why not."""
