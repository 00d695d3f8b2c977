"""Where a request may be led: https only, to hosts we know, a few hops, and never with somebody else's token."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from dunebugger_updater.ports import EffectError

HOPS = 5
"""Redirects followed for one request.  GitHub needs two: rename, then the host that holds the files."""

GITHUB_HOSTS = ("github.com", "githubusercontent.com")
"""Where GitHub keeps what it publishes; the hosts below these names change over the years."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_loopback(url: URL) -> bool:
    """True for this very machine, under the names that cannot be made to mean another one."""
    return url.host in _LOOPBACK


def host_of(url: URL) -> str:
    """The host as a person would name it: with the port only when it is an unusual one."""
    return str(url.host) if url.is_default_port() else f"{url.host}:{url.port}"


class Hosts:
    """The hosts that downloads may come from: GitHub's, the API's own, and those that the owner adds.

    ``more`` are names; each stands for itself and for everything below it.
    """

    def __init__(self, api_url: str, more: Iterable[str] = ()) -> None:
        self._api = URL(api_url)
        self._names = tuple(name.lstrip(".").lower() for name in (*GITHUB_HOSTS, *more))

    def check(self, url: URL, origin: URL) -> None:
        """``EffectError`` unless ``url`` may be asked in a request that began at ``origin``."""
        if url.user or url.password:
            raise EffectError(f"cannot fetch from {host_of(url)}: the address carries a password")
        if is_loopback(url) and is_loopback(origin) and url.scheme in ("http", "https"):
            return
        if url.scheme != "https":
            raise EffectError(f"cannot fetch from {host_of(url)}: only https is followed, not {url.scheme or 'that'}")
        host = (url.host or "").lower()
        if url.origin() != self._api.origin() and not any(
            host == name or host.endswith(f".{name}") for name in self._names
        ):
            raise EffectError(f"cannot fetch from {host_of(url)}: downloads may not come from that host")

    def next(self, url: URL, location: str | None, origin: URL, hops: int) -> URL:
        """Where ``location``, as answered by ``url``, leads.  ``hops`` were followed before this one."""
        if not location:
            raise EffectError(f"{host_of(url)} redirects without saying where")
        if hops >= HOPS:
            raise EffectError(f"{host_of(url)} redirects in circles: gave up after {HOPS} hops")
        try:
            target = url.join(URL(location))
            self.check(target, origin)
        except ValueError:
            raise EffectError(f"{host_of(url)} redirects to an address that is none") from None
        return target

    def credentials(self, url: URL, token: str | None) -> dict[str, str]:
        """The token, for the API's own host and nobody else's: the hosts of the files answer 400 to it."""
        return {"Authorization": f"Bearer {token}"} if token and url.origin() == self._api.origin() else {}


@asynccontextmanager
async def followed(
    session: aiohttp.ClientSession,
    url: URL,
    headers: Callable[[URL], Mapping[str, str]],
    hosts: Hosts,
    patience: aiohttp.ClientTimeout,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """GET ``url`` and go where it leads.  ``headers`` is asked anew at each hop, so a token stays where it belongs.

    ``EffectError``: a redirect that may not be followed.  What aiohttp raises passes through.
    """
    hosts.check(url, url)
    here, hops = url, 0
    while True:
        async with session.get(here, headers=headers(here), allow_redirects=False, timeout=patience) as response:
            if response.status not in REDIRECTS:
                yield response
                return
            here = hosts.next(here, response.headers.get("Location"), url, hops)
            hops += 1
