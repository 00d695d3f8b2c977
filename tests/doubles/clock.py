"""A clock for tests: nobody waits."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 6, 3, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def up(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def trusted(self) -> str | None:
        return None
