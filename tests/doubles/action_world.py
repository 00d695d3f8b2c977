"""A device around the action queue: real database and decisions, plans and runs that do what a test says.

``Agent`` is one life of the process; a second one over the same world is the restart.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from dunebugger_updater.effects.store import Database
from dunebugger_updater.effects.store_actions import ActionTable
from dunebugger_updater.model.actions import ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Change, Inventory, Package, Pending
from dunebugger_updater.model.settings import Component, Settings, Updater, Window
from dunebugger_updater.model.wire import ActionChanged, AnyNews, CreateAction, DecideAction, Declined, ListActions
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import AnyEvent, Closed, Opened, Outcome, TurnedBack
from dunebugger_updater.services.action_desk import ActionDesk
from dunebugger_updater.services.action_parts import ActionNeeds, ActionParts, action_parts
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.steps import AnyStep, KeepPackages, UpgradePackages
from dunebugger_updater.steps.packages import PackageSet
from dunebugger_updater.story import Story, Told

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NIGHT = Window(tuple(range(7)), time(2), 120, "UTC")


class TurnedClock:
    """Time passes when the test says so; who sleeps is woken then."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.shown = START
        self.doubt: str | None = None
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self.shown + timedelta(seconds=self.passed)

    def up(self) -> float:
        return 1000.0 + self.passed

    def trusted(self) -> str | None:
        return self.doubt

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.passed + seconds, woken))
        await woken

    async def turn(self, span: timedelta) -> None:
        """Let time pass, and whoever wakes by that do what they do."""
        self.passed += span.total_seconds()
        for at, woken in self._sleepers:
            if at <= self.passed and not woken.done():
                woken.set_result(None)
        self._sleepers = [each for each in self._sleepers if not each[1].done()]
        await quiet()


async def quiet() -> None:
    """Let everybody go on until they wait for something: the database's one thread takes its turns in order."""
    for _ in range(40):
        await asyncio.to_thread(int)


class Runs:
    """The journal."""

    def __init__(self) -> None:
        self.told: dict[str, list[Told]] = {}

    def ids(self) -> Sequence[str]:
        return sorted(self.told)

    def read(self, run: str) -> Story | None:
        return Story(run, tuple(self.told[run])) if run in self.told else None

    def write(self, run: str, at: datetime, event: AnyEvent) -> None:
        told = self.told.setdefault(run, [])
        told.append(Told(len(told), at, 1.0, event))

    def create(self, component: str) -> Any:
        raise NotImplementedError

    def reopen(self, story: Story) -> Any:
        raise NotImplementedError


class Lock:
    """One process at a time."""

    def __init__(self) -> None:
        self.taken = False

    @contextmanager
    def held(self) -> Iterator[None]:
        if self.taken:
            raise EffectError("busy: another dunebugger-updater (process 1) is changing this device; try again later")
        self.taken = True
        try:
            yield
        finally:
            self.taken = False


