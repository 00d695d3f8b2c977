"""Ctrl-C, a closed terminal, a stop: asked once to end, and then nothing gets in the way of cleaning up."""

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """While this lasts, the first of those signals ends ``run``, and later ones change nothing."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        # What somebody made us deaf to (nohup) stays unheard.
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ask(self) -> None:
        """Want it to end."""
        if not self.asked:
            self.asked = True
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` in a loop of its own, to its end and that of all its threads; return early when ``asked``."""
        try:
            asyncio.run(self._cancellable(work))
        except asyncio.CancelledError:
            if not self.asked:
                raise

    async def _cancellable(self, work: Coroutine[Any, Any, None]) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        if self.asked:
            self._task.cancel()
        try:
            await self._task
        finally:
            self._loop = self._task = None

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()
