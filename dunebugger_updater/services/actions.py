"""The action queue's desk: who wants what, whether it needs a yes, and whether the yes was to what will be done.

An approval is bound to the hash of the plan that was shown.  At the yes the plan is made again: when the device or the
archive has changed meanwhile, the new plan is what waits, and it has to be approved anew.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec.structs import replace

from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView, Kept, Parameters
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.model.wire import ActionSeen, ActionsSeen, CreateAction, DecideAction, Declined, ListActions
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Clock
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import action_rules as rules
from dunebugger_updater.services import action_words as words
from dunebugger_updater.services import packages
from dunebugger_updater.services.action_queue import Queue
from dunebugger_updater.services.updates import Refusal

POLICY, MAINTENANCE = "policy", "maintenance mode"
"""Who says yes when nobody has to be asked."""


class Plans(Protocol):
    """Who knows how an action is done."""

    async def plan(self, action_type: ActionType, parameters: Parameters) -> Plan | Refusal:
        """Plan it; changes nothing.  ``Refusal`` with ``nothing_to_do`` when all is done already."""


class Actions:
    """Asks, shows, decides.  What is approved is carried out by somebody else."""

    def __init__(
        self,
        queue: Queue,
        plans: Plans,
        clock: Clock,
        *,
        maintenance: Callable[[], Awaitable[bool]],
        windows: bool,
    ) -> None:
        self._queue = queue
        self._plans = plans
        self._clock = clock
        self._maintenance = maintenance
        self._windows = windows

    async def listing(self, request: ListActions) -> ActionsSeen:
        """The queue, newest first; one of them with its whole output."""
        if request.action_id is not None:
            found = await self._queue.read(request.action_id)
            return ActionsSeen((found.action,) if found else ())
        return ActionsSeen(tuple(words.short(each.action) for each in await self._queue.newest(request.limit)))

    async def create(self, request: CreateAction, actor: str) -> ActionSeen | Declined:
        """Queue an action, or say what it would do."""
        meant = rules.understood(request.action_type, request.parameters)
        if isinstance(meant, str):
            return Declined("bad_parameters", meant, Outcome.REFUSED)
        action_type, told = meant
        if told.in_window and not self._windows:
            sentence = "cannot wait for a maintenance window: none is configured (maintenanceWindows in [Updater])"
            return Declined("bad_parameters", sentence, Outcome.REFUSED)
        if not request.dry_run and action_type.is_apt and (other := await self._queue.in_the_way()) is not None:
            return Declined("CONFLICT", words.conflict(other), Outcome.REFUSED)
        plan = await self._plans.plan(action_type, told)
        maintenance = await self._maintenance()
        waits = rules.needs_yes(asked_for=request.requires_approval, by_owner=request.by_owner, maintenance=maintenance)
        yes = None if waits else actor if request.by_owner and not request.requires_approval else MAINTENANCE
        if isinstance(plan, Refusal) and plan.outcome is not Outcome.NOTHING_TO_DO:
            return _unplanned(plan)
        if request.plan_hash is not None and (isinstance(plan, Refusal) or plan.hash != request.plan_hash):
            sentence = "the plan has changed since it was shown: look at it again before queueing it"
            return Declined("plan_changed", sentence, Outcome.REFUSED)
        kept = self._drafted(action_type, told, plan, actor, yes)
        if request.dry_run:
            return ActionSeen(replace(kept.action, action_id="", status=ActionStatus.PENDING_APPROVAL))
        return _seen(await self._queue.add(kept)) or await self._conflict()

    async def take(self, plan: Plan, actor: str, *, by_owner: bool, named: bool = False) -> Kept | Declined:
        """Queue a component update of packages, to be carried out at once: who may say yes has said it by asking.

        ``named``: the component is some packages by name, and not all that there are.
        """
        yes = actor if by_owner else MAINTENANCE if await self._maintenance() else None
        if yes is None:
            sentence = (
                f"cannot change packages without an owner's approval: queue apt_upgrade_all for {plan.component},"
                " by the panel, POST /api/v1/actions or actions.create"
            )
            return Declined("approval_needed", sentence, Outcome.REFUSED)
        names = tuple(each.name for each in packages.changes(plan)) if named else ()
        action_type = ActionType.APT_UPGRADE_PACKAGES if named else ActionType.APT_UPGRADE_ALL
        kept = self._drafted(action_type, Parameters(packages=names), plan, actor, yes)
        if plan.verb != "update" or named:
            title = f"{plan.verb} {plan.component} to {plan.to_version}"
            kept = replace(kept, action=replace(kept.action, verb=plan.verb, title=title, command=""))
        return await self._queue.add(kept) or await self._conflict()

    async def propose(self, action_type: ActionType, told: Parameters, plan: Plan, *, waits: bool) -> Kept | Declined:
        """Queue what the owner's policy wants."""
        kept = self._drafted(action_type, told, plan, POLICY, None if waits else POLICY)
        return await self._queue.add(kept) or await self._conflict()

    async def decide(self, request: DecideAction, actor: str) -> ActionSeen | Declined:
        """Approve or reject what waits.  Only owners come this far."""
        kept = await self.expired(await self._queue.read(request.action_id))
        if kept is None:
            return Declined("action_not_found", f"cannot find an action {request.action_id!r}")
        status, now = kept.action.status, self._clock.now()
        if not request.approve and status in {ActionStatus.PENDING_APPROVAL, ActionStatus.APPROVED}:
            done = await self._queue.move(
                kept, status=ActionStatus.REJECTED, decided_by=actor, decided_at=now, ended_at=now, waiting=""
            )
            return _seen(done) or _too_late(kept.action)
        if status is not ActionStatus.PENDING_APPROVAL:
            return _too_late(kept.action)
        fresh = await self.planned_again(kept)
        if isinstance(fresh, Declined):
            return fresh
        shown = request.plan_hash or kept.action.plan_hash
        if fresh.action.status is ActionStatus.PENDING_APPROVAL and fresh.action.plan_hash == shown:
            approved = await self._queue.move(
                fresh,
                status=ActionStatus.APPROVED,
                decided_by=actor,
                decided_at=now,
                expires_at=rules.valid_until(now, self._clock.trusted()),
            )
            return _seen(approved) or _too_late(fresh.action)
        if not fresh.action.status.is_active:
            return ActionSeen(fresh.action)
        sentence = "the plan has changed since it was shown: look at the new one, and approve that"
        return Declined("plan_changed", sentence, Outcome.REFUSED)

    async def planned_again(self, kept: Kept) -> Kept | Declined:
        """Make an action's plan anew.  Another plan takes its place and waits for approval; none ends the action."""
        action, now = kept.action, self._clock.now()
        plan = await self._plans.plan(action.action_type, action.parameters)
        if isinstance(plan, Refusal) and plan.outcome is not Outcome.NOTHING_TO_DO:
            return _unplanned(plan)
        if isinstance(plan, Plan) and plan.hash == action.plan_hash:
            return replace(kept, plan=to_json(plan))
        fresh = self._drafted(action.action_type, action.parameters, plan, action.created_by, None).action
        changed = replace(
            action,
            status=fresh.status,
            plan_hash=fresh.plan_hash,
            title=fresh.title,
            command=fresh.command,
            changes=fresh.changes,
            notes=fresh.notes,
            result=fresh.result,
            ended_at=fresh.ended_at,
            requires_approval=fresh.status.is_active,
            expires_at=rules.valid_until(now, self._clock.trusted()) if fresh.status.is_active else None,
            decided_by=None,
            decided_at=None,
            waiting="",
        )
        put = await self._queue.put(Kept(changed, b"" if isinstance(plan, Refusal) else to_json(plan), kept.revision))
        return put or _too_late(action)

    async def expired(self, kept: Kept | None) -> Kept | None:
        """The same action, expired when it is time for that; ``None`` stays ``None``."""
        if kept is None:
            return None
        now, doubt = self._clock.now(), self._clock.trusted()
        if rules.has_expired(kept.action, now, doubt):
            gone = await self._queue.move(kept, status=ActionStatus.EXPIRED, ended_at=now, waiting="")
            return gone or await self._queue.read(kept.action.action_id)
        waits = kept.action.status in {ActionStatus.PENDING_APPROVAL, ActionStatus.APPROVED}
        if waits and doubt is None and kept.action.expires_at is None:
            # It was asked for while nobody knew what time it is: its days are counted from now.
            return await self._queue.move(kept, expires_at=rules.valid_until(now, doubt)) or kept
        return kept

    def _drafted(
        self, action_type: ActionType, told: Parameters, plan: Plan | Refusal, actor: str, yes: str | None
    ) -> Kept:
        """``yes``: who has said it already."""
        now = self._clock.now()
        changes = () if isinstance(plan, Refusal) else packages.changes(plan)
        action = ActionView(
            action_id=str(uuid.uuid4()),
            action_type=action_type,
            status=ActionStatus.PENDING_APPROVAL if yes is None else ActionStatus.APPROVED,
            created_at=now,
            created_by=actor,
            requires_approval=yes is None,
            parameters=told,
            title=words.title(action_type, told, changes),
            command=words.command(action_type, told, changes),
            changes=changes,
            expires_at=rules.valid_until(now, self._clock.trusted()),
        )
        if isinstance(plan, Refusal):
            done = words.nothing(plan.message, action_type)
            action = replace(action, status=ActionStatus.SUCCEEDED, ended_at=now, result=done, expires_at=None)
            return Kept(replace(action, requires_approval=False), b"")
        if yes is not None:
            action = replace(action, decided_by=yes, decided_at=now)
        return Kept(replace(action, plan_hash=plan.hash, notes=plan.notes), to_json(plan))

    async def _conflict(self) -> Declined:
        return Declined("CONFLICT", words.conflict(await self._queue.in_the_way()), Outcome.REFUSED)


def _unplanned(refusal: Refusal) -> Declined:
    """Tell what was wrongly asked for from what cannot be now, and both from a world that failed."""
    code = "failed" if refusal.outcome is Outcome.FAILED else "bad_parameters" if refusal.wrong else "refused"
    return Declined(code, refusal.message, refusal.outcome)


def _seen(kept: Kept | None) -> ActionSeen | None:
    return None if kept is None else ActionSeen(kept.action)


def _too_late(action: ActionView) -> Declined:
    sentence = f"too late: {action.action_type.value} ({action.action_id}) is {action.status.value}"
    return Declined("too_late", sentence, Outcome.REFUSED)
