"""Pages of other sites: what they can make a browser send, and what comes of it."""

import pytest
from doubles.edge import Edge

from dunebugger_updater.api import hosts

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
COOKIE = {"Cookie": "dunebugger_session=session-1"}
TEXT = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}
CSRF = {"X-CSRF-Token": "csrf-1"}

SHAPES: dict[str, dict[str, str]] = {
    "a form of another site": COOKIE | FORM | {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "a form without an origin": COOKIE | FORM,
    "plain text that is json": COOKIE | TEXT | {"Origin": "{origin}"},
    "plain text with the token": COOKIE | TEXT | CSRF | {"Origin": "{origin}"},
    "json without an origin": COOKIE | JSON | CSRF,
    "json of nowhere": COOKIE | JSON | CSRF | {"Origin": "null"},
    "json of a subdomain": COOKIE | JSON | CSRF | {"Origin": "http://a.127.0.0.1:{port}"},
    "json of another port": COOKIE | JSON | CSRF | {"Origin": "http://127.0.0.1:1"},
    "json of the same name by another scheme": COOKIE | JSON | CSRF | {"Origin": "ftp://127.0.0.1:{port}"},
    "json of a name that begins like ours": COOKIE | JSON | CSRF | {"Origin": "http://127.0.0.1:{port}.evil.example"},
    "json of ours with a name before it": COOKIE | JSON | CSRF | {"Origin": "http://evil@127.0.0.1:{port}"},
    "json of ours without the csrf token": COOKIE | JSON | {"Origin": "{origin}"},
    "json of ours with an empty csrf token": COOKIE | JSON | {"Origin": "{origin}", "X-CSRF-Token": ""},
    "json of ours with another csrf token": COOKIE | JSON | {"Origin": "{origin}", "X-CSRF-Token": "csrf-2"},
    "a page of the same site, not of ours": COOKIE | JSON | CSRF | {"Sec-Fetch-Site": "same-site"},
    "cross-site as the browser says": COOKIE | JSON | CSRF | {"Origin": "{origin}", "Sec-Fetch-Site": "cross-site"},
    "a referer is no origin": COOKIE | JSON | CSRF | {"Referer": "{origin}/"},
}
MUTATING = [
    ("POST", "/api/v1/components/core/update"),
    ("POST", "/api/v1/components/core/rollback"),
    ("POST", "/api/v1/components/core/stop"),
    ("POST", "/api/v1/check"),
    ("PUT", "/api/v1/maintenance"),
    ("POST", "/api/v1/tokens"),
    ("DELETE", "/api/v1/tokens/t1"),
    ("DELETE", "/api/v1/session"),
    ("POST", "/api/v1/runs/run-1/cancel"),
]


def filled(headers: dict[str, str], edge: Edge) -> dict[str, str]:
    return {name: value.format(origin=edge.origin, port=edge.port) for name, value in headers.items()}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_page_of_another_site_cannot_act_for_who_is_signed_in(served: Edge, shape: str) -> None:
    for method, path in MUTATING:
        told = await served.say(method, path, filled(SHAPES[shape], served), data=b'{"on": true}')
        assert told.status in {403, 415}, f"{method} {path}: {told.status}"
    assert served.fleet.asked == []
    assert served.accounts.entries == []
    assert set(served.accounts.sessions) == {"session-1"}


async def test_a_get_never_acts(served: Edge) -> None:
    for _, path in MUTATING:
        told = await served.say("GET", path, COOKIE | {"Sec-Fetch-Site": "cross-site"})
        assert told.status in {200, 404, 405}
    assert served.fleet.asked == []


@pytest.mark.parametrize("extra", [{}, {"Sec-Fetch-Site": "same-origin"}])
async def test_our_own_page_can(served: Edge, extra: dict[str, str]) -> None:
    told = await served.say("POST", "/api/v1/components/core/update", served.browser | extra, json={})
    assert told.status == 202


async def test_a_token_needs_neither_origin_nor_csrf_token(served: Edge) -> None:
    headers = {"Authorization": "Bearer operator-token", "Origin": "https://dashboard.example"}
    assert (await served.say("POST", "/api/v1/check", headers, json={})).status == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=str,
)
async def test_no_other_site_can_sign_a_browser_in(served: Edge, headers: dict[str, str]) -> None:
    told = await served.say("POST", "/api/v1/session", headers, json={"password": "open sesame"})
    assert (told.status, told.code) == (403, "bad_origin")
    assert set(served.accounts.sessions) == {"session-1"}


