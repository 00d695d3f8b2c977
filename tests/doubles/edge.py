"""The edge, served on loopback over a fake fleet, and clients of every kind to knock on it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from doubles.fleet import FakeAccounts, FakeFleet

from dunebugger_updater.api.app import make_app
from dunebugger_updater.api.guard import Patience
from dunebugger_updater.api.serve import Limits, port_of, serve
from dunebugger_updater.api.socket import Manners

OWNER = {"Authorization": "Bearer owner-token"}
OPERATOR = {"Authorization": "Bearer operator-token"}
VIEWER = {"Authorization": "Bearer viewer-token"}


@dataclass
class Said:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """Of the error."""
        return str(self.body["error"]["code"])


class Line:
    """A WebSocket, with the patience of a test."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, subject: str, body: object = None, *, id: object = None) -> None:  # noqa: A002  (the contract's word)
        frame: dict[str, object] = {"subject": subject, "source": "frontend", "body": {} if body is None else body}
        await self.socket.send_str(json.dumps(frame | ({} if id is None else {"id": id})))

    async def hear(self) -> Any:
        """The next frame."""
        return json.loads(await self.socket.receive_str(timeout=5))

    async def ask(self, subject: str, body: object = None, *, id: object = None) -> Any:  # noqa: A002  (the same)
        await self.say(subject, body, id=id)
        return await self.hear()

    async def alive(self) -> bool:
        """Whether it still answers, having said nothing else before."""
        return bool((await self.ask("updater.get_versions", id="alive?"))["re"] == "alive?")


@dataclass
class Edge:
    """A served application."""

    fleet: FakeFleet
    accounts: FakeAccounts
    app: web.Application
    port: int
    client: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def browser(self) -> dict[str, str]:
        """What the browser of a signed-in owner sends along, from our own page."""
        return {"Cookie": "dunebugger_session=session-1", "Origin": self.origin, "X-CSRF-Token": "csrf-1"}

    async def say(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        json: object = None,
        data: bytes | None = None,
    ) -> Said:
        extra = {"json": json} if json is not None else {"data": data}
        async with self.client.request(
            method, f"{self.origin}{path}", headers=headers, allow_redirects=False, **extra
        ) as answer:
            return Said(answer.status, answer.headers, await answer.text())

    @asynccontextmanager
    async def line(self, headers: Mapping[str, str] | None = None, query: str = "") -> AsyncIterator[Line]:
        async with self.client.ws_connect(
            f"{self.origin}/ws{query}", headers=OWNER if headers is None else headers
        ) as socket:
            yield Line(socket)

    async def refused(self, headers: Mapping[str, str], query: str = "") -> int:
        """The status that a WebSocket is refused with; 101 when it was not."""
        try:
            async with self.client.ws_connect(f"{self.origin}/ws{query}", headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status

    async def raw(self, sent: bytes) -> bytes:
        """Send bytes, and answer what comes until the other side closes or says nothing for a second."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(sent)
            await writer.drain()
            heard = b""
            while True:
                async with asyncio.timeout(1):
                    more = await reader.read(65_536)
                if not more:
                    return heard
                heard += more
        except TimeoutError:
            return heard
        finally:
            writer.close()


@asynccontextmanager
async def edge(
    *,
    limits: Limits | None = None,
    patience: Patience | None = None,
    manners: Manners | None = None,
    accounts: FakeAccounts | None = None,
    app: web.Application | None = None,
    **more: Any,
) -> AsyncIterator[Edge]:
    """Serve one; it ends with the block."""
    fleet, accounts = FakeFleet(), accounts or FakeAccounts()
    app = app or make_app(
        fleet,
        accounts,
        version="1.2.3",
        commit="abc1234",
        hostname="dune",
        patience=patience,
        manners=manners,
        **more,
    )
    runner = await serve(app, "127.0.0.1:0", None, limits)
    try:
        async with aiohttp.ClientSession() as client:
            yield Edge(fleet, accounts, app, port_of(runner), client)
    finally:
        await runner.cleanup()
