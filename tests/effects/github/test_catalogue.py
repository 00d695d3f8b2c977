"""What a repository has on offer, and whether it is still the same repository."""

import asyncio
import hashlib

import pytest
from doubles.github import COMMIT, Asset, Trouble
from doubles.github_world import CORE, World

from dunebugger_updater import __version__
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.model.release import Asset as OurAsset


@pytest.mark.req("DB-003")
@pytest.mark.req("DB-075")
async def test_a_release_is_read_with_its_assets_and_the_number_of_its_repository(world: World) -> None:
    made = world.fake.release(world.core, "v1.2.0", {"core.tar.gz": b"bytes"}, prerelease=True)
    made.notes = "# News"
    catalogue = await world.github.catalogue(CORE, "releases", None)
    assert catalogue.repository_id == 77
    assert catalogue.warnings == ()
    (release,) = catalogue.releases
    assert (release.tag, release.prerelease, release.notes) == ("v1.2.0", True, "# News")
    assert release.published_at == made.published_at
    assert release.asset("core.tar.gz") == OurAsset(
        "core.tar.gz",
        f"{world.fake.api_url}/{CORE}/releases/download/v1.2.0/core.tar.gz",
        5,
        hashlib.sha256(b"bytes").hexdigest(),
    )


@pytest.mark.req("DB-075")
async def test_all_releases_are_listed_and_not_only_the_one_that_github_calls_latest(world: World) -> None:
    for tag in ("v2.0.0", "v1.9.5"):
        world.fake.release(world.core, tag)
    world.core.latest = world.core.releases[1].id
    assert await world.tags() == {"v2.0.0", "v1.9.5"}


async def test_drafts_are_never_on_offer_even_to_those_who_see_them(world: World) -> None:
    world.fake.release(world.core, "v1")
    world.fake.release(world.core, "v2").draft = True
    world.fake.tokens["pusher"] = {"push"}
    world.github = world.client("pusher")
    assert await world.tags() == {"v1"}


@pytest.mark.parametrize(
    ("state", "content", "ready"),
    [("uploaded", b"x", True), ("open", b"x", False), ("starter", b"x", False), ("uploaded", b"", False)],
)
async def test_an_asset_that_is_still_being_uploaded_is_not_ready(
    world: World, state: str, content: bytes, ready: bool
) -> None:
    world.fake.release(world.core, "v1").assets.append(Asset(5, "a", content, state=state))
    (release,) = (await world.github.catalogue(CORE, "releases", None)).releases
    assert release.assets[0].ready is ready


@pytest.mark.req("DB-091")
@pytest.mark.parametrize(
    ("digest", "sha256"),
    [("right", hashlib.sha256(b"x").hexdigest()), ("wrong", "0" * 64), ("null", None), ("absent", None)],
)
async def test_a_digest_is_what_the_release_states_or_none(world: World, digest: str, sha256: str | None) -> None:
    world.fake.release(world.core, "v1").assets.append(Asset(5, "a", b"x", digest=digest))
    (release,) = (await world.github.catalogue(CORE, "releases", None)).releases
    assert release.assets[0].sha256 == sha256


async def test_a_list_of_many_pages_is_read_to_its_end_by_the_links_it_gives(world: World) -> None:
    for number in range(230):
        world.fake.release(world.core, f"v1.0.{number}")
    assert len(await world.tags()) == 230
    assert [path for path in world.fake.asked() if "page=3" in path] == [
        "GET /repositories/77/releases?per_page=100&page=3"
    ]


async def test_a_list_without_end_is_left_after_five_pages(world: World) -> None:
    for number in range(620):
        world.core.tags[f"v1.0.{number}"] = COMMIT
    assert len((await world.github.catalogue(CORE, "tags", None)).releases) == 500


async def test_a_next_page_on_another_host_is_not_followed(world: World) -> None:
    world.fake.troubles = [
        Trouble("/releases", status=200, body=b"[]", headers={"Link": '<https://evil.example/2>; rel="next"'})
    ]
    assert "on another host" in await world.refusal()


