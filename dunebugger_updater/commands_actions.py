"""Commands of the action queue.  While an agent runs it does the work; without one, the command does."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dunebugger_updater import show
from dunebugger_updater.actions_door import Door, TheAgent, TheCommand
from dunebugger_updater.commands import ear
from dunebugger_updater.effects import agent_door
from dunebugger_updater.effects.store import Database
from dunebugger_updater.engine import Hear
from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView, Parameters
from dunebugger_updater.model.wire import CreateAction, DecideAction, Declined
from dunebugger_updater.run import Outcome
from dunebugger_updater.sorry import STATUS, sorry
from dunebugger_updater.wiring import House

_SHOWN = 100
_DECLINED = {"bad_parameters": 2, "bad_body": 2, "action_not_found": 2, "failed": 1}
"""Exit status by code; whatever else is declined was refused."""


async def action(house: House, arguments: argparse.Namespace) -> int:
    """Queue an action; with ``--yes`` carry it out."""
    kind, names = ActionType(arguments.type), tuple(arguments.names)
    one_service = kind is ActionType.RESTART_SERVICE and len(names) == 1
    parameters = Parameters(
        packages=() if one_service else names, service=names[0] if one_service else None, in_window=arguments.in_window
    )
    request = CreateAction(kind, parameters, requires_approval=not arguments.yes, by_owner=True)
    async with _door(house, ear(arguments)) as door:
        return await _told(door, await door.create(request), arguments)


async def actions(house: House, arguments: argparse.Namespace) -> int:
    """Tell the queue, newest first, or one action with its output."""
    async with _door(house, ear(arguments)) as door:
        if arguments.action is not None:
            found = await door.look(arguments.action)
            if found is None:
                words = f"cannot find an action {arguments.action!r}: dunebugger-updater actions lists them"
                return sorry(words, 2, as_json=arguments.json)
            _show(found, as_json=arguments.json, whole=True)
            return 0
        views = await door.newest(_SHOWN)
    if arguments.json:
        show.as_json(views)
    elif not views:
        print("no actions yet")
    else:
        rows = [("ID", "CREATED (UTC)", "BY", "STATUS", "WHAT")]
        rows += [
            (each.action_id, f"{each.created_at:%Y-%m-%d %H:%M}", each.created_by, each.status.value, each.title)
            for each in views
        ]
        print(*show.table(rows), sep="\n")
    return 0


async def approve(house: House, arguments: argparse.Namespace) -> int:
    """Approve an action as it stands in the queue, and carry it out."""
    async with _door(house, ear(arguments)) as door:
        shown = await door.look(arguments.action)
        plan = shown.plan_hash if shown else None
        return await _told(
            door, await door.decide(DecideAction(arguments.action, approve=True, plan_hash=plan)), arguments
        )


async def reject(house: House, arguments: argparse.Namespace) -> int:
    """Reject an action that has not begun."""
    async with _door(house, ear(arguments)) as door:
        return await _told(door, await door.decide(DecideAction(arguments.action, approve=False)), arguments)


@asynccontextmanager
async def _door(house: House, hear: Hear) -> AsyncIterator[Door]:
    state = house.settings.updater.state_path
    if await agent_door.is_open(state):
        yield TheAgent(house, hear)
        return
    database = Database(state / "updater.db")
    try:
        yield await TheCommand.ready(house, database, hear, os.environ.get("SUDO_USER") or "local")
    finally:
        database.close()


async def _told(door: Door, answer: ActionView | Declined, arguments: argparse.Namespace) -> int:
    """Wait until an approved action has ended, and say how it stands."""
    if isinstance(answer, Declined):
        return sorry(answer.message, _DECLINED.get(answer.code, 3), as_json=arguments.json)
    if answer.status is ActionStatus.APPROVED:
        try:
            answer = await door.ended(answer)
        except asyncio.CancelledError:
            words = f"stopped following; dunebugger-updater actions {answer.action_id} tells how it stands"
            raise asyncio.CancelledError(words) from None
    _show(answer, as_json=arguments.json, whole=False)
    return _status(answer)


def _status(view: ActionView) -> int:
    match view.status:
        case ActionStatus.FAILED:
            outcome = view.result.outcome if view.result else None
            return STATUS[Outcome(outcome)] if outcome in set(Outcome) else 1
        case ActionStatus.EXPIRED:
            return 3
        case _:
            return 0


def _show(view: ActionView, *, as_json: bool, whole: bool) -> None:
    if as_json:
        show.as_json(view)
        return
    print(f"{view.title}: {_standing(view)}")
    if view.status is ActionStatus.PENDING_APPROVAL or whole:
        for each in view.changes:
            print(f"  {each.name} {each.before or 'new'} -> {each.after or 'removed'}")
        for note in view.notes:
            print(f"  note: {note}")
        if view.command:
            print(f"  the same by hand: {view.command}")
    if view.status is ActionStatus.PENDING_APPROVAL:
        print(f"  to approve it: dunebugger-updater approve {view.action_id}")
    if whole and view.result:
        print(view.result.output)
    if view.run:
        print(f"  more: dunebugger-updater show {view.run}")


def _standing(view: ActionView) -> str:
    result = view.result
    if result is not None and result.error:
        return f"{view.status.value}: {result.error}"
    if view.status is ActionStatus.SUCCEEDED and result is not None and result.outcome == "nothing_to_do":
        return result.output
    if view.waiting:
        return f"{view.status.value}, {view.waiting}"
    return view.status.value.replace("_", " ")
