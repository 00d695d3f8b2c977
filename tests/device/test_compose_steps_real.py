"""The steps of a compose update on a real engine: each asked for its way back first, then walked back, last first."""

import dataclasses
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from device.bed import place
from device.bed.compose import Compose
from device.bed.engine import Engine as Bed
from device.bed.images import APP, Images
from device.bed.registry import Registry
from doubles.world import World

from dunebugger_updater.effects import commands
from dunebugger_updater.effects.docker import Engine
from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.ports import ContainerState, Device
from dunebugger_updater.steps import KeepImage, PullImage, RecreateService, SetTag
from dunebugger_updater.steps.base import Step

pytestmark = [pytest.mark.docker]

STACK = """\
services:
  app:
    image: {image}   # così com'è
    container_name: {name}
    network_mode: none
"""


@dataclasses.dataclass
class Site:
    """A stack that runs, and the device that is to update it."""

    device: Device
    file: Path
    images: Images
    kept: str

    async def running(self) -> ContainerState:
        _, container = await self.device.containers.find(self.file, "app")
        assert container is not None
        return container

    async def steps(self, tag: str) -> Sequence[Step]:
        which, container = await self.device.containers.find(self.file, "app")
        assert container is not None
        target = f"{self.images.app}:{tag}"
        remote = await self.device.containers.remote(target)
        return (
            KeepImage(container.image, f"{self.kept}:old"),
            PullImage(target, remote.digest),
            SetTag(which, self.file, self.file.parent / ".env", self.images.app, tag),
            RecreateService(which, target),
        )

    async def walk(self, steps: Sequence[Step]) -> Sequence[Step]:
        """Take each step twice, as after a power cut, and answer the way back as it was before any of them."""
        back: list[Step] = []
        for step in steps:
            back = [*await step.way_back(self.device), *back]
            await step.apply(self.device)
            await step.apply(self.device)
        return back


@pytest.fixture
async def site(
    engine: Bed, registry: Registry, images: Images, compose_v2: Compose, tmp_path: Path
) -> AsyncIterator[Site]:
    name = f"steps-{place.token().replace('.', '-')}"
    engine.remove_images_of(images.app)
    containers = Engine(commands.run, {"DOCKER_CONFIG": compose_v2.environment["DOCKER_CONFIG"]})
    device = dataclasses.replace(World().device, containers=containers, files=DiskFiles())
    yield Site(device, tmp_path / "docker-compose.yml", images, f"{name}/kept")
    compose_v2(tmp_path, "-p", name, "down", "-t", "1")
    engine.remove_images_of(f"{name}/kept")


def begin(site: Site, compose: Compose, image: str) -> None:
    name = site.kept.partition("/")[0]
    site.file.write_text(STACK.format(image=image, name=name))
    site.file.chmod(0o640)
    shutil.chown(site.file, 1000, 1000)
    done = compose(site.file.parent, "-p", name, "up", "-d")
    assert done.returncode == 0, done.stderr


@pytest.mark.req("DB-010")
@pytest.mark.parametrize("spelled", ["{}:1.0.0", "'{}:${{TAG:-1.0.0}}'", "{}", "{}@{digest}"])
async def test_steps_there_and_back_leave_file_image_and_names_as_they_were(
    spelled: str, site: Site, engine: Bed, registry: Registry, images: Images, compose_v2: Compose
) -> None:
    begin(site, compose_v2, spelled.format(images.app, digest=registry.digest(APP, "1.0.0")))
    text, before = site.file.read_bytes(), await site.running()
    back = await site.walk(await site.steps("1.1.0"))
    after = await site.running()
    assert (after.reference, after.running, after.image != before.image) == (f"{images.app}:1.1.0", True, True)
    engine.docker("image", "prune", "-f")
    registry.stop()
    for step in back:
        await step.apply(site.device)
        await step.apply(site.device)
    again = await site.running()
    assert (again.image, again.reference, again.running) == (before.image, before.reference, True)
    assert site.file.read_bytes() == text
    assert (site.file.stat().st_mode & 0o777, site.file.stat().st_uid) == (0o640, 1000)
    assert not engine.has_image(f"{images.app}:1.1.0")
    assert await site.device.containers.tags(site.kept) == []


async def test_a_tag_that_moved_is_walked_back_to_what_it_meant(
    site: Site, engine: Bed, registry: Registry, images: Images, compose_v2: Compose
) -> None:
    begin(site, compose_v2, f"{images.app}:latest")
    text, before = site.file.read_bytes(), await site.running()
    registry.move_tag(APP, "latest", to="1.1.0")
    back = await site.walk(await site.steps("latest"))
    after = await site.running()
    assert after.image != before.image
    engine.docker("image", "prune", "-f")
    for step in back:
        await step.apply(site.device)
    again = await site.running()
    assert (again.image, again.reference, again.running) == (before.image, before.reference, True)
    assert site.file.read_bytes() == text
    assert engine.image_id(f"{images.app}:latest") == before.image
