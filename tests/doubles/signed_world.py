"""A device with ``core`` 1.3.0, the real wiring, and a fake GitHub where anybody may publish what they like."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from doubles.github import FakeGitHub, Release
from doubles.signers import ANNA, Signer, artifact, manifest, signed
from doubles.small_clock import SmallClock

from dunebugger_updater.events import Closed, Committed, Opened
from dunebugger_updater.model.settings import Component, ManifestPolicy, Settings, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.wiring import House, house

FILE = b"what a release is made of"


class DoubtfulClock(SmallClock):
    """One that may not know what day it is."""

    doubt: str | None = None

    def trusted(self) -> str | None:
        return self.doubt


class SignedWorld:
    """Publish, and ask for a plan."""

    def __init__(self, folder: Path, fake: FakeGitHub, clock: DoubtfulClock) -> None:
        self.folder = folder
        self.fake = fake
        self.clock = clock
        self.core = fake.repository("dunebugger/core", id=77)
        self.keys: tuple[Signer, ...] = (ANNA,)
        self.threshold = 1
        self.policy: ManifestPolicy = "optional"
        self.name = "core"
        self.asset = "core-{version}.tar.gz"
        self.channel: Any = "stable"
        self.built_in = b""
        self.by_itself: Any = "ask"
        (folder / "core").mkdir()
        (folder / "core" / "VERSION").write_text("1.3.0\n")

    @property
    def memory(self) -> Path:
        return self.folder / "state" / "trust" / "core.json"

    def publish(
        self,
        version: str,
        sequence: int | None = None,
        *,
        by: tuple[Signer, ...] = (ANNA,),
        sig: bytes | None = None,
        content: bytes | None = None,
        files: dict[str, bytes] | None = None,
        **said: Any,
    ) -> Release:
        """A release with its archive, a manifest and a signature file, or with those that are given."""
        name = f"core-{version}.tar.gz"
        fields = {"artifacts": [artifact(name, FILE)]} | said
        text = manifest(version, sequence, **fields) if content is None else content
        found = {
            name: FILE,
            "update-manifest.yaml": text,
            "update-manifest.sig": signed(text, *by) if sig is None else sig,
        }
        return self.fake.release(self.core, f"v{version}", {**found, **(files or {})})

    def without(self, release: Release, *names: str) -> None:
        release.assets = [each for each in release.assets if each.name not in names]

    def settings(self) -> Settings:
        updater = Updater(
            state_path=self.folder / "state",
            backup_path=self.folder / "backups",
            github_api_url=self.fake.api_url,
            trusted_keys=tuple(one.key.text for one in self.keys),
            trusted_threshold=self.threshold,
            manifest_policy=self.policy,
        )
        component = Component(
            name=self.name,
            type="python_app",
            repository="dunebugger/core",
            channel=self.channel,
            policy=self.by_itself,
            runner="process",
            command=("python", "-m", "app"),
            install_path=self.folder / "core",
            asset=self.asset,
        )
        return Settings(updater=updater, components=(component,))

    @asynccontextmanager
    async def device(self) -> AsyncIterator[House]:
        """The device, switched on."""
        async with house(self.settings(), {}, self.clock) as built:
            built.updates.vouching._built_in = self.built_in
            yield built

    async def plan(self, version: str | None = None) -> Plan | Refusal:
        """Look what is on offer, and plan it."""
        async with self.device() as built:
            await built.watch.check(force=True)
            return await built.updates.plan_update(self.name, version)

    async def installed(self, plan: Plan | Refusal, *, well: bool = True) -> None:
        """Let a run of that plan have been here, to its end."""
        assert isinstance(plan, Plan), plan
        async with self.device() as built:
            run, journal = built.runs.create(plan.component)
            await journal.write(Opened(run, plan, "a test"))
            if well:
                await journal.write(Committed())
            await journal.write(Closed(Outcome.UPDATED if well else Outcome.ROLLED_BACK, "" if well else "it was ill"))

    def remembered(self) -> Any:
        return json.loads(self.memory.read_text())["remembered"]
