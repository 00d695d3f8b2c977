"""Every route under ``/api``, and who may use it.  The OpenAPI document is made from this table."""

from collections.abc import Sequence
from typing import Any

from dunebugger_updater.api import actions, people, updates
from dunebugger_updater.api.bodies import (
    ActionBody,
    ActionsBody,
    ActionsView,
    AuditBody,
    AuditView,
    CancelView,
    CheckBody,
    ComponentsView,
    DecideBody,
    DevicesView,
    DoneView,
    Health,
    HistoryBody,
    LoginBody,
    MaintenanceBody,
    MaintenanceView,
    PlannedView,
    RollBackBody,
    RunDetail,
    RunStarted,
    RunsView,
    SetupBody,
    TokenBody,
    TokenMade,
    TokensView,
    UpdateBody,
    VersionView,
    WhoView,
)
from dunebugger_updater.api.doors import OPEN, Answer, Asked, Nothing, Problem, Route
from dunebugger_updater.model.access import Role
from dunebugger_updater.model.actions import ActionView
from dunebugger_updater.model.packages_view import PackagesView
from dunebugger_updater.model.views import ComponentView

VIEWER, OPERATOR, OWNER = Role.VIEWER, Role.OPERATOR, Role.OWNER
V1 = "/api/v1"


async def health(_: Asked[Nothing]) -> Answer | Problem:
    """Whether the agent answers."""
    return Answer(Health())


async def version(asked: Asked[Nothing]) -> Answer | Problem:
    """What runs here."""
    return Answer(VersionView(asked.house.version, asked.house.commit))


ROUTES: Sequence[Route[Any]] = (
    Route("GET", "/healthz", OPEN, Nothing, health, Health),
    Route("GET", "/api/version", OPEN, Nothing, version, VersionView),
    # who may come in
    Route("POST", f"{V1}/setup", OPEN, SetupBody, people.set_up, WhoView),
    Route("POST", f"{V1}/session", OPEN, LoginBody, people.sign_in, WhoView),
    Route("GET", f"{V1}/session", VIEWER, Nothing, people.who, WhoView),
    Route("DELETE", f"{V1}/session", VIEWER, Nothing, people.sign_out, None, 204),
    Route("GET", f"{V1}/tokens", OWNER, Nothing, people.tokens, TokensView),
    Route("POST", f"{V1}/tokens", OWNER, TokenBody, people.make_token, TokenMade, 201),
    Route("DELETE", f"{V1}/tokens/{{id}}", OWNER, Nothing, people.revoke_token, None, 204),
    Route("GET", f"{V1}/audit", OWNER, AuditBody, people.audit, AuditView),
    # components
    Route("GET", f"{V1}/devices", VIEWER, Nothing, updates.devices, DevicesView),
    Route("GET", f"{V1}/components", VIEWER, Nothing, updates.components, ComponentsView),
    Route("GET", f"{V1}/components/{{name}}", VIEWER, Nothing, updates.component, ComponentView),
    Route("POST", f"{V1}/check", OPERATOR, CheckBody, updates.check, ComponentsView),
    Route(
        "POST",
        f"{V1}/components/{{name}}/update",
        OPERATOR,
        UpdateBody,
        updates.update,
        RunStarted,
        202,
        {200: PlannedView},
    ),
    Route(
        "POST",
        f"{V1}/components/{{name}}/rollback",
        OPERATOR,
        RollBackBody,
        updates.rollback,
        RunStarted,
        202,
        {200: PlannedView},
    ),
    Route("POST", f"{V1}/components/{{name}}/start", OPERATOR, Nothing, updates.start, DoneView),
    Route("POST", f"{V1}/components/{{name}}/stop", OPERATOR, Nothing, updates.stop, DoneView),
    # runs
    Route("GET", f"{V1}/runs", VIEWER, HistoryBody, updates.runs, RunsView),
    Route("GET", f"{V1}/history", VIEWER, HistoryBody, updates.runs, RunsView),
    Route("GET", f"{V1}/runs/{{id}}", VIEWER, Nothing, updates.run, RunDetail),
    Route("POST", f"{V1}/runs/{{id}}/cancel", OPERATOR, Nothing, updates.cancel, CancelView),
    # maintenance mode
    Route("GET", f"{V1}/maintenance", VIEWER, Nothing, updates.maintenance, MaintenanceView),
    Route("PUT", f"{V1}/maintenance", OPERATOR, MaintenanceBody, updates.set_maintenance, MaintenanceView),
    # packages and the action queue
    Route("GET", f"{V1}/packages", VIEWER, Nothing, actions.packages, PackagesView),
    Route("GET", f"{V1}/actions", VIEWER, ActionsBody, actions.actions, ActionsView),
    Route("GET", f"{V1}/actions/{{id}}", VIEWER, Nothing, actions.action, ActionView),
    Route("POST", f"{V1}/actions", OPERATOR, ActionBody, actions.create, ActionView, 202, {200: ActionView}),
    Route("POST", f"{V1}/actions/{{id}}/approve", OWNER, DecideBody, actions.approve, ActionView),
    Route("POST", f"{V1}/actions/{{id}}/reject", OWNER, Nothing, actions.reject, ActionView),
)