async def test_the_socket_wants_an_origin_of_ours_from_browsers(served: Edge) -> None:
    ours = {"Origin": served.origin}
    assert await served.refused(COOKIE | ours) == 101
    assert await served.refused(COOKIE) == 403
    token = {"Authorization": "Bearer owner-token"}
    assert await served.refused(token) == 101
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{served.port + 1}", f"{served.origin}.evil", ""):
        assert await served.refused(COOKIE | {"Origin": origin}) == 403, origin
        assert await served.refused(token | {"Origin": origin}) == 403, origin
        assert await served.refused({"Origin": origin}, "?token=owner-token") == 403, origin
    assert await served.refused(COOKIE | ours | {"Sec-Fetch-Site": "cross-site"}) == 403


PLACE = hosts.Place("192.168.1.7", 8470)
OURS = [
    "192.168.1.7:8470",
    "127.0.0.1:8470",
    "localhost:8470",
    "LOCALHOST:8470",
    "[::1]:8470",
    "[0:0:0:0:0:0:0:1]:8470",
    "dune:8470",
    "dune.local:8470",
    "Dune.Local:8470",
    "panel.example",
    "panel.example:8470",
    "panel.example:443",
    "PANEL.example",
    "exact.example:8443",
]
NOT_OURS = [
    "",
    " ",
    "evil.example",
    "evil.example:8470",
    "127.0.0.1.evil.example:8470",
    "localhost.evil.example:8470",
    "evil.localhost:8470",
    "notlocalhost:8470",
    "localhost.:8470",
    "dune.local.evil:8470",
    "dune.evil.local:8470",
    "xdune.local:8470",
    "[::]:8470",
    "0.0.0.0:8470",
    "0:8470",
    "127.1:8470",
    "2130706433:8470",
    "0x7f000001:8470",
    "0177.0.0.1:8470",
    "127.0.0.2:8470",
    "192.168.1.8:8470",
    "10.0.0.1:8470",
    "127.0.0.1",
    "localhost",
    "dune",
    "127.0.0.1:80",
    "localhost:8471",
    "localhost:",
    "localhost:x",
    "localhost:08470x",
    "localhost:999999",
    "localhost:-1",
    "localhost:8470,evil.example",
    "localhost:8470 evil",
    "user@localhost:8470",
    "localhost:8470@evil.example",
    "http://localhost:8470",
    "localhost:8470/",
    "localhost:8470#",
    "localhost%2eevil:8470",
    "[::1",
    "::1:8470",
    "[::1%lo]:8470",
    "[127.0.0.1]:8470",
    "[localhost]:8470",
    "[fe80::1]:8470",
    "exact.example",
    "exact.example:8470",
    "sub.panel.example",
    "panel.example.evil",
    "localhost\x00:8470",
    "ⓛocalhost:8470",
    "*",
    "*.local:8470",
    "local:8470",
    ".local:8470",
]


def allowed(header: str, place: hosts.Place = PLACE, *, secure: bool = False) -> bool:
    public = ("panel.example", "exact.example:8443")
    return hosts.allowed(header, place, secure=secure, names=hosts.own_names("dune"), public=public)


@pytest.mark.parametrize("header", OURS)
def test_a_name_of_ours_is_allowed(header: str) -> None:
    assert allowed(header)


