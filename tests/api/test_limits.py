"""Too large, too slow, silent: nobody holds memory or a connection for long."""

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path

import aiohttp
import msgspec
import pytest
from doubles.edge import OWNER, VIEWER, Edge, edge
from doubles.fleet import CORE, FakeAccounts, FakeFleet

from dunebugger_updater.api.app import make_app
from dunebugger_updater.api.guard import Patience
from dunebugger_updater.api.serve import Limits, address_of, port_of, serve, serve_unix, tls_context
from dunebugger_updater.api.socket import Manners
from dunebugger_updater.model.views import RunView
from dunebugger_updater.model.wire import Ended, Progressed
from dunebugger_updater.ports import EffectError

QUICK = Limits(silence=0.3, lingering=0.1, handshake=0.3, goodbye=0.5)


async def lasted(port: int, sent: list[bytes], every: float = 0.05, *, limit: float = 5.0) -> float:
    """Seconds until the other side closes a connection on which ``sent`` trickles in and then nothing comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    clock = asyncio.get_running_loop().time
    began = clock()

    async def trickle() -> None:
        for each in sent:
            writer.write(each)
            await asyncio.sleep(every)

    trickling = asyncio.create_task(trickle())
    try:
        async with asyncio.timeout(limit):
            while await reader.read(65_536):
                pass
    except ConnectionError:
        pass
    finally:
        trickling.cancel()
        writer.close()
    return clock() - began


async def was_reset(client: socket.socket) -> bool:
    """Whether the other side has let go, rather than sent all there was."""
    try:
        async with asyncio.timeout(3):
            while await asyncio.get_running_loop().sock_recv(client, 65_536):
                pass
    except ConnectionResetError:
        return True
    return False


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [b"G"],
        [b"GET / HTTP/1.1\r\nHost: x\r\n"],
        [bytes([letter]) for letter in b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 200],
        [b"GET /healthz HTTP/1.1\r\nHost: localhost:1\r\n\r\n", b"GET /he"],
    ],
    ids=["silent", "one letter", "half a head", "a letter now and then", "half a second head"],
)
async def test_a_connection_without_a_whole_head_is_closed(sent: list[bytes]) -> None:
    async with edge(limits=QUICK) as it:
        assert await lasted(it.port, sent) < 1.5


async def test_a_body_that_does_not_come_is_refused_and_its_connection_closed() -> None:
    async with edge(limits=QUICK, patience=Patience(body=0.2)) as it:
        head = f"POST /api/v1/check HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\nAuthorization: Bearer owner-token\r\n"
        sent = (head + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n").encode()
        assert await lasted(it.port, [sent, *[b" "] * 60]) < 2
        assert (await it.raw(sent))[:12] == b"HTTP/1.1 408"
        assert it.fleet.asked == []


async def test_silent_sockets_hold_nobody_up() -> None:
    async with edge(limits=Limits(silence=5)) as it:
        silent = [await asyncio.open_connection("127.0.0.1", it.port) for _ in range(100)]
        async with asyncio.timeout(2):
            assert (await it.say("GET", "/healthz")).status == 200
        for _, writer in silent:
            writer.close()


async def test_who_does_not_read_an_answer_is_let_go() -> None:
    async with edge(patience=Patience(delivery=0.3)) as it:
        it.fleet.components["core"] = msgspec.structs.replace(CORE, release_notes="x" * 20_000_000)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", it.port))
            head = f"GET /api/v1/components HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\nAuthorization: Bearer viewer-token"
            await loop.sock_sendall(client, f"{head}\r\n\r\n".encode())
            await asyncio.sleep(0.8)
            assert await was_reset(client)


async def test_a_slow_reader_of_news_is_let_go_and_holds_up_nobody() -> None:
    async with edge(manners=Manners(slow=0.3)) as it, it.line(VIEWER) as good:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(slow, ("127.0.0.1", it.port))
            head = f"GET /ws?token=viewer-token HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\nConnection: Upgrade\r\n"
            key = (
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await loop.sock_sendall(slow, (head + key).encode())
            assert b"101" in await loop.sock_recv(slow, 100)
            assert await good.alive()
            view = RunView(
                run="r", component="core", verb="update", success=True, outcome="updated", message="x" * 60_000
            )
            for number in range(200):
                it.fleet.tell(Ended(msgspec.structs.replace(view, run=f"r{number}")))
                assert (await good.hear())["body"]["run"] == f"r{number}"
            await asyncio.sleep(0.5)
            assert await was_reset(slow)


async def test_progress_may_be_lost_and_a_result_never(served: Edge) -> None:
    view = RunView(run="r", component="core", verb="update", success=True, outcome="updated", message="done")
    async with served.line(VIEWER) as line:
        assert await line.alive()
        served.fleet.tell(*[Progressed("r", "core", "download", 1, 1, "progress", str(n)) for n in range(5000)])
        served.fleet.tell(Ended(view))
        told: list[dict[str, object]] = []
        while not told or told[-1]["subject"] != "update_result":
            told.append(await line.hear())
    assert 1 < len(told) < 5000


async def test_a_silent_websocket_is_closed() -> None:
    async with edge(manners=Manners(heartbeat=0.3)) as it:
        head = f"GET /ws?token=viewer-token HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\nConnection: Upgrade\r\n"
        key = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        assert await lasted(it.port, [(head + key).encode()]) < 2


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [
        ({"Content-Type": "application/json"}, 65_537, 413),
        ({"Content-Type": "application/json"}, 900_000, 413),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 100, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "deflate"}, 100, 415),
        ({"Content-Type": "text/plain"}, 2, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 10, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 5, 415),
        ({"X-Long": "a" * 16_384}, 0, 400),
        ({f"X-{n}": "a" for n in range(1000)}, 0, 400),
    ],
    ids=["a byte more", "huge", "gzip", "deflate", "text", "form", "multipart", "long header", "many headers"],
)
async def test_what_is_over_its_limit_is_refused(served: Edge, headers: dict[str, str], size: int, status: int) -> None:
    assert (await served.say("POST", "/api/v1/check", OWNER | headers, data=b"a" * size)).status == status
    assert served.fleet.asked == []


async def test_a_body_without_a_length_is_counted_too(served: Edge) -> None:
    head = f"POST /api/v1/check HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer owner-token\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    assert (await served.raw(head.encode() + chunk * 5 + b"0\r\n\r\n"))[:12] == b"HTTP/1.1 413"
    assert served.fleet.asked == []


async def test_an_address_over_its_limit_and_a_get_with_a_body_are_refused(served: Edge) -> None:
    assert (await served.say("GET", "/healthz?" + "a" * 16_384)).status == 400
    assert (await served.say("GET", "/healthz", data=b"{}")).status == 400


async def test_a_frame_over_its_limit_ends_only_its_own_socket(served: Edge) -> None:
    async with served.line() as other:
        async with served.line() as line:
            await line.socket.send_str('"' + "a" * 65_536)
            message = await line.socket.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert message.data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        assert await other.alive()


async def test_there_are_not_more_sockets_than_there_may_be() -> None:
    async with edge(manners=Manners(most=2)) as it, it.line(), it.line():
        assert await it.refused(OWNER) == 503


async def test_who_comes_by_the_unix_socket_is_the_owner(tmp_path: Path) -> None:
    fleet = FakeFleet()
    path = tmp_path / "agent.sock"
    for _ in range(2):  # the second finds the first one's socket, as after a power cut
        runner = await serve_unix(make_app(fleet, FakeAccounts(), version="1", commit=""), path)
        assert path.stat().st_mode & 0o777 == 0o600
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client:
            async with client.get("http://agent/api/v1/session") as answer:
                assert await answer.json() == {"name": "local", "role": "owner", "csrf": None}
            async with client.post("http://agent/api/v1/check", json={}) as answer:
                assert answer.status == 200
            async with client.ws_connect("http://agent/ws") as line:
                await line.send_str('{"subject": "updater.get_versions", "source": "cli", "body": {}}')
                assert "core" in await line.receive_str(timeout=5)
        await runner.cleanup()
        path.touch() if not path.exists() else None
        path.unlink()
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
    assert [actor for actor, _ in fleet.asked] == ["local", "local"]


async def test_the_unix_socket_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    path.write_text("precious")
    app = make_app(FakeFleet(), FakeAccounts(), version="1", commit="")
    with pytest.raises(EffectError, match=r"cannot listen on .*agent\.sock"):
        await serve_unix(app, path)
    assert path.read_text() == "precious"
    with pytest.raises(EffectError, match="at most 107 bytes"):
        await serve_unix(app, tmp_path / ("a" * 120))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    where = tmp_path_factory.mktemp("tls")
    crt, key = where / "crt.pem", where / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-days", "3650", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(crt)]
    subprocess.run(made, check=True, capture_output=True)
    return crt, key


async def test_with_a_certificate_it_speaks_tls_and_nothing_else(certificate: tuple[Path, Path]) -> None:
    app = make_app(FakeFleet(), FakeAccounts(), version="1", commit="c", secure=True)
    runner = await serve(app, "127.0.0.1:0", tls_context(*certificate), QUICK)
    assert tls_context(*certificate).minimum_version == ssl.TLSVersion.TLSv1_2
    trusting = ssl.create_default_context(cafile=certificate[0])
    trusting.check_hostname = False
    url = f"127.0.0.1:{port_of(runner)}/api/version"
    try:
        async with aiohttp.ClientSession() as client:
            async with client.get(f"https://{url}", ssl=trusting) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await client.get(f"http://{url}")
        assert await lasted(port_of(runner), []) < 1.5  # a handshake that never begins
    finally:
        await runner.cleanup()


def test_a_certificate_that_cannot_be_used_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(EffectError, match=r"cannot use the certificate .*missing\.pem"):
        tls_context(tmp_path / "missing.pem", tmp_path / "key.pem")


@pytest.mark.parametrize(
    ("listen", "meant"),
    [
        ("0.0.0.0:8470", ("0.0.0.0", 8470)),
        ("[::]:1", ("::", 1)),
        (":8470", ("", 8470)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_an_address_to_listen_on_is_read(listen: str, meant: tuple[str, int]) -> None:
    assert address_of(listen) == meant


@pytest.mark.parametrize(
    "listen", ["", "8470", "0.0.0.0", "::1:8470", "0.0.0.0:", "0.0.0.0:x", "0.0.0.0:65536", "a:-1"]
)
def test_what_is_no_address_is_refused_with_an_example(listen: str) -> None:
    with pytest.raises(EffectError, match=r"expected an address and a port, as in 0\.0\.0\.0:8470"):
        address_of(listen)


async def test_an_address_that_is_taken_is_told(served: Edge) -> None:
    app = make_app(FakeFleet(), FakeAccounts(), version="1", commit="")
    with pytest.raises(EffectError, match=rf"cannot listen on 127\.0\.0\.1:{served.port}: [Aa]ddress"):
        await serve(app, f"127.0.0.1:{served.port}")
