"""A clock that a test turns by hand: sleeping takes no time, and is remembered."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class SmallClock:
    """Implements ``Clock``.  ``wrong_by``: seconds that the wall clock is off, as on a device without a battery."""

    passed: float = 0.0
    wrong_by: float = 0.0
    started: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.started + timedelta(seconds=self.passed + self.wrong_by)

    def up(self) -> float:
        return 1000.0 + self.passed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    def trusted(self) -> str | None:
        return None
