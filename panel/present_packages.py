"""What the pages show of pending packages together: counts, and three buttons with their reasons.  Pure."""

from collections.abc import Sequence

import msgspec

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.wire import DeviceView
from panel import present_actions
from panel.places import Places
from panel.present import Summary, Tone, is_system
from panel.spans import sentence
from panel.words import Words

_NAMED = 3
"""Packages that are named where a sentence has room for a few."""


class Blocked(msgspec.Struct, frozen=True):
    """Why nothing about packages can be asked for now."""

    reason: str
    word: str = ""
    """What a button says in its stead: in progress, pending approval."""
    spins: bool = False
    kind: ActionType | None = None
    """The action that is meant."""
    link: str = ""


class Press(msgspec.Struct, frozen=True):
    """One of the buttons."""

    kind: ActionType
    label: str
    link: str
    """Empty when it cannot be pressed."""
    reason: str = ""
    word: str = ""
    spins: bool = False


class Updates(msgspec.Struct, frozen=True):
    """The card."""

    tone: Tone
    sentence: str
    available: str
    security: str
    security_tone: Tone | None
    """``None`` where there is nothing to warn of."""
    kept: int
    buttons: tuple[Press, ...]
    why: tuple[str, ...]
    """Every reason once; what to expect when there is none."""
    blocked: Blocked | None
    notes: tuple[str, ...]


def has_apt(device: DeviceView) -> bool:
    """Whether this device looks after system packages."""
    return any(is_system(each) for each in device.components)


def blocked(
    device: DeviceView, actions: Sequence[ActionView], role: Role, places: Places, words: Words
) -> Blocked | None:
    """Answer why no apt action can be asked for; ``None`` when it can (HC-25…27)."""
    run = next((each for each in device.running if _is_apt(device, each.component)), None)
    at_work = present_actions.apt_at_work(actions)
    if at_work is not None and (at_work.status is not ActionStatus.PENDING_APPROVAL or run is None):
        waits = at_work.status is ActionStatus.PENDING_APPROVAL
        form = words.why_pending if waits else words.why_in_progress
        asked = words.asked_by.format(actor=at_work.created_by) if at_work.created_by else words.of_itself
        return Blocked(
            form.format(title=present_actions.title(at_work, words), actor=asked),
            words.status_pending_approval if waits else words.status_executing,
            spins=not waits,
            kind=at_work.action_type,
            link=places.action(at_work.action_id),
        )
    if run is not None:
        why = words.why_run.format(component=run.component)
        return Blocked(why, words.status_executing, spins=True, link=places.run(run.run))
    if not device.online:
        return Blocked(words.why_offline)
    return Blocked(words.why_viewer) if role < Role.OPERATOR else None


def updates(inventory: Inventory | None, halted: Blocked | None, places: Places, words: Words) -> Updates:
    """Answer the card of one device's packages."""
    buttons = tuple(_press(kind, inventory, halted, places, words) for kind in _REASONS)
    why = tuple(dict.fromkeys(each.reason for each in buttons if each.reason))
    seen = inventory or Inventory()
    security = len(seen.security)
    available = str(len(seen.packages)) if inventory else words.no_offer_unknown
    return Updates(
        tone=_tone(inventory, halted),
        sentence=_sentence(inventory, words),
        available=available,
        security=_security(inventory, words),
        security_tone="unsure" if security or not seen.security_known else None,
        kept=len(seen.packages) - len(seen.ready),
        buttons=buttons,
        why=(halted.reason,) if halted else why or (words.why_first_plan,),
        blocked=halted,
        notes=_notes(seen, words),
    )


def _tone(inventory: Inventory | None, halted: Blocked | None) -> Tone:
    if halted is not None and halted.spins:
        return "busy"
    if inventory is None:
        return "unsure"
    if inventory.broken:
        return "bad"
    if inventory.security or inventory.problem:
        return "unsure"
    return "news" if inventory.ready else "good"


def _sentence(inventory: Inventory | None, words: Words) -> str:
    if inventory is None:
        return words.updates_unknown
    if inventory.broken:
        return words.updates_broken
    ready, security = len(inventory.ready), sum(each.security for each in inventory.ready)
    if not inventory.packages:
        return words.updates_all_good
    if not ready:
        one = len(inventory.packages) == 1
        return words.updates_one_kept if one else words.updates_all_kept.format(count=len(inventory.packages))
    said = words.updates_one if ready == 1 else words.updates_many.format(count=ready)
    if not inventory.security_known:
        return f"{said} {words.security_unknown_why}"
    if not security:
        return said
    more = words.updates_security_one if security == 1 else words.updates_security_many.format(count=security)
    return f"{said} {more}"


