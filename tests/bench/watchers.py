"""A crowd of WebSockets that watch one run: how late the last of them hears, and what each costs the server."""

import asyncio
import json
import multiprocessing
import statistics
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import aiohttp
from doubles.fleet import FakeAccounts, FakeFleet

from bench.agent_arms import memory
from dunebugger_updater.api.app import make_app
from dunebugger_updater.api.serve import port_of, serve
from dunebugger_updater.api.socket import Manners
from dunebugger_updater.model.wire import Progressed

PACE = 0.1
"""Seconds between two news: as often as progress is told at most."""


@dataclass(frozen=True)
class Crowd:
    """What was seen."""

    delays: list[float]
    """Milliseconds until the last one had heard, for each of the news."""
    each: float
    """KiB of the server's memory for one of them."""

    def __str__(self) -> str:
        middle, worst = statistics.median(self.delays), max(self.delays)
        return f"the last hears after {middle:.1f} ms ({min(self.delays):.1f}-{worst:.1f}), {self.each:.1f} KiB each"


def serving(most: int, tell: Connection) -> None:
    """Another process, as the real agent is: the real edge over a fleet that is made up."""

    async def main() -> None:
        fleet = FakeFleet()
        manners = Manners(most=most)
        app = make_app(fleet, FakeAccounts(), version="0", commit="0", manners=manners)
        runner = await serve(app, "127.0.0.1:0")
        tell.send(port_of(runner))
        for number in range(await asyncio.to_thread(tell.recv)):
            await asyncio.sleep(PACE)
            now = str(time.monotonic())
            fleet.tell(Progressed("run-1", "core", "download core 1.1.0", 1, 5, "progress", now, number / 100))
        await asyncio.to_thread(tell.recv)
        await runner.cleanup()

    asyncio.run(main())


async def watch(many: int, news: int) -> Crowd:
    """Let ``many`` hear ``news``."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serving, args=(many + 1, theirs), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{await asyncio.to_thread(ours.recv)}/ws"
        headers = {"Authorization": "Bearer viewer-token"}
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
            async with session.ws_connect(url):
                await asyncio.sleep(0.2)
            before = memory(server.pid or 0, "Private_Dirty")
            sockets = [await session.ws_connect(url) for _ in range(many)]
            await asyncio.sleep(0.5)
            each = (memory(server.pid or 0, "Private_Dirty") - before) * 1024 / many
            ours.send(news)
            heard = await asyncio.gather(*(_delays(socket, news) for socket in sockets))
            await asyncio.gather(*(socket.close() for socket in sockets))
        ours.send(None)
        await asyncio.to_thread(server.join, 10)
    finally:
        server.terminate()
        server.join()
    return Crowd([max(delays) for delays in zip(*heard, strict=True)], each)


async def _delays(socket: aiohttp.ClientWebSocketResponse, news: int) -> list[float]:
    found: list[float] = []
    while len(found) < news:
        text = await socket.receive_str(timeout=30)
        now = time.monotonic()
        if (body := json.loads(text)["body"]).get("run") == "run-1":
            found.append((now - float(body["message"])) * 1000)
    return found
