"""What can be asked of a device, what it answers, and its news: the same on the WebSocket, over HTTP, in the hub."""

from datetime import datetime
from typing import TypeAlias

import msgspec

from dunebugger_updater.model.actions import ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.views import ComponentView, RunView


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask"):
    """Something that a client wants."""


class CheckNow(Request, frozen=True, tag="check"):
    """Look for new releases (DB-022, DB-023)."""

    force: bool = False
    components: tuple[str, ...] = ()
    """All when empty."""


class Update(Request, frozen=True, tag="update"):
    """Update one component (DB-031…033)."""

    component: str
    dry_run: bool = False
    version: str | None = None
    by_owner: bool = False
    """Set by the edge that knows who asks: packages need an owner's word (``approval_needed``)."""


class RollBack(Request, frozen=True, tag="rollback"):
    """Put one component back as it was before its last run, or to a kept version."""

    component: str
    dry_run: bool = False
    to: str | None = None
    by_owner: bool = False
    """As for ``Update``."""


class CancelRun(Request, frozen=True, tag="cancel"):
    """Stop a run: free until something was touched, then it means going back, after the commit it is too late."""

    run: str


class Operate(Request, frozen=True, tag="operate"):
    """Start or stop a component's service."""

    component: str
    start: bool


class SetMaintenance(Request, frozen=True, tag="maintenance"):
    """Switch maintenance mode on, perhaps for a while, or off."""

    on: bool
    minutes: int | None = None


class LookAtPackages(Request, frozen=True, tag="packages"):
    """Look at the pending packages; asks no archive."""

    remembered: bool = False
    """What was seen a while ago will do, if nothing else is installed since: for a page that asks again and again."""


class ListActions(Request, frozen=True, tag="list_actions"):
    """The action queue, newest first."""

    limit: int = 100
    action_id: str | None = None
    """Only this one, also when it is older than ``limit`` reaches."""


class CreateAction(Request, frozen=True, tag="create_action"):
    """Queue an action (HC-34…36)."""

    action_type: ActionType
    parameters: Parameters = Parameters()
    requires_approval: bool = True
    """``False`` is heard from an owner only."""
    by_owner: bool = False
    """Set by the edge that knows who asks, never by who asks."""
    dry_run: bool = False
    """Only say what it would do: answered by an ``ActionSeen`` in ``pending_approval`` whose ``action_id`` is empty,
    with its changes, command, notes and plan hash; nothing is queued.  A conflict with another action is no obstacle.
    """
    plan_hash: str | None = None
    """The plan that was shown: another one is not queued by it (``Declined`` with ``plan_changed``)."""


class DecideAction(Request, frozen=True, tag="decide_action"):
    """Approve or reject a queued action."""

    action_id: str
    approve: bool
    plan_hash: str | None = None
    """The plan that was shown: another one is not approved by it."""


AnyRequest: TypeAlias = (
    CheckNow
    | Update
    | RollBack
    | CancelRun
    | Operate
    | SetMaintenance
    | LookAtPackages
    | ListActions
    | CreateAction
    | DecideAction
)


class Reply(msgspec.Struct, frozen=True, tag_field="reply"):
    """What a device answers at once."""


class Checked(Reply, frozen=True, tag="checked"):
    """The components as they stand now."""

    components: dict[str, ComponentView]


class Started(Reply, frozen=True, tag="started"):
    """A run was opened; its progress and its result come as news."""

    run: str
    component: str


class Planned(Reply, frozen=True, tag="planned"):
    """A dry run: what would happen."""

    view: RunView
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    way_back: str = ""


class Done(Reply, frozen=True, tag="done"):
    """It was done."""

    message: str


class Declined(Reply, frozen=True, tag="declined"):
    """It is not done, and why.  ``code`` is one of the contract's words."""

    code: str
    message: str
    outcome: str | None = None
    """For an update that needs nothing (``nothing_to_do``) or may not be (``refused``)."""


class PackagesSeen(Reply, frozen=True, tag="packages"):
    """The pending packages."""

    inventory: Inventory


class ActionSeen(Reply, frozen=True, tag="action"):
    """One action, as it stands now."""

    action: ActionView


class ActionsSeen(Reply, frozen=True, tag="actions"):
    """The action queue, newest first."""

    actions: tuple[ActionView, ...]


AnyReply: TypeAlias = Checked | Started | Planned | Done | Declined | PackagesSeen | ActionSeen | ActionsSeen


class News(msgspec.Struct, frozen=True, tag_field="news"):
    """Something that happened on a device, for everyone who listens."""


class Progressed(News, frozen=True, tag="update_progress"):
    """A run went on.  May be dropped for a slow listener."""

    run: str
    component: str
    step: str
    """The step's title; empty for a whole run."""
    number: int
    of: int
    state: str
    """``began``, ``progress``, ``done``, ``undone``, ``turned_back``, ``checked``."""
    message: str
    done: float | None = None
    """A share from 0 to 1 of this step, when it is known."""


class Ended(News, frozen=True, tag="update_result"):
    """A run ended.  Never dropped."""

    view: RunView


class CheckEnded(News, frozen=True, tag="update_check_result"):
    """A check ended.  Never dropped."""

    components: dict[str, ComponentView]


class Notified(News, frozen=True, tag="notification"):
    """Something that the owner is told, on the panel and wherever the configuration says."""

    event: str
    """One of the words of ``[Notifications] events``."""
    title: str
    body: str
    at: datetime
    component: str | None = None
    run: str | None = None


class ActionChanged(News, frozen=True, tag="action"):
    """An action was queued, decided, begun or ended.  Never dropped."""

    action: ActionView


AnyNews: TypeAlias = Progressed | Ended | CheckEnded | Notified | ActionChanged


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the machine itself is doing, as far as it says."""

    disk_total: int
    disk_free: int
    memory_total: int
    memory_available: int
    temperature: float | None = None
    """Degrees Celsius; ``None`` when nothing measures it."""
    clock: str | None = None
    """Why the clock cannot be believed; ``None`` when it can."""
    load: float | None = None
    up_seconds: float = 0.0


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device, as it stands now."""

    id: str
    name: str
    online: bool
    version: str
    """Of the updater itself."""
    components: tuple[ComponentView, ...]
    running: tuple[RunView, ...] = ()
    """Runs under way."""
    maintenance: bool = False
    maintenance_until: datetime | None = None
    next_check: datetime | None = None
    health: DeviceHealth | None = None
