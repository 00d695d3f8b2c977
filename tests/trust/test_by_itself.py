"""What is not trusted is not taken by itself either, and the log, the panel and whoever is to be told hear why."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from doubles.signed_world import SignedWorld
from doubles.signers import EVE

from dunebugger_updater.model.wire import AnyNews, CheckEnded
from dunebugger_updater.services.clockwork import Clockwork
from dunebugger_updater.wiring import House


class NoFleet:
    """Nothing may reach it."""

    next_check: Mapping[str, Any] | None = None


def clockwork(built: House, world: SignedWorld, told: list[AnyNews]) -> Clockwork:
    fleet: Any = NoFleet()
    settings = world.settings()
    return Clockwork(
        settings, built.device, built.watch, built.updates, built.runs, fleet, name="dune", zone="UTC", tell=told.append
    )


async def test_a_release_that_nobody_trusted_signed_is_left_and_the_log_warns(
    world: SignedWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.by_itself = "auto"
    world.publish("1.4.0", 7, by=(EVE,))
    async with world.device() as built:
        await built.watch.check(force=True)
        with caplog.at_level(logging.INFO):
            told: list[AnyNews] = []
            clock = clockwork(built, world, told)
            await clock.take()
            await clock.take()
        assert list(built.runs.ids()) == []
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warned) == 2
    assert "no such key is trusted here" in warned[0]
    [news] = told
    assert isinstance(news, CheckEnded)
    view = news.components["core"]
    assert view.untrusted is not None
    assert "no such key is trusted here" in view.untrusted
    assert view.waits == f"was not updated by itself: {view.untrusted}"
