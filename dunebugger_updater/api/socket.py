"""``/ws``: the WebSocket.  A bad frame gets an ``error`` and the socket lives; who does not read is let go."""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from aiohttp import web

from dunebugger_updater.api import conversation, frames
from dunebugger_updater.api.bodies import ComponentsView
from dunebugger_updater.api.doors import Asked, House, Problem
from dunebugger_updater.api.errors import Refused, problem_of
from dunebugger_updater.api.letting_go import let_go
from dunebugger_updater.api.sessions import CALLER, address, still
from dunebugger_updater.fleet import FromDevice
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.model.wire import CheckEnded

FRAME_LIMIT = 65_536
"""Bytes of one message."""
SIGNED_OUT = 4401
"""The code that a socket is closed with when its session or token is over."""
_REMEMBERED = 64
"""Runs of which we know who asked for them."""


@dataclass(frozen=True)
class Manners:
    """How patient the socket is.  Seconds, unless it says otherwise."""

    heartbeat: float = 10.0
    """Between pings; half of it later a silent socket is closed."""
    slow: float = 60.0
    """For one frame to be taken."""
    again: float = 10.0
    """Between two looks at whether a session or token still counts."""
    held: float = 2.0
    """For an answer under way to come before the news that it explains."""
    at_once: int = 8
    """Requests of one socket."""
    most: int = 100
    """Sockets."""


