"""Which versions can be gone back to by name, as the device itself shows it."""

import asyncio

import pytest
from stories.scenes import COMPOSE, HOME, _app, app_scene, compose_scene

from dunebugger_updater.kinds import compose_service, python_app
from dunebugger_updater.model.settings import Component
from dunebugger_updater.ports import ImageState


@pytest.mark.req("DB-098")
async def test_release_directories_that_are_not_in_use_can_be_gone_back_to() -> None:
    world = (await asyncio.to_thread(app_scene)).world
    for name in ("0.9.0", "0.8.0~2", "original", ".1.2.0.unpacking"):
        world.disk.put(HOME / name / "VERSION", b"x")
    assert await python_app.kept(_app(), world.device) == ("0.8.0", "0.9.0")


@pytest.mark.req("DB-098")
async def test_images_that_were_kept_can_be_gone_back_to_but_not_the_one_that_runs() -> None:
    scene = await asyncio.to_thread(compose_scene)
    engine = scene.world.engine
    engine.images["sha256:older"] = ImageState("sha256:older", (), "0.9.0")
    engine.names |= {
        f"{compose_service.KEPT}/scheduler:a": "sha256:older",
        f"{compose_service.KEPT}/scheduler:b": "sha256:old",
    }
    component = Component(name="scheduler", type="container", service="scheduler", compose_path=COMPOSE)
    assert await compose_service.kept(component, scene.world.device) == ("0.9.0",)
