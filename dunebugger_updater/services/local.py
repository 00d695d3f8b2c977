"""One device as a fleet of one: requests in, replies and news out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from dunebugger_updater.engine import Cancel, Heard, JournalError
from dunebugger_updater.fleet import FromDevice
from dunebugger_updater.kinds import python_app
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.model.views import RunView
from dunebugger_updater.model.wire import (
    AnyReply,
    AnyRequest,
    CancelRun,
    Checked,
    CheckEnded,
    CheckNow,
    CreateAction,
    DecideAction,
    Declined,
    DeviceHealth,
    DeviceView,
    Done,
    Ended,
    ListActions,
    LookAtPackages,
    Operate,
    PackagesSeen,
    Planned,
    RollBack,
    SetMaintenance,
    Started,
    Update,
)
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.run import Opened, Outcome
from dunebugger_updater.services import history
from dunebugger_updater.services.action_desk import ActionDesk
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.history import Runs
from dunebugger_updater.services.maintenance import Maintenance
from dunebugger_updater.services.own_trial import own_run
from dunebugger_updater.services.progress import progressed
from dunebugger_updater.services.updates import Refusal, Updates
from dunebugger_updater.services.watch import Watch
from dunebugger_updater.story import Story

CODES = {
    Outcome.NOTHING_TO_DO: "already_up_to_date",
    Outcome.REFUSED: "refused",
    Outcome.FAILED: "failed",
}
ID = "local"


class LocalFleet:
    """The ``Fleet`` of an agent."""

    def __init__(
        self,
        *,
        name: str,
        version: str,
        settings: Settings,
        device: Device,
        watch: Watch,
        updates: Updates,
        runs: Runs,
        maintenance: Maintenance,
        bus: Bus,
        tasks: asyncio.TaskGroup,
        health: Callable[[], DeviceHealth],
        actions: ActionDesk,
    ) -> None:
        self._name = name
        self._version = version
        self._settings = settings
        self._device = device
        self._watch = watch
        self._updates = updates
        self._runs = runs
        self._maintenance = maintenance
        self._bus = bus
        self._tasks = tasks
        self._health = health
        self._under_way: dict[str, Cancel] = {}
        self._actions = actions
        self.next_check: datetime | None = None

    async def devices(self) -> Sequence[DeviceView]:
        """The one there is."""
        return [await self._view()]

    async def device(self, device: str) -> DeviceView | None:
        """The one there is, by its id."""
        return await self._view() if device == ID else None

    async def ask(self, device: str, request: AnyRequest, actor: str) -> AnyReply:
        """Serve one request.  Every answer is a value, refusals too."""
        if device != ID:
            return Declined("host_not_found", f"cannot find a device {device!r}")
        match request:
            case CheckNow():
                return await self._check(request)
            case Update():
                plan = await self._updates.plan_update(request.component, request.version)
                return await self._begin(plan, actor, dry=request.dry_run, by_owner=request.by_owner)
            case RollBack():
                plan = await self._updates.plan_rollback(request.component, request.to)
                return await self._begin(plan, actor, dry=request.dry_run, by_owner=request.by_owner)
            case CancelRun():
                return self._cancel(request.run, actor)
            case Operate():
                return await self._operate(request)
            case SetMaintenance():
                state = await self._maintenance.set(on=request.on, minutes=request.minutes)
                return Done("maintenance mode is " + ("on" if state.on else "off"))
            case LookAtPackages():
                return await self._packages(remembered=request.remembered)
            case ListActions() | CreateAction() | DecideAction():
                return await self._actions.answer(request, actor)

    @asynccontextmanager
    async def news(self) -> AsyncIterator[AsyncIterator[FromDevice]]:
        """Listen while this lasts."""
        async with self._bus.listening() as listener:

            async def from_here() -> AsyncIterator[FromDevice]:
                async for news in listener:
                    yield FromDevice(ID, news)

            yield from_here()

    async def history(self, device: str, component: str | None = None, limit: int = 100) -> Sequence[RunView]:
        """Past and open runs, newest first."""
        told = await asyncio.to_thread(history.stories, self._runs, component)
        return [history.view(story) for story in reversed(told[-limit:])]

    async def run(self, device: str, run: str) -> Story | None:
        """One run, event by event."""
        return await asyncio.to_thread(self._runs.read, run)

    def hear(self, plan: Plan, run: str, heard: Heard) -> None:
        """Turn what the engine tells into news."""
        told = progressed(plan, run, heard)
        if told is not None:
            self._bus.tell(told)

    async def carry_out(self, plan: Plan, actor: str, opened: asyncio.Future[str] | None = None) -> Story | Refusal:
        """Make a plan happen and tell everybody; ``opened`` learns the run's id as soon as there is one."""
        cancel, names = Cancel(), [""]

        def hear(heard: Heard) -> None:
            if isinstance(heard, Opened):
                names[0] = heard.run
                self._under_way[heard.run] = cancel
                if opened is not None and not opened.done():
                    opened.set_result(heard.run)
            self.hear(plan, names[0], heard)

        try:
            story = await self._updates.carry_out(plan, actor, hear, cancel)
        except JournalError as error:
            return Refusal(Outcome.STUCK, str(error))
        finally:
            self._under_way.pop(names[0], None)
        if isinstance(story, Story):
            self._bus.tell(Ended(history.view(story)))
        return story

    async def go_on_with_itself(self) -> Story | Refusal | None:
        """Carry on the updater's own run, which the process before us has left open; ``None`` when there is none."""
        found = own_run(self._runs)
        if found is None:
            return None
        plan, cancel = found.opened.plan, Cancel()
        self._under_way[found.id] = cancel
        try:
            told = await self._updates.recover(lambda heard: self.hear(plan, found.id, heard), own=True, cancel=cancel)
        except JournalError as error:
            return Refusal(Outcome.STUCK, str(error))
        finally:
            self._under_way.pop(found.id, None)
        if isinstance(told, Refusal):
            return told
        for story in told:
            self._bus.tell(Ended(history.view(story)))
        return told[-1] if told else None

    async def left_alone(self) -> bool:
        """Whether somebody is at work on this device: nothing happens by itself then."""
        return (await self._maintenance.state()).on

    async def _view(self) -> DeviceView:
        state = await self._maintenance.state()
        views = await self._watch.known()
        open_ = [history.view(story) for run in list(self._under_way) if (story := self._runs.read(run)) is not None]
        return DeviceView(
            id=ID,
            name=self._name,
            online=True,
            version=self._version,
            components=tuple(views.values()),
            running=tuple(open_),
            maintenance=state.on,
            maintenance_until=state.until,
            next_check=self.next_check,
            health=await asyncio.to_thread(self._health),
        )

    async def _check(self, request: CheckNow) -> AnyReply:
        for name in request.components:
            found = self._updates.component(name)
            if isinstance(found, Refusal):
                return Declined("component_not_found", found.message)
        views = await self._watch.check(request.components, force=request.force)
        self._bus.tell(CheckEnded(views))
        return Checked(views)

    async def _packages(self, *, remembered: bool) -> AnyReply:
        try:
            seen = self._watch.packages() if remembered else self._device.packages.inventory()
            return PackagesSeen(await seen)
        except EffectError as error:
            return Declined("failed", str(error))

    async def refreshed(self) -> None:
        """Tell everybody how packages stand after an action has changed them (HC-64)."""
        names = [each.name for each in self._settings.components if each.type == "apt"]
        if names:
            self._bus.tell(CheckEnded(await self._watch.look(names)))

    async def _begin(self, plan: Plan | Refusal, actor: str, *, dry: bool, by_owner: bool) -> AnyReply:
        if isinstance(plan, Refusal):
            code = "component_not_found" if "cannot find a component" in plan.message else CODES[plan.outcome]
            return Declined(code, plan.message, plan.outcome)
        if dry:
            return Planned(
                history.planned(plan),
                tuple(check.title for check in plan.before),
                tuple(check.title for check in plan.after),
            )
        opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        component = self._settings.component(plan.component)
        work: Coroutine[Any, Any, Story | Refusal | Declined]
        if component is not None and component.type == "apt":
            work = self._actions.update(plan, actor, opened, by_owner=by_owner, named=bool(component.repository))
        else:
            work = self.carry_out(plan, actor, opened)
        task = self._tasks.create_task(work)
        waiting: set[asyncio.Future[Any]] = {opened, task}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if opened.done():
            return Started(opened.result(), plan.component)
        opened.cancel()
        story = task.result()
        if isinstance(story, Declined):
            return story
        if isinstance(story, Refusal):
            return Declined("update_in_progress" if self._under_way else "refused", story.message, story.outcome)
        return Started(story.id, plan.component)

    def _cancel(self, run: str, actor: str) -> AnyReply:
        cancel = self._under_way.get(run)
        if cancel is None:
            return Declined("too_late", f"run {run} is not under way")
        story = self._runs.read(run)
        if story is not None and any(type(event).__name__ == "Committed" for event in story.events):
            return Declined("too_late", "too late: the update counts already; roll it back instead")
        cancel.ask(f"cancelled by {actor}")
        return Done("it will stop; what was touched is put back")

    async def _operate(self, request: Operate) -> AnyReply:
        component = self._updates.component(request.component)
        if isinstance(component, Refusal):
            return Declined("component_not_found", component.message)
        if component.type != "python_app":
            return Declined("refused", f"cannot do that for a {component.type} component here; use the command line")
        if self._under_way:  # it stops and starts services itself, and relies on finding them as it left them
            return Declined(
                "update_in_progress", f"cannot do that while run {next(iter(self._under_way))} is under way"
            )
        runs = python_app.service(component, self._settings.updater)
        try:
            await (self._device.services.start(runs) if request.start else self._device.services.stop(runs))
        except EffectError as error:
            return Declined("failed", str(error))
        return Done(f"{runs.label} " + ("started" if request.start else "stopped"))