class Sockets:
    """All sockets that are open."""

    def __init__(self, house: House, manners: Manners) -> None:
        self._house = house
        self._manners = manners
        self._open: set[_Talk] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Talk with one client until it goes."""
        if len(self._open) >= self._manners.most:
            raise Refused(
                Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_sockets", "too many clients listen already")
            )
        socket = web.WebSocketResponse(
            heartbeat=self._manners.heartbeat,
            timeout=5.0,
            max_msg_size=FRAME_LIMIT,
            compress=False,  # memory for each client, and nothing here is long
            writer_limit=16_384,
        )
        if not socket.can_prepare(request):
            raise Refused(Problem(HTTPStatus.UPGRADE_REQUIRED, "websocket_only", "this address is for WebSockets"))
        talk = _Talk(self._house, self._manners, socket, request)
        self._open.add(talk)
        try:
            await socket.prepare(request)
            await talk.live()
        except Exception as error:  # noqa: BLE001  (once upgraded, no other answer can be given than closing)
            problem_of(error, "/ws")
            await socket.close(code=aiohttp.WSCloseCode.INTERNAL_ERROR)
        finally:
            self._open.discard(talk)
        return socket

    async def close_for(self, secret: str) -> None:
        """Close the sockets of a session that is over."""
        mine = [talk for talk in self._open if hmac.compare_digest(talk.secret.encode(), secret.encode())]
        await asyncio.gather(*(talk.close(SIGNED_OUT, "signed out") for talk in mine))

    async def close_all(self, _: web.Application) -> None:
        """Say good-bye to everyone."""
        await asyncio.gather(*(talk.close(aiohttp.WSCloseCode.GOING_AWAY, "restarting") for talk in self._open))


class _Talk:
    """The conversation with one client."""

    def __init__(self, house: House, manners: Manners, socket: web.WebSocketResponse, request: web.Request) -> None:
        self._house = house
        self._manners = manners
        self._socket = socket
        self._transport = request.transport
        self._caller = request[CALLER]
        self._address = address(request)
        self._device = request.query.get("device")
        self._writing = asyncio.Lock()
        self._gone = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._runs: dict[str, frames.Id | None] = {}
        self._answered: dict[str, ComponentView] | None = None

    @property
    def secret(self) -> str:
        """Of the session or token that it was opened with."""
        return self._caller.secret

    async def live(self) -> None:
        """Listen and tell until the client goes.  What it asked for is finished even so."""
        async with self._house.fleet.news() as heard, asyncio.TaskGroup() as group:
            aside = [group.create_task(self._tell(heard)), group.create_task(self._doubt())]
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._take(message.data, group)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    problem = Problem(HTTPStatus.BAD_REQUEST, "bad_frame", "frames are JSON text, not binary")
                    await self._send(frames.error(problem, None))
            self._gone = True
            for task in aside:
                task.cancel()

    async def close(self, code: int, why: str) -> None:
        """Say good-bye."""
        await self._socket.close(code=code, message=why.encode())

    async def _take(self, text: str, group: asyncio.TaskGroup) -> None:
        envelope = frames.opened(text)
        if isinstance(envelope, Problem):
            await self._send(frames.error(envelope, frames.id_of(text)))
        elif envelope.subject.partition(".")[0] not in frames.OURS:
            return  # meant for somebody else
        elif self._under_way >= self._manners.at_once:
            words = f"at most {self._manners.at_once} requests at once: wait for an answer"
            problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", words)
            await self._send(frames.error(problem, envelope.id))
        else:
            self._under_way += 1
            self._idle.clear()
            group.create_task(self._answer(envelope))

    async def _answer(self, envelope: frames.Envelope) -> None:
        """Serve one request; this is the socket's one place of errors."""
        try:
            said = await self._serve(envelope)
        except Exception as error:  # noqa: BLE001  (whatever breaks in one request, the socket lives)
            said = problem_of(error, f"{envelope.subject!a} on the WebSocket")
        match said:
            case conversation.Reply(subject=subject, body=body):
                if isinstance(body, ComponentsView):
                    self._answered = body.components
                text: str | None = frames.told(subject, body, envelope.id)
            case conversation.Begun(run=run):
                self._remember(run, envelope.id)
                text = None
            case Problem():
                text = frames.error(said, envelope.id)
        if text is not None:
            await self._send(text)
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    async def _serve(self, envelope: frames.Envelope) -> conversation.Said:
        caller = await still(self._caller, self._house.accounts)
        if caller.who is None:
            await self.close(SIGNED_OUT, "signed out")
            return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "the session or token is over")
        asked = Asked(self._house, conversation.Anything(), {}, caller, self._address, self._device)
        return await conversation.answer(envelope, asked)

    async def _tell(self, heard: AsyncIterator[FromDevice]) -> None:
        """Tell all news, and of whose request it comes."""
        async for each in heard:
            run = frames.run_of(each)
            if isinstance(each.news, CheckEnded) or (run is not None and run not in self._runs):
                await self._quiet()
            if isinstance(each.news, CheckEnded) and each.news.components == self._answered:
                self._answered = None  # it went out already, as the answer to who asked
                continue
            await self._send(frames.news(each, self._runs.get(run) if run is not None else None))
            if run is not None and run not in self._runs:
                self._remember(run, None)
        await self.close(aiohttp.WSCloseCode.TRY_AGAIN_LATER, "too slow: ask anew")

    async def _doubt(self) -> None:
        """Look again and again whether the client may still listen."""
        while True:
            await asyncio.sleep(self._manners.again)
            if (await still(self._caller, self._house.accounts)).who is None:
                await self.close(SIGNED_OUT, "signed out")
                return

    async def _quiet(self) -> None:
        """Let answers under way go first: the news may come of one of them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._manners.held):
                await self._idle.wait()

    def _remember(self, run: str, asker: frames.Id | None) -> None:
        while len(self._runs) >= _REMEMBERED:
            del self._runs[next(iter(self._runs))]
        self._runs[run] = asker

    async def _send(self, text: str) -> None:
        """Send one frame.  Who does not take it in time is let go, and with them what waits to be sent."""
        async with self._writing:
            if self._gone:
                return
            try:
                async with asyncio.timeout(self._manners.slow):
                    await self._socket.send_str(text)
            except (TimeoutError, ConnectionError):
                self._gone = True
                let_go(self._transport)