@dataclass
class ActionWorld:
    """What stays when the agent ends."""

    place: Path
    clock: TurnedClock = field(default_factory=TurnedClock)
    runs: Runs = field(default_factory=Runs)
    lock: Lock = field(default_factory=Lock)
    archive: str = "12.1"
    """What the archive has: another word, another plan."""
    problem: Refusal | None = None
    """Why nothing can be planned, or nothing is to be done."""
    ends: Outcome = Outcome.UPDATED
    busy: Refusal | None = None
    """Why no run can be opened."""
    maintenance: bool = False
    policy: str = "ask"
    minimum_age: int = 0
    windows: tuple[Window, ...] = ()
    pending: tuple[Pending, ...] = ()
    lost: tuple[str, ...] = ()
    """What could not be taken back."""
    held_up: bool = False
    """Runs go on until ``go_on`` is set."""
    files: dict[Path, bytes] = field(default_factory=dict)
    planned: list[tuple[ActionType, Parameters]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.go_on = asyncio.Event()

    def end(self, run: str) -> None:
        """Let a run end, as a test wishes."""
        for event in end_of(self.ends):
            self.runs.write(run, self.clock.now(), event)

    # Plans
    async def plan(self, action_type: ActionType, parameters: Parameters) -> Plan | Refusal:
        self.planned.append((action_type, parameters))
        if self.problem is not None:
            return self.problem
        names = ",".join(parameters.packages) or action_type.value
        steps = self._steps() if action_type.upgrades else ()
        return Plan("system", "update", "debian-12.0", f"{self.archive} {names}", steps=steps, notes=("a note",))

    async def output(self, plan: Plan) -> str:
        return f"Setting up {plan.to_version} ..."

    async def said(self, job: str) -> tuple[str, int | None]:
        return job, 0 if self.ends is Outcome.UPDATED else 100

    def _steps(self) -> tuple[AnyStep, ...]:
        place = self.place / "packages"
        former = PackageSet("debian-12.0", 1, (Package("tzdata", "1"), Package("libc6", "1")), ())
        changes = (Change("tzdata", "1", "2"), Change("libc6", "1", "1:2~deb12u1"))
        return (
            KeepPackages(place, place / "record", former, "up-keep", self.lost),
            UpgradePackages(changes, place, place, "up"),
        )

    # Maintenance, holds, files and packages: each sees its own side
    async def state(self) -> Any:
        return self.on

    @property
    def on(self) -> Any:
        class State:
            on = self.maintenance

        return State

    async def held(self) -> Sequence[str]:
        return ()

    async def inventory(self) -> Inventory:
        return Inventory(packages=self.pending)

    async def read(self, path: Path, limit: int) -> bytes | None:
        return self.files.get(path)

    async def write(self, path: Path, content: bytes) -> None:
        self.files[path] = content

    @asynccontextmanager
    async def agent(self) -> AsyncIterator["Agent"]:
        """One life of the process; leaving it is a power cut."""
        database = Database(self.place / "updater.db")
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        try:
            async with asyncio.TaskGroup() as tasks:
                agent = Agent(self, database, tasks)
                listening = asyncio.create_task(agent.listen())
                await quiet()
                try:
                    yield agent
                finally:
                    await quiet()
                    listening.cancel()
                    for task in agent.begun:
                        task.cancel()
        finally:
            database.close()


class Agent:
    """The parts of the queue in one process."""

    def __init__(self, world: ActionWorld, database: Database, tasks: asyncio.TaskGroup) -> None:
        self.world = world
        self.bus = Bus()
        self.heard: list[AnyNews] = []
        self.begun: list[asyncio.Task[Any]] = []
        self.refreshes = 0
        self._tasks = tasks
        component = Component(
            name="system", type="apt", policy=world.policy, minimum_age_hours=world.minimum_age  # type: ignore[arg-type]  # a test's word
        )  # fmt: skip
        updater = Updater(state_path=world.place, maintenance_windows=world.windows, timezone="UTC")
        small: Any = world
        device: Any = type("Device", (), {"clock": world.clock, "files": world, "packages": world})()

        async def printed(plan: Plan) -> tuple[str, int | None]:
            return await world.output(plan), (await world.said("up"))[1]

        needs = ActionNeeds(
            settings=Settings(updater=updater, components=(component,)),
            device=device,
            runs=world.runs,
            holds=small,
            store=ActionTable(database),
            plans=world,
            lock=world.lock,
            maintenance=small,
            printed=printed,
            zone="UTC",
        )
        self.parts: ActionParts = action_parts(needs, self.bus, self.carry_out, self.refreshed)
        self.desk: ActionDesk = self.parts.desk(self)  # type: ignore[arg-type]  # it makes tasks as a group does

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        task = self._tasks.create_task(work)
        self.begun.append(task)
        return task

    async def listen(self) -> None:
        async with self.bus.listening() as listener:
            async for news in listener:
                self.heard.append(news)

    async def refreshed(self) -> None:
        self.refreshes += 1

    async def carry_out(self, plan: Plan, actor: str, opened: asyncio.Future[str] | None = None) -> Story | Refusal:
        world = self.world
        if world.busy is not None:
            return world.busy
        with world.lock.held():
            run = f"run-{len(world.runs.told) + 1}"
            world.runs.write(run, world.clock.now(), Opened(run, plan, actor))
            if opened is not None:
                opened.set_result(run)
            if world.held_up:
                await world.go_on.wait()
            world.end(run)
        story = world.runs.read(run)
        assert story is not None
        return story

    # what a test asks
    async def create(self, action_type: ActionType = ActionType.APT_UPGRADE_ALL, **more: Any) -> ActionView | Declined:
        told = {"by_owner": False, **more}
        parameters = told.pop("parameters", Parameters())
        reply = await self.desk.answer(CreateAction(action_type, parameters, **told), "tablet")
        return reply if isinstance(reply, Declined) else reply.action  # type: ignore[union-attr]  # one was asked for

    async def queued(self, action_type: ActionType = ActionType.APT_UPGRADE_ALL, **more: Any) -> ActionView:
        """The same where it has to work."""
        made = await self.create(action_type, **more)
        assert isinstance(made, ActionView), made
        return made

    async def decide(self, action: str, *, approve: bool = True, plan_hash: str | None = None) -> ActionView | Declined:
        reply = await self.desk.answer(DecideAction(action, approve, plan_hash), "owner")
        return reply if isinstance(reply, Declined) else reply.action  # type: ignore[union-attr]  # the same

    async def look(self, action: str) -> ActionView:
        """How it stands now, once nobody has anything left to do."""
        await quiet()
        reply = await self.desk.answer(ListActions(1, action), "viewer")
        return reply.actions[0]  # type: ignore[union-attr]  # the same

    def statuses(self) -> list[str]:
        """What was told, in order."""
        return [each.action.status.value for each in self.heard if isinstance(each, ActionChanged)]


def end_of(outcome: Outcome) -> Iterator[AnyEvent]:
    """The last events of a run."""
    if outcome is not Outcome.UPDATED:
        yield TurnedBack("the health check failed")
    yield Closed(outcome, "" if outcome is Outcome.UPDATED else "the health check failed")
