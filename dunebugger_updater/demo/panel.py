"""The panel of the made-up device: a whole agent in this process, and a login that is ready."""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dunebugger_updater import agent
from dunebugger_updater.demo.apps import APP, BEST, BROKEN
from dunebugger_updater.demo.device import MadeUpDevice
from dunebugger_updater.demo.lights import LIGHTS, NEXT, Lights
from dunebugger_updater.demo.story import NotAsToldError
from dunebugger_updater.demo.telling import Teller
from dunebugger_updater.model.access import Denied
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services.accounts import Accounts
from dunebugger_updater.wiring import House

_LOG = "agent.log"


@dataclass(slots=True)
class Stay:
    """How long the device stays up for its visitor, and whether it came to that."""

    seconds: float | None
    """``None``: until somebody stops it."""
    begun: bool = False


async def stay_open(built: House, device: MadeUpDevice, teller: Teller, stay: Stay, lights: Lights) -> None:
    """Run the agent, tell its address and login, and stay.  ``NotAsToldError``: it cannot be, and why."""
    try:
        with _noting(device.root / _LOG):
            async with asyncio.timeout(None) as limit, agent.running(built) as served:
                password = await _login(served.accounts)
                _tell(teller, served.addresses[0], password, device, stay, lights)
                stay.begun = True
                if stay.seconds is not None:
                    limit.reschedule(asyncio.get_running_loop().time() + stay.seconds)
                # Whoever ends the waiting ends an update that is under way too: that is a power cut, as for any agent.
                await asyncio.Event().wait()
    except TimeoutError:
        if not limit.expired():
            raise
    except ExceptionGroup as group:
        told, bugs = group.split((EffectError, NotAsToldError))
        if told is None or bugs is not None:
            raise
        raise NotAsToldError("; ".join(map(str, told.exceptions))) from None


async def _login(accounts: Accounts) -> str:
    """Do what the owner does on the first visit, with a password made for this time."""
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    told = await accounts.set_owner(accounts.setup_code or "", password, "127.0.0.1")
    if isinstance(told, Denied):
        raise NotAsToldError(told.message)
    return password


def _tell(teller: Teller, address: str, password: str, device: MadeUpDevice, stay: Stay, lights: Lights) -> None:
    teller.scene(
        "panel",
        "The panel",
        "Open it in a browser on this machine, and sign in:",
        f"  {address}",
        f"  password: {password}",
        "From another machine, call this there first, with the name of this one:",
        f"  ssh -L {device.panel_port}:127.0.0.1:{device.panel_port} NAME",
        "What to try:",
        f"- {APP} {BEST} is on offer, and good: see what is new, look at the plan, update",
        f"- {BROKEN} is broken: take it by name, and watch {APP} come back by itself:",
        f"  {address}components/{APP}/plan?version={BROKEN}",
        f"- roll back, on the page of {APP}",
        _about(lights),
        "- see a run step by step, in the history",
        f"{APP} itself answers at {device.app_url}. The agent's log is in",
        f"  {device.root / _LOG}",
        "It stays up until you press Ctrl-C." if stay.seconds is None else f"It stays up for {stay.seconds:.0f} s.",
        address=address,
        password=password,
        app=device.app_url,
        folder=str(device.root),
    )


def _about(lights: Lights) -> str:
    if lights.missing:
        return f"  ({LIGHTS}, a container, is not on this device: {lights.missing})"
    return f"- {LIGHTS} {NEXT}, a container, is on offer too"


@contextmanager
def _noting(file: Path) -> Iterator[None]:
    """Keep the agent's log in ``file``: here it would run through what is told."""
    log, handler = logging.getLogger("dunebugger_updater"), logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(before)
        log.removeHandler(handler)
        handler.close()
