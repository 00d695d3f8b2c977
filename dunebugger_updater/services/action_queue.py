"""The queue itself: actions as they are kept, changed by one at a time, and told of to everybody."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from dunebugger_updater.model.actions import ActionView, Kept
from dunebugger_updater.model.wire import ActionChanged
from dunebugger_updater.services.action_words import short
from dunebugger_updater.services.bus import Bus

_log = logging.getLogger(__name__)


class Store(Protocol):
    """Where it is kept.  ``EffectError`` when it cannot be written or read."""

    def add(self, kept: Kept) -> bool:
        """False when another action is in its way: one apt action at a time."""

    def change(self, kept: Kept) -> bool:
        """Replace the revision that was read; false when somebody else has changed it since."""

    def read(self, action: str) -> Kept | None: ...

    def active(self) -> Sequence[Kept]:
        """All that are not over, oldest first."""

    def newest(self, limit: int) -> Sequence[Kept]:
        """Newest first."""


class Queue:
    """Actions, in order."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus

    async def add(self, kept: Kept) -> Kept | None:
        """Queue one; ``None`` when another is in its way."""
        if not await asyncio.to_thread(self._store.add, kept):
            return None
        self._tell(kept.action)
        return kept

    async def move(self, kept: Kept, **changes: Any) -> Kept | None:
        """Change one as it was read; ``None`` when somebody else was faster."""
        return await self.put(replace(kept, action=replace(kept.action, **changes)))

    async def put(self, kept: Kept) -> Kept | None:
        """The same with the whole of it, its plan too."""
        if not await asyncio.to_thread(self._store.change, kept):
            return None
        self._tell(kept.action)
        return replace(kept, revision=kept.revision + 1)

    async def read(self, action: str) -> Kept | None:
        """One of them, by its id."""
        return await asyncio.to_thread(self._store.read, action)

    async def active(self) -> Sequence[Kept]:
        """All that are not over, oldest first."""
        return await asyncio.to_thread(self._store.active)

    async def newest(self, limit: int) -> Sequence[Kept]:
        """Newest first."""
        return await asyncio.to_thread(self._store.newest, limit)

    async def in_the_way(self) -> ActionView | None:
        """The apt action that is not over, if there is one."""
        return next((each.action for each in await self.active() if each.action.action_type.is_apt), None)

    def _tell(self, action: ActionView) -> None:
        _log.info("action %s (%s): %s", action.action_id, action.title, action.status.value)
        self._bus.tell(ActionChanged(short(action)))
