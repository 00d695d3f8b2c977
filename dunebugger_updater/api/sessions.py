"""Who is asking: the local socket, a token or a session's cookie; and putting that cookie in and taking it away."""

import hmac
import socket
from typing import TypeAlias

from aiohttp import web

from dunebugger_updater.api.doors import Accounts, Caller, House
from dunebugger_updater.model.access import Role, Session, Who

CALLER = web.RequestKey("caller", Caller)
LONGEST = 512
"""Characters of a credential; ours are far shorter."""

_NOBODY = Caller(None, "nobody")
Socket: TypeAlias = "socket.socket | None"


def cookie_name(*, secure: bool) -> str:
    """``__Host-`` makes browsers insist on TLS, on this host alone, on every path."""
    return ("__Host-" if secure else "") + "dunebugger_session"


def is_local(request: web.Request) -> bool:
    """Whether this came over the Unix socket, which only the owner of the process can open."""
    transport = request.transport
    here: Socket = transport.get_extra_info("socket") if transport is not None else None
    return here is not None and here.family == socket.AF_UNIX


def address(request: web.Request) -> str:
    """Where it comes from.  What a header claims about that is not believed."""
    return "local" if is_local(request) else (request.remote or "?")


async def identify(request: web.Request, house: House) -> Caller:
    """Find out who is asking.  A credential that is shown and is not good counts as none; no other is tried then."""
    if is_local(request):
        return Caller(Who("local", Role.OWNER), "local")
    token = _token(request)
    if token is not None:
        return await still(Caller(None, "bearer", token), house.accounts)
    secret = request.cookies.get(cookie_name(secure=house.secure))
    return await still(Caller(None, "cookie", secret), house.accounts) if secret else _NOBODY


async def still(caller: Caller, accounts: Accounts) -> Caller:
    """Ask again who that is: sessions end, and tokens are revoked."""
    match caller.via:
        case "local":
            return caller
        case "bearer" if 0 < len(caller.secret) <= LONGEST:
            who = await accounts.bearer(caller.secret)
        case "cookie" if 0 < len(caller.secret) <= LONGEST:
            who = await accounts.session(caller.secret)
        case _:
            return _NOBODY
    return Caller(who, caller.via, caller.secret) if who is not None else _NOBODY


def csrf_matches(caller: Caller, shown: str) -> bool:
    """Whether a form or script knows what only our own pages were told."""
    wanted = caller.who.csrf if caller.who else None
    return bool(wanted) and hmac.compare_digest((wanted or "").encode(), shown.encode("utf-8", "surrogateescape"))


def put_cookie(response: web.StreamResponse, session: Session, *, secure: bool) -> None:
    """Sign a browser in; scripts cannot read it, and no other site's pages send it."""
    response.set_cookie(
        cookie_name(secure=secure), session.secret, path="/", httponly=True, samesite="Strict", secure=secure
    )


def take_cookie(response: web.StreamResponse, *, secure: bool) -> None:
    """Sign a browser out."""
    response.del_cookie(cookie_name(secure=secure), path="/", httponly=True, samesite="Strict", secure=secure)


def _token(request: web.Request) -> str | None:
    shown = request.headers.getall("Authorization", [])
    if shown:
        scheme, _, token = shown[0].partition(" ")
        return token.strip() if len(shown) == 1 and scheme.lower() == "bearer" else ""
    return request.query.get("token") if request.path == "/ws" else None
