"""The application: the routes and what stands before them, over a house."""

import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from dunebugger_updater.api import hosts, metrics, openapi, parsing
from dunebugger_updater.api.doors import (
    OPEN,
    Accounts,
    Answer,
    Asked,
    B,
    Desk,
    ErrorPage,
    ExtraRoutes,
    House,
    Needs,
    Nothing,
    Page,
    PageRoute,
    Problem,
    Route,
)
from dunebugger_updater.api.errors import Refused
from dunebugger_updater.api.guard import BODY_LIMIT, DECLARED, Patience, middlewares
from dunebugger_updater.api.headers import add_headers
from dunebugger_updater.api.routes import ROUTES
from dunebugger_updater.api.sessions import CALLER, address, put_cookie, take_cookie
from dunebugger_updater.api.socket import Manners, Sockets
from dunebugger_updater.fleet import Fleet
from dunebugger_updater.model.access import Role, Session, Who
from dunebugger_updater.model.codec import to_json

_ID = "{id:[A-Za-z0-9][A-Za-z0-9._-]{0,99}}"
"""Ids become names of files: nothing else even finds its route."""


def make_app(
    fleet: Fleet,
    accounts: Accounts,
    *,
    version: str,
    commit: str,
    public_names: tuple[str, ...] = (),
    secure: bool = False,
    extra_routes: ExtraRoutes | None = None,
    error_page: Callable[[Desk], ErrorPage] | None = None,
    hostname: str | None = None,
    patience: Patience | None = None,
    manners: Manners | None = None,
) -> web.Application:
    """Build it.  ``ValueError`` when a route does not say who may use it.

    ``secure``: browsers come by TLS, so cookies are for TLS only.  ``extra_routes`` gets a ``Desk`` and answers the
    pages of a panel; ``error_page`` gets one too, and shows what went wrong there.
    """
    house = House(fleet, accounts, version, commit, public_names, secure)
    names = hosts.own_names(socket.gethostname() if hostname is None else hostname)
    sockets = Sockets(house, manners or Manners())
    desk = FrontDesk(house, sockets)
    page = error_page(desk) if error_page else None
    app = web.Application(
        middlewares=middlewares(house, names, patience or Patience(), page), client_max_size=BODY_LIMIT
    )
    pages: list[PageRoute] = [Page(each.method, each.path, each.needs, _serving(each, desk)) for each in ROUTES]
    pages += [
        Page("GET", "/ws", Role.VIEWER, sockets.serve),
        Page("GET", "/metrics", Role.VIEWER, metrics.Metrics(fleet).serve),
        Page("GET", "/api/openapi.json", Role.VIEWER, openapi.serving(ROUTES, version)),
    ]
    app[DECLARED] = _add(app, [*pages, *(extra_routes(desk) if extra_routes else ())])
    app.on_shutdown.append(sockets.close_all)
    add_headers(app, secure=secure)
    return app


@dataclass(frozen=True)
class FrontDesk:
    """Lets people in and out: a ``Desk``."""

    house: House
    sockets: Sockets

    def who(self, request: web.Request) -> Who | None:
        """Whoever was let in."""
        caller = request.get(CALLER)  # what was refused early has none
        return caller.who if caller else None

    def address(self, request: web.Request) -> str:
        """Where the request comes from."""
        return address(request)

    def sign_in(self, response: web.StreamResponse, session: Session) -> None:
        """Put the session's cookie into the answer."""
        put_cookie(response, session, secure=self.house.secure)

    async def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session, close its WebSockets, take the cookie away."""
        caller = request[CALLER]
        if caller.via == "cookie":
            await self.house.accounts.logout(caller.secret)
            await self.sockets.close_for(caller.secret)
        take_cookie(response, secure=self.house.secure)


def _add(app: web.Application, pages: Iterable[PageRoute]) -> dict[Any, Needs]:
    declared: dict[Any, Needs] = {}
    for page in pages:
        if not (isinstance(page.needs, Role) or page.needs == OPEN):
            raise ValueError(f"{page.method} {page.path} does not say who may use it: a role, or {OPEN!r}")
        path = page.path.replace("{id}", _ID)
        declared[app.router.add_route(page.method, path, page.handler)] = page.needs
    return declared


def _serving(route: Route[B], desk: FrontDesk) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        body = await _read(request, route.asks)
        if isinstance(body, Problem):
            raise Refused(body)
        asked = Asked(
            desk.house,
            body,
            request.match_info,
            request[CALLER],
            address(request),
            request.query.get("device"),
        )
        answer = await route.serve(asked)
        if isinstance(answer, Problem):
            raise Refused(answer)
        return await _respond(request, answer, desk)

    return serve


async def _read(request: web.Request, kind: type[B]) -> B | Problem:
    if request.method != "GET":
        return parsing.body(await request.read(), kind)
    pairs = {name: value for name, value in request.query.items() if name != "device"}
    return parsing.query({} if kind is Nothing else pairs, kind)


async def _respond(request: web.Request, answer: Answer, desk: FrontDesk) -> web.StreamResponse:
    if answer.value is None:
        response = web.Response(status=answer.status)
    else:
        content = to_json(answer.value)
        response = web.Response(status=answer.status, body=content, content_type="application/json")
    if answer.signed_in is not None:
        desk.sign_in(response, answer.signed_in)
    if answer.signed_out:
        await desk.sign_out(request, response)
    return response
