"""A device with packages in memory, and a publisher on a fake GitHub who releases sets of them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from doubles.github import FakeGitHub
from doubles.small_clock import SmallClock
from doubles.world import World

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.effects.journal import RunDirectory
from dunebugger_updater.effects.lock import DeviceLock
from dunebugger_updater.engine import Heard
from dunebugger_updater.model.packages import Package
from dunebugger_updater.model.settings import Component, Settings, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.services import components
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.updates import Refusal, Updates
from dunebugger_updater.services.vouching import Vouching
from dunebugger_updater.services.watch import Watch
from dunebugger_updater.story import Story

REPOSITORY = "owner/radio"
RADIO = Component(name="radio", type="apt", repository=REPOSITORY, service="radio")


class PackagesWorld:
    """``radio`` is made of two packages, of which the archive has new versions; ``libc6`` is not its business."""

    def __init__(self, folder: Path, fake: FakeGitHub, clock: SmallClock, github: GitHub) -> None:
        self.world = World()
        self.fake = fake
        self.radio = fake.repository(REPOSITORY, id=78)
        self.debian = self.world.debian
        self.debian.here = {
            "libc6": Package("libc6", "1"),
            "radio": Package("radio", "1.0-1"),
            "radio-data": Package("radio-data", "1.0-1", auto=True),
        }
        self.debian.archive = {"libc6": "2", "radio": "1.1-1", "radio-data": "1.1-1", "radio-plugins": "1.1-1"}
        state = folder / "state"
        updater = Updater(state_path=state, backup_path=folder / "backups", github_api_url=fake.api_url)
        self.settings = Settings(updater=updater, components=(RADIO,))
        self.device = replace(self.world.device, clock=clock)
        self.runs = RunDirectory(state / "runs", clock)
        self.watch = Watch(
            self.settings, self.device, github, self.runs, Holds(self.device.files, state / "holds.json")
        )
        self.updates = Updates(
            self.settings,
            self.device,
            github,
            self.watch,
            self.runs,
            DeviceLock(state / "lock"),
            vouching=Vouching(self.settings, self.device, github, self.runs, built_in=b"", machine="x86_64"),
            version="1.0.0",
            end_orphans=_none,
        )

    def publish(self, version: str, packages: Mapping[str, str] | None, **said: Any) -> None:
        """A release whose manifest names these packages; ``None``: it has no manifest."""
        fields = {"version": version, "component_type": "apt", "component": "radio", "packages": packages} | said
        files = {} if packages is None else {"update-manifest.json": json.dumps(fields).encode()}
        self.fake.release(self.radio, f"v{version}", files)

    async def plan(self, version: str | None = None) -> Plan | Refusal:
        await self.watch.check(force=True)
        return await self.updates.plan_update("radio", version)

    async def carry_out(self, plan: Plan | Refusal) -> Story:
        assert isinstance(plan, Plan), plan
        story = await self.updates.carry_out(plan, "a test", _deaf)
        assert isinstance(story, Story), story
        return story

    async def refusal(self, version: str | None = None) -> str:
        """The sentence that says why nothing is planned."""
        plan = await self.plan(version)
        assert isinstance(plan, Refusal), plan
        return plan.message

    async def installed(self) -> str | None:
        return (await components.installed(RADIO, self.settings, self.device)).version

    @property
    def versions(self) -> Mapping[str, str]:
        return {name: each.version for name, each in self.debian.here.items()}


async def _none() -> None:
    """Nothing was left behind."""


def _deaf(heard: Heard) -> None:
    """Nobody listens."""


@asynccontextmanager
async def packages_world(folder: Path) -> AsyncIterator[PackagesWorld]:
    clock, connections = SmallClock(), Connections()
    async with FakeGitHub(lambda: clock.now().timestamp()).running() as fake:
        github = GitHub(connections, clock=clock, api_url=fake.api_url, token=None, cache=folder / "github")
        try:
            yield PackagesWorld(folder, fake, clock, github)
        finally:
            await connections.close()
