"""How the house is wired: every real part is made here, once, and handed to whoever needs it."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dunebugger_updater import __version__, bundled
from dunebugger_updater.config import github_token, github_token_warning
from dunebugger_updater.effects import machine
from dunebugger_updater.effects.apt_installer import AptInstaller
from dunebugger_updater.effects.apt_packages import AptPackages
from dunebugger_updater.effects.clock import SystemClock
from dunebugger_updater.effects.commands import run
from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.docker import Engine
from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.effects.itself import OwnProcess
from dunebugger_updater.effects.journal import RunDirectory
from dunebugger_updater.effects.lock import DeviceLock
from dunebugger_updater.effects.orphans import end_orphans
from dunebugger_updater.effects.python_env import Venvs
from dunebugger_updater.effects.services import Runners
from dunebugger_updater.effects.store import Database
from dunebugger_updater.effects.store_actions import ActionTable
from dunebugger_updater.effects.web import HttpWeb
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Clock, Device
from dunebugger_updater.services.action_parts import ActionNeeds
from dunebugger_updater.services.history import Runs
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.maintenance import Maintenance
from dunebugger_updater.services.packages import PackagePlans, jobs
from dunebugger_updater.services.updates import Updates
from dunebugger_updater.services.vouching import Vouching
from dunebugger_updater.services.watch import Watch


@dataclass(frozen=True, slots=True)
class House:
    """One device's updater, ready to be asked."""

    settings: Settings
    device: Device
    runs: Runs
    watch: Watch
    updates: Updates
    plans: PackagePlans
    lock: DeviceLock
    """One process at a time changes this device."""
    warnings: tuple[str, ...] = ()
    """What the owner should know about the configuration although it works."""


@asynccontextmanager
async def house(
    settings: Settings, environ: Mapping[str, str] = os.environ, clock: Clock | None = None, *, service: bool = False
) -> AsyncIterator[House]:
    """Build everything for ``settings``, and close its connections at the end.

    ``clock``: instead of the device's.  ``service``: this process is started again when it ends.
    """
    updater = settings.updater
    clock = clock or SystemClock()
    token = github_token(settings, environ)
    connections = Connections()
    try:
        github = GitHub(
            connections,
            clock=clock,
            api_url=updater.github_api_url,
            token=token,
            cache=updater.state_path / "github",
        )
        packages = AptPackages()
        device = Device(
            clock=clock,
            files=DiskFiles(),
            services=Runners(),
            web=HttpWeb(connections, clock=clock, api_url=updater.github_api_url, token=token),
            python=Venvs(),
            containers=Engine(run),
            packages=packages,
            installer=AptInstaller(updater.state_path / "packages", packages, clock),
            itself=OwnProcess(settings, github, version=__version__, service=service, environ=environ),
            report=_to_nobody,
        )
        runs = RunDirectory(updater.state_path / "runs", clock)
        holds = Holds(device.files, updater.state_path / "holds.json")
        watch = Watch(settings, device, github, runs, holds)
        lock = DeviceLock(updater.state_path / "lock")
        vouching = Vouching(settings, device, github, runs, built_in=bundled.pinned_keys(), machine=architecture())
        updates = Updates(
            settings, device, github, watch, runs, lock, vouching=vouching, version=__version__, end_orphans=end_orphans
        )
        warning = github_token_warning(settings)
        plans = PackagePlans(settings, device)
        yield House(settings, device, runs, watch, updates, plans, lock, (warning,) if warning else ())
    finally:
        await connections.close()


def action_needs(built: House, database: Database) -> ActionNeeds:
    """What the action queue is made of, in an agent and without one."""
    device, state = built.device, built.settings.updater.state_path

    async def printed(plan: Plan) -> tuple[str, int | None]:
        codes = [(await device.installer.said(job))[1] for job in jobs(plan)]
        known = [code for code in codes if code is not None]
        return await built.plans.output(plan), next((code for code in known if code), 0 if known else None)

    return ActionNeeds(
        settings=built.settings,
        device=device,
        runs=built.runs,
        holds=built.watch.holds,
        store=ActionTable(database),
        plans=built.plans,
        lock=built.lock,
        maintenance=Maintenance(device.files, device.clock, state / "maintenance.json"),
        printed=printed,
        zone=machine.zone(),
    )


def _to_nobody(message: str, done: float | None = None) -> None:
    """Hear progress outside of a run."""
