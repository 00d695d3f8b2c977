"""News for everyone who listens.  A slow listener loses progress, never results, and never holds up anybody."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dunebugger_updater.model.wire import AnyNews, Progressed

WAITING = 64
"""News that may wait for one listener before progress is dropped."""
PATIENCE = 1024
"""News that may wait at all; who is that far behind is not listening any more."""


class Listener:
    """One who listens."""

    def __init__(self) -> None:
        self._waiting: deque[AnyNews] = deque()
        self._something = asyncio.Event()
        self.lost = False
        """True once it was given up: it has to ask anew what is the case."""

    def hear(self, news: AnyNews) -> None:
        """Take one more, and make room when there is too much."""
        if len(self._waiting) >= WAITING:
            if isinstance(news, Progressed):
                return
            old = next((each for each in self._waiting if isinstance(each, Progressed)), None)
            if old is not None:
                self._waiting.remove(old)
            elif len(self._waiting) >= PATIENCE:
                self.lost = True
                self._waiting.clear()
        self._waiting.append(news)
        self._something.set()

    async def __aiter__(self) -> AsyncIterator[AnyNews]:
        """Answer what comes, as it comes; ends when the listener was given up."""
        while not self.lost:
            while self._waiting and not self.lost:
                yield self._waiting.popleft()
            self._something.clear()
            await self._something.wait()


class Bus:
    """Where news is told."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def tell(self, news: AnyNews) -> None:
        """Tell everyone; never blocks."""
        for listener in self._listeners:
            listener.hear(news)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        """Listen while this lasts."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
