"""A fake GitHub with one file of 3 MB, our downloader, and web servers of one page."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from doubles.github import FakeGitHub, Release
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.web import HttpWeb
from dunebugger_updater.ports import EffectError

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class World:
    """Its clock moves by hand, so that waiting for the next try takes no time."""

    def __init__(self, fake: FakeGitHub, connections: Connections, folder: Path) -> None:
        self.fake = fake
        self.connections = connections
        self.clock = SmallClock()
        self.to = folder / "core.tar.gz.unverified"
        self.etag = folder / "core.tar.gz.unverified.etag"
        self.half = asyncio.Event()
        self.told: list[tuple[str, float | None]] = []
        repository = fake.repository("dunebugger/core")
        self.release: Release = fake.release(repository, "v1", {"core.tar.gz": CONTENT})
        self.url = f"{fake.api_url}/dunebugger/core/releases/download/v1/core.tar.gz"
        self.web = HttpWeb(connections, clock=self.clock, api_url=fake.api_url)

    async def download(self, size: int | None = len(CONTENT), limit: int = 10_000_000) -> str:
        return await self.web.download(self.url, self.to, size=size, limit=limit, report=self.tell)

    def tell(self, message: str, done: float | None = None) -> None:
        self.told.append((message, done))
        if done is not None and done >= 0.5:
            self.half.set()

    async def refusal(self, size: int | None = len(CONTENT), limit: int = 10_000_000) -> str:
        with pytest.raises(EffectError) as refused:
            await self.download(size, limit)
        return str(refused.value)

    def ranges(self) -> list[str | None]:
        """What each request to the host of the files asked for."""
        return [seen.headers.get("Range") for seen in self.fake.seen if seen.host == "files"]


@asynccontextmanager
async def site(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A web server of one page."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
