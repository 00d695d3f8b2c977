"""Over HTTP: the pending packages and the action queue."""

from http import HTTPStatus

from msgspec.structs import replace

from dunebugger_updater.api import updates
from dunebugger_updater.api.bodies import ActionBody, ActionsBody, ActionsView, DecideBody
from dunebugger_updater.api.doors import Answer, Asked, B, Nothing, Problem
from dunebugger_updater.model.actions import Parameters
from dunebugger_updater.model.wire import CreateAction, DecideAction, ListActions, LookAtPackages


async def packages(asked: Asked[Nothing]) -> Answer | Problem:
    """The pending packages, as the lists on the device say."""
    return await updates.asked_for(asked, LookAtPackages())


async def actions(asked: Asked[ActionsBody]) -> Answer | Problem:
    """The action queue, newest first."""
    return await updates.asked_for(asked, ListActions(asked.body.limit))


async def action(asked: Asked[Nothing]) -> Answer | Problem:
    """One action, with the end of what its programs have printed."""
    wanted = asked.path["id"]
    told = await updates.asked_for(asked, ListActions(1, wanted))
    if not (isinstance(told, Answer) and isinstance(told.value, ActionsView)):
        return told
    if not told.value.actions:
        return Problem(HTTPStatus.NOT_FOUND, "action_not_found", f"cannot find an action {wanted!r}")
    return Answer(told.value.actions[0])


async def create(asked: Asked[ActionBody]) -> Answer | Problem:
    """Queue an action, or tell what it would do."""
    told = await updates.asked_for(asked, creation(asked.body))
    if isinstance(told, Answer) and not asked.body.dry_run:
        return replace(told, status=HTTPStatus.ACCEPTED)
    return told


async def approve(asked: Asked[DecideBody]) -> Answer | Problem:
    """Approve an action: exactly the plan that was shown."""
    return await _decide(asked, approve_it=True, plan_hash=asked.body.plan_hash)


async def reject(asked: Asked[Nothing]) -> Answer | Problem:
    """Reject an action that has not begun."""
    return await _decide(asked, approve_it=False, plan_hash=None)


def creation(body: ActionBody) -> CreateAction:
    """What is asked of the device."""
    told = body.parameters
    return CreateAction(
        body.action_type,
        Parameters(told.security_only, told.packages, told.service, told.in_window),
        body.requires_approval,
        dry_run=body.dry_run,
        plan_hash=body.plan_hash,
    )


async def _decide(asked: Asked[B], *, approve_it: bool, plan_hash: str | None) -> Answer | Problem:
    return await updates.asked_for(asked, DecideAction(asked.path["id"], approve_it, plan_hash))
