"""An action in words: what it does, the command that a person would type, and what came of it.  Pure."""

import shlex
from collections.abc import Sequence

from msgspec.structs import replace

from dunebugger_updater.model.actions import ActionResult, ActionStatus, ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Change
from dunebugger_updater.model.views import RunView

LONGEST = 65_536
"""Characters of output that are kept: the end says what went wrong."""
SHORT = 4_096
"""Of them, how many go into lists and news."""
KEPT_DAYS = 7
"""Of logs that ``clear_logs`` leaves (HP-03)."""


def title(action_type: ActionType, told: Parameters, changes: Sequence[Change]) -> str:
    """What it does, in words."""
    count = len(changes)
    match action_type:
        case ActionType.APT_UPDATE:
            return "refresh the package lists"
        case ActionType.APT_UPGRADE_ALL:
            return f"upgrade all packages ({count})"
        case ActionType.APT_UPGRADE_SECURITY:
            return f"apply security updates ({count})"
        case ActionType.APT_UPGRADE_PACKAGES:
            more = ", …" if len(told.packages) > 3 else ""  # noqa: PLR2004  (a title is one line)
            return f"upgrade {', '.join(told.packages[:3])}{more}"
        case ActionType.RESTART_SERVICE:
            return f"restart {told.service}"
        case ActionType.CLEAR_LOGS:
            return f"clear logs older than {KEPT_DAYS} days"


def command(action_type: ActionType, told: Parameters, changes: Sequence[Change]) -> str:
    """The command that a person would type for the same (HC-28); shown, never run."""
    match action_type:
        case ActionType.APT_UPDATE:
            return "apt-get update"
        case ActionType.RESTART_SERVICE:
            return f"systemctl restart {told.service}"
        case ActionType.CLEAR_LOGS:
            return f"journalctl --vacuum-time={KEPT_DAYS}d"
        case _:
            wanted = [shlex.quote(f"{each.name}={each.after}") for each in changes if each.before and each.after]
            return " ".join(["apt-get install --only-upgrade", *wanted]) if wanted else ""


def nothing(words: str, action_type: ActionType) -> ActionResult:
    """There was nothing to do, which is good (HC-53, HC-55)."""
    return ActionResult(
        success=True,
        output=words,
        return_code=0,
        packages_upgraded=0 if action_type.upgrades else None,
        outcome="nothing_to_do",
    )


def came_of(action: ActionView, run: RunView, output: str, code: int | None) -> tuple[ActionStatus, ActionResult]:
    """What a run that has ended means for its action."""
    good = run.success
    upgraded = sum(1 for each in action.changes if each.after is not None)
    known = good or run.outcome in {"rolled_back", "refused", "failed"}
    result = ActionResult(
        success=good,
        output=output[-LONGEST:] or run.message,
        error=None if good else run.message,
        return_code=0 if good else code or None,
        packages_upgraded=(upgraded if good else 0) if known and action.action_type.upgrades else None,
        outcome=run.outcome,
    )
    return (ActionStatus.SUCCEEDED if good else ActionStatus.FAILED), result


def not_begun(words: str, outcome: str = "failed") -> ActionResult:
    """It was to be done, and was not."""
    return ActionResult(success=False, output="", error=words, packages_upgraded=0, outcome=outcome)


def short(action: ActionView) -> ActionView:
    """The same with only the end of its output: lists and news hold many, and go over slow networks."""
    result = action.result
    if result is None or len(result.output) <= SHORT:
        return action
    return replace(action, result=replace(result, output="…\n" + result.output[-SHORT:]))


def conflict(other: ActionView | None) -> str:
    """Why another apt action cannot be queued now (HC-77)."""
    if other is None:
        return "cannot queue this: another apt action is under way"
    states = {
        ActionStatus.PENDING_APPROVAL: "waits for approval",
        ActionStatus.APPROVED: "is approved and waits to be carried out",
        ActionStatus.EXECUTING: "is being carried out",
        ActionStatus.OVERDUE: "is being carried out, and overdue",
    }
    state = states.get(other.status, other.status.value)
    return f"cannot queue this: {other.action_type.value} ({other.action_id}) {state}; only one apt action at a time"
