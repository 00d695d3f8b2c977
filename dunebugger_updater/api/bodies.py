"""What is asked and answered over HTTP and the WebSocket, as types: parser, encoder and OpenAPI in one declaration.

Unknown fields are refused: ``{"dryrun": true}`` must not become a real update.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

from dunebugger_updater.model.access import AuditEntry, TokenView
from dunebugger_updater.model.actions import ActionType, ActionView
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.model.wire import DeviceView
from dunebugger_updater.story import Told

Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Version: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
RunId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1000)]
PlanHash: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Secret: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a client sends."""


class CheckBody(Body, frozen=True):
    """Look for new releases (DB-022, DB-023)."""

    force: bool = False
    components: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] | None = None
    """All when not given."""


class UpdateBody(Body, frozen=True):
    """Update the component in the address."""

    dry_run: bool = False
    version: Version | None = None


class RollBackBody(Body, frozen=True):
    """Take the component in the address back."""

    dry_run: bool = False
    to: Version | None = None


class PerformBody(Body, frozen=True):
    """Update one component, on the WebSocket (DB-031…033)."""

    component: Name
    dry_run: bool = False
    version: Version | None = None


class TakeBackBody(Body, frozen=True):
    """Take one component back, on the WebSocket."""

    component: Name
    dry_run: bool = False
    to: Version | None = None


class RunBody(Body, frozen=True):
    """One run, by its id."""

    run: RunId


class HistoryBody(Body, frozen=True):
    """Past and open runs."""

    component: Name | None = None
    limit: Limit = 100


class AuditBody(Body, frozen=True):
    """Who did what."""

    limit: Limit = 100


class MaintenanceBody(Body, frozen=True):
    """Switch maintenance mode, perhaps for a while."""

    on: bool
    minutes: Annotated[int, msgspec.Meta(ge=1, le=43_200)] | None = None


class LoginBody(Body, frozen=True):
    """Sign in."""

    password: Secret


class SetupBody(Body, frozen=True):
    """Set the owner's password with the one-time code."""

    code: Secret
    password: Secret


class TokenBody(Body, frozen=True):
    """Make an API token."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    role: Literal["owner", "operator", "viewer"]


class ActionParameters(Body, frozen=True):
    """What an action is told besides its type (HP-04)."""

    security_only: bool = False
    """``apt_upgrade_all`` with it is ``apt_upgrade_security``."""
    packages: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1000)] = ()
    """For ``apt_upgrade_packages``."""
    service: Name | None = None
    """For ``restart_service``."""
    in_window: bool = False
    """Wait for the next maintenance window, once approved."""


class ActionBody(Body, frozen=True):
    """Queue an action (HC-34…36)."""

    action_type: ActionType
    requires_approval: bool = True
    """``false`` is heard from an owner only."""
    parameters: ActionParameters = ActionParameters()
    dry_run: bool = False
    """Only say what it would do."""
    plan_hash: PlanHash | None = None
    """Queue it only as it was shown."""


class DecideBody(Body, frozen=True):
    """Approve or reject the action in the address."""

    plan_hash: PlanHash | None = None
    """Approve it only as it was shown."""


class DecisionBody(Body, frozen=True):
    """Approve or reject one action, on the WebSocket."""

    action_id: RunId
    plan_hash: PlanHash | None = None


class ActionsBody(Body, frozen=True):
    """The action queue."""

    limit: Limit = 100


class ActionsView(msgspec.Struct, frozen=True):
    """The action queue, newest first; outputs are shortened, ``actions/{id}`` has the whole."""

    actions: tuple[ActionView, ...]


class VersionView(msgspec.Struct, frozen=True):
    """What runs here (RM-017)."""

    version: str
    commit: str


class Health(msgspec.Struct, frozen=True):
    """That the agent answers."""

    status: str = "ok"


class ComponentsView(msgspec.Struct, frozen=True):
    """All components."""

    components: dict[str, ComponentView]


class VersionsView(msgspec.Struct, frozen=True):
    """What is installed; ``null`` where that is not known."""

    components: dict[str, str | None]


class RunStarted(msgspec.Struct, frozen=True):
    """A run was opened; its address is ``runs/{run}``."""

    run: str
    component: str


class PlannedView(msgspec.Struct, frozen=True):
    """A dry run."""

    view: RunView
    before: tuple[str, ...]
    after: tuple[str, ...]
    way_back: str


class RunsView(msgspec.Struct, frozen=True):
    """Runs, newest first."""

    runs: tuple[RunView, ...]


class RunDetail(msgspec.Struct, frozen=True):
    """One run, event by event."""

    view: RunView
    events: tuple[Told, ...]


class CancelView(msgspec.Struct, frozen=True):
    """Whether a run will stop."""

    run: str
    success: bool
    message: str


class DoneView(msgspec.Struct, frozen=True):
    """It was done."""

    message: str


class MaintenanceView(msgspec.Struct, frozen=True):
    """Whether somebody is at work on the device."""

    on: bool
    until: datetime | None = None


class DevicesView(msgspec.Struct, frozen=True):
    """All devices: an agent has one."""

    devices: tuple[DeviceView, ...]


class AuditView(msgspec.Struct, frozen=True):
    """Who did what, newest first."""

    audit: tuple[AuditEntry, ...]


class TokensView(msgspec.Struct, frozen=True):
    """All API tokens, without their secrets."""

    tokens: tuple[TokenView, ...]


class TokenMade(msgspec.Struct, frozen=True):
    """A new API token, with its secret: shown this once."""

    id: str
    name: str
    role: str
    created_at: datetime
    token: str


class WhoView(msgspec.Struct, frozen=True):
    """Who is signed in; ``csrf`` goes into the header ``X-CSRF-Token`` of whatever changes something."""

    name: str
    role: str
    csrf: str | None = None


class ErrorWords(msgspec.Struct, frozen=True):
    """A code for programs, a sentence for people."""

    code: str
    message: str


class ErrorView(msgspec.Struct, frozen=True):
    """Every error looks like this."""

    error: ErrorWords
