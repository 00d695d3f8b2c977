"""A run as it is kept: its events with the time they were told, and what can be read from them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from dunebugger_updater.run import AnyEvent, Began, Closed, Finished, Opened, Restarted, Undone
from dunebugger_updater.steps import StartService, StopService
from dunebugger_updater.steps.containers import RecreateService


class Told(msgspec.Struct, frozen=True):
    """One event, as the journal keeps it."""

    n: int
    at: datetime
    up: float
    """Seconds since boot: what durations are measured with."""
    event: AnyEvent


class Story(msgspec.Struct, frozen=True):
    """A whole run."""

    id: str
    told: tuple[Told, ...]

    @property
    def opened(self) -> Opened:
        """The plan that it is the story of."""
        first = self.told[0].event
        if not isinstance(first, Opened):
            raise ValueError(f"run {self.id} does not begin with a plan")  # noqa: TRY004  (the story is wrong, not a type)
        return first

    @property
    def closed(self) -> Closed | None:
        """How it ended; ``None`` while it is open."""
        last = self.told[-1].event
        return last if isinstance(last, Closed) else None

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        """What happened, without the times."""
        return tuple(each.event for each in self.told)

    @property
    def started_at(self) -> datetime:
        """Wall time, in UTC."""
        return self.told[0].at

    @property
    def ended_at(self) -> datetime | None:
        """Wall time, in UTC."""
        return self.told[-1].at if self.closed else None

    @property
    def seconds(self) -> float | None:
        """How long it took; ``None`` while open, or when a restart lies in it."""
        return None if self.closed is None else _between(self.told, self.told[0], self.told[-1])

    @property
    def downtime_seconds(self) -> float | None:
        """From stopping the component until it was started; ``None`` when it never was, or it is not known."""
        plan = self.opened.plan
        down = [
            each
            for each in self.told
            if isinstance(each.event, Began) and isinstance(plan.steps[each.event.step], StopService | RecreateService)
        ]
        up = [
            each
            for each in self.told
            if (
                isinstance(each.event, Finished)
                and isinstance(plan.steps[each.event.step], StartService | RecreateService)
            )
            or (
                isinstance(each.event, Undone)
                and isinstance(plan.steps[each.event.step], StopService | RecreateService)
            )
        ]
        return _between(self.told, down[0], up[-1]) if down and up else None


def _between(told: Sequence[Told], first: Told, last: Told) -> float | None:
    if any(isinstance(each.event, Restarted) for each in told[first.n : last.n + 1]):
        return None  # seconds since boot mean nothing across a boot
    return round(last.up - first.up, 3)
