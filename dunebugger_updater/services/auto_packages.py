"""Packages without a person: ``policy = auto`` takes what is old enough, inside windows, and only with a full way back.

What could not be taken back whole is never taken by itself: it is queued, and the owner is asked.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from dunebugger_updater.model.actions import ActionStatus, ActionType, Kept, Parameters
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.packages import Pending
from dunebugger_updater.model.settings import Component, Window
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import packages
from dunebugger_updater.services.action_queue import Queue
from dunebugger_updater.services.action_work import Work
from dunebugger_updater.services.actions import Actions, Plans
from dunebugger_updater.services.auto import Readiness, lasted, readiness
from dunebugger_updater.services.history import Runs, stories
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.steps import KeepPackages

_log = logging.getLogger(__name__)

_NOT_AGAIN = frozenset({ActionStatus.FAILED, ActionStatus.REJECTED, ActionStatus.EXPIRED})
_LOOKED_BACK = 100
"""Actions among which a plan is looked for that was tried or turned down already."""


class PackageAuto:
    """What the policy of the apt component wants, and does."""

    def __init__(
        self,
        component: Component,
        device: Device,
        plans: Plans,
        queue: Queue,
        actions: Actions,
        work: Work,
        runs: Runs,
        *,
        held: Callable[[], Awaitable[Sequence[str]]],
        windows: Sequence[Window],
        zone: str,
        memory: Path,
    ) -> None:
        """``memory``: when each version was first seen."""
        self._component = component
        self._device = device
        self._plans = plans
        self._queue = queue
        self._actions = actions
        self._work = work
        self._runs = runs
        self._held = held
        self._windows = windows
        self._zone = zone
        self._memory = memory

    async def not_now(self) -> str | None:
        """Why an action that waits for a window cannot begin now."""
        if (doubt := self._device.clock.trusted()) is not None:
            return f"waits until the clock can be believed: {doubt}"
        found = self._readiness(self._device.clock.now())
        return None if found.now else found.reason

    async def take(self) -> Readiness:
        """Take what may be taken now; answer why not, and when to look again."""
        name = self._component.name
        if self._component.policy != "auto" or name in await self._held():
            return Readiness(name, now=False, reason="waits for a person")
        now = self._device.clock.now()
        ready = (await self._device.packages.inventory()).ready
        seen = await self._first_seen(ready, now)
        if not ready:
            return Readiness(name, now=False, reason="has nothing to upgrade")
        least = timedelta(hours=self._component.minimum_age_hours)
        ages = {each.name: seen[_key(each)] + least for each in ready}
        old = tuple(sorted(package for package, at in ages.items() if at <= now))
        if not old:
            first = min(ages.values())
            reason = f"is too young until {first:%Y-%m-%d %H:%M} UTC"
            return Readiness(name, now=False, reason=reason, again_at=first)
        found = self._readiness(now)
        if found.now:
            every = len(old) == len(ready)
            reason = await self._taken(
                ActionType.APT_UPGRADE_ALL if every else ActionType.APT_UPGRADE_PACKAGES,
                Parameters(packages=() if every else old, in_window=bool(self._windows)),
            )
            return Readiness(name, now=False, reason=reason)
        return found

    async def _taken(self, action_type: ActionType, told: Parameters) -> str:
        """Answer what stands in the way of taking it once more."""
        if (other := await self._queue.in_the_way()) is not None:
            return f"waits for another action ({other.action_id})"
        plan = await self._plans.plan(action_type, told)
        if isinstance(plan, Refusal):
            if plan.outcome is not Outcome.NOTHING_TO_DO:
                _log.warning("not upgrading packages by itself: %s", plan.message)
            return plan.message
        if before := await self._tried(plan):
            return (
                f"was {before.action.status.value} before ({before.action.action_id}), and is not tried again by itself"
            )
        lost = without_way_back(plan)
        kept = await self._actions.propose(action_type, told, plan, waits=bool(lost))
        if not isinstance(kept, Kept):
            return kept.message
        if lost:
            return f"waits for approval: {', '.join(lost)} could not be taken back"
        await self._work.carry_out(kept)
        return "has been taken"

    async def _tried(self, plan: Plan) -> Kept | None:
        """The action that was turned down, or failed, with this same plan."""
        for kept in await self._queue.newest(_LOOKED_BACK):
            if kept.action.plan_hash == plan.hash and kept.action.status in _NOT_AGAIN:
                return kept
        return None

    def _readiness(self, now: datetime) -> Readiness:
        return readiness(
            msgspec.structs.replace(self._component, policy="auto"),
            now=now,
            old_enough_at=now,
            windows=self._windows,
            zone=self._zone,
            lasted=lasted(
                [each for each in stories(self._runs, self._component.name) if packages.changes(each.opened.plan)]
            ),
        )

    async def _first_seen(self, ready: Sequence[Pending], now: datetime) -> Mapping[str, datetime]:
        """When each version was first seen here; what is not pending any more is forgotten."""
        known: dict[str, datetime] = {}
        try:
            content = await self._device.files.read(self._memory, 4 * 1024**2)
            known = from_json(content, dict[str, datetime]) if content else {}
        except (EffectError, msgspec.MsgspecError) as error:
            _log.warning("cannot read %s: every package counts as new (%s)", self._memory, error)
        # A time to come was written by a clock that stood in the future.
        seen = {_key(each): min(known.get(_key(each), now), now) for each in ready}
        if seen != known:
            try:
                await self._device.files.write(self._memory, to_json(seen))
            except EffectError as error:
                _log.warning("%s", error)
        return seen


def without_way_back(plan: Plan) -> Sequence[str]:
    """Answer what of a plan could not be taken back, because no former version of it can be kept."""
    kept = [step for step in plan.steps if isinstance(step, KeepPackages)]
    lost = [name for step in kept for name in step.without]
    return lost if kept else [each.name for each in packages.changes(plan)]


def _key(each: Pending) -> str:
    return f"{each.name}={each.candidate}"
