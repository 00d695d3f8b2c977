"""What was heard of a release counts, also where it cannot be written down."""

import dataclasses
from pathlib import Path
from typing import cast

import pytest
from doubles.world import World
from stories.scenes import UPDATER

from dunebugger_updater.model.release import Catalogue, Release
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.ports import EffectError, Releases
from dunebugger_updater.services.history import Runs
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.watch import Watch


class Publisher:
    """Has one release."""

    async def catalogue(self, repository: str, source: str, pinned_id: int | None) -> Catalogue:
        return Catalogue(repository_id=1, releases=(Release(tag="v1.1.0"),))


class NoRuns:
    def ids(self) -> list[str]:
        return []


async def test_who_may_not_write_the_state_still_learns_what_is_on_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    core = Component(name="core", type="python_app", repository="owner/core", install_path=Path("/opt/core"))

    async def refused(path: Path, content: bytes) -> None:
        raise EffectError(f"cannot write {path}: permission denied")

    files = world.device.files
    monkeypatch.setattr(files, "write", refused)
    device = dataclasses.replace(world.device, files=files)
    holds = Holds(device.files, UPDATER.state_path / "holds.json")
    publisher, runs = cast("Releases", Publisher()), cast("Runs", NoRuns())  # as much of them as this needs
    watch = Watch(Settings(updater=UPDATER, components=(core,)), device, publisher, runs, holds)
    assert (await watch.check(["core"]))["core"].latest == "1.1.0"
    heard = await watch.heard(core)
    assert heard.catalogue is not None
    assert [release.tag for release in heard.catalogue.releases] == ["v1.1.0"]
