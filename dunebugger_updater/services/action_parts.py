"""The parts of the action queue, put together once: for an agent, and for a command where no agent runs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device
from dunebugger_updater.services.action_desk import ActionDesk
from dunebugger_updater.services.action_queue import Queue, Store
from dunebugger_updater.services.action_work import CarryOut, Lock, Work
from dunebugger_updater.services.actions import Actions, Plans
from dunebugger_updater.services.auto_packages import PackageAuto
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.history import Runs
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.maintenance import Maintenance


@dataclass(frozen=True, slots=True)
class ActionParts:
    """All of them."""

    queue: Queue
    actions: Actions
    work: Work
    auto: PackageAuto

    def desk(self, tasks: asyncio.TaskGroup) -> ActionDesk:
        """Where a fleet asks."""
        return ActionDesk(self.actions, self.work, tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionNeeds:
    """What they are made of."""

    settings: Settings
    device: Device
    runs: Runs
    holds: Holds
    store: Store
    plans: Plans
    lock: Lock
    maintenance: Maintenance
    printed: Callable[[Plan], Awaitable[tuple[str, int | None]]]
    """What the programs of a plan have printed, and the exit status of the one that failed, else of the last."""
    zone: str


def action_parts(
    needs: ActionNeeds, bus: Bus, carry_out: CarryOut, refreshed: Callable[[], Awaitable[None]]
) -> ActionParts:
    """Put them together."""
    updater, clock = needs.settings.updater, needs.device.clock
    windows = updater.maintenance_windows

    async def somebody_is_here() -> bool:
        return (await needs.maintenance.state()).on

    async def not_now() -> str | None:
        return "waits for the end of maintenance mode" if await somebody_is_here() else await auto.not_now()

    queue = Queue(needs.store, bus)
    actions = Actions(queue, needs.plans, clock, maintenance=somebody_is_here, windows=bool(windows))
    work = Work(
        queue,
        actions,
        clock,
        needs.runs,
        needs.lock,
        carry_out=carry_out,
        printed=needs.printed,
        not_now=not_now,
        refreshed=refreshed,
    )
    auto = PackageAuto(
        packages_of(needs.settings),
        needs.device,
        needs.plans,
        queue,
        actions,
        work,
        needs.runs,
        held=needs.holds.held,
        windows=windows,
        zone=updater.timezone or needs.zone,
        memory=updater.state_path / "packages_seen.json",
    )
    return ActionParts(queue, actions, work, auto)


def packages_of(settings: Settings) -> Component:
    """Answer the component that is this device's packages; one that waits for a person where none is configured."""
    found = (each for each in settings.components if each.type == "apt" and not each.repository)
    return next(found, Component(name="system", type="apt", policy="never"))
