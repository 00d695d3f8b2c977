"""A small world for each test: a file on the net, and our downloader."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.github import FakeGitHub
from doubles.web_world import World

from dunebugger_updater.effects.connections import Connections


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    connections = Connections()
    async with FakeGitHub().running() as fake:
        yield World(fake, connections, tmp_path)
        await connections.close()
