"""One polite GET to GitHub's API: with a token if it is good, an ETag if there is one, and never past a limit.

Every way to fail is put into its sentence here and nowhere else.
"""

import asyncio
import re

import aiohttp
import msgspec
from yarl import URL

from dunebugger_updater.effects.connections import Connections, said_plainly
from dunebugger_updater.effects.github_json import refusal
from dunebugger_updater.effects.github_limits import LONGEST, Limits, Throttle
from dunebugger_updater.effects.http_cache import HttpCache, Kept
from dunebugger_updater.effects.redirects import Hosts, followed, host_of
from dunebugger_updater.ports import Clock, EffectError

JSON = "application/vnd.github+json"
RAW = "application/vnd.github.raw+json"
BYTES = "application/octet-stream"

API_VERSION = "2022-11-28"
LARGEST = 8_388_608
"""Bytes of one answer: a hundred releases with long notes stay below 2 MiB."""

_PATIENCE = aiohttp.ClientTimeout(total=120, sock_connect=20, sock_read=30)
_NEXT = re.compile(r"<([^<>]*)>\s*;[^<]*\brel=\"?next\"?")


class Reply(msgspec.Struct, frozen=True):
    """An answer that can be used: 200 with its body, or 404 without."""

    found: bool
    body: bytes = b""
    kind: str = ""
    """The media type, in lower case."""
    next: str | None = None
    """The address of the next page."""


class _Heard(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    etag: str
    link: str
    kind: str
    limit: str | None
    """The sentence about a rate limit, when this answer is one."""


class GitHubApi:
    """``parallel`` requests at a time; ``cache`` and ``token`` may be absent."""

    def __init__(
        self,
        connections: Connections,
        *,
        api_url: str,
        token: str | None,
        cache: HttpCache,
        clock: Clock,
        hosts: Hosts,
        parallel: int,
    ) -> None:
        self._connections = connections
        self._root = api_url.rstrip("/")
        self._origin = URL(api_url).origin()
        self.host = host_of(URL(api_url))
        self._token = token
        self._token_refused_until = 0.0
        self._cache = cache
        self._clock = clock
        self._hosts = hosts
        self._gate = asyncio.Semaphore(parallel)
        self._throttles = {signed: Throttle(clock, self.host) for signed in (False, True)}

    def warnings(self) -> tuple[str, ...]:
        """What the owner should know although requests work."""
        if self._token and self._usable_token() is None:
            return (f"token refused by {self.host}; going on without it (has it expired?)",)
        return ()

    def limits(self) -> Limits | None:
        """What is left of this hour, once anything was asked."""
        return self._throttles[self._usable_token() is not None].limits

    async def get(self, path: str, about: str, *, accept: str = JSON, most: int = LARGEST, keep: bool = True) -> Reply:
        """GET ``path`` (below the API's address, or a full address).  ``about`` names the thing in refusals."""
        url = path if "://" in path else f"{self._root}{path}"
        token = self._usable_token()
        heard = await self._ask(url, about, accept, token, most, keep=keep)
        if heard.status == 401 and token:
            self._token_refused_until = self._clock.up() + LONGEST
            heard = await self._ask(url, about, accept, None, most, keep=keep)
        if heard.status == 200:
            self._check_kind(heard.kind, about)
            return Reply(found=True, body=heard.body, kind=heard.kind, next=self._next(heard.link))
        if heard.status == 404:
            return Reply(found=False)
        raise EffectError(self._sentence(heard, about))

    def _usable_token(self) -> str | None:
        return self._token if self._clock.up() >= self._token_refused_until else None

    async def _ask(self, url: str, about: str, accept: str, token: str | None, most: int, *, keep: bool) -> _Heard:
        throttle = self._throttles[token is not None]
        async with self._gate:
            if objection := throttle.objection():  # also what others learnt while we waited at the gate
                raise EffectError(f"cannot check {about}: {objection}")
            kept = await asyncio.to_thread(self._cache.get, url, accept, token) if keep else None
            heard = await self._fetch(url, accept, token, most, kept.etag if kept else None)
            if heard.status == 304 and kept is None:
                heard = await self._fetch(url, accept, token, most, None)
        if heard.status == 304 and kept is not None:
            return msgspec.structs.replace(
                heard, status=200, body=kept.body, link=heard.link or kept.link, kind=kept.kind
            )
        if heard.status == 200 and heard.etag and keep:
            kept = Kept(heard.etag, heard.body, heard.link, heard.kind)
            await asyncio.to_thread(self._cache.put, url, accept, token, kept)
        return heard

    async def _fetch(self, url: str, accept: str, token: str | None, most: int, etag: str | None) -> _Heard:
        session = await self._connections.session()
        common = {"Accept": accept, "X-GitHub-Api-Version": API_VERSION} | ({"If-None-Match": etag} if etag else {})

        def headers(hop: URL) -> dict[str, str]:
            return common | self._hosts.credentials(hop, token)

        with said_plainly(self.host):
            # The address is encoded as it must be already: a second look would turn %2F in a tag into a slash.
            async with followed(session, URL(url, encoded=True), headers, self._hosts, _PATIENCE) as response:
                body = await self._body(response, most if response.status < 400 else LARGEST)
                said = refusal(body) if response.status >= 400 else refusal(b"")
                signed = token is not None
                limit = self._throttles[signed].hear(
                    response.status, response.headers, said.message, said.documentation_url
                )
                return _Heard(
                    status=response.status,
                    body=body,
                    etag=response.headers.get("ETag", ""),
                    link=response.headers.get("Link", ""),
                    kind=response.content_type.lower(),
                    limit=limit,
                )

    async def _body(self, response: aiohttp.ClientResponse, most: int) -> bytes:
        if (response.content_length or 0) <= most:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > most:
                    break
            else:
                return bytes(body)
        response.close()  # not to be read to its end
        raise EffectError(f"cannot use the answer of {host_of(response.url)}: it is larger than {most:,} bytes")

    def _check_kind(self, kind: str, about: str) -> None:
        if kind == "text/html":
            raise EffectError(f"cannot check {about}: {self.host} answers with a web page; is a login page in between?")

    def _next(self, link: str) -> str | None:
        found = _NEXT.search(link)
        if found is None:
            return None
        if URL(found[1]).origin() != self._origin:
            raise EffectError(f"cannot follow {self.host} to the next page: it is on another host")
        return found[1]

    def _sentence(self, heard: _Heard, about: str) -> str:
        status, said = heard.status, refusal(heard.body)
        if heard.limit:
            return f"cannot check {about}: {heard.limit}"
        if status == 401:
            return f"cannot check {about}: {self.host} wants a token"
        if status == 403:
            return f"cannot check {about}: {self.host} forbids it: {said.message[:200] or 'without saying why'}"
        if status >= 500:
            return f"cannot check {about}: {self.host} is in trouble (status {status}); try again later"
        return f"cannot check {about}: {self.host} answered with status {status} {said.message[:200]}".rstrip()
