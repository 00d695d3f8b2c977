"""Where commands ask the action queue: the agent of this device, or without one the queue's own parts."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from dunebugger_updater import by_agent
from dunebugger_updater.effects import agent_door
from dunebugger_updater.effects.store import Database
from dunebugger_updater.engine import Hear, Heard, JournalError
from dunebugger_updater.model.actions import ActionStatus, ActionView
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.wire import ActionSeen, CreateAction, DecideAction, Declined
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import Opened, Outcome
from dunebugger_updater.services.accounts import Accounts
from dunebugger_updater.services.action_parts import ActionParts, action_parts
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story
from dunebugger_updater.wiring import House, action_needs

PATH = "/api/v1/actions"
_LOOK = 0.2
"""Seconds between two looks."""


class Door(Protocol):
    """Where a command asks."""

    async def create(self, request: CreateAction) -> ActionView | Declined: ...

    async def decide(self, request: DecideAction) -> ActionView | Declined: ...

    async def look(self, action: str) -> ActionView | None:
        """One of them, with its whole output."""

    async def newest(self, limit: int) -> Sequence[ActionView]: ...

    async def ended(self, action: ActionView) -> ActionView:
        """Wait until an approved action has ended, or waits for something itself."""


class _Listed(msgspec.Struct):
    actions: tuple[ActionView, ...]


class _Error(msgspec.Struct):
    code: str
    message: str


class _Problem(msgspec.Struct):
    error: _Error


class TheAgent:
    """It does the work, so that its panel shows it."""

    def __init__(self, house: House, hear: Hear) -> None:
        self._house = house
        self._hear = hear
        self._state = house.settings.updater.state_path

    async def create(self, request: CreateAction) -> ActionView | Declined:
        """Queue it; over the socket of the agent's own user, as an owner."""
        body = {
            "action_type": request.action_type,
            "requires_approval": request.requires_approval,
            "parameters": request.parameters,
        }
        return _answer(await agent_door.post(self._state, PATH, to_json(body)))

    async def decide(self, request: DecideAction) -> ActionView | Declined:
        """Approve or reject."""
        if not _is_id(request.action_id):
            return _unknown(request.action_id)
        verb, body = ("approve", {"plan_hash": request.plan_hash}) if request.approve else ("reject", {})
        return _answer(await agent_door.post(self._state, f"{PATH}/{request.action_id}/{verb}", to_json(body)))

    async def look(self, action: str) -> ActionView | None:
        """One of them."""
        if not _is_id(action):
            return None
        found = _answer(await agent_door.get(self._state, f"{PATH}/{action}"))
        return found if isinstance(found, ActionView) else None

    async def newest(self, limit: int) -> Sequence[ActionView]:
        """Newest first."""
        _, content = await agent_door.get(self._state, f"{PATH}?limit={limit}")
        try:
            return from_json(content, _Listed).actions
        except msgspec.MsgspecError:
            raise EffectError("cannot understand the agent of this device: is it another version?") from None

    async def ended(self, action: ActionView) -> ActionView:
        """Follow its run in the journal, then ask how the action stands."""
        while action.status.is_active and not (action.status is ActionStatus.APPROVED and action.waiting):
            await self._house.device.clock.sleep(_LOOK)
            action = await self.look(action.action_id) or action
            if action.run is not None and action.status.is_begun:
                story = await by_agent.followed(self._house, action.run, self._hear)
                if isinstance(story, Refusal):
                    raise EffectError(story.message)
        return action


class TheCommand:
    """No agent runs: the queue's own parts, and the work is done here."""

    def __init__(self, parts: ActionParts, accounts: Accounts, actor: str) -> None:
        self._parts = parts
        self._accounts = accounts
        self._actor = actor

    @classmethod
    async def ready(cls, house: House, database: Database, hear: Hear, who: str) -> "TheCommand":
        """Put it together, and find out what became of actions that were under way."""

        async def carry_out(plan: Plan, actor: str, opened: "asyncio.Future[str] | None" = None) -> Story | Refusal:
            def listen(heard: Heard) -> None:
                if isinstance(heard, Opened) and opened is not None and not opened.done():
                    opened.set_result(heard.run)
                hear(heard)

            try:
                return await house.updates.carry_out(plan, actor, listen)
            except JournalError as error:
                return Refusal(Outcome.STUCK, f"{error}; free the disk and call dunebugger-updater recover")

        async def refreshed() -> None:
            """Nobody listens here."""

        parts = action_parts(action_needs(house, database), Bus(), carry_out, refreshed)
        await parts.work.settle()
        return cls(parts, Accounts(database, house.device.clock), who)

    async def create(self, request: CreateAction) -> ActionView | Declined:
        """Queue it, as the owner: whoever may write here is."""
        named = [*request.parameters.packages, *([request.parameters.service] if request.parameters.service else [])]
        await self._accounts.note(self._actor, "queue action", " ".join([request.action_type, *named]), "local")
        return _seen(await self._parts.actions.create(request, self._actor))

    async def decide(self, request: DecideAction) -> ActionView | Declined:
        """Approve or reject."""
        verb = "approve action" if request.approve else "reject action"
        await self._accounts.note(self._actor, verb, request.action_id, "local")
        return _seen(await self._parts.actions.decide(request, self._actor))

    async def look(self, action: str) -> ActionView | None:
        """One of them."""
        found = await self._parts.queue.read(action)
        return found.action if found else None

    async def newest(self, limit: int) -> Sequence[ActionView]:
        """Newest first."""
        return [each.action for each in await self._parts.queue.newest(limit)]

    async def update(self, plan: Plan, *, named: bool) -> Story | Refusal:
        """Carry out a component's plan that changes packages, as an action that its owner approves by asking."""
        kept = await self._parts.actions.take(plan, self._actor, by_owner=True, named=named)
        if isinstance(kept, Declined):
            return Refusal(Outcome.REFUSED, kept.message)
        return await self._parts.work.carry_out(kept, patient=False)

    async def ended(self, action: ActionView) -> ActionView:
        """Do the work, unless it waits for a window."""
        await self._parts.work.begin(action.action_id, patient=False)
        return await self.look(action.action_id) or action


async def update(house: House, plan: Plan, hear: Hear, who: str, *, named: bool) -> Story | Refusal:
    """Carry out a plan that changes packages where no agent runs."""
    database = Database(house.settings.updater.state_path / "updater.db")
    try:
        door = await TheCommand.ready(house, database, hear, who)
        return await door.update(plan, named=named)
    finally:
        database.close()


def _seen(reply: ActionSeen | Declined) -> ActionView | Declined:
    return reply if isinstance(reply, Declined) else reply.action


def _answer(answer: tuple[int, bytes]) -> ActionView | Declined:
    status, content = answer
    try:
        if status < 300:  # noqa: PLR2004  (HTTP's good answers)
            return from_json(content, ActionView)
        error = from_json(content, _Problem).error
    except msgspec.MsgspecError:
        return Declined("failed", "cannot understand the agent of this device: is it another version?")
    return Declined(error.code, error.message)


def _is_id(text: str) -> bool:
    """Whether it can be one: it becomes part of an address."""
    return text.replace("-", "").isalnum() and text.isascii()


def _unknown(action: str) -> Declined:
    return Declined("action_not_found", f"cannot find an action {action!r}: dunebugger-updater actions lists them")