@pytest.mark.parametrize("header", NOT_OURS, ids=ascii)
def test_any_other_name_is_not(header: str) -> None:
    assert not allowed(header)


def test_a_port_may_be_left_out_where_it_is_the_usual_one() -> None:
    assert allowed("dune.local", hosts.Place("192.168.1.7", 80))
    assert allowed("dune.local", hosts.Place("192.168.1.7", 443), secure=True)
    assert not allowed("dune.local", hosts.Place("192.168.1.7", 443))


def test_an_address_is_known_in_every_spelling_that_is_one() -> None:
    assert allowed("192.168.1.7:8470", hosts.Place("::ffff:192.168.1.7", 8470))
    assert allowed("[fe80::1]:8470", hosts.Place("fe80::1%eth0", 8470))
    assert allowed("[FE80:0::1]:8470", hosts.Place("fe80::1", 8470))


def test_a_machine_with_a_whole_name_answers_to_it_and_to_its_first_part() -> None:
    assert hosts.own_names("Dune.home.arpa") == ("localhost", "dune.home.arpa", "dune", "dune.local")
    assert hosts.own_names("") == ("localhost",)


@pytest.mark.parametrize(
    "header", ["evil.example", "localhost.evil.example:{port}", "127.0.0.1:1", "0.0.0.0:{port}", ""]
)
async def test_another_name_is_refused_before_anything_else_is_looked_at(served: Edge, header: str) -> None:
    host = header.format(port=served.port)
    head = f"GET /api/version HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer owner-token\r\nConnection: close"
    heard = await served.raw(f"{head}\r\n\r\n".encode())
    assert heard.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400")), heard[:100]
    assert b"1.2.3" not in heard


@pytest.mark.parametrize(
    "head",
    [
        "GET /api/version HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example",
        "GET /api/version HTTP/1.1\r\nHost: evil.example\r\nHost: localhost:{port}",
        "GET http://evil.example/api/version HTTP/1.1\r\nHost: localhost:{port}",
        "GET http://localhost:{port}/api/version HTTP/1.1\r\nHost: evil.example",
        "GET //evil.example/api/version HTTP/1.1\r\nHost: localhost:{port}",
        "CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost:{port}",
        "OPTIONS * HTTP/1.1\r\nHost: localhost:{port}",
        "GET /api/version HTTP/1.1",
        "GET /api/version HTTP/1.0",
    ],
)
async def test_a_request_that_names_two_places_or_none_is_refused(served: Edge, head: str) -> None:
    heard = await served.raw((head.format(port=served.port) + "\r\nConnection: close\r\n\r\n").encode())
    assert heard.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), heard[:100]
    assert b"1.2.3" not in heard


@pytest.mark.parametrize(
    ("origin", "host", "secure", "same"),
    [
        ("http://dune.local:8470", "dune.local:8470", False, True),
        ("http://dune.local", "dune.local", False, True),
        ("http://dune.local", "dune.local:80", False, True),
        ("https://panel.example", "panel.example", True, True),
        ("https://panel.example", "panel.example:443", True, True),
        ("http://[::1]:8470", "[::1]:8470", False, True),
        ("HTTP://dune.local:8470", "dune.local:8470", False, False),
        ("http://panel.example", "panel.example", True, False),
        ("http://dune.local:8470/", "dune.local:8470", False, False),
        ("http://dune.local:8470/x", "dune.local:8470", False, False),
        ("http://dune.local:99999", "dune.local:8470", False, False),
        ("http://[::1", "[::1]:8470", False, False),
        ("null", "dune.local:8470", False, False),
        ("", "dune.local:8470", False, False),
        ("http://", "dune.local:8470", False, False),
        ("http://dune.local:8471", "dune.local:8470", False, False),
        ("http://other.local:8470", "dune.local:8470", False, False),
    ],
)
def test_an_origin_is_ours_only_letter_by_letter(origin: str, host: str, secure: bool, same: bool) -> None:
    assert hosts.same_origin(origin, host, secure=secure) is same
