"""The agent: one process that looks, updates, serves and tells.  This file is its wiring diagram."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator

from dunebugger_updater import __version__
from dunebugger_updater.bundled import commit
from dunebugger_updater.diagnostics import Diagnostics
from dunebugger_updater.effects import machine
from dunebugger_updater.effects.lock import DeviceLock
from dunebugger_updater.effects.postman import Postman
from dunebugger_updater.effects.service_manager import ServiceManager
from dunebugger_updater.effects.store import Database
from dunebugger_updater.engine import Heard, JournalError
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.model.wire import Ended
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import Opened
from dunebugger_updater.services import history
from dunebugger_updater.services.accounts import Accounts
from dunebugger_updater.services.action_parts import action_parts
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.clockwork import Clockwork
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.local import LocalFleet
from dunebugger_updater.services.notify import Notifier
from dunebugger_updater.services.own_trial import forget_old_trial
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.sorry import sorry
from dunebugger_updater.story import Story
from dunebugger_updater.wiring import House, action_needs, house

_log = logging.getLogger("dunebugger_updater")

_PATIENCE = 60
"""Seconds more for a start that is at work: the runs that a power cut left open come first."""


def main(settings: Settings) -> int:
    """Run the agent until it is told to stop; a clean stop is a power cut."""
    said = logging.StreamHandler(sys.stderr)
    said.setFormatter(ForJournal() if _in_journal() else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[said])
    status = 0
    try:
        with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
            asyncio.run(_run(settings))
    except* EffectError as group:  # a service that ended with anything else is a bug: told with its traceback
        status = sorry("; ".join(_sentences(group)), 1, as_json=False)
    return status


async def _run(settings: Settings) -> None:
    task = asyncio.current_task()
    if task is not None:
        for stop in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop, task.cancel)
    manager = ServiceManager()
    async with house(settings, service=True) as built, running(built, manager):
        manager.tell("READY=1")
        try:
            await asyncio.Event().wait()
        finally:
            manager.tell("STOPPING=1")


@contextlib.asynccontextmanager
async def running(built: House, manager: ServiceManager | None = None) -> AsyncIterator["Agent"]:
    """Have everything running while this lasts.  ``EffectError`` when it cannot, perhaps in an exception group."""
    state = built.settings.updater.state_path
    with DeviceLock(state / "agent.lock", "is the agent of this device already; stop it first").held():
        database = Database(state / "updater.db")
        try:
            async with asyncio.TaskGroup() as tasks:
                agent = Agent(built, database, tasks, manager or ServiceManager({}))
                try:
                    await agent.start()
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
        needs = action_needs(built, database)
        parts = action_parts(needs, self._bus, self._carry_out, self._refreshed)
        self._work = parts.work
        self.fleet = LocalFleet(
            name=name,
            version=__version__,
            settings=settings,
            device=device,
            watch=built.watch,
            updates=built.updates,
            runs=built.runs,
            maintenance=needs.maintenance,
            bus=self._bus,
            tasks=tasks,
            health=lambda: machine.health(state, device.clock),
            actions=parts.desk(tasks),
        )
        self._clockwork = Clockwork(
            settings,
            device,
            built.watch,
            built.updates,
            built.runs,
            self.fleet,
            name=name,
            zone=needs.zone,
            packages=parts.auto.take,
            tell=self._bus.tell,
        )
        self.notifier = Notifier(
            settings.notifications, device.files, device.clock, state / "outbox.json", Postman(), self._bus
        )
        self._started = False
        self.addresses: tuple[str, ...] = ()
        """Where the panel answers."""

    async def start(self) -> None:
        """Recover first; then serve, carry on our own update where one is open, look, and tell."""
        self._own(self._live())
        past = [history.view(story) for story in history.stories(self._built.runs)[-20:] if story.closed]
        self._own(self.notifier.run(past))
        await self._recover()
        await self._serve()
        self._own(self.notifier.again())
        self._own(self._go_on())
        self._own(self._clockwork.run())
        self._own(self._work.run())
        for warning in self._built.warnings:
            _log.warning("%s", warning)
        for address in self.addresses:
            _log.info("the panel is at %s", address)
        if code := self.accounts.setup_code:
            _log.warning("nobody owns this device yet: open the panel and give this one-time code: %s", code)
        self._started = True

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

        try:
            told = await self._built.updates.recover(hear)
        except JournalError as error:  # a full disk, most likely: the panel can say so, and the next start tries again
            _log.error("cannot recover: %s", error)
            return
        if isinstance(told, Refusal):
            _log.error("cannot recover: %s", told.message)
            return
        for story in told:
            view = history.view(story)
            _log.warning("recovered: %s", view.message)
            self._bus.tell(Ended(view))
        try:
            await self._work.settle()
        except EffectError as error:
            _log.error("%s", error)

    async def _carry_out(self, plan: Plan, actor: str, opened: "asyncio.Future[str] | None" = None) -> Story | Refusal:
        return await self.fleet.carry_out(plan, actor, opened)

    async def _refreshed(self) -> None:
        await self.fleet.refreshed()

    async def _serve(self) -> None:
        serving = importlib.import_module("dunebugger_updater.serving")
        self.addresses = await serving.serve(self, self._closing)

    async def _go_on(self) -> None:
        """Carry on our own update.  It is asked whether we serve, so it waits until we do."""
        try:
            told = await self.fleet.go_on_with_itself()
            if isinstance(told, Refusal):
                _log.error("cannot go on with the updater's own update: %s", told.message)
            elif told is not None:
                _log.warning("recovered: %s", history.view(told).message)
            if not isinstance(told, Refusal):
                await forget_old_trial(self._built.device, history.stories(self._built.runs, "updater"))
        except EffectError as error:
            _log.error("%s", error)

    async def _live(self) -> None:
        """Tell the watchdog that we live, as long as this loop turns; and that a long recovery is no hanging start."""
        while self._manager.watchdog_seconds or not self._started:
            self._manager.tell("WATCHDOG=1" if self._started else f"EXTEND_TIMEOUT_USEC={_PATIENCE * 1_000_000}")
            await self._built.device.clock.sleep(self._manager.watchdog_seconds / 3 or _PATIENCE / 3)

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


class ForJournal(logging.Formatter):
    """Puts the level before each line, as systemd reads it from standard error (sd-daemon(3)); the time it knows."""

    def format(self, record: logging.LogRecord) -> str:
        """Answer the lines of one record, a traceback's too."""
        level = next(number for number, least in _LEVELS if record.levelno >= least)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).splitlines())


_LEVELS = ((3, logging.ERROR), (4, logging.WARNING), (6, logging.INFO), (7, 0))
"""The numbers of syslog(3), and from which level on they hold."""


def _in_journal() -> bool:
    # The variable alone says little: whoever is started from a service's shell inherits it (systemd.exec(5)).
    try:
        there = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def _sentences(group: BaseExceptionGroup[EffectError]) -> Iterator[str]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _sentences(each)
        else:
            yield str(each)
