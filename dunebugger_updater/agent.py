"""The agent: one process that looks, updates, serves and tells.  This file is its wiring diagram."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator

from dunebugger_updater import __version__
from dunebugger_updater.bundled import commit
from dunebugger_updater.diagnostics import Diagnostics
from dunebugger_updater.effects import machine
from dunebugger_updater.effects.postman import Postman
from dunebugger_updater.effects.service_manager import ServiceManager
from dunebugger_updater.effects.store import Database
from dunebugger_updater.engine import Heard
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.model.wire import Ended
from dunebugger_updater.run import Opened
from dunebugger_updater.services import history
from dunebugger_updater.services.accounts import Accounts
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.clockwork import Clockwork
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.local import LocalFleet
from dunebugger_updater.services.maintenance import Maintenance
from dunebugger_updater.services.notify import Notifier
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.wiring import House, house

_log = logging.getLogger("dunebugger_updater")


def main(settings: Settings) -> int:
    """Run the agent until it is told to stop; a clean stop is a power cut."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=_format())
    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    task = asyncio.current_task()
    if task is not None:
        for stop in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop, task.cancel)
    manager = ServiceManager()
    async with house(settings) as built, running(built, manager):
        manager.tell("READY=1")
        try:
            await asyncio.Event().wait()
        finally:
            manager.tell("STOPPING=1")


@contextlib.asynccontextmanager
async def running(built: House, manager: ServiceManager | None = None) -> AsyncIterator["Agent"]:
    """Have everything running while this lasts."""
    database = Database(built.settings.updater.state_path / "updater.db")
    try:
        async with asyncio.TaskGroup() as tasks:
            agent = Agent(built, database, tasks, manager or ServiceManager({}))
            await agent.start()
            try:
                yield agent
            finally:
                await agent.stop()
    finally:
        database.close()


class Agent:
    """All parts of one, put together."""

    def __init__(self, built: House, database: Database, tasks: asyncio.TaskGroup, manager: ServiceManager) -> None:
        settings, device = built.settings, built.device
        state, name = settings.updater.state_path, socket.gethostname()
        self._built, self._tasks, self._manager = built, tasks, manager
        self._owned: list[asyncio.Task[None]] = []
        self._closing = contextlib.AsyncExitStack()
        self.accounts = Accounts(database, device.clock)
        self._bus = Bus()
        self.fleet = LocalFleet(
            name=name,
            version=__version__,
            settings=settings,
            device=device,
            watch=built.watch,
            updates=built.updates,
            runs=built.runs,
            maintenance=Maintenance(device.files, device.clock, state / "maintenance.json"),
            bus=self._bus,
            tasks=tasks,
            health=lambda: machine.health(state, device.clock),
        )
        self._clockwork = Clockwork(
            settings, device, built.watch, built.updates, built.runs, self.fleet, name=name, zone=machine.zone()
        )
        self.notifier = Notifier(
            settings.notifications, device.files, device.clock, state / "outbox.json", Postman(), self._bus
        )
        self.addresses: tuple[str, ...] = ()
        """Where the panel answers."""

    async def start(self) -> None:
        """Recover first; then serve, look, and tell."""
        self._own(self.notifier.run())
        await self._recover()
        await self._serve()
        self._own(self.notifier.again())
        self._own(self._clockwork.run())
        if self._manager.watchdog_seconds:
            self._own(self._live())
        for warning in self._built.warnings:
            _log.warning("%s", warning)
        for address in self.addresses:
            _log.info("the panel is at %s", address)
        if code := self.accounts.setup_code:
            _log.warning("nobody owns this device yet: open the panel and give this one-time code: %s", code)

    async def stop(self) -> None:
        """End what we started.  What is under way is finished or undone by the next start."""
        for task in self._owned:
            task.cancel()
        await asyncio.gather(*self._owned, return_exceptions=True)
        await self._closing.aclose()

    def _own(self, work: "asyncio._CoroutineLike[None]") -> None:
        self._owned.append(self._tasks.create_task(work))

    async def _recover(self) -> None:
        def hear(heard: Heard) -> None:
            if isinstance(heard, Opened):
                _log.info("found run %s unfinished", heard.run)

        told = await self._built.updates.recover(hear)
        if isinstance(told, Refusal):
            _log.error("cannot recover: %s", told.message)
            return
        for story in told:
            view = history.view(story)
            _log.warning("recovered: %s", view.message)
            self._bus.tell(Ended(view))

    async def _serve(self) -> None:
        serving = importlib.import_module("dunebugger_updater.serving")
        self.addresses = await serving.serve(self, self._closing)

    async def _live(self) -> None:
        """Tell the watchdog that we live, as long as this loop turns."""
        while True:
            self._manager.tell("WATCHDOG=1")
            await self._built.device.clock.sleep(self._manager.watchdog_seconds / 3)

    @property
    def settings(self) -> Settings:
        """What the owner decided."""
        return self._built.settings

    @property
    def holds(self) -> Holds:
        """What the owner wants left alone."""
        return self._built.watch.holds

    @property
    def version(self) -> tuple[str, str]:
        """Version and commit."""
        return __version__, commit()

    @property
    def diagnostics(self) -> Diagnostics:
        """What helps somebody else to help."""
        return Diagnostics(self._built)


def _format() -> str:
    # systemd reads the level from the front of each line (sd-daemon(3)); on a terminal it would only be in the way.
    return "%(message)s" if os.environ.get("JOURNAL_STREAM") else "%(asctime)s %(levelname)s %(message)s"
