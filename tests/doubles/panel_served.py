"""The panel behind the real front door, on loopback, over a fleet with a past."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import time

from aiohttp import web
from doubles.fleet import FakeAccounts
from doubles.panel_fleet import PanelFleet

from dunebugger_updater.api.app import make_app
from dunebugger_updater.api.serve import port_of, serve
from dunebugger_updater.model.settings import Window
from panel.doors import Panel
from panel.routes import error_page, routes


@dataclass
class Postman:
    """Takes test notifications, or says why not."""

    problem: str | None = None
    sent: int = 0

    async def send_test(self) -> str | None:
        self.sent += self.problem is None
        return self.problem


class Papers:
    async def diagnostics(self) -> bytes:
        return b"token: (left out)\n"


class Held:
    def __init__(self) -> None:
        self.names: set[str] = set()

    async def held(self) -> list[str]:
        return sorted(self.names)

    async def set(self, component: str, *, on: bool) -> None:
        (self.names.add if on else self.names.discard)(component)


@dataclass
class Served:
    """A served panel."""

    fleet: PanelFleet
    accounts: FakeAccounts
    postman: Postman
    held: Held
    app: web.Application
    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(
    fleet: PanelFleet | None = None,
    accounts: FakeAccounts | None = None,
    *,
    port: int = 0,
    bare: bool = False,
    prefix: str = "",
) -> AsyncIterator[Served]:
    """Serve one; ``bare`` leaves out every door that may be missing."""
    fleet = fleet or PanelFleet().with_past()
    accounts, postman, held = accounts or FakeAccounts(), Postman(), Held()
    panel = Panel(fleet=fleet, accounts=accounts)
    if not bare:
        windows = (Window((0, 1, 2, 3, 4), time(2, 0), 120, "Europe/Rome"), Window((5, 6), time(4, 30), 45))
        panel = Panel(
            fleet=fleet, accounts=accounts, notifications=postman, diagnostics=Papers(), holds=held, windows=windows
        )
    app = make_app(
        fleet,
        accounts,
        version="1.2.3",
        commit="abc1234",
        hostname="dune",
        extra_routes=lambda desk: routes(panel, desk, prefix),
        error_page=lambda desk: error_page(panel, desk),
    )
    runner = await serve(app, f"127.0.0.1:{port}", None, None)
    try:
        yield Served(fleet, accounts, postman, held, app, port_of(runner))
    finally:
        await runner.cleanup()
