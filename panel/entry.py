"""The front door: signing in, and the first visit."""

from aiohttp import web

from dunebugger_updater.model.access import Denied, Session
from panel.frame import Visit, go


async def login(visit: Visit) -> web.StreamResponse:
    """Ask for the password."""
    if visit.panel.accounts.needs_owner():
        return go("/setup")
    return visit.page("login.html", problem="")


async def sign_in(visit: Visit) -> web.StreamResponse:
    """Let somebody in."""
    answer = await visit.panel.accounts.login(await visit.secret("password"), visit.desk.address(visit.request))
    return _let_in(visit, answer, "login.html")


async def setup(visit: Visit) -> web.StreamResponse:
    """Ask for the one-time code and a first password."""
    if not visit.panel.accounts.needs_owner():
        return go("/login")
    return visit.page("setup.html", problem="")


async def set_up(visit: Visit) -> web.StreamResponse:
    """Take the first password."""
    password = await visit.secret("password")
    if password != await visit.secret("again"):
        return visit.page("setup.html", 400, problem=visit.words.passwords_differ)
    code, address = await visit.form("code"), visit.desk.address(visit.request)
    return _let_in(visit, await visit.panel.accounts.set_owner(code, password, address), "setup.html")


def _let_in(visit: Visit, answer: Session | Denied, template: str) -> web.StreamResponse:
    if isinstance(answer, Denied):
        waits = answer.retry_after > 0
        response = visit.page(template, 429 if waits else 403, problem=answer.message)
        if waits:
            response.headers["Retry-After"] = str(int(answer.retry_after) + 1)
        return response
    response = go("/")
    visit.desk.sign_in(response, answer)
    return response
