"""What is asked only once, and what a token that went bad does to a check."""

import os

import pytest
from doubles.github import Trouble
from doubles.github_world import CORE, World
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.ports import EffectError


async def test_what_has_not_changed_is_not_sent_again_even_after_a_restart(world: World) -> None:
    world.fake.release(world.core, "v1")
    assert await world.tags() == {"v1"}
    world.github = world.client()
    assert await world.tags() == {"v1"}
    assert [seen.status for seen in world.fake.seen] == [200, 200, 304, 304]


async def test_what_has_changed_is_seen_at_once(world: World) -> None:
    await world.tags()
    world.fake.release(world.core, "v1")
    assert await world.tags() == {"v1"}


async def test_pages_are_followed_also_when_the_first_has_not_changed(world: World) -> None:
    for number in range(130):
        world.fake.release(world.core, f"v1.0.{number}")
    await world.tags()
    assert len(await world.tags()) == 130


@pytest.mark.parametrize("damage", [b"", b"\0" * 50, b'{"etag": 3}\n[]', None])
async def test_a_damaged_cache_is_as_good_as_none(world: World, damage: bytes | None) -> None:
    world.fake.release(world.core, "v1")
    await world.tags()
    for path in world.cache.iterdir():
        path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    assert await world.tags() == {"v1"}
    assert {seen.status for seen in world.fake.seen} == {200}


async def test_a_cache_that_cannot_be_written_does_not_stop_a_check(world: World) -> None:
    world.cache.write_text("a file where the folder should be")
    world.fake.release(world.core, "v1")
    assert await world.tags() == {"v1"}


async def test_each_token_has_a_cache_of_its_own_and_is_not_readable_in_it(world: World) -> None:
    world.fake.tokens |= {"first-token": set(), "second-token": {"push"}}
    for token in (None, "first-token", "second-token"):
        world.github = world.client(token)
        await world.tags()
    assert {seen.status for seen in world.fake.seen} == {200}
    kept = list(world.cache.iterdir())
    assert len(kept) == 6
    assert not any(b"-token" in path.name.encode() + path.read_bytes() for path in kept)


async def test_a_304_that_nobody_asked_for_is_asked_again(world: World) -> None:
    world.fake.release(world.core, "v1")
    world.fake.troubles = [Trouble("/releases", status=304)]
    assert await world.tags() == {"v1"}


async def test_the_cache_does_not_grow_for_ever(world: World) -> None:
    world.cache.mkdir()
    for number in range(450):
        (world.cache / f"{number:040}").write_bytes(b"old")
    (world.cache / ".new-torn").write_bytes(b"torn")
    for path in world.cache.iterdir():
        os.utime(path, (1.0, 1.0))
    await world.tags()
    left = list(world.cache.iterdir())
    assert 399 <= len(left) <= 402
    assert not any(path.name.startswith(".") for path in left)


async def test_a_refused_token_is_told_and_the_check_goes_on_without_it(world: World) -> None:
    world.fake.release(world.core, "v1")
    world.github = world.client("expired")
    catalogue = await world.github.catalogue(CORE, "releases", None)
    assert [release.tag for release in catalogue.releases] == ["v1"]
    assert len(catalogue.warnings) == 1
    assert catalogue.warnings[0].startswith("token refused by 127.0.0.1")
    assert "going on without it" in catalogue.warnings[0]


async def test_a_refused_token_is_tried_again_after_an_hour_and_not_before(world: World) -> None:
    world.github = world.client("late")
    await world.tags()
    before = len(world.fake.seen)
    await world.tags()
    assert not any("Authorization" in seen.headers for seen in world.fake.seen[before:])
    world.fake.tokens["late"] = set()
    world.clock.passed += 3601
    assert (await world.github.catalogue(CORE, "releases", None)).warnings == ()


async def test_a_private_repository_and_a_refused_token_give_one_sentence_with_both(world: World) -> None:
    world.core.private = True
    world.github = world.client("expired")
    said = await world.refusal()
    assert "is private and the token may not see it (token refused by" in said


async def test_the_token_is_not_sent_to_the_host_of_the_files(world: World) -> None:
    world.fake.tokens["good"] = set()
    world.fake.release(world.core, "v1", {"a": b"x"})
    world.github = world.client("good")
    url = f"{world.fake.api_url}/repos/{CORE}/releases/assets/{world.core.releases[0].assets[0].id}"
    assert await world.github.read_asset(url, 10) == b"x"
    assert [("Authorization" in seen.headers, seen.host) for seen in world.fake.seen] == [
        (True, "api"),
        (False, "files"),
    ]


@pytest.mark.parametrize("url", ["http://api.github.com", "http://10.0.0.1:80", "ftp://127.0.0.1"])
async def test_an_api_without_encryption_is_refused_outside_this_machine(url: str) -> None:
    with pytest.raises(EffectError, match="only https"):
        GitHub(Connections(), clock=SmallClock(), api_url=url)
