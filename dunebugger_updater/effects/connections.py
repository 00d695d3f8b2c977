"""One pool of connections for whoever speaks HTTP, and the words for why a connection failed."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from dunebugger_updater import __version__
from dunebugger_updater.ports import EffectError

USER_AGENT = f"dunebugger-updater/{__version__}"
"""GitHub answers 403 to whoever does not say who they are."""

READ_BUFFER = 1_048_576
"""Bytes a response may hold before the socket is paused; small ones cost downloads a third of their speed."""


def trusted_roots() -> ssl.SSLContext | bool:
    """``True``, which is the system's certificates; those of ``certifi`` only where the system has none at all."""
    system = ssl.get_default_verify_paths()
    if system.cafile or (system.capath and any(Path(system.capath).iterdir())):
        return True
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        import certifi  # noqa: PLC0415  (absent from most devices, and then nothing can be verified)

        context.load_verify_locations(cafile=certifi.where())
    return context


class Connections:
    """Opened at the first use, inside the running loop; closed once by whoever made it.

    ``parallel`` is how many connections there may be at a time, to all hosts together.
    """

    def __init__(self, *, parallel: int = 100) -> None:
        self._parallel = parallel
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def session(self) -> aiohttp.ClientSession:
        """The pool.  It follows no proxy settings and no ``.netrc``, which would send a password somewhere."""
        async with self._opening:
            if self._session is None or self._session.closed:
                roots = await asyncio.to_thread(trusted_roots)
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=self._parallel, ssl=roots),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers={"User-Agent": USER_AGENT},
                    read_bufsize=READ_BUFFER,
                )
            return self._session

    async def close(self) -> None:
        """End all connections.  A later use opens the pool again."""
        if self._session is not None:
            await self._session.close()


@contextlib.contextmanager
def said_plainly(host: str) -> Iterator[None]:
    """Turn what aiohttp raises while we talk to ``host`` into an ``EffectError`` that a person can use."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EffectError(f"cannot reach {host}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return "name not resolved (is there a network?)"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        told = getattr(error.certificate_error, "verify_message", "") or "not trusted"
        return f"its certificate is not valid: {told} (is the clock right?)"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "no secure connection could be agreed on"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ConnectionRefusedError) or getattr(error, "errno", None) == errno.ECONNREFUSED:
        return "connection refused"
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | ConnectionError):
        return "the connection broke off"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "no way to that network"
    if isinstance(error, aiohttp.ClientResponseError):
        return "it does not answer as a web server does"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error) or type(error).__name__).lower()
