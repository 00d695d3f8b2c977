"""The action queue as a fleet asks it: requests in, replies out, and what was approved begins by itself."""

import asyncio
import logging

from dunebugger_updater.model.actions import ActionStatus
from dunebugger_updater.model.wire import ActionSeen, ActionsSeen, CreateAction, DecideAction, Declined, ListActions
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services.action_work import Work
from dunebugger_updater.services.actions import Actions
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story

_log = logging.getLogger(__name__)


class ActionDesk:
    """Where everybody asks."""

    def __init__(self, actions: Actions, work: Work, tasks: asyncio.TaskGroup) -> None:
        self.actions = actions
        self.work = work
        self._tasks = tasks

    async def answer(
        self, request: ListActions | CreateAction | DecideAction, actor: str
    ) -> ActionSeen | ActionsSeen | Declined:
        """Serve one request; what it approves begins at once, and is told as news."""
        try:
            match request:
                case ListActions():
                    return await self.actions.listing(request)
                case CreateAction():
                    reply = await self.actions.create(request, actor)
                case DecideAction():
                    reply = await self.actions.decide(request, actor)
        except EffectError as error:
            return Declined("failed", str(error))
        if isinstance(reply, ActionSeen) and reply.action.status is ActionStatus.APPROVED:
            self._tasks.create_task(self._begun(reply.action.action_id))
        return reply

    async def update(
        self,
        plan: Plan,
        actor: str,
        opened: "asyncio.Future[str] | None" = None,
        *,
        by_owner: bool,
        named: bool = False,
    ) -> Story | Refusal | Declined:
        """Carry out a component's plan that changes packages: an action like any other, approved by who asks."""
        try:
            kept = await self.actions.take(plan, actor, by_owner=by_owner, named=named)
            if isinstance(kept, Declined):
                return kept
            return await self.work.carry_out(kept, opened, patient=False)
        except EffectError as error:
            return Declined("failed", str(error))

    async def _begun(self, action: str) -> None:
        try:
            await self.work.begin(action)
        except EffectError as error:  # it stays approved, and is begun at the next look
            _log.warning("cannot begin action %s: %s", action, error)
