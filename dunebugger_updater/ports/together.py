"""Several questions to the world at once, and one sentence when one of them cannot be answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dunebugger_updater.ports.basics import EffectError


@asynccontextmanager
async def side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """Ask several things at once.  When one cannot be answered the others are given up, and it is told why."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as several:
        told = next((each for each in several.exceptions if isinstance(each, EffectError)), None)
        if told is None:
            raise
        raise told from None
