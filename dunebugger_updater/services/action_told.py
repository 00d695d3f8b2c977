"""What the owner is told of an action outside the panel: that it waits for a yes, what came of it (HC-73).  Pure."""

from datetime import datetime

from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView
from dunebugger_updater.model.wire import Notified

_SHOWN = 20
"""Packages, and lines of output."""
_ENDED = {"rolled_back": "rolled_back", "stuck": "stuck"}


def notification(action: ActionView, now: datetime) -> Notified | None:
    """Answer what is told, or ``None`` when nobody has to hear of it."""
    result = action.result
    outcome = result.outcome if result and result.outcome else ""
    match action.status:
        case ActionStatus.PENDING_APPROVAL:
            body = [f"{action.created_by or 'somebody'} asks for: {action.title}.", *_packages(action), *action.notes]
            body.append(f"Approve or reject it in the panel, or with dunebugger-updater approve {action.action_id}")
            return Notified("approval_needed", f"approval needed: {action.title}", "\n".join(body), now)
        case ActionStatus.SUCCEEDED if action.run is not None and action.action_type is not ActionType.APT_UPDATE:
            told = f"done: {action.title}"
            event = _ENDED.get(outcome, "update_succeeded")
            return Notified(event, told, "\n".join([told, *_packages(action)]), now, run=action.run)
        case ActionStatus.FAILED:
            body = [result.error or "" if result else "", *_last(result.output if result else "")]
            event = _ENDED.get(outcome, "update_failed")
            return Notified(event, f"{_said(outcome)}: {action.title}", "\n".join(body), now, run=action.run)
        case _:
            return None


def _said(outcome: str) -> str:
    return {"rolled_back": "failed and taken back", "stuck": "needs a person", "refused": "not done"}.get(
        outcome, "failed"
    )


def _packages(action: ActionView) -> list[str]:
    shown = [f"- {each.name} {each.before or 'new'} -> {each.after or 'removed'}" for each in action.changes[:_SHOWN]]
    more = len(action.changes) - _SHOWN
    return [*shown, *([f"- and {more} more"] if more > 0 else [])]


def _last(output: str) -> list[str]:
    return [f"| {line}" for line in output.splitlines()[-_SHOWN:]]
