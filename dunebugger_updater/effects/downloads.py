"""One download, from the first request to the last byte on the disk, across as many broken lines as it takes.

What is there is only continued when the server can say that it belongs to the same file: its ETag lies beside it.
"""

import asyncio
import contextlib
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from yarl import URL

from dunebugger_updater.effects.connections import reason
from dunebugger_updater.effects.landing import Landing, disk_reason, open_landing
from dunebugger_updater.effects.redirects import Hosts, followed, host_of
from dunebugger_updater.ports import Clock, EffectError, Report

TRIES = 3
"""Times that a broken transfer is taken up again.  One that brought ``PROGRESS`` bytes starts the count anew."""
PROGRESS = 1_048_576

_PART = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class _BrokenOff(Exception):  # noqa: N818  (no error yet: the next try may well succeed)
    """What came so far is kept."""


class Road:
    """How files are reached: the connections, where they may lead, and how long a silence is borne."""

    def __init__(
        self, session: aiohttp.ClientSession, hosts: Hosts, token: str | None, patience: aiohttp.ClientTimeout
    ) -> None:
        self.session = session
        self.hosts = hosts
        self.token = token
        self.patience = patience


class Download:
    """``size`` and ``limit`` in bytes, as in the port ``Web``."""

    def __init__(
        self, road: Road, clock: Clock, url: URL, to: Path, *, size: int | None, limit: int, report: Report
    ) -> None:
        self._road = road
        self._token = road.token
        self._clock = clock
        self._url = url
        self._to = to
        self._etag_file = to.with_name(f"{to.name}.etag")
        self._size = size
        self._limit = limit
        self._report = report
        self._what = f"{to.name} from {host_of(url)}"  # not the address: it may be a number, or hold a signature
        self._told = -1

    async def run(self) -> str:
        """Fetch it all.  The sha256 in hex, or an ``EffectError``."""
        if self._size is not None and self._size > self._limit:
            raise self._refusal(f"it is {self._size:,} bytes, more than the {self._limit:,} allowed")
        tries, links = 0, 0
        while True:
            before = await asyncio.to_thread(self._length)
            if before == self._size:
                return await self._take_in_what_is_there(before)
            try:
                return await self._attempt()
            except _TokenRefusedError:
                continue
            except _ExpiredError:
                links += 1
                if links > 1:
                    raise self._refusal("the host of the files forbids it, twice") from None
            except _BrokenOff as broken:
                came = await asyncio.to_thread(self._length) - before
                tries = 1 if came >= PROGRESS else tries + 1
                if tries > TRIES:
                    raise self._refusal(str(broken)) from broken
                await self._clock.sleep(2.0**tries)

    async def _take_in_what_is_there(self, length: int) -> str:
        landing = await open_landing(self._to, length)
        try:
            return await self._finish(landing)
        finally:
            await landing.close()

    async def _attempt(self) -> str:
        kept, etag = await asyncio.to_thread(self._kept)
        part = {"Range": f"bytes={kept}-", "If-Range": etag} if kept else {}
        road = self._road

        def headers(hop: URL) -> Mapping[str, str]:
            # Packed on the way, neither size nor sum nor range would mean the file.
            plain = {"Accept": "application/octet-stream", "Accept-Encoding": "identity"}
            return plain | part | road.hosts.credentials(hop, self._token)

        try:
            async with followed(road.session, self._url, headers, road.hosts, road.patience) as response:
                kept = self._agree(response, kept, etag)
                if kept == 0:
                    await asyncio.to_thread(self._begin, response.headers.get("ETag", ""))
                landing = await open_landing(self._to, kept)
                try:
                    return await self._receive(response, landing)
                finally:
                    await landing.close()
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise self._refusal(reason(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _BrokenOff(reason(error)) from error

    def _agree(self, response: aiohttp.ClientResponse, kept: int, etag: str) -> int:
        """From which byte the answer goes on, or why it cannot be used."""
        status = response.status
        if status == 403 and response.url.origin() != self._url.origin():
            raise _ExpiredError  # links to the files are good for minutes only: ask for a new one
        if status == 416 or (status == 206 and not _continues(response, kept, etag)):
            self._forget()
            raise _BrokenOff("it cannot be continued where it stopped")
        if status == 401 and self._token:
            self._token = None  # expired, and then even public files are refused
            raise _TokenRefusedError
        if status >= 500 or status in (408, 429):
            raise _BrokenOff(f"{host_of(response.url)} answered with status {status}")
        if status in (404, 410):
            raise self._refusal("it is not there any more")
        if status not in (200, 206):
            raise self._refusal(f"{host_of(response.url)} answered with status {status}")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._refusal("the host packs it although it was asked not to")
        start = kept if status == 206 else 0
        if response.content_length is not None:
            self._check_total(start + response.content_length)
        return start

    def _check_total(self, total: int) -> None:
        if self._size is not None and total != self._size:
            raise self._refusal(f"it is {total:,} bytes, not the {self._size:,} that were published")
        if total > self._limit:
            raise self._refusal(f"it is {total:,} bytes, more than the {self._limit:,} allowed")

    async def _receive(self, response: aiohttp.ClientResponse, landing: Landing) -> str:
        try:
            async for chunk, _ in response.content.iter_chunks():  # unlike iter_any, joins nothing
                await self._take(landing, chunk)
        except (aiohttp.ClientError, TimeoutError):
            await self._take(landing, _left_over(response.content))
            raise
        if self._size is not None and landing.size < self._size:
            raise _BrokenOff(f"it ended after {landing.size:,} of {self._size:,} bytes")
        return await self._finish(landing)

    async def _take(self, landing: Landing, chunk: bytes) -> None:
        most = self._limit if self._size is None else self._size
        if landing.size + len(chunk) > most:
            await asyncio.to_thread(self._forget)
            raise self._refusal(f"more than {most:,} bytes came")
        await landing.add(chunk)
        self._tell(landing.size)

    async def _finish(self, landing: Landing) -> str:
        digest = await landing.finish()
        await asyncio.to_thread(self._etag_file.unlink, missing_ok=True)
        return digest

    def _tell(self, landed: int) -> None:
        mark = landed * 100 // self._size if self._size else landed // PROGRESS
        if mark != self._told:
            self._told = mark
            self._report(f"downloading {self._what}", landed / self._size if self._size else None)

    def _length(self) -> int:
        with contextlib.suppress(OSError):
            return os.lstat(self._to).st_size
        return 0

    def _kept(self) -> tuple[int, str]:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            etag = self._etag_file.read_text("ascii").strip()
            length = self._length()
            if _is_strong(etag) and length < (self._limit if self._size is None else self._size):
                return length, etag
        return 0, ""

    def _begin(self, etag: str) -> None:
        # Emptied before its name tag changes: the other way round, a power cut would leave old bytes under a new tag.
        try:
            self._forget()
            if _is_strong(etag):
                self._etag_file.write_text(etag + "\n", "ascii")
        except OSError as error:
            raise self._refusal(f"cannot write {self._etag_file}: {disk_reason(error)}") from error

    def _forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._to.unlink()
        self._etag_file.unlink(missing_ok=True)

    def _refusal(self, why: str) -> EffectError:
        return EffectError(f"cannot download {self._what}: {why}")


class _TokenRefusedError(Exception):
    """The token is not good: go on without it."""


class _ExpiredError(Exception):
    """The link that we were sent to is no longer good."""


def _continues(response: aiohttp.ClientResponse, kept: int, etag: str) -> bool:
    part = _PART.match(response.headers.get("Content-Range", ""))
    return part is not None and int(part[1]) == kept and response.headers.get("ETag", etag) == etag


def _left_over(stream: aiohttp.StreamReader) -> bytes:
    """What arrived before the line broke.  aiohttp tells of the break first, and has no way to ask for the rest."""
    return b"".join(stream._buffer)[stream._buffer_offset :]  # noqa: SLF001  (up to 2 MiB would be fetched again)


def _is_strong(etag: str) -> bool:
    """Only a strong ETag promises the same bytes; ``W/…`` promises the same meaning."""
    return len(etag) > 2 and etag.isascii() and etag.isprintable() and etag[0] == etag[-1] == '"'
