"""An edge for each test."""

from collections.abc import AsyncIterator

import pytest
from doubles.edge import Edge, edge


@pytest.fixture
async def served() -> AsyncIterator[Edge]:
    async with edge() as it:
        yield it
