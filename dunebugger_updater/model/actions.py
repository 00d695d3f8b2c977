"""The action queue's values: what somebody wants done, whether it may be, and what came of it (HC-31…39)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from dunebugger_updater.model.packages import Change


class ActionType(StrEnum):
    """What can be asked for (HP-01)."""

    APT_UPDATE = "apt_update"
    APT_UPGRADE_ALL = "apt_upgrade_all"
    APT_UPGRADE_SECURITY = "apt_upgrade_security"
    APT_UPGRADE_PACKAGES = "apt_upgrade_packages"
    RESTART_SERVICE = "restart_service"
    CLEAR_LOGS = "clear_logs"

    @property
    def is_apt(self) -> bool:
        """Whether it needs apt to itself (HC-77)."""
        return self.value.startswith("apt_")

    @property
    def upgrades(self) -> bool:
        """Whether it brings packages to other versions."""
        return self.is_apt and self is not ActionType.APT_UPDATE


class ActionStatus(StrEnum):
    """How an action stands, in the order in which that is lived (HP-14)."""

    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    EXECUTING = "executing"
    OVERDUE = "overdue"
    """It takes longer than it should, and goes on: nobody kills a dpkg that works."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_active(self) -> bool:
        """Whether something will still happen."""
        return self in _ACTIVE

    @property
    def is_begun(self) -> bool:
        """Whether it is being done."""
        return self in {ActionStatus.EXECUTING, ActionStatus.OVERDUE}


_ACTIVE = frozenset(
    {ActionStatus.PENDING_APPROVAL, ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.OVERDUE}
)
ACTIVE = tuple(sorted(each.value for each in _ACTIVE))
"""As they are written in the database."""


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an action is told besides its type (HP-04)."""

    security_only: bool = False
    """``apt_upgrade_all`` with it is ``apt_upgrade_security`` (HC-36)."""
    packages: tuple[str, ...] = ()
    """For ``apt_upgrade_packages``."""
    service: str | None = None
    """For ``restart_service``."""
    in_window: bool = False
    """Wait for the next maintenance window, once approved (HC-18)."""


class ActionResult(msgspec.Struct, frozen=True):
    """What came of it (HC-16, HC-43, HC-44)."""

    success: bool
    output: str
    """The end of what the programs printed."""
    error: str | None = None
    return_code: int | None = None
    packages_upgraded: int | None = None
    outcome: str | None = None
    """The run's outcome: ``updated``, ``rolled_back``, …"""


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """One action, as everybody sees it.  Field names are the contract's."""

    action_id: str
    action_type: ActionType
    status: ActionStatus
    created_at: datetime
    created_by: str = ""
    plan_hash: str | None = None
    """What an approval is bound to."""
    requires_approval: bool = True
    parameters: Parameters = Parameters()
    verb: str = "update"
    """``rollback`` for what takes packages back."""
    title: str = ""
    """What it does, in words."""
    command: str = ""
    """The command that will run, as a person would type it (HC-28)."""
    changes: tuple[Change, ...] = ()
    """The packages, with their versions before and after."""
    notes: tuple[str, ...] = ()
    """What the owner should know before saying yes."""
    decided_by: str | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    waiting: str = ""
    """Why it has not begun although it may, in words."""
    run: str | None = None
    result: ActionResult | None = None

    def brief(self) -> Mapping[str, Any]:
        """The few fields that HC-37…39 promise."""
        return {"action_id": self.action_id, "status": self.status.value, "created_at": self.created_at}


class Kept(msgspec.Struct, frozen=True):
    """An action as it is kept: with the plan that was shown, and a number that counts its changes."""

    action: ActionView
    plan: bytes
    """The whole plan as JSON; empty when there is nothing to do."""
    revision: int = 0
    """Whoever changes an action names the revision that they have read: the second of two is told no."""
