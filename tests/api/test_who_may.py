"""Who may do what: every route with every credential, and the walk that finds routes nobody declared."""

import random
import re
from collections.abc import Iterator

import pytest
from aiohttp import web
from doubles.edge import Edge, edge
from doubles.fleet import FakeAccounts, FakeFleet

from dunebugger_updater.api.app import make_app
from dunebugger_updater.api.doors import OPEN, Desk, Needs, Page, PageRoute
from dunebugger_updater.api.guard import DECLARED
from dunebugger_updater.model.access import Role

BODIES = {
    "/api/v1/maintenance": {"on": True},
    "/api/v1/tokens": {"name": "n", "role": "viewer"},
    "/api/v1/actions": {"action_type": "apt_update"},
    "/api/v1/setup": {"code": "0", "password": "wrong"},
    "/api/v1/session": {"password": "wrong"},
}
GOOD = {
    **{f"bearer {role.word}": ({"Authorization": f"Bearer {role.word}-token"}, role) for role in Role},
    "session": ({"Cookie": "dunebugger_session=session-1", "X-CSRF-Token": "csrf-1", "Origin": "{origin}"}, Role.OWNER),
    "scheme in lower case": ({"Authorization": "bearer viewer-token"}, Role.VIEWER),
}
BAD = {
    "nothing": {},
    "expired token": {"Authorization": "Bearer expired-token"},
    "empty token": {"Authorization": "Bearer "},
    "no scheme": {"Authorization": "owner-token"},
    "basic": {"Authorization": "Basic b3duZXI6b3Blbg=="},
    "jwt none": {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJvd25lciJ9."},
    "huge token": {"Authorization": "Bearer " + "a" * 4000},
    "tampered cookie": {"Cookie": "dunebugger_session=session-2"},
    "cookie of another name": {"Cookie": "session=session-1"},
    "host cookie without tls": {"Cookie": "__Host-dunebugger_session=session-1"},
    "token as cookie": {"Cookie": "dunebugger_session=owner-token"},
    "session as token": {"Authorization": "Bearer session-1"},
    "bad token with a good cookie": {"Authorization": "Bearer x", "Cookie": "dunebugger_session=session-1"},
    "user header": {"X-Remote-User": "owner", "X-Forwarded-User": "owner", "Remote-User": "owner"},
    "original url": {"X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz"},
    "forwarded from loopback": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=local"},
}


def walked(app: web.Application) -> Iterator[tuple[str, str, Needs]]:
    for route in app.router.routes():
        path = route.resource.canonical if route.resource else ""
        yield route.method, path.replace("{name}", "core").replace("{id}", "run-1"), app[DECLARED][route]


async def test_every_route_declares_who_may_use_it_and_only_the_contracts_are_open(served: Edge) -> None:
    walk = list(walked(served.app))
    assert len(walk) > 30
    assert {(method, path) for method, path, needs in walk if needs == OPEN} == {
        ("GET", "/healthz"),
        ("GET", "/api/version"),
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/setup"),
    }


async def test_every_route_lets_in_those_it_declares_and_nobody_else(served: Edge) -> None:
    for method, path, needs in walked(served.app):
        if needs == OPEN:
            continue
        for name, (headers, role) in GOOD.items():
            served.accounts.sessions |= FakeAccounts().sessions
            sent = {key: value.format(origin=served.origin) for key, value in headers.items()}
            told = await served.say(method, path, sent, json=BODIES.get(path) if method != "GET" else None)
            assert (told.status not in {401, 403}) == (role >= needs), f"{method} {path} as {name}: {told.text}"


async def test_nothing_is_served_and_nothing_changes_for_who_shows_nothing_good(served: Edge) -> None:
    before = (dict(served.accounts.sessions), dict(served.accounts.views), served.fleet.maintenance)
    for method, path, needs in walked(served.app):
        if needs == OPEN:
            continue
        for name, headers in BAD.items():
            told = await served.say(method, path, headers, json=BODIES.get(path) if method != "GET" else None)
            assert told.status == 401, f"{method} {path} with {name}: {told.status}"
            assert told.code == "unauthorized"
    assert served.fleet.asked == []
    assert served.accounts.entries == []
    assert (served.accounts.sessions, served.accounts.views, served.fleet.maintenance) == before


@pytest.mark.parametrize("path", ["/api/v1/components", "/api/v1/tokens", "/metrics", "/api/v1/audit"])
async def test_a_token_in_the_address_counts_for_the_socket_only(served: Edge, path: str) -> None:
    assert (await served.say("GET", f"{path}?token=owner-token")).status == 401
    assert await served.refused({}, "?token=owner-token") == 101
    assert await served.refused({}, "?token=wrong") == 401
    assert await served.refused({}) == 401


async def test_a_route_that_declares_nobody_stops_the_building() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text="secret")

    def forgetful(_: Desk) -> list[PageRoute]:
        return [Page("GET", "/secret", None, handler)]  # type: ignore[arg-type]  # the mistake that is tried

    with pytest.raises(ValueError, match="GET /secret does not say who may use it"):
        make_app(FakeFleet(), FakeAccounts(), version="1", commit="", extra_routes=forgetful)


async def test_a_route_that_came_in_by_another_way_is_not_served() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text="secret")

    app = make_app(FakeFleet(), FakeAccounts(), version="1", commit="")
    app.router.add_get("/secret", handler)
    async with edge(app=app) as it:
        told = await it.say("GET", "/secret", {"Authorization": "Bearer owner-token"})
    assert told.status == 404
    assert "secret" not in told.text


SHAPES = (
    str,
    "/{}".format,
    lambda path: path + "/",
    lambda path: path + ".",
    lambda path: path + "%2e",
    lambda path: path.replace("/v1/", "/v1/./"),
    lambda path: path.replace("/v1/", "/v1//"),
    lambda path: path.replace("/v1/", "/v1/%2e%2e/v1/"),
    lambda path: "/healthz/.." + path,
    lambda path: "/api/version/%2e%2e" + path.removeprefix("/api"),
    lambda path: path.upper(),
    lambda path: path + ";/healthz",
    lambda path: path + "?/healthz",
    lambda path: path + "%00",
    lambda path: path.replace("/api", "/%61pi"),
    lambda path: path + "#/healthz",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")
OVERRIDES: tuple[dict[str, str], ...] = (
    {},
    {"X-HTTP-Method-Override": "GET"},
    {"X-HTTP-Method": "GET"},
    {"X-Method-Override": "HEAD"},
)


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)])
async def test_no_shape_of_a_request_gets_in_without_a_credential(
    served: Edge, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(count)
    targets = [(path, needs) for _, path, needs in walked(served.app) if needs != OPEN]
    for _ in range(count):
        path, _ = dice.choice(targets)
        method, shape = dice.choice(METHODS), dice.choice(SHAPES)
        headers = dice.choice(list(BAD.values())) | dice.choice(OVERRIDES)
        body = b"{}" if method in {"POST", "PUT", "PATCH"} and dice.random() < 0.5 else b""
        lines = [f"{method} {shape(path)} HTTP/1.1", f"Host: 127.0.0.1:{served.port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
        heard = await served.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        status = re.match(rb"HTTP/1\.[01] (\d+)", heard)
        assert status is not None, f"{lines[0]}: {heard[:200]!r}"
        assert 400 <= int(status[1]) < 500, f"{lines[0]} with {headers}: {heard[:300]!r}"
    assert served.fleet.asked == []
    assert served.accounts.entries == []
    assert "Traceback" not in caplog.text
