"""Every page and form, and who may use it.  Whoever serves them checks roles, origins and the form field ``csrf``."""

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from aiohttp import web

from dunebugger_updater import bundled
from dunebugger_updater.model.access import Role
from panel import acts, acts_actions, entry, pages, pages_actions, pages_packages
from panel.doors import Desk, Handler, Panel, PanelRoute, Trouble
from panel.frame import Visit

Serve: TypeAlias = Callable[[Visit], Awaitable[web.StreamResponse]]
_STATIC = ("panel.css", "parts.css", "work.css", "panel.js", "packages.js", "icon.svg")
_SETUP, _SIGN_IN = "setup_required", "unauthorized"


def routes(panel: Panel, desk: Desk, prefix: str = "") -> Sequence[PanelRoute]:
    """All of them.  A hub serves the pages of its devices under ``prefix = "/devices/{device}"``."""

    def page(method: str, path: str, needs: Role, serve: Serve) -> PanelRoute:
        return PanelRoute(method, f"{prefix}{path}", needs, _served(panel, desk, serve))

    def door(method: str, path: str, serve: Serve) -> PanelRoute:
        return PanelRoute(method, path, "open", _served(panel, desk, serve))

    viewer, operator, owner = Role.VIEWER, Role.OPERATOR, Role.OWNER
    return (
        door("GET", "/login", entry.login),
        door("POST", "/login", entry.sign_in),
        door("GET", "/setup", entry.setup),
        door("POST", "/setup", entry.set_up),
        PanelRoute("POST", "/logout", viewer, _served(panel, desk, acts.sign_out)),
        page("GET", "/", viewer, pages.overview),
        page("GET", "/components/{name}", viewer, pages.component),
        page("GET", "/components/{name}/plan", operator, pages.plan),
        page("POST", "/components/{name}/update", operator, acts.update),
        page("POST", "/components/{name}/rollback", operator, acts.rollback),
        page("POST", "/components/{name}/hold", operator, acts.hold),
        page("GET", "/runs/{id}", viewer, pages.run),
        page("POST", "/runs/{id}/cancel", operator, acts.cancel),
        page("POST", "/check", operator, acts.check),
        page("GET", "/history", viewer, pages.history),
        page("GET", "/packages", viewer, pages_packages.packages),
        page("GET", "/actions", viewer, pages_actions.actions),
        page("POST", "/actions", operator, acts_actions.queue),
        page("GET", "/actions/confirm", operator, pages_packages.confirm),
        page("POST", "/actions/confirm", operator, pages_packages.confirm),
        page("GET", "/actions/{id}", viewer, pages_actions.action),
        page("POST", "/actions/{id}/decide", owner, acts_actions.decide),
        page("GET", "/settings", viewer, pages.settings),
        page("POST", "/settings/maintenance", operator, acts.maintenance),
        page("POST", "/settings/tokens", owner, acts.make_token),
        page("POST", "/settings/tokens/{id}/revoke", owner, acts.revoke_token),
        page("POST", "/settings/notifications", owner, acts.send_test),
        page("GET", "/settings/diagnostics", owner, acts.diagnostics),
        *(PanelRoute("GET", f"/static/{name}", "open", _static(name)) for name in _STATIC),
    )


def error_page(panel: Panel, desk: Desk) -> Callable[[web.Request, Trouble], web.StreamResponse]:
    """How a browser is told about a problem: the way to the front door, or a page with a sentence."""

    def told(request: web.Request, trouble: Trouble) -> web.StreamResponse:
        if trouble.code in {_SETUP, _SIGN_IN}:
            return web.Response(status=303, headers={"Location": "/setup" if trouble.code == _SETUP else "/login"})
        return Visit(panel, desk, request).sorry(trouble.status, trouble.message)

    return told


def _served(panel: Panel, desk: Desk, serve: Serve) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        visit = Visit(panel, desk, request)
        try:
            return await serve(visit)
        except web.HTTPNotFound as error:
            return visit.sorry(error.status, error.text or visit.words.no_page)

    return handler


def _static(name: str) -> Handler:
    # A few kilobytes, read once: no file is opened by what a request says.
    content = (bundled.root() / "panel" / "static" / name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {
        "Cache-Control": "no-cache",  # kept, and asked for again each time: after an update nobody sees the old one
        "ETag": tag,
        "Content-Type": f"{mimetypes.guess_type(name)[0] or 'application/octet-stream'}; charset=utf-8",
    }

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, headers=headers)

    return handler