@pytest.mark.req("DB-003")
async def test_a_project_that_only_pushes_tags_offers_them_with_their_commits(world: World) -> None:
    world.core.tags = {"v1.0.0-beta.8": "a" * 40, "v1.0.0-beta.15": "b" * 40}
    catalogue = await world.github.catalogue(CORE, "tags", None)
    assert {release.tag: release.commit for release in catalogue.releases} == world.core.tags
    assert all(release.published_at is None and not release.assets for release in catalogue.releases)


async def test_a_project_without_releases_offers_nothing_rather_than_failing(world: World) -> None:
    assert await world.tags() == set()


async def test_with_a_token_the_assets_are_had_from_the_api_which_opens_private_ones(world: World) -> None:
    world.core.private = True
    world.fake.tokens["good"] = set()
    world.fake.release(world.core, "v1", {"a": b"x"})
    world.github = world.client("good")
    (release,) = (await world.github.catalogue(CORE, "releases", None)).releases
    assert release.assets[0].url.startswith(f"{world.fake.api_url}/repos/{CORE}/releases/assets/")
    assert await world.github.read_asset(release.assets[0].url, 100) == b"x"


async def test_every_request_says_who_asks_and_which_api_it_means(world: World) -> None:
    await world.tags()
    for seen in world.fake.seen:
        assert seen.headers["User-Agent"] == f"dunebugger-updater/{__version__}"
        assert seen.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert seen.headers["Accept"] == "application/vnd.github+json"


async def test_a_renamed_repository_is_followed_and_its_new_name_told(world: World) -> None:
    world.fake.release(world.core, "v1")
    world.fake.rename(world.core, "dunebugger/heart")
    catalogue = await world.github.catalogue(CORE, "releases", 77)
    assert [release.tag for release in catalogue.releases] == ["v1"]
    assert catalogue.warnings == (
        f"{CORE} has moved to dunebugger/heart: please write that name into the configuration",
    )


async def test_another_repository_under_the_same_name_is_refused(world: World) -> None:
    world.fake.release(world.core, "v1")
    world.fake.rename(world.core, "dunebugger/heart")
    world.fake.release(world.fake.repository(CORE, id=666), "v9.9.9")
    assert "it is now another repository" in await world.refusal(pinned=77)


async def test_another_repository_is_refused_also_when_the_old_one_is_gone(world: World) -> None:
    world.fake.repositories.clear()
    world.fake.release(world.fake.repository(CORE, id=666), "v9.9.9")
    assert "it is now another repository" in await world.refusal(pinned=77)


@pytest.mark.parametrize("source", ["releases", "tags"])
async def test_a_repository_that_is_known_costs_one_request(world: World, source: str) -> None:
    world.fake.release(world.core, "v1")
    catalogue = await world.github.catalogue(CORE, source, 77)
    assert (catalogue.repository_id, catalogue.warnings) == (77, ())
    assert world.fake.asked() == [f"GET /repositories/77/{source}?per_page=100"]


async def test_a_name_in_other_letters_is_the_same_name(world: World) -> None:
    assert (await world.github.catalogue("DuneBugger/Core", "releases", 77)).warnings == ()


@pytest.mark.parametrize(
    "name", ["core", "a/b/c", "a/..", "../b", "a/b?x", "a/b#", "a/ b", "", "https://github.com/a/b"]
)
async def test_a_name_that_is_none_is_refused_without_asking(world: World, name: str) -> None:
    assert "a repository is written owner/name" in await world.refusal(name)
    assert world.fake.seen == []


async def test_no_more_requests_are_under_way_than_allowed(world: World) -> None:
    world.fake.delay = 0.01
    github = GitHub(world.connections, clock=world.clock, api_url=world.fake.api_url, parallel=3)
    names = [f"dunebugger/part{number}" for number in range(10)]
    for name in names:
        world.fake.repository(name)
    await asyncio.gather(*(github.catalogue(name, "releases", None) for name in names))
    assert world.fake.most_at_once == 3
