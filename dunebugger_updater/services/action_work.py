"""Carrying out what was approved, as an ordinary run; and after a restart, finding out what came of it.

What an action came to is what its run came to: the run is in the journal, and the action only follows.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from dunebugger_updater.model.actions import ActionStatus, ActionType, Kept
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Clock, EffectError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import action_rules as rules
from dunebugger_updater.services import action_words as words
from dunebugger_updater.services import history
from dunebugger_updater.services.action_queue import Queue
from dunebugger_updater.services.actions import Actions
from dunebugger_updater.services.history import Runs
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story

_log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two looks at the queue: for what expires, waits for a window, or was left behind."""


class CarryOut(Protocol):
    """Who makes a plan happen."""

    def __call__(
        self, plan: Plan, actor: str, opened: "asyncio.Future[str] | None" = None
    ) -> Coroutine[Any, Any, Story | Refusal]:
        """``opened`` learns the run's id as soon as there is one."""


class Lock(Protocol):
    """One process at a time may change a device."""

    def held(self) -> AbstractContextManager[None]:
        """Hold it; ``EffectError`` names who holds it already."""


class Work:
    """The hands of the action queue."""

    def __init__(
        self,
        queue: Queue,
        actions: Actions,
        clock: Clock,
        runs: Runs,
        lock: Lock,
        *,
        carry_out: CarryOut,
        printed: Callable[[Plan], Awaitable[tuple[str, int | None]]],
        not_now: Callable[[], Awaitable[str | None]],
        refreshed: Callable[[], Awaitable[None]],
    ) -> None:
        """``printed``: what a plan's programs have said, and their exit status.  ``not_now``: why no window is open."""
        self._queue = queue
        self._actions = actions
        self._clock = clock
        self._runs = runs
        self._lock = lock
        self._carry_out = carry_out
        self._printed = printed
        self._not_now = not_now
        self._refreshed = refreshed
        self._mine: set[str] = set()

    async def run(self) -> None:
        """Look after the queue, for ever."""
        while True:
            try:
                await self.tend()
            except EffectError as error:
                _log.warning("%s", error)
            await self._clock.sleep(EVERY)

    async def tend(self) -> None:
        """Expire what nobody wants any more, follow what others did, and begin what may begin."""
        for kept in await self._queue.active():
            await self._actions.expired(kept)
        await self.settle()
        for kept in await self._queue.active():
            if kept.action.status is ActionStatus.APPROVED:
                await self.begin(kept.action.action_id, again=True)

    async def begin(self, action: str, *, again: bool = False, patient: bool = True) -> None:
        """Carry out an approved action, if now is the time; else say why not, and leave it waiting.

        ``again``: the yes was said a while ago, so the plan is made anew.
        """
        kept = await self._queue.read(action)
        if kept is None or kept.action.status is not ActionStatus.APPROVED or action in self._mine:
            return
        if kept.action.parameters.in_window and (reason := await self._not_now()) is not None:
            await self._wait(kept, reason)
            return
        if again:
            fresh = await self._actions.planned_again(kept)
            if not isinstance(fresh, Kept):
                await self._wait(kept, fresh.message)
                return
            kept = fresh
        if kept.action.status is ActionStatus.APPROVED:
            await self.carry_out(kept, patient=patient)

    async def carry_out(
        self, kept: Kept, opened: "asyncio.Future[str] | None" = None, *, patient: bool = True
    ) -> Story | Refusal:
        """Make an approved action happen, to its end.  ``patient``: while the device is busy it waits in the queue."""
        action = kept.action
        plan = _plan(kept)
        if plan is None:
            sentence = "cannot read the plan of this action: it was made by another version; queue it again"
            await self._queue.move(
                kept, status=ActionStatus.FAILED, ended_at=self._clock.now(), result=words.not_begun(sentence)
            )
            return Refusal(Outcome.FAILED, sentence)
        self._mine.add(action.action_id)  # before anybody can see it executing
        try:
            begun = await self._queue.move(
                kept, status=ActionStatus.EXECUTING, started_at=self._clock.now(), waiting=""
            )
            if begun is None:
                return Refusal(Outcome.REFUSED, f"somebody else has taken up {action.action_type.value} already")
            return await self._carried_out(begun, plan, opened, patient=patient)
        finally:
            self._mine.discard(action.action_id)

    async def settle(self) -> None:
        """Let actions that somebody began who is not there any more follow their runs."""
        for kept in await self._queue.active():
            action = kept.action
            if not action.status.is_begun or action.action_id in self._mine:
                continue
            story = await asyncio.to_thread(self._run_of, kept)
            if story is not None:
                await self._follow(kept, story)
            elif self._nobody_works():
                sentence = "the updater was stopped before it had begun; nothing was changed"
                if action.run is not None:
                    sentence = f"cannot tell what came of it: its run {action.run} is not in the journal any more"
                await self._queue.move(
                    kept, status=ActionStatus.FAILED, ended_at=self._clock.now(), result=words.not_begun(sentence)
                )

    async def _carried_out(
        self, kept: Kept, plan: Plan, opened: "asyncio.Future[str] | None", *, patient: bool
    ) -> Story | Refusal:
        learned: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        who = kept.action.decided_by or kept.action.created_by
        work = asyncio.ensure_future(self._carry_out(plan, who, learned))
        waiting: set[asyncio.Future[Any]] = {learned, work}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if learned.done():
                kept = await self._noted(kept, run=learned.result())
                if opened is not None and not opened.done():
                    opened.set_result(learned.result())
            if not await self._in_time(work, rules.limit(kept.action.action_type)):
                kept = await self._noted(kept, status=ActionStatus.OVERDUE)
            told = await work
        finally:
            work.cancel()  # also when we ourselves are being stopped: nobody may go on working behind our back
            await asyncio.gather(work, return_exceptions=True)
        if isinstance(told, Story):
            await self._follow(kept, told)
        elif learned.done():  # the run is open: the next start goes on with it, and then we know more
            await self._noted(kept, waiting=told.message)
        elif patient and told.outcome is Outcome.REFUSED:
            await self._noted(kept, status=ActionStatus.APPROVED, started_at=None, waiting=told.message)
        else:
            result = words.not_begun(told.message, told.outcome.value)
            await self._noted(kept, status=ActionStatus.FAILED, ended_at=self._clock.now(), result=result)
        if kept.action.action_type is not ActionType.CLEAR_LOGS:  # a restarted service runs its new files
            with contextlib.suppress(EffectError):  # who looks anew is told why not
                await self._refreshed()
        return told

    async def _in_time(self, work: "asyncio.Future[Any]", limit: float) -> bool:
        """Wait for ``work``, and answer whether it ended within the limit.  It goes on either way."""
        patience = asyncio.ensure_future(self._clock.sleep(limit))
        try:
            await asyncio.wait({work, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        return work.done()

    async def _follow(self, kept: Kept, story: Story) -> None:
        if story.closed is None:
            return
        try:
            output, code = await self._printed(story.opened.plan)
        except EffectError as error:
            output, code = f"({error})", None
        status, result = words.came_of(kept.action, history.view(story), output, code)
        ended = story.ended_at or self._clock.now()
        await self._noted(kept, status=status, ended_at=ended, result=result, run=story.id, waiting="")

    async def _noted(self, kept: Kept, **changes: Any) -> Kept:
        """Write down how it stands.  A queue that cannot be written must not hold up what is being done."""
        try:
            moved = await self._queue.move(kept, **changes)
            if moved is None and (now := await self._queue.read(kept.action.action_id)) is not None:
                moved = await self._queue.move(now, **changes)  # who does the work knows best
        except EffectError as error:
            _log.warning("%s", error)
            return kept
        return moved or kept

    async def _wait(self, kept: Kept, reason: str) -> None:
        if kept.action.waiting != reason:
            await self._queue.move(kept, waiting=reason)

    def _nobody_works(self) -> bool:
        try:
            with self._lock.held():
                return True
        except EffectError:
            return False

    def _run_of(self, kept: Kept) -> Story | None:
        """Its run, also when we were stopped before the run's id was written down: then it is known by its plan."""
        action = kept.action
        if action.run is not None:
            return self._runs.read(action.run)
        for run in reversed(self._runs.ids()):
            story = self._runs.read(run)
            if story is None or action.started_at is None or story.started_at < action.started_at:
                continue
            if story.opened.plan.hash == action.plan_hash:
                return story
        return None


def _plan(kept: Kept) -> Plan | None:
    try:
        return from_json(kept.plan, Plan)
    except msgspec.MsgspecError:
        return None
