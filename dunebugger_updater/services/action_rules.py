"""What may be asked of the action queue, whether it needs a yes, and for how long one counts.  Pure."""

import re
from datetime import datetime, timedelta

from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import is_package_name

VALID = timedelta(days=7)
"""How long an action waits for a yes, and how long a yes counts (ruling 6)."""

OURS = "dunebugger-updater"
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,199}")
_QUICK, _LONG = 120.0, 600.0
"""Seconds (HC-40, HC-41)."""


def understood(action_type: ActionType, told: Parameters) -> tuple[ActionType, Parameters] | str:
    """Answer what is really meant, or a sentence about what does not fit together."""
    meant = action_type
    if told.security_only:
        if action_type not in {ActionType.APT_UPGRADE_ALL, ActionType.APT_UPGRADE_SECURITY}:
            return f"cannot do {action_type.value} for security fixes only: that belongs to apt_upgrade_all"
        meant = ActionType.APT_UPGRADE_SECURITY
    problem = _about_packages(meant, told) or _about_service(meant, told)
    return problem or (meant, told)


def _about_packages(meant: ActionType, told: Parameters) -> str | None:
    if meant is not ActionType.APT_UPGRADE_PACKAGES:
        return f"cannot name packages for {meant.value}: use apt_upgrade_packages" if told.packages else None
    if not told.packages:
        return "cannot tell which packages are meant: name at least one"
    bad = next((name for name in told.packages if not is_package_name(name)), None)
    return None if bad is None else f"cannot take {bad[:80]!r} for the name of a package"


def _about_service(meant: ActionType, told: Parameters) -> str | None:
    if meant is not ActionType.RESTART_SERVICE:
        return f"cannot name a service for {meant.value}: use restart_service" if told.service else None
    if not told.service:
        return "cannot tell which service is meant: name it"
    if not _UNIT.fullmatch(told.service):
        return f"cannot take {told.service[:80]!r} for the name of a service"
    if told.service.removesuffix(".service") == OURS:
        return f"cannot restart {OURS} by an action: it is who carries it out; use systemctl restart {OURS}"
    return None


def needs_yes(*, asked_for: bool, by_owner: bool, maintenance: bool) -> bool:
    """Whether an owner has to say yes first (HC-11, HC-12): maintenance mode is one, and an owner's own wish is."""
    return not maintenance and (asked_for or not by_owner)


def limit(action_type: ActionType) -> float:
    """Seconds after which an action is overdue.  Nothing is ended by that: nobody kills a dpkg that works."""
    return _LONG if action_type.upgrades else _QUICK


def valid_until(now: datetime, doubt: str | None) -> datetime | None:
    """When a wish or a yes of now expires; unknown as long as the clock cannot be believed."""
    return now + VALID if doubt is None else None


def has_expired(action: ActionView, now: datetime, doubt: str | None) -> bool:
    """Whether nobody wants it any more.  A clock that cannot be believed expires nothing."""
    waits = action.status in {ActionStatus.PENDING_APPROVAL, ActionStatus.APPROVED}
    return waits and doubt is None and action.expires_at is not None and action.expires_at <= now
