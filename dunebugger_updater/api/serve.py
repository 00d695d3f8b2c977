"""Listening: on TCP, with TLS when there is a certificate, and on a Unix socket for the owner of the process.

aiohttp closes a connection that is silent, or that stops in the middle of its headers, once ``keepalive_timeout`` is
over; its default is an hour.  A TLS handshake that is not finished has its own, shorter limit.
"""

import asyncio
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from dunebugger_updater.ports import EffectError

BACKLOG = 128
_LONGEST_PATH = 107
"""Bytes of a Unix socket's path (``sockaddr_un``)."""


@dataclass(frozen=True)
class Limits:
    """What one connection may take."""

    silence: float = 15.0
    """Seconds without a whole request's head."""
    lingering: float = 2.0
    """Seconds that we read on after an answer was given early."""
    handshake: float = 10.0
    """Seconds for TLS."""
    goodbye: float = 5.0
    """Seconds for requests under way when we stop."""
    line: int = 8190
    """Bytes of the request's line, and of one header."""
    headers: int = 64


async def serve(
    app: web.Application, listen: str, tls: ssl.SSLContext | None = None, limits: Limits | None = None
) -> web.AppRunner:
    """Listen on ``address:port``.  ``EffectError`` when that cannot be; ``runner.cleanup()`` ends it."""
    limits = limits or Limits()
    host, port = address_of(listen)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        opened = _bound(found[0])
    except OSError as error:
        raise EffectError(f"cannot listen on {listen}: {error.strerror or error}") from error
    return await _start(app, opened, tls, limits)


async def serve_unix(app: web.Application, path: Path, limits: Limits | None = None) -> web.AppRunner:
    """Listen on a Unix socket that only its owner can open: whoever comes that way is the owner.

    A socket that a former process left there makes room.  ``EffectError`` when it cannot be made.
    """
    if len(bytes(path)) > _LONGEST_PATH:
        raise EffectError(f"cannot listen on {path}: a socket's path has at most {_LONGEST_PATH} bytes")
    return await _start(app, await asyncio.to_thread(_bound_to, path), None, limits or Limits())


def address_of(listen: str) -> tuple[str, int]:
    """Read ``0.0.0.0:8470`` or ``[::]:8470``.  ``EffectError`` for anything else."""
    host, colon, port = listen.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not port.isdecimal() or int(port) > 65_535 or (":" in bare and bare == host):  # noqa: PLR2004  (the highest port)
        raise EffectError(f"cannot listen on {listen!r}: expected an address and a port, as in 0.0.0.0:8470")
    return bare, int(port)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with the owner's certificate.  ``EffectError`` when it cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise EffectError(f"cannot use the certificate {certificate} with the key {key}: {error}") from error
    return context


def port_of(runner: web.AppRunner) -> int:
    """The TCP port that it listens on."""
    return int(runner.addresses[0][1])


class _Site(web.BaseSite):
    """A socket that we opened, with a limit for TLS handshakes, which aiohttp's own sites do not set."""

    def __init__(
        self, runner: web.BaseRunner, opened: socket.socket, tls: ssl.SSLContext | None, handshake: float
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._opened = opened
        self._handshake = handshake if tls is not None else None

    @property
    def name(self) -> str:
        return str(self._opened.getsockname())

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        self._server = await asyncio.get_running_loop().create_server(
            server,
            sock=self._opened,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=self._handshake,
            ssl_shutdown_timeout=self._handshake,
        )


def _bound(found: tuple[socket.AddressFamily, socket.SocketKind, int, str, object]) -> socket.socket:
    family, kind, protocol, _, where = found
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # [::] means everybody
        opened.bind(where)  # type: ignore[arg-type]  # getaddrinfo's address fits its own family
    except OSError:
        opened.close()
        raise
    return opened


def _bound_to(path: Path) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
        opened.bind(str(path))
        path.chmod(0o600)  # nobody gets in before: it does not listen yet
    except OSError as error:
        opened.close()
        raise EffectError(f"cannot listen on {path}: {error.strerror}") from error
    return opened


async def _start(
    app: web.Application, opened: socket.socket, tls: ssl.SSLContext | None, limits: Limits
) -> web.AppRunner:
    runner = web.AppRunner(
        app,
        access_log=None,  # the guard writes its own, without queries
        keepalive_timeout=limits.silence,
        lingering_time=limits.lingering,
        max_line_size=limits.line,
        max_field_size=limits.line,
        max_headers=limits.headers,
        shutdown_timeout=limits.goodbye,
        read_bufsize=65_536,
        auto_decompress=False,  # compressed requests are refused unread
    )
    opened.setblocking(False)
    await runner.setup()
    await _Site(runner, opened, tls, limits.handshake).start()
    return runner
