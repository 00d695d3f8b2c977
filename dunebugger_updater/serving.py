"""Where the agent meets the world: its panel and API over TCP, and its own commands over a Unix socket."""

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from aiohttp import web

from dunebugger_updater.api.app import make_app
from dunebugger_updater.api.serve import port_of, serve_unix, tls_context
from dunebugger_updater.api.serve import serve as serve_tcp
from dunebugger_updater.diagnostics import Diagnostics
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.services.accounts import Accounts
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.local import LocalFleet
from dunebugger_updater.services.notify import Notifier
from panel import routes as pages
from panel.doors import Panel


class Served(Protocol):
    """The parts of an agent that are seen from outside."""

    @property
    def settings(self) -> Settings: ...
    @property
    def fleet(self) -> LocalFleet: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def notifier(self) -> Notifier: ...
    @property
    def holds(self) -> Holds: ...
    @property
    def diagnostics(self) -> Diagnostics: ...
    @property
    def version(self) -> tuple[str, str]: ...


async def serve(agent: Served, closing: contextlib.AsyncExitStack) -> tuple[str, ...]:
    """Listen until ``closing`` is closed; answer the addresses of the panel."""
    wanted = agent.settings.panel
    tls: ssl.SSLContext | None = None
    if wanted.tls_certificate and wanted.tls_key:
        tls = tls_context(wanted.tls_certificate, wanted.tls_key)
    host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
    runner = await serve_tcp(application(agent, secure=tls is not None), f"{host}:{wanted.port}", tls)
    closing.push_async_callback(runner.cleanup)
    own = await serve_unix(application(agent, secure=False), agent.settings.updater.state_path / "agent.sock")
    closing.push_async_callback(own.cleanup)
    scheme = "https" if tls else "http"
    return tuple(f"{scheme}://{name}:{port_of(runner)}/" for name in _names(wanted.host, wanted.public_names))


def application(agent: Served, *, secure: bool) -> web.Application:
    """Build the application: API, WebSocket and panel over one fleet."""
    version, commit = agent.version
    panel = Panel(
        fleet=agent.fleet,
        accounts=agent.accounts,
        notifications=agent.notifier,
        diagnostics=agent.diagnostics,
        holds=agent.holds,
        windows=agent.settings.updater.maintenance_windows,
    )
    return make_app(
        agent.fleet,
        agent.accounts,
        version=version,
        commit=commit,
        public_names=agent.settings.panel.public_names,
        secure=secure,
        extra_routes=partial(pages.routes, panel),
        error_page=partial(pages.error_page, panel),
    )


def _names(host: str, public: tuple[str, ...]) -> Sequence[str]:
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if not address.is_unspecified:
            return (f"[{host}]" if address.version == 6 else host,)  # noqa: PLR2004  (the internet protocol's number)
    return public or (socket.gethostname(), "127.0.0.1")
