"""The doctor says when somebody may be holding back releases, and when a build cannot believe any of its own."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from doubles.github import FakeGitHub
from doubles.signed_world import DoubtfulClock, SignedWorld

from dunebugger_updater import bundled
from dunebugger_updater.doctor import trust
from dunebugger_updater.doctor.finding import Finding


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedWorld]:
    clock = DoubtfulClock()
    async with FakeGitHub(lambda: clock.now().timestamp()).running() as fake:
        world = SignedWorld(tmp_path, fake, clock)
        world.publish("1.4.0", 7, expires=(clock.now() + timedelta(days=90)).isoformat())
        await world.installed(await world.plan())
        yield world


async def found(world: SignedWorld) -> dict[str, Finding]:
    async with world.device() as built:
        return {each.id: each for each in await trust.look(built)}


async def test_a_signed_release_is_fine_until_its_manifest_expires_and_nothing_newer_came(world: SignedWorld) -> None:
    assert (await found(world))["core.signed"].sentence == "core 1.4.0 came signed, with the sequence 7"
    world.clock.passed += timedelta(days=91).total_seconds()
    late = (await found(world))["core.expired"]
    assert late.severity == "warning"
    assert late.sentence == "the signed manifest of core 1.4.0 expired on 2027-02-18, and nothing newer came"
    assert "holding back" in late.advice


async def test_a_clock_that_nobody_believes_makes_nothing_expire(world: SignedWorld) -> None:
    world.clock.passed, world.clock.doubt = 1e9, "the clock has not been set"
    assert set(await found(world)) == {"core.signed"}


async def test_a_damaged_memory_is_told(world: SignedWorld) -> None:
    world.memory.write_bytes(b"{")
    assert (await found(world))["core.trust"].severity == "warning"


async def test_without_keys_there_is_nothing_to_say(world: SignedWorld) -> None:
    world.keys = ()
    assert await found(world) == {}


async def test_a_build_without_keys_says_that_it_cannot_update_itself(
    world: SignedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundled, "frozen", lambda: True)
    assert (await found(world))["updater.keys"].severity == "warning"