def _security(inventory: Inventory | None, words: Words) -> str:
    if inventory is None:
        return words.no_offer_unknown
    count = len(inventory.security)
    if inventory.security_known:
        return str(count)
    return words.security_some.format(count=count) if count else words.security_unknown


def _notes(seen: Inventory, words: Words) -> tuple[str, ...]:
    left = sum(each.kept_back is not None or each.held for each in seen.security)
    notes = []
    if left:
        notes.append(words.kept_security_one if left == 1 else words.kept_security_many.format(count=left))
    if not seen.security_known and seen.security_unknown:
        notes.append(sentence(seen.security_unknown))
    if seen.problem:
        notes.append(f"{words.lists_old}: {seen.problem}")
    return tuple(notes)


def _press(
    kind: ActionType, inventory: Inventory | None, halted: Blocked | None, places: Places, words: Words
) -> Press:
    label = _label(kind, inventory, words)
    if halted is not None:
        mine = halted.kind is kind
        return Press(kind, label, "", halted.reason, halted.word if mine else "", halted.spins and mine)
    reason = _reason(kind, inventory, words)
    return Press(kind, label, "" if reason else places.look_at(kind.value), reason)


def _label(kind: ActionType, inventory: Inventory | None, words: Words) -> str:
    if kind is ActionType.APT_UPDATE:
        return words.refresh_list
    form = words.apply_security if kind is ActionType.APT_UPGRADE_SECURITY else words.apply_all
    return form.format(count=_counted(kind, inventory))


def _counted(kind: ActionType, inventory: Inventory | None) -> str:
    """The number in a label; none where a 0 would claim to know."""
    if inventory is None:
        return "?"
    count = _count(kind, inventory)
    unknown = kind is ActionType.APT_UPGRADE_SECURITY and not inventory.security_known
    return str(count) if count or not unknown else "?"


def _count(kind: ActionType, inventory: Inventory) -> int:
    if kind is ActionType.APT_UPGRADE_ALL:
        return len(inventory.ready)
    return sum(each.security for each in inventory.ready)


_REASONS = (ActionType.APT_UPDATE, ActionType.APT_UPGRADE_SECURITY, ActionType.APT_UPGRADE_ALL)
"""The buttons, in their order."""


def _reason(kind: ActionType, inventory: Inventory | None, words: Words) -> str:
    """Why there is nothing to do; dpkg left half done is a reason to act, whatever is pending."""
    if kind is ActionType.APT_UPDATE:
        return ""
    if inventory is None:
        return words.why_not_known
    if _count(kind, inventory) or (inventory.broken and kind is ActionType.APT_UPGRADE_ALL):
        return ""
    if kind is ActionType.APT_UPGRADE_ALL:
        return words.why_all_kept if inventory.packages else words.why_nothing_to_apply
    if inventory.security:
        return words.why_security_kept
    return words.why_no_security if inventory.security_known else words.why_security_unknown


def reboot_why(inventory: Inventory, words: Words) -> str:
    """Answer why a reboot is needed, as the rest of a sentence."""
    return (
        words.reboot_because.format(packages=few(inventory.reboot_packages, words)) if inventory.reboot_packages else ""
    )


def few(names: Sequence[str], words: Words) -> str:
    """Answer the first names, and how many more there are."""
    said = ", ".join(names[:_NAMED])
    rest = len(names) - _NAMED
    return f"{said} {words.and_more.format(count=rest)}" if rest > 0 else said


def with_packages(told: Summary, inventory: Inventory | None, words: Words) -> Summary:
    """Answer the overview's one line with what is pending among the packages."""
    if inventory is None or not inventory.ready:
        return told
    ready, fixes = len(inventory.ready), sum(each.security for each in inventory.ready)
    said = [words.summary_packages_one if ready == 1 else words.summary_packages.format(count=ready)]
    if fixes:
        said.append(words.summary_security_one if fixes == 1 else words.summary_security.format(count=fixes))
    before = () if told.tone in {"good", "quiet"} else told.sentences
    return Summary("unsure" if fixes or told.tone == "unsure" else "news", (*before, *said))


def _is_apt(device: DeviceView, component: str) -> bool:
    return any(each.name == component and each.type == "apt" for each in device.components)
