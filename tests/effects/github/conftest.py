"""A small world for each test: a fake GitHub and our client for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.github import FakeGitHub
from doubles.github_world import NOW, World
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.connections import Connections


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = SmallClock()
    connections = Connections()
    async with FakeGitHub(lambda: NOW.timestamp() + clock.passed).running() as fake:
        yield World(fake, clock, connections, tmp_path / "cache")
        await connections.close()
