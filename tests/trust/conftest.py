from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.github import FakeGitHub
from doubles.signed_world import DoubtfulClock, SignedWorld


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedWorld]:
    clock = DoubtfulClock()
    async with FakeGitHub(lambda: clock.now().timestamp()).running() as fake:
        yield SignedWorld(tmp_path, fake, clock)
