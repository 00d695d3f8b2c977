"""What is not trusted is not taken by itself either, and the log says so loudly."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from doubles.signed_world import SignedWorld
from doubles.signers import EVE
from msgspec.structs import replace

from dunebugger_updater.services.clockwork import Clockwork
from dunebugger_updater.wiring import House


class NoFleet:
    """Nothing may reach it."""

    next_check: Mapping[str, Any] | None = None


def clockwork(built: House, world: SignedWorld) -> Clockwork:
    settings = world.settings()
    eager = replace(settings, components=tuple(replace(each, policy="auto") for each in settings.components))
    fleet: Any = NoFleet()
    return Clockwork(eager, built.device, built.watch, built.updates, built.runs, fleet, name="dune", zone="UTC")


async def test_a_release_that_nobody_trusted_signed_is_left_and_the_log_warns(
    world: SignedWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.publish("1.4.0", 7, by=(EVE,))
    async with world.device() as built:
        await built.watch.check(force=True)
        with caplog.at_level(logging.INFO):
            await clockwork(built, world).take()
        assert list(built.runs.ids()) == []
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warned) == 1
    assert "no such key is trusted here" in warned[0]
