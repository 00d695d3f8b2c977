"""Telling the owner what happened: in the panel and on the WebSocket always, elsewhere where it is configured.

What has to go elsewhere waits in an outbox on the disk until it was taken, over restarts and days without a network.
Each thing is told once.
"""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.model.actions import ActionView
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.settings import Notifications
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.model.wire import ActionChanged, AnyNews, CheckEnded, Ended, Notified
from dunebugger_updater.ports import Clock, EffectError, Files
from dunebugger_updater.services import action_told
from dunebugger_updater.services.bus import Bus

_log = logging.getLogger(__name__)

_REMEMBERED = 500
_OLDEST = timedelta(days=7)
"""After which nobody wants to hear of it any more."""
_FIRST_RETRY = 60.0
_LONGEST_RETRY = 3600.0


class Delivery(Protocol):
    """Who carries it out of the house."""

    async def deliver(self, urls: Sequence[str], title: str, body: str) -> None:
        """``EffectError`` when it was not taken."""


class Memory(msgspec.Struct):
    """What is kept on the disk."""

    told: list[str] = []
    waiting: list[Notified] = []


class Notifier:
    """Turns news into words for the owner."""

    def __init__(
        self, wanted: Notifications, files: Files, clock: Clock, file: Path, delivery: Delivery, bus: Bus
    ) -> None:
        self._wanted = wanted
        self._files = files
        self._clock = clock
        self._file = file
        self._delivery = delivery
        self._bus = bus
        self._memory = Memory()
        self._pause = _FIRST_RETRY
        self._of_actions: set[str] = set()
        """Runs under way that an action tells of: its words are better."""

    async def run(self, past: Sequence[RunView] = ()) -> None:
        """Listen and deliver, for ever.

        ``past`` are runs that had ended when we started: whoever was killed between a run's end and its telling has
        not told it yet.  Where nothing is remembered at all, they are old news.
        """
        if await self._load():
            for view in past:
                await self._tell(_ended(view, view.ended_at or self._clock.now()), _key("run", view.run))
        else:
            self._memory.told = [_key("run", view.run) for view in past][-_REMEMBERED:]
            await self._save()
        while True:  # a listener that was given up, for a delivery took too long, listens anew
            async with self._bus.listening() as listener:
                await self._send()
                async for news in listener:
                    for each, key in self._made(news):
                        await self._tell(each, key)
                    await self._send()

    async def again(self) -> None:
        """Try again what could not be delivered, ever less often, for ever."""
        while True:
            await self._clock.sleep(self._pause)
            await self._send()

    async def send_test(self) -> str | None:
        """Send a test; answer what was in the way, or ``None``."""
        if not self._wanted.urls:
            return "nobody is configured to be told: set urls in [Notifications]"
        try:
            await self._delivery.deliver(self._wanted.urls, "DuneBugger Updater", "A test: notifications arrive.")
        except EffectError as error:
            return str(error)
        return None

    @property
    def waiting(self) -> int:
        """How many could not be delivered yet."""
        return len(self._memory.waiting)

    async def _tell(self, told: Notified, key: str) -> None:
        if key in self._memory.told or told.event not in self._wanted.events:
            return
        self._memory.told = [*self._memory.told, key][-_REMEMBERED:]
        if self._wanted.urls:
            self._memory.waiting.append(told)
        await self._save()
        self._bus.tell(told)

    async def _send(self) -> None:
        now = self._clock.now()
        fresh = [each for each in self._memory.waiting if now - each.at < _OLDEST]
        self._memory.waiting = fresh
        for each in tuple(fresh):
            try:
                await self._delivery.deliver(self._wanted.urls, each.title, each.body)
            except EffectError as error:
                _log.warning("%s; %d wait", error, len(self._memory.waiting))
                self._pause = min(self._pause * 2, _LONGEST_RETRY)
                return
            self._memory.waiting.remove(each)
            await self._save()
            self._pause = _FIRST_RETRY

    def _made(self, news: AnyNews) -> list[tuple[Notified, str]]:
        now = self._clock.now()
        match news:
            case CheckEnded(components=components):
                found = [view for view in components.values() if view.update_available]
                told = [(_available(view, now), _key("available", view.name, view.latest or "")) for view in found]
                bad = [view for view in found if view.untrusted]
                return told + [(_untrusted(view, now), _key("untrusted", view.name, view.latest or "")) for view in bad]
            case ActionChanged(action=action):
                return self._of_action(action, now)
            case Ended(view=view) if view.run in self._of_actions:
                return []
            case Ended(view=view):
                return [(_ended(view, now), _key("run", view.run))]
            case _:
                return []

    def _of_action(self, action: ActionView, now: datetime) -> list[tuple[Notified, str]]:
        if action.status.is_begun and action.run:
            self._of_actions.add(action.run)
        elif action.run:
            self._of_actions.discard(action.run)
        told = action_told.notification(action, now)
        if told is None:
            return []
        asked = (action.action_id, action.plan_hash or "")
        return [(told, _key("run", action.run) if action.run else _key("action", action.status.value, *asked))]

    async def _load(self) -> bool:
        """Answer whether anything was remembered."""
        content = await self._files.read(self._file, 4 * 1024**2)
        if content is None:
            return False
        try:
            self._memory = from_json(content, Memory)
        except msgspec.MsgspecError:
            _log.warning("cannot read %s: beginning anew", self._file)
            return False
        return True

    async def _save(self) -> None:
        try:
            await self._files.write(self._file, to_json(self._memory))
        except EffectError as error:
            _log.warning("%s", error)


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _available(view: ComponentView, now: datetime) -> Notified:
    body = f"{view.name} {view.latest} is available; installed is {view.current or 'an unknown version'}."
    if view.release_notes:
        body += f"\n\n{view.release_notes[:2000]}"
    return Notified("update_available", f"{view.name} {view.latest} is available", body, now, view.name)


def _untrusted(view: ComponentView, now: datetime) -> Notified:
    body = f"{view.untrusted}\n\nNothing was changed: {view.name} stays at {view.current or 'what it is'}."
    return Notified("update_failed", f"{view.name} {view.latest} is not trusted", body, now, view.name)


def _ended(view: RunView, now: datetime) -> Notified:
    event = {"updated": "update_succeeded", "rolled_back": "rolled_back", "stuck": "stuck"}.get(
        view.outcome, "update_failed"
    )
    body = "\n".join([view.message, *(f"| {line}" for line in view.evidence[-10:]), *view.commands])
    titles = {
        "update_succeeded": f"{view.component} updated to {view.to_version}",
        "rolled_back": f"{view.component} is back at {view.from_version if view.verb == 'update' else view.to_version}",
        "stuck": f"{view.component} needs a person",
    }
    return Notified(event, titles.get(event, f"{view.component} was not updated"), body, now, view.component, view.run)
