"""Both generations of compose, a real engine and a real registry: what is true on the machine afterwards."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from device.bed import place
from device.bed.compose import Compose
from device.bed.engine import Engine as Bed
from device.bed.images import APP, Images
from device.bed.registry import Registry

from dunebugger_updater.effects import commands
from dunebugger_updater.effects.docker import Engine
from dunebugger_updater.model.compose_file import ComposeEdit, ProjectText, Spelling, edit_tag, put_back
from dunebugger_updater.model.image_reference import version_of
from dunebugger_updater.ports import ComposeService, Containers, EffectError

pytestmark = [pytest.mark.docker]

STACK = """\
version: '3.8'
# Presepe — casa di Verona ⛄
services:
  app:   # ours
    image: {app}:${{APP_TAG:-1.0.0}}   # from .env
    container_name: {name}-app
    restart: unless-stopped
    network_mode: none
    env_file: .env
    depends_on: [neighbour]
  neighbour:
    image: "{neighbour}:latest"
    container_name: {name}-neighbour
    network_mode: none
"""
ENV = "# segreti\nMODE=show\nAPP_TAG=1.0.0  # dall'installatore\n"


def quiet(message: str, done: float | None = None) -> None:
    """Nobody listens."""


@dataclass
class Stack:
    """A project in a folder, as an owner who never heard of the updater started it."""

    engine: Containers
    bed: Bed
    images: Images
    compose: Compose
    name: str
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "docker-compose.yml"

    def owner(self, *words: str) -> None:
        done = self.compose(self.folder, "-p", self.name, *words)
        assert done.returncode == 0, done.stderr

    @property
    def text(self) -> ProjectText:
        return ProjectText(self.file.read_text(), (self.folder / ".env").read_text(), self.engine.environment)

    def write(self, edit: object) -> Spelling:
        assert isinstance(edit, ComposeEdit), edit
        self.file.write_text(edit.result.compose)
        (self.folder / ".env").write_text(edit.result.env or "")
        return edit.was

    async def pulled(self, version: str) -> str:
        """Have a version on the engine, and answer the id of its image."""
        reference = f"{self.images.app}:{version}"
        await self.engine.pull(reference, (await self.engine.remote(reference)).digest, quiet)
        image = await self.engine.image(reference)
        assert image is not None
        return image.id

    async def goes_to(self, which: ComposeService, version: str) -> Spelling:
        image = await self.pulled(version)
        was = self.write(edit_tag(self.text, "app", self.images.app, version))
        await self.engine.up(which, image, quiet)
        return was

    def id_of(self, service: str) -> str:
        return self.bed.look(f"{self.name}-{service}", "{{.Id}}")


async def _only_v1(argv: Any, **settings: Any) -> commands.Finished:
    if tuple(argv[:2]) == ("docker", "compose"):
        raise EffectError("cannot run docker compose: not here")
    return await commands.run(argv, **settings)


@pytest.fixture(params=["v1", "v2"])
def stack(
    request: pytest.FixtureRequest, engine: Bed, registry: Registry, images: Images, tmp_path: Path
) -> Iterator[Stack]:
    compose: Compose = request.getfixturevalue(f"compose_{request.param}")
    name = f"real-{request.param}-{place.token().replace('.', '-')}"
    folder = tmp_path / "My Presepe"
    folder.mkdir()
    run = commands.run if request.param == "v2" else _only_v1
    adapter = Engine(run, {"DOCKER_CONFIG": compose.environment["DOCKER_CONFIG"]})
    made = Stack(adapter, engine, images, compose, name, folder)
    made.file.write_text(STACK.format(app=images.app, neighbour=images.neighbour, name=name))
    (folder / ".env").write_text(ENV)
    yield made
    compose(folder, "-p", name, "down", "-t", "1")


async def test_a_service_is_found_by_what_its_container_carries(stack: Stack) -> None:
    stack.owner("up", "-d")
    which, container = await stack.engine.find(stack.file, "app")
    assert (which.project, which.service, which.files) == (stack.name, "app", (stack.file,))
    assert which.directory == stack.folder
    assert container is not None
    assert (container.running, container.status, container.name) == (True, "running", f"{stack.name}-app")
    assert container.reference == f"{stack.images.app}:1.0.0"
    image = await stack.engine.image(container.image)
    assert image is not None
    assert version_of(container.reference, image.version) == "1.0.0"
    assert container == await stack.engine.container(which) == await stack.engine.named(f"{stack.name}-app")
    assert await stack.engine.configured(which) == container.reference


async def test_without_a_container_the_project_is_what_compose_would_call_it(stack: Stack) -> None:
    override = stack.folder / "docker-compose.override.yml"
    override.write_text("version: '3.8'\nservices:\n  app:\n    profiles: [live]\n    labels: {x: y}\n")
    which, container = await stack.engine.find(stack.file, "app")
    assert container is None
    assert (which.project, which.files, which.profiles) == ("mypresepe", (stack.file, override), ("live",))
    assert await stack.engine.configured(which) == f"{stack.images.app}:1.0.0"
    done = stack.compose(stack.folder, "--profile", "live", "up", "--no-start")
    try:
        assert done.returncode == 0, done.stderr
        assert (
            stack.bed.look(f"{stack.name}-app", '{{index .Config.Labels "com.docker.compose.project"}}') == "mypresepe"
        )
        found, container = await stack.engine.find(stack.file, "app")
        assert (found, container and container.status) == (which, "created")
    finally:
        stack.compose(stack.folder, "--profile", "live", "down")


async def test_a_service_made_from_other_files_is_not_taken_for_this_one(stack: Stack) -> None:
    other = stack.folder / "other.yml"
    shutil.copy(stack.file, other)
    stack.file.write_text(f"name: {stack.name}\n{stack.file.read_text()}")
    (stack.folder / ".env").write_text(f"{ENV}COMPOSE_PROJECT_NAME={stack.name}\n")
    stack.owner("-f", "other.yml", "up", "--no-start")
    with pytest.raises(EffectError, match=r"cannot use .*docker-compose.yml for app: .* was made from .*other.yml"):
        await stack.engine.find(stack.file, "app")


@pytest.mark.req("DB-010")
@pytest.mark.req("DB-078")
async def test_an_update_and_its_way_back_touch_one_service_only(stack: Stack) -> None:
    stack.owner("up", "-d")
    # What the owner wrote but has not applied is not ours to apply, though the app depends on it.
    stack.file.write_text(f"{stack.file.read_text()}    labels: {{not: applied}}\n")
    before = stack.text
    which, container = await stack.engine.find(stack.file, "app")
    assert container is not None
    neighbour, app = stack.id_of("neighbour"), stack.id_of("app")
    was = await stack.goes_to(which, "1.1.0")
    after = await stack.engine.container(which)
    assert after is not None
    assert (after.reference, after.running, after.name) == (f"{stack.images.app}:1.1.0", True, container.name)
    assert stack.text == ProjectText(before.compose, ENV.replace("TAG=1.0.0", "TAG=1.1.0"), before.environment)
    assert stack.id_of("app") != app
    again = stack.id_of("app")
    await stack.engine.up(which, after.image, quiet)
    assert stack.id_of("app") == again  # safe to repeat: nothing to do is nothing done
    stack.write(put_back(stack.text, "app", was))
    await stack.engine.up(which, container.image, quiet)
    back = await stack.engine.container(which)
    assert back is not None
    assert (back.image, back.running) == (container.image, True)
    assert stack.text == before
    assert stack.id_of("neighbour") == neighbour
    assert (await stack.engine.find(stack.file, "app"))[0] == which


async def test_going_back_needs_no_registry(stack: Stack, registry: Registry) -> None:
    stack.owner("up", "-d")
    which, container = await stack.engine.find(stack.file, "app")
    assert container is not None
    was = await stack.goes_to(which, "1.1.0")
    registry.stop()
    stack.write(put_back(stack.text, "app", was))
    await stack.engine.up(which, container.image, quiet)
    back = await stack.engine.container(which)
    assert back is not None
    assert (back.image, back.running) == (container.image, True)


async def test_a_tag_that_moved_is_brought_back_by_naming_the_old_image_again(stack: Stack, registry: Registry) -> None:
    stack.file.write_text(stack.file.read_text().replace("${APP_TAG:-1.0.0}", "latest"))
    stack.owner("up", "-d")
    which, container = await stack.engine.find(stack.file, "app")
    assert container is not None
    registry.move_tag(APP, "latest", to="1.1.0")
    new = await stack.pulled("latest")
    assert new != container.image
    await stack.engine.up(which, new, quiet)
    moved = await stack.engine.container(which)
    assert moved is not None
    assert moved.image == new
    await stack.engine.tag(container.image, f"{stack.images.app}:latest")
    await stack.engine.up(which, container.image, quiet)
    back = await stack.engine.container(which)
    assert back is not None
    assert (back.image, back.running) == (container.image, True)


async def test_an_app_that_dies_at_once_is_told_by_the_engine_and_its_own_last_words(stack: Stack) -> None:
    stack.owner("up", "-d")
    which, _ = await stack.engine.find(stack.file, "app")
    await stack.goes_to(which, "1.2.0")
    count = "{{.RestartCount}}"
    place.wait_for(lambda: stack.bed.look(f"{stack.name}-app", count) != "0", 20, "the app does not crash")
    dying = await stack.engine.container(which)
    assert dying is not None
    assert dying.restarts > 0
    lines = await stack.engine.last_log(which, 2)
    assert "FATAL: cannot load configuration: missing key 'broker'" in lines
    assert len(lines) == 2
    await stack.engine.stop(which)
    stopped = await stack.engine.container(which)
    assert stopped is not None
    assert (stopped.running, stopped.status, stopped.exit_code) == (False, "exited", 3)
    await stack.engine.stop(which)


async def test_another_image_than_planned_is_refused_while_the_old_one_still_runs(stack: Stack) -> None:
    stack.owner("up", "-d")
    which, _ = await stack.engine.find(stack.file, "app")
    app = stack.id_of("app")
    other = await stack.pulled("1.1.0")
    with pytest.raises(EffectError, match=r"cannot start app with image sha256:.* is sha256:.* on this machine"):
        await stack.engine.up(which, other, quiet)
    stack.write(edit_tag(stack.text, "app", None, "9.9.9"))
    with pytest.raises(EffectError, match=r"9\.9\.9 is not on this machine"):
        await stack.engine.up(which, other, quiet)
    assert stack.id_of("app") == app
    assert stack.bed.look(f"{stack.name}-app", "{{.State.Running}}") == "true"


async def test_a_container_that_cannot_start_is_an_error_in_composes_words(stack: Stack) -> None:
    stack.owner("up", "-d")
    which, container = await stack.engine.find(stack.file, "app")
    assert container is not None
    stack.file.write_text(stack.file.read_text().replace("restart: unless-stopped", "command: [/bin/nothing]"))
    with pytest.raises(EffectError, match=r"cannot start app: .*(/bin/nothing|OCI)"):
        await stack.engine.up(which, container.image, quiet)
    stack.file.write_text("services: [\n")
    with pytest.raises(EffectError, match=r"cannot read .*docker-compose.yml with compose: "):
        await stack.engine.configured(which)
    with pytest.raises(EffectError, match="cannot start app: "):
        await stack.engine.up(which, None, quiet)


async def test_profiles_of_the_service_are_switched_on(stack: Stack) -> None:
    text = stack.file.read_text()
    stack.file.write_text(text.replace("    restart:", "    profiles: [live]\n    restart:"))
    stack.owner("--profile", "live", "up", "-d")
    which, _ = await stack.engine.find(stack.file, "app")
    assert which.profiles == ("live",)
    await stack.goes_to(which, "1.1.0")
    after = await stack.engine.container(which)
    assert after is not None
    assert after.reference == f"{stack.images.app}:1.1.0"


@pytest.mark.parametrize("stack", ["v1"], indirect=True)
async def test_a_project_of_version_1_is_taken_on_by_version_2(stack: Stack, request: pytest.FixtureRequest) -> None:
    newer: Compose = request.getfixturevalue("compose_v2")
    engine = Engine(commands.run, {"DOCKER_CONFIG": newer.environment["DOCKER_CONFIG"]})
    stack.owner("up", "-d")
    which, container = await engine.find(stack.file, "app")
    assert container is not None
    neighbour = stack.id_of("neighbour")
    stack.engine = engine
    was = await stack.goes_to(which, "1.1.0")
    stack.write(put_back(stack.text, "app", was))
    await engine.up(which, container.image, quiet)
    back = await engine.container(which)
    assert back is not None
    assert back.labels["com.docker.compose.version"].startswith("2.")
    assert (back.image, back.running) == (container.image, True)
    assert stack.id_of("neighbour") == neighbour
