"""GitHub asks for restraint in several ways; each is heard, told and obeyed."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from doubles.github import Trouble
from doubles.github_world import NOW, World


@pytest.mark.req("DB-109")
async def test_a_used_up_limit_is_told_with_its_end_and_then_nothing_is_asked_until_then(world: World) -> None:
    world.fake.anonymous_limit = 2
    assert await world.tags() == set()
    asked = len(world.fake.seen)
    until = datetime(2026, 11, 20, 13, 0, tzinfo=UTC).astimezone()
    said = await world.refusal()
    assert f"the rate limit of 2 requests an hour is used up until {until:%H:%M}" in said
    assert len(world.fake.seen) == asked
    world.clock.passed += 3601
    assert await world.tags() == set()


@pytest.mark.req("DB-109")
@pytest.mark.parametrize("status", [403, 429])
async def test_a_limit_that_others_used_up_is_told_the_same(world: World, status: int) -> None:
    headers = {
        "x-ratelimit-limit": "60",
        "X-Ratelimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(NOW.timestamp()) + 600),
    }
    world.fake.troubles = [Trouble("/repos", times=2, status=status, headers=headers, body=b"{}")]
    assert "rate limit of 60 requests an hour is used up" in await world.refusal()
    world.clock.passed += 590
    assert "used up" in await world.refusal()
    world.clock.passed += 20
    assert await world.tags() == set()


@pytest.mark.parametrize("off_by", [-20 * 365 * 86400.0, 86400.0 * 300])
async def test_a_wrong_clock_neither_shortens_nor_prolongs_the_wait(world: World, off_by: float) -> None:
    world.clock.wrong_by = off_by
    world.fake.anonymous_limit = 2
    await world.tags()
    asked = len(world.fake.seen)
    world.clock.passed += 3500
    await world.refusal()
    assert len(world.fake.seen) == asked
    world.clock.passed += 101
    assert await world.tags() == set()


async def test_a_reset_in_a_hundred_years_parks_us_for_an_hour(world: World) -> None:
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4900000000"}
    world.fake.troubles = [Trouble("/repos", times=2, status=403, headers=headers, body=b"{}")]
    await world.refusal()
    world.clock.passed += 3601
    assert await world.tags() == set()


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("120", 120.0),
        (formatdate(NOW.timestamp() + 300, usegmt=True), 300.0),
        ("99999999999", 3600.0),
        (None, 60.0),
        ("soon", 60.0),
    ],
)
async def test_we_slow_down_for_as_long_as_github_asks(world: World, retry_after: str | None, wait: float) -> None:
    body = b'{"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
    headers = {"Date": formatdate(NOW.timestamp(), usegmt=True), "X-RateLimit-Remaining": "14"}
    headers |= {"Retry-After": retry_after} if retry_after else {}
    world.fake.troubles = [Trouble("/repos/[^/]+/[^/]+$", status=403, headers=headers, body=body)]
    assert "asks us to slow down until" in await world.refusal()
    world.clock.passed += wait - 1
    asked = len(world.fake.seen)
    assert "asks us to slow down until" in await world.refusal()
    assert len(world.fake.seen) == asked
    world.clock.passed += 2
    assert await world.tags() == set()


async def test_each_further_slow_down_is_obeyed_for_twice_as_long_until_an_answer_comes(world: World) -> None:
    waits = []
    for answered in (False, False, False, True, False):
        if answered:
            world.fake.troubles = []
            await world.tags()
        world.fake.troubles = [Trouble(".", times=2, status=429, body=b"{}")]
        assert "slow down" in await world.refusal()
        before = world.clock.passed
        world.fake.troubles = [Trouble(".", times=999, status=500)]
        while "slow down" in await world.refusal():
            world.clock.passed += 10
        waits.append(world.clock.passed - before)
    assert waits == [60, 120, 240, 60, 120]


@pytest.mark.req("DB-109")
async def test_a_missing_permission_is_no_limit(world: World) -> None:
    body = b'{"message": "Resource not accessible by personal access token"}'
    world.fake.troubles = [Trouble("/releases", status=403, body=body, headers={"X-RateLimit-Remaining": "4000"})]
    assert "forbids it: Resource not accessible by personal access token" in await world.refusal()
    assert await world.tags() == set()


async def test_limits_are_shown_as_github_last_told_them(world: World) -> None:
    assert world.github.limits() is None
    world.fake.header_case = str.upper
    await world.tags()
    limits = world.github.limits()
    assert limits is not None
    assert (limits.limit, limits.remaining, limits.reset) == (60, 58, datetime(2026, 11, 20, 13, 0, tzinfo=UTC))
