"""What stands before every handler, in this order: delivery, errors, form of the request, name, identity, role, origin.

Nothing in here knows a single route: a route says who may use it, and one that says nothing is not served.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from dunebugger_updater.api import hosts
from dunebugger_updater.api.doors import ErrorPage, House, Needs, Problem
from dunebugger_updater.api.errors import Refused, catching
from dunebugger_updater.api.letting_go import let_go
from dunebugger_updater.api.sessions import CALLER, address, csrf_matches, identify, is_local
from dunebugger_updater.model.access import Role

_access = logging.getLogger("dunebugger_updater.access")
_log = logging.getLogger(__name__)

DECLARED = web.AppKey("declared", Mapping[web.AbstractRoute, Needs])
"""Who may use which route."""

BODY_LIMIT = 65_536
"""Bytes of a request's body."""
_READS = frozenset({"GET", "HEAD"})
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Patience:
    """Seconds that we wait for somebody's network."""

    body: float = 30.0
    """For a whole body to come in."""
    delivery: float = 60.0
    """For an answer to be taken."""


def middlewares(
    house: House, names: tuple[str, ...], patience: Patience, page: ErrorPage | None
) -> Sequence[Middleware]:
    """All of them, the outermost first."""
    return (
        _delivering(patience.delivery),
        catching(page),
        _well_formed,
        _naming(house, names),
        _knowing(house),
        _reading(patience.body),
        _origin(house),
    )


def _delivering(limit: float) -> Middleware:
    @web.middleware
    async def deliver(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Send the answer to its end, note what was asked, and give up on who does not read."""
        began = time.monotonic()
        response = await handler(request)
        try:
            async with asyncio.timeout(limit):
                await response.prepare(request)
                await response.write_eof()
        except (TimeoutError, ConnectionError):
            let_go(request.transport)  # aiohttp finds the connection gone, and is content with that
        finally:
            caller = request.get(CALLER)
            # Never the query: a token may stand in it.
            _access.info(
                "%s %s %d %s %s %.0f ms",
                request.method,
                ascii(request.path)[1:-1],
                response.status,
                address(request),
                ascii(caller.who.name) if caller and caller.who else "-",
                (time.monotonic() - began) * 1000,
            )
        return response

    return deliver


@web.middleware
async def _well_formed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no program of good will sends."""
    headers = request.headers
    if not request.raw_path.startswith("/"):
        raise _refused(HTTPStatus.BAD_REQUEST, "bad_request", "the request names a whole address, as to a proxy")
    if hdrs.CONTENT_ENCODING in headers:
        raise _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "bad_encoding", "compressed requests are not read")
    if (request.content_length or 0) > BODY_LIMIT:
        raise web.HTTPRequestEntityTooLarge(max_size=BODY_LIMIT, actual_size=request.content_length or 0)
    if request.method in _READS and (request.content_length or hdrs.TRANSFER_ENCODING in headers):
        raise _refused(HTTPStatus.BAD_REQUEST, "bad_request", f"a {request.method} request has no body")
    return await handler(request)


def _naming(house: House, names: tuple[str, ...]) -> Middleware:
    @web.middleware
    async def name(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer only to our own names, before anything else is looked at."""
        if not is_local(request):
            shown = request.headers.getall(hdrs.HOST, [])
            place = _place(request)
            ours = len(shown) == 1 and hosts.allowed(
                shown[0], place, secure=house.secure, names=names, public=house.public_names
            )
            if not ours:
                raise _refused(
                    HTTPStatus.MISDIRECTED_REQUEST,
                    "misdirected",
                    "this device does not go by that name: add it to publicNames in [Panel] if it should",
                )
        return await handler(request)

    return name


def _knowing(house: House) -> Middleware:
    @web.middleware
    async def know(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Find out who asks, and whether the route is for them.  What declares nothing is for nobody."""
        caller = request[CALLER] = await identify(request, house)
        if request.match_info.http_exception is not None:
            raise request.match_info.http_exception
        needs = request.app[DECLARED].get(request.match_info.route)
        if needs is None:
            _log.error("a route declares nobody who may use it: %s", ascii(request.path))
            raise web.HTTPNotFound
        if isinstance(needs, Role):
            if caller.who is None:
                raise Refused(_stranger(house))
            if caller.who.role < needs:
                text = f"this needs the role {needs.word}, and {caller.who.name} is {caller.who.role.word}"
                raise _refused(HTTPStatus.FORBIDDEN, "forbidden", text)
        return await handler(request)

    return know


def _reading(limit: float) -> Middleware:
    @web.middleware
    async def read(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Have the whole body, of a type that a page of somebody else cannot send without asking."""
        if request.method not in _READS:
            try:
                async with asyncio.timeout(limit):
                    content = await request.read()
            except TimeoutError:
                raise _refused(HTTPStatus.REQUEST_TIMEOUT, "too_slow", "the request's body did not come") from None
            api = request.path.startswith("/api/")
            good = {"application/json"} if api else {"application/json", _FORM}
            if content and request.content_type not in good:
                text = "the body has to be of type application/json"
                raise _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "bad_content_type", text)
        return await handler(request)

    return read


def _origin(house: House) -> Middleware:
    @web.middleware
    async def compare(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let no page of another site act, or listen, in the name of who is signed in here."""
        caller = request[CALLER]
        socket = request.path == "/ws"
        if caller.via == "local" or (caller.via == "bearer" and not socket):
            return await handler(request)
        ours = _ours(request, house)
        if ours is False:
            raise _refused(HTTPStatus.FORBIDDEN, "bad_origin", "the request comes from a page of another site")
        acts = request.method not in _READS
        if caller.via == "cookie" and request.app[DECLARED][request.match_info.route] != "open":
            if (acts or socket) and not ours:
                text = "a browser has to say which page the request comes from"
                raise _refused(HTTPStatus.FORBIDDEN, "bad_origin", text)
            if acts and not csrf_matches(caller, await _csrf(request)):
                text = "the page is out of date: load it again (X-CSRF-Token is missing or old)"
                raise _refused(HTTPStatus.FORBIDDEN, "bad_csrf", text)
        return await handler(request)

    return compare


def _ours(request: web.Request, house: House) -> bool | None:
    """Whether one of our own pages is asking; ``None`` when the request does not say."""
    origins = request.headers.getall(hdrs.ORIGIN, [])
    site = request.headers.get("Sec-Fetch-Site")
    acts = request.method not in _READS or request.path == "/ws"
    if origins and (len(origins) != 1 or not hosts.same_origin(origins[0], request.host, secure=house.secure)):
        return False
    if acts and site is not None and site != "same-origin":
        return False
    return True if origins or site == "same-origin" else None


async def _csrf(request: web.Request) -> str:
    shown = request.headers.get("X-CSRF-Token")
    if shown is not None or request.content_type != _FORM:
        return shown or ""
    field = (await request.post()).get("csrf")
    return field if isinstance(field, str) else ""


def _place(request: web.Request) -> hosts.Place:
    here = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return hosts.Place(str(here[0]), int(here[1])) if isinstance(here, tuple) else hosts.Place("", 0)


def _stranger(house: House) -> Problem:
    if house.accounts.needs_owner():
        text = "nobody owns this device yet: set a password with the one-time code from `dunebugger-updater status`"
        return Problem(HTTPStatus.UNAUTHORIZED, "setup_required", text)
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "sign in, or send an API token")


def _refused(status: HTTPStatus, code: str, message: str) -> Refused:
    return Refused(Problem(status, code, message))
