"""What can be said on the WebSocket: one subject, one answer.  It knows values, not sockets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic

import msgspec

from dunebugger_updater.api import actions, asking, frames, parsing, updates
from dunebugger_updater.api.bodies import (
    ActionBody,
    ActionsBody,
    ActionsView,
    CancelView,
    CheckBody,
    ComponentsView,
    DecisionBody,
    HistoryBody,
    PerformBody,
    RunBody,
    RunsView,
    TakeBackBody,
    VersionsView,
)
from dunebugger_updater.api.doors import Answer, Asked, B, Problem
from dunebugger_updater.model.access import Role
from dunebugger_updater.model.wire import (
    ActionSeen,
    ActionsSeen,
    AnyReply,
    AnyRequest,
    CancelRun,
    Checked,
    CheckNow,
    DecideAction,
    Declined,
    DeviceView,
    Done,
    ListActions,
    Planned,
    RollBack,
    Started,
    Update,
)


class Reply(msgspec.Struct, frozen=True):
    """One frame to answer with."""

    subject: str
    body: object


class Begun(msgspec.Struct, frozen=True):
    """A run was opened: its news are the answer."""

    run: str


Said = Reply | Begun | Problem
"""What comes of a request."""


class Anything(msgspec.Struct, frozen=True):
    """A body that nobody reads."""


@dataclass(frozen=True)
class Subject(Generic[B]):
    """One thing that can be said."""

    needs: Role
    asks: type[B]
    serve: Callable[[Asked[B], DeviceView], Awaitable[Said]]


async def answer(envelope: frames.Envelope, asked: Asked[Anything]) -> Said:
    """Answer one envelope in the name of who sent it."""
    subject = SUBJECTS.get(envelope.subject)
    who = asked.caller.who
    if subject is None:
        known = ", ".join(SUBJECTS)
        return Problem(HTTPStatus.NOT_FOUND, "unknown_subject", f"nothing is called {envelope.subject!r}: try {known}")
    if who is None or who.role < subject.needs:
        text = f"{envelope.subject} needs the role {subject.needs.word}"
        return Problem(
            HTTPStatus.FORBIDDEN, "forbidden", text + (f", and {who.name} is {who.role.word}" if who else "")
        )
    content = bytes(envelope.body)
    body = parsing.body(b"{}" if content == b"null" else content, subject.asks)
    if isinstance(body, Problem):
        return body
    device = await asking.the_device(asked.house, asked.device)
    if isinstance(device, Problem):
        return device
    return await subject.serve(Asked(asked.house, body, asked.path, asked.caller, asked.address, asked.device), device)


async def _check(asked: Asked[CheckBody], device: DeviceView) -> Said:
    told = await _ask(asked, device, CheckNow(asked.body.force, asked.body.components or ()))
    match told:
        case Checked(components=views):
            return Reply("update_check_result", ComponentsView(views))
        case _:
            return _problem(told)


async def _perform(asked: Asked[PerformBody], device: DeviceView) -> Said:
    body = asked.body
    return _update(
        await _ask(asked, device, Update(body.component, body.dry_run, body.version)), body.component, dry=body.dry_run
    )


async def _rollback(asked: Asked[TakeBackBody], device: DeviceView) -> Said:
    body = asked.body
    return _update(
        await _ask(asked, device, RollBack(body.component, body.dry_run, body.to)), body.component, dry=body.dry_run
    )


def _update(told: AnyReply, component: str, *, dry: bool) -> Said:
    match told:
        case Started(run=run):
            return Begun(run)
        case Planned(view=view):
            return Reply("update_result", view)
        case Declined(outcome=outcome, code=code) if outcome is not None and code != "component_not_found":
            return Reply("update_result", frames.not_begun(component, told, dry_run=dry))
        case _:
            return _problem(told)


async def _cancel(asked: Asked[RunBody], device: DeviceView) -> Said:
    told = await _ask(asked, device, CancelRun(asked.body.run))
    match told:
        case Done(message=message) | Declined(message=message):
            return Reply("cancel_result", CancelView(asked.body.run, isinstance(told, Done), message))
        case _:
            return _problem(told)


async def _versions(_: Asked[Anything], device: DeviceView) -> Said:
    return Reply("versions", VersionsView({each.name: each.current for each in device.components}))


async def _history(asked: Asked[HistoryBody], device: DeviceView) -> Said:
    found = await asked.house.fleet.history(device.id, asked.body.component, asked.body.limit)
    return Reply("history", RunsView(tuple(found)))


async def _run(asked: Asked[RunBody], device: DeviceView) -> Said:
    found = await updates.one_run(asked, device.id, asked.body.run)
    return Reply("run", found.value) if isinstance(found, Answer) else found


async def _actions(asked: Asked[ActionsBody], device: DeviceView) -> Said:
    return _queue(await _ask(asked, device, ListActions(asked.body.limit)))


async def _create(asked: Asked[ActionBody], device: DeviceView) -> Said:
    return _queue(await _ask(asked, device, actions.creation(asked.body)))


async def _approve(asked: Asked[DecisionBody], device: DeviceView) -> Said:
    decision = DecideAction(asked.body.action_id, approve=True, plan_hash=asked.body.plan_hash)
    return _queue(await _ask(asked, device, decision))


async def _reject(asked: Asked[DecisionBody], device: DeviceView) -> Said:
    return _queue(await _ask(asked, device, DecideAction(asked.body.action_id, approve=False)))


def _queue(told: AnyReply) -> Said:
    match told:
        case ActionSeen(action=action):
            return Reply("action", action)
        case ActionsSeen(actions=found):
            return Reply("actions", ActionsView(found))
        case _:
            return _problem(told)


async def _ask(asked: Asked[B], device: DeviceView, request: AnyRequest) -> AnyReply:
    return await asking.ask(asked, device.id, request)


def _problem(told: AnyReply) -> Problem:
    if isinstance(told, Declined):
        return Problem(HTTPStatus.CONFLICT, told.code, told.message)
    raise TypeError(f"a device answered something else than was asked: {type(told).__name__}")


SUBJECTS: dict[str, Subject[Any]] = {
    "updater.check_updates": Subject(Role.OPERATOR, CheckBody, _check),
    "updater.perform_update": Subject(Role.OPERATOR, PerformBody, _perform),
    "updater.rollback": Subject(Role.OPERATOR, TakeBackBody, _rollback),
    "updater.cancel": Subject(Role.OPERATOR, RunBody, _cancel),
    "updater.get_versions": Subject(Role.VIEWER, Anything, _versions),
    "updater.get_history": Subject(Role.VIEWER, HistoryBody, _history),
    "updater.get_run": Subject(Role.VIEWER, RunBody, _run),
    "actions.list": Subject(Role.VIEWER, ActionsBody, _actions),
    "actions.create": Subject(Role.OPERATOR, ActionBody, _create),
    "actions.approve": Subject(Role.OWNER, DecisionBody, _approve),
    "actions.reject": Subject(Role.OWNER, DecisionBody, _reject),
}
