"""What the pages show of actions: how one stands, what it would change, who may decide.  Pure."""

from collections.abc import Collection, Sequence

import msgspec

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Change, Inventory
from panel.present import Tone
from panel.words import Words

_TONES: dict[ActionStatus, Tone] = {
    ActionStatus.PENDING_APPROVAL: "unsure",
    ActionStatus.APPROVED: "news",
    ActionStatus.EXECUTING: "busy",
    ActionStatus.OVERDUE: "unsure",
    ActionStatus.SUCCEEDED: "good",
    ActionStatus.FAILED: "bad",
    ActionStatus.REJECTED: "quiet",
    ActionStatus.EXPIRED: "quiet",
}
UNDER_WAY = frozenset({ActionStatus.EXECUTING, ActionStatus.OVERDUE})
_LINES = 400
"""Lines of output on a page; the end tells what happened."""


class ChangeRow(msgspec.Struct, frozen=True):
    """One package of a plan."""

    name: str
    before: str
    after: str
    security: bool
    word: str
    """What is unusual about it: new, removed; empty for a plain upgrade."""
    tone: Tone
    size: int | None


def tone(action: ActionView) -> Tone:
    """Answer how it is to be seen."""
    return _TONES[action.status]


def status(action: ActionView, words: Words) -> str:
    """Answer how it stands, in a word or two."""
    return str(getattr(words, f"status_{action.status.value}"))


def title(action: ActionView, words: Words) -> str:
    """Answer what it does, in a few words."""
    if action.verb == "rollback":
        return words.action_rollback
    return kind_title(action.action_type, action.parameters, words)


def kind_title(kind: ActionType, parameters: Parameters, words: Words) -> str:
    """Answer the same before there is an action."""
    said = str(getattr(words, f"action_{kind.value}"))
    return said.format(service=parameters.service or words.action_a_service)


def counted(action: ActionView, words: Words) -> str:
    """Answer how much it did or would do; empty where there is nothing to count."""
    done = action.result.packages_upgraded if action.result else None
    if done is not None and action.verb == "rollback":
        return words.taken_back_one if done == 1 else words.taken_back.format(count=done)
    if done is not None and action.action_type is not ActionType.APT_UPDATE:
        return (
            (words.upgraded_none, words.upgraded_one)[done] if done < len("ab") else words.upgraded.format(count=done)
        )
    count = len(action.changes)
    if not count:
        return ""
    return words.packages_list_one if count == 1 else words.packages_list_of.format(count=count)


def sentence(action: ActionView, words: Words) -> str:
    """Answer what that means for who looks."""
    if action.status is ActionStatus.PENDING_APPROVAL:
        return words.says_pending_expires if action.expires_at else words.says_pending
    if action.status is ActionStatus.APPROVED and action.waiting:
        return ""
    if action.status is ActionStatus.APPROVED and action.parameters.in_window:
        return words.says_approved_window
    if action.status is ActionStatus.SUCCEEDED:
        return (
            f"{words.says_succeeded} {_stop(counted(action, words))}".strip() if action.result else words.says_succeeded
        )
    if action.status is ActionStatus.FAILED and action.result and action.result.outcome == "rolled_back":
        return words.says_failed_back
    return str(getattr(words, f"says_{action.status.value}"))


def brief(action: ActionView, words: Words) -> str:
    """Answer the one line that a list shows besides the title: what failed, or how much was done."""
    result = action.result
    if result is not None and not result.success and result.error:
        return result.error.splitlines()[0]
    return counted(action, words)


def output(action: ActionView) -> str:
    """Answer the end of what it printed, as plain text."""
    if action.result is None:
        return ""
    lines = action.result.output.replace("\r\n", "\n").splitlines()
    return "\n".join(_plain(line) for line in lines[-_LINES:]).strip("\n")


def changes(action: ActionView, security: Collection[str], words: Words) -> tuple[ChangeRow, ...]:
    """Answer its packages: what is unusual first, then security, then by name."""
    made = [_change(each, words, security=each.name in security) for each in action.changes]
    rank: dict[Tone, int] = {"bad": 0, "unsure": 1, "news": 2}
    return tuple(sorted(made, key=lambda one: (rank.get(one.tone, 3), not one.security, one.name)))


def _change(change: Change, words: Words, *, security: bool) -> ChangeRow:
    seen: Tone = "bad" if change.after is None else "news" if change.before is None else "quiet"
    word = {"bad": words.change_removed, "news": words.change_new}.get(seen, "")
    return ChangeRow(change.name, change.before or "", change.after or "", security, word, seen, change.size)


def security_names(action: ActionView, inventory: Inventory | None) -> frozenset[str]:
    """Answer which of its packages carry a security fix: as the list says, and what is installed by its archive."""
    pending = inventory.security if inventory is not None else ()
    fixes = {each.name: {each.candidate, each.security_version} for each in pending}
    return frozenset(
        each.name
        for each in action.changes
        if (each.after in fixes[each.name] if each.name in fixes else any(map(_is_security, each.origins)))
    )


def _is_security(origin: str) -> bool:
    """Whether ``Label:version/suite`` is an archive of security fixes: by its label, and Ubuntu's by its suite."""
    label, _, rest = origin.partition(":")
    return label.lower().endswith("-security") or (label.startswith("Ubuntu") and rest.endswith("-security"))


def download(action: ActionView) -> int | None:
    """Answer the bytes to fetch; ``None`` where not even one size is known."""
    sizes = [each.size for each in action.changes if each.size is not None]
    return sum(sizes) if sizes else None


def waiting(actions: Sequence[ActionView]) -> tuple[ActionView, ...]:
    """Answer those that wait for somebody's yes, the oldest first."""
    return tuple(each for each in reversed(actions) if each.status is ActionStatus.PENDING_APPROVAL)


def apt_at_work(actions: Sequence[ActionView]) -> ActionView | None:
    """Answer the apt action that keeps the others waiting; one that runs before one that only waits."""
    active = [each for each in actions if each.action_type.is_apt and each.status.is_active]
    return min(active, key=lambda each: each.status is ActionStatus.PENDING_APPROVAL, default=None)


def why_not_decide(role: Role, words: Words) -> str:
    """Answer why this visitor cannot approve; empty when they can."""
    return "" if role >= Role.OWNER else words.why_approve_owner.format(role=getattr(words, f"role_{role.word}"))


def fits(action: ActionView, wanted_status: str, wanted_kind: str) -> bool:
    """Whether the filters let it through."""
    stands = {
        "": True,
        "waiting": action.status is ActionStatus.PENDING_APPROVAL,
        "active": action.status in {ActionStatus.APPROVED, *UNDER_WAY},
        "good": action.status is ActionStatus.SUCCEEDED,
        "bad": action.status in {ActionStatus.FAILED, ActionStatus.REJECTED, ActionStatus.EXPIRED},
    }.get(wanted_status, action.status == wanted_status)
    kind = {"": True, "packages": action.action_type.is_apt, "services": not action.action_type.is_apt}
    return stands and kind.get(wanted_kind, action.action_type == wanted_kind)


def _plain(line: str) -> str:
    # What a terminal would take for a colour or for "begin this line anew" is noise on a page.
    shown = line.rsplit("\r", 1)[-1]
    return "".join(letter for letter in shown if letter == "\t" or letter.isprintable())


def _stop(text: str) -> str:
    return f"{text}." if text else ""
