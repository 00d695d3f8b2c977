"""The one door that the edges knock on.  An agent is a fleet of one; a hub only has more rows."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from dunebugger_updater.model.views import RunView
from dunebugger_updater.model.wire import AnyNews, AnyReply, AnyRequest, DeviceView
from dunebugger_updater.story import Story


class FromDevice(msgspec.Struct, frozen=True):
    """News, and whose it is."""

    device: str
    news: AnyNews


class Fleet(Protocol):
    """Devices that can be looked at and asked."""

    async def devices(self) -> Sequence[DeviceView]:
        """All of them."""

    async def device(self, device: str) -> DeviceView | None:
        """One of them; ``None`` when there is none of that id."""

    async def ask(self, device: str, request: AnyRequest, actor: str) -> AnyReply:
        """Ask one device for something, in the name of ``actor``.  Every answer is a value, refusals too."""

    def news(self) -> AbstractAsyncContextManager[AsyncIterator[FromDevice]]:
        """Listen.  A listener that is slow loses progress, never results, and holds little memory."""

    async def history(self, device: str, component: str | None = None, limit: int = 100) -> Sequence[RunView]:
        """Past and open runs, newest first."""

    async def run(self, device: str, run: str) -> Story | None:
        """One run, event by event."""
