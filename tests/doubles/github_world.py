"""A fake GitHub with one repository, and our client for it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from doubles.github import FakeGitHub, Repository
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.ports import EffectError

CORE = "dunebugger/core"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class World:
    """Its clock moves by hand, and the fake goes by the same one."""

    def __init__(self, fake: FakeGitHub, clock: SmallClock, connections: Connections, cache: Path) -> None:
        self.fake = fake
        self.clock = clock
        self.connections = connections
        self.cache = cache
        self.core: Repository = fake.repository(CORE, id=77)
        self.github = self.client()

    def client(self, token: str | None = None) -> GitHub:
        return GitHub(self.connections, clock=self.clock, api_url=self.fake.api_url, token=token, cache=self.cache)

    async def tags(self) -> set[str]:
        return {release.tag for release in (await self.github.catalogue(CORE, "releases", None)).releases}

    async def refusal(self, repository: str = CORE, source: str = "releases", pinned: int | None = None) -> str:
        with pytest.raises(EffectError) as refused:
            await self.github.catalogue(repository, source, pinned)
        return str(refused.value)
