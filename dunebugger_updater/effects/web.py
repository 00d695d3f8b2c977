"""HTTP as an update needs it: a health probe, and a download that survives a bad line.  Implements ``Web``."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import aiohttp
from yarl import URL

from dunebugger_updater.effects.connections import Connections, said_plainly
from dunebugger_updater.effects.downloads import Download, Road
from dunebugger_updater.effects.durable import make_directory
from dunebugger_updater.effects.github import API_URL
from dunebugger_updater.effects.redirects import Hosts, host_of
from dunebugger_updater.ports import Answer, Clock, Report

PROBE_BODY = 65_536
"""Bytes of a health page that are read."""


class HttpWeb:
    """``api_url`` and ``token``: where a private repository's files are, and what opens them.

    ``allowed_hosts`` join GitHub's as places that downloads may come from.  ``stall``: seconds without one byte.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        clock: Clock,
        api_url: str = API_URL,
        token: str | None = None,
        allowed_hosts: Iterable[str] = (),
        stall: float = 60.0,
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._hosts = Hosts(api_url, allowed_hosts)
        self._token = token
        self._patience = aiohttp.ClientTimeout(total=None, sock_connect=min(30.0, stall), sock_read=stall)

    async def probe(self, url: str, limit: float) -> Answer:
        """What ``url`` answers at this moment.  A redirect is an answer, and is not followed."""
        session = await self._connections.session()
        patience = aiohttp.ClientTimeout(total=limit)
        with said_plainly(host_of(URL(url))):
            async with session.get(url, allow_redirects=False, timeout=patience) as response:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) >= PROBE_BODY:
                        response.close()
                        break
                return Answer(response.status, bytes(body[:PROBE_BODY]).decode(errors="replace"))

    async def download(self, url: str, to: Path, *, size: int | None, limit: int, report: Report) -> str:
        """Fetch ``url`` into ``to``.  A whole ``to`` is only hashed; half of one is continued if it is the same file.

        A file that then turns out not to be the wanted one must be removed before it is asked for again.
        """
        await asyncio.to_thread(make_directory, to.parent)
        session = await self._connections.session()
        road = Road(session, self._hosts, self._token, self._patience)
        return await Download(road, self._clock, URL(url), to, size=size, limit=limit, report=report).run()
