"""The made-up device's container, *lights*, where a Docker engine and compose are there; else it has none.

It needs no internet and no image on the machine, and everything of it is taken away at the end.
"""

import asyncio
import logging
import os
import platform
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from dunebugger_updater.demo.apps import Release
from dunebugger_updater.demo.image_registry import handing_out
from dunebugger_updater.demo.images import MACHINES, Image, image
from dunebugger_updater.effects.commands import run
from dunebugger_updater.effects.compose import Compose
from dunebugger_updater.effects.docker import Engine
from dunebugger_updater.kinds.compose_service import KEPT
from dunebugger_updater.manifest import Facts, generate, to_yaml
from dunebugger_updater.ports import ComposeService, EffectError

log = logging.getLogger(__name__)

LIGHTS = "lights"
LIGHTS_REPOSITORY = f"demo/{LIGHTS}"
FIRST, NEXT = "1.0.0", "1.1.0"

_ANSWER = 2.0
"""Seconds that the engine may take to answer: nobody waits for the demo because of a container."""
_SET_UP = 15.0
"""Seconds until the container runs; it takes one or two where nothing else is going on."""
_TAKE_AWAY = 20.0
"""Seconds for taking everything away."""

_COMPOSE = """\
services:
  {name}:
    image: {image}:{version}
    network_mode: none
"""
_SECTION = """
[Component {name}]
type = container
repository = {repository}
composePath = {file}
service = {name}
image = {image}
imageTag = {{version}}
"""


class Lights(msgspec.Struct, frozen=True):
    """The container as the device has it; or, without a ``section``, why it has none."""

    section: str = ""
    """Its part of the configuration file."""
    releases: tuple[Release, ...] = ()
    missing: str = ""
    """A sentence for a person."""


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Lights]:
    """Have version 1.0.0 run, from a compose file in ``folder``; whatever happens, take it away at the end."""
    machine = MACHINES.get(platform.machine())
    engine = Engine(run)
    missing = "no image is made for this machine" if machine is None else await _unfit(engine)
    if missing or machine is None:
        yield Lights(missing=missing)
        return
    project = f"dunebugger-demo-{secrets.token_hex(4)}"
    images = [image(version, machine, {"dunebugger-updater.demo": project}) for version in (FIRST, NEXT)]
    async with handing_out(LIGHTS, images) as name:
        file = folder / "docker-compose.yml"
        which = ComposeService(service=LIGHTS, project=project, files=(file,), directory=folder)
        try:
            yield await _set_up(engine, which, name, images[0])
        finally:
            await _take_away(engine, which, name, images)


async def _unfit(engine: Engine) -> str:
    """Say why the engine cannot be used here, if so."""
    host = os.environ.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        return "Docker is on another machine"
    import docker.errors  # noqa: F401, PLC0415  (slow, and no fault of the engine's: not within its limit)

    try:
        async with asyncio.timeout(_ANSWER):
            taken = await engine.tags(f"{KEPT}/{LIGHTS}")
    except TimeoutError:
        return "Docker does not answer"
    except EffectError as error:
        return str(error)
    # An update forgets the oldest images that are kept under its component's name: those would be somebody's.
    return f"images of another {LIGHTS} are kept on this machine" if taken else ""


async def _set_up(engine: Engine, which: ComposeService, name: str, first: Image) -> Lights:
    file = which.files[0]
    try:
        file.parent.mkdir()
        file.write_text(_COMPOSE.format(name=LIGHTS, image=name, version=FIRST))
        async with asyncio.timeout(_SET_UP):
            await engine.pull(f"{name}:{FIRST}", first.digest, _to_nobody)
            await engine.up(which, None, _to_nobody)
    except TimeoutError:
        return Lights(missing=f"Docker did not start it within {_SET_UP:.0f} s")
    except EffectError as error:
        return Lights(missing=str(error))
    section = _SECTION.format(name=LIGHTS, repository=LIGHTS_REPOSITORY, file=file, image=name)
    return Lights(section, tuple(_release(version, name) for version in (FIRST, NEXT)))


async def _take_away(engine: Engine, which: ComposeService, name: str, images: Sequence[Image]) -> None:
    """Take away what Docker has of it.  A failure is told, but is no failure of the demo."""
    try:
        async with asyncio.timeout(_TAKE_AWAY):
            await _end(engine, which)
            here = [await engine.image(f"{name}@{each.digest}") for each in images]
            ids = {each.id for each in here if each is not None}
            for kept in await engine.tags(f"{KEPT}/{LIGHTS}"):
                held = await engine.image(kept)
                if held is not None and held.id in ids:
                    await engine.untag(kept)
            for reference in [*await engine.tags(name), *(f"{name}@{each.digest}" for each in images)]:
                await engine.untag(reference)
    except (EffectError, TimeoutError) as error:
        why = str(error) or f"Docker did not do it within {_TAKE_AWAY:.0f} s"
        log.warning("cannot take %s of project %s away: %s: remove it by hand", LIGHTS, which.project, why)


async def _end(engine: Engine, which: ComposeService) -> None:
    if await engine.container(which) is not None:
        done = await Compose(run, {}).down(which)
        if await engine.container(which) is not None:
            raise EffectError(f"its container is still there: {done.last_words}")


def _release(version: str, name: str) -> Release:
    facts = Facts(
        version=version,
        component_type="container",
        component=LIGHTS,
        description=f"{LIGHTS} {version}",
        image=f"{name}:{version}",
        service=LIGHTS,
        minimum_mb=1,
        start_limit=30,
        repo=LIGHTS_REPOSITORY,
    )
    notes = "The first one." if version == FIRST else "- the same lights, in a newer container"
    return Release(version, notes, {"update-manifest.yaml": to_yaml(generate(facts)).encode()})


def _to_nobody(message: str, done: float | None = None) -> None:
    """Hear progress that nobody waits for."""
