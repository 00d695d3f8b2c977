"""What a device remembers of signed releases: that it rises, that it lasts, and that losing it loses nothing."""

import json
from datetime import timedelta

import pytest
from doubles.signed_world import SignedWorld
from doubles.signers import ANNA, BERTA, CARLA, chained, document, link

from dunebugger_updater.plan import Plan
from dunebugger_updater.services.updates import Refusal

CORE = {"component": "core"}


async def reason(world: SignedWorld, version: str | None = None) -> str:
    refused = await world.plan(version)
    assert isinstance(refused, Refusal), "it was planned"
    return refused.reason


@pytest.fixture
async def after_seven(world: SignedWorld) -> SignedWorld:
    """A device on which a release with the sequence 7 and the floor 5 was installed and counted."""
    world.publish("1.4.0", 7, min_sequence=5, issued=world.clock.now().isoformat())
    await world.installed(await world.plan())
    return world


async def test_an_older_signed_release_under_a_higher_number_is_refused_once_a_newer_one_counted(
    after_seven: SignedWorld,
) -> None:
    after_seven.publish("1.5.0", 6)
    assert await reason(after_seven) == "rolled_back"


async def test_a_signed_release_that_is_no_longer_safe_is_refused(after_seven: SignedWorld) -> None:
    after_seven.publish("1.5.0", 4)
    assert await reason(after_seven) == "below_minimum"


async def test_the_owner_goes_back_below_it_by_naming_the_version_and_reads_why_not(after_seven: SignedWorld) -> None:
    after_seven.publish("1.2.0", 4)
    plan = await after_seven.plan("1.2.0")
    assert isinstance(plan, Plan), plan
    assert "nothing below 5 is safe any more" in plan.notes[0]
    await after_seven.installed(plan)
    after_seven.publish("1.5.0", 6)
    assert await reason(after_seven) == "rolled_back", "going back once opens no door"


@pytest.mark.parametrize("sequence", [7, 7 + 10**9 + 1])
async def test_two_releases_share_no_sequence_and_none_jumps_out_of_reach(
    after_seven: SignedWorld, sequence: int
) -> None:
    after_seven.publish("1.5.0", sequence)
    assert await reason(after_seven) == ("sequence_reused" if sequence == 7 else "fast_forward")


async def test_a_release_that_was_only_offered_or_that_failed_here_raises_nothing(world: SignedWorld) -> None:
    world.publish("1.4.0", 9)
    await world.installed(await world.plan(), well=False)
    world.without(world.core.releases[0], "core-1.4.0.tar.gz")
    world.core.releases[0].draft = True
    world.publish("1.5.0", 8)
    assert isinstance(await world.plan(), Plan)


async def test_what_was_signed_once_is_not_taken_unsigned(after_seven: SignedWorld) -> None:
    after_seven.without(after_seven.publish("1.5.0", 8), "update-manifest.sig")
    assert await reason(after_seven) == "signature_gone"
    after_seven.without(after_seven.core.releases[-1], "update-manifest.yaml")
    assert await reason(after_seven) == "signature_gone"


async def test_the_memory_lasts_when_the_journal_has_forgotten(after_seven: SignedWorld) -> None:
    after_seven.publish("1.5.0", 6)
    await after_seven.plan()
    for run in (after_seven.folder / "state" / "runs").iterdir():
        run.unlink()
    assert await reason(after_seven) == "rolled_back"


@pytest.mark.parametrize("damage", [None, b"", b"{", b"\xff\xfe", b'{"remembered": 7}', b"null"])
async def test_the_journal_still_knows_when_the_memory_is_gone_or_damaged(
    after_seven: SignedWorld, damage: bytes | None
) -> None:
    after_seven.publish("1.5.0", 6)
    await after_seven.plan()
    after_seven.memory.unlink()
    if damage is not None:
        after_seven.memory.write_bytes(damage)
    assert await reason(after_seven) == "rolled_back"
    assert after_seven.remembered()["sequence"] == 7


async def test_that_the_memory_was_damaged_is_told(after_seven: SignedWorld) -> None:
    await after_seven.plan()
    after_seven.memory.write_bytes(b"{")
    after_seven.publish("1.5.0", 8)
    plan = await after_seven.plan()
    assert isinstance(plan, Plan), plan
    assert any("is damaged" in note for note in plan.notes)


async def test_a_memory_that_cannot_be_written_stops_nothing(after_seven: SignedWorld) -> None:
    after_seven.memory.parent.mkdir(exist_ok=True)
    after_seven.memory.unlink(missing_ok=True)
    after_seven.memory.mkdir()
    after_seven.publish("1.5.0", 8)
    plan = await after_seven.plan()
    assert isinstance(plan, Plan), plan
    assert any("is damaged" in note for note in plan.notes)
    after_seven.publish("1.6.0", 6)
    assert await reason(after_seven) == "rolled_back", "the journal still knows"


async def test_an_expired_manifest_is_refused_by_an_unset_clock_when_something_newer_was_here(
    after_seven: SignedWorld,
) -> None:
    world = after_seven
    yesterday = (world.clock.now() - timedelta(days=1)).isoformat()
    world.clock.wrong_by, world.clock.doubt = -1e9, "the clock has not been set"
    world.publish("1.5.0", 8, expires=yesterday)
    assert await reason(world) == "expired"


TO_BERTA = link(document(1, BERTA, **CORE, revoked=[ANNA.id]), ANNA, BERTA)


async def test_keys_change_with_a_release_and_stay_changed(world: SignedWorld) -> None:
    world.publish("1.4.0", 7, by=(BERTA,), files={"update-keys.json": chained(TO_BERTA)})
    plan = await world.plan()
    assert isinstance(plan, Plan), plan
    assert plan.vouched is not None
    assert plan.vouched.by == (BERTA.id,)
    world.publish("1.5.0", 8, by=(ANNA,))
    assert await reason(world) == "key_revoked"
    world.publish("1.6.0", 9, by=(BERTA,))
    assert isinstance(await world.plan(), Plan)


async def test_keys_that_were_tampered_with_on_the_device_do_not_count(world: SignedWorld) -> None:
    world.publish("1.4.0", 7, by=(BERTA,), files={"update-keys.json": chained(TO_BERTA)})
    await world.plan()
    kept = json.loads(world.memory.read_text())
    forged = document(1, CARLA, **CORE)
    kept["links"][0]["document"] = json.dumps(forged)
    world.memory.write_text(json.dumps(kept))
    world.publish("1.5.0", 8, by=(CARLA,))
    assert await reason(world) == "signature_unknown"


async def test_keys_that_the_owner_writes_down_anew_count_from_then_on(world: SignedWorld) -> None:
    world.publish("1.4.0", 7, by=(BERTA,), files={"update-keys.json": chained(TO_BERTA)})
    await world.plan()
    world.keys = (CARLA,)
    world.publish("1.5.0", 8, by=(CARLA,))
    assert isinstance(await world.plan(), Plan)
