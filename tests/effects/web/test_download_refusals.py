"""What must not be fetched: other sizes, other hosts, streams without end."""

import re

import pytest
from aiohttp import web
from doubles.github import Trouble
from doubles.web_world import SHA256, World, site
from yarl import URL

from dunebugger_updater.effects.redirects import Hosts
from dunebugger_updater.effects.web import HttpWeb
from dunebugger_updater.ports import EffectError


@pytest.mark.parametrize(
    ("size", "limit", "said"),
    [
        (2_999_999, 10_000_000, "it is 3,000,000 bytes, not the 2,999,999 that were published"),
        (3_000_001, 10_000_000, "it is 3,000,000 bytes, not the 3,000,001 that were published"),
        (None, 2_999_999, "it is 3,000,000 bytes, more than the 2,999,999 allowed"),
        (3_000_000, 2_999_999, "it is 3,000,000 bytes, more than the 2,999,999 allowed"),
    ],
)
async def test_a_file_of_another_size_is_refused_before_it_is_fetched(
    world: World, size: int | None, limit: int, said: str
) -> None:
    assert said in await world.refusal(size, limit)
    assert not world.to.exists()


@pytest.mark.parametrize(
    ("size", "said"), [(None, "more than 100,000 bytes came"), (50_000, "more than 50,000 bytes came")]
)
async def test_a_stream_without_end_is_cut_and_thrown_away(world: World, size: int | None, said: str) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 20_000)

    async with site(endless) as url:
        world.url = f"{url}/file"
        assert said in await world.refusal(size, 100_000)
    assert not world.to.exists()


async def test_a_stream_that_ends_early_is_not_taken_for_the_file(world: World) -> None:
    async def early(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        return response

    async with site(early) as url:
        world.url = f"{url}/file"
        assert "it ended after 4 of 8 bytes" in await world.refusal(8)


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "it is not there any more"), (401, "answered with status 401"), (206, "cannot be continued")],
)
async def test_a_refused_download_says_why(world: World, status: int, said: str) -> None:
    world.fake.troubles = [Trouble("core.tar.gz.se=", times=9, status=status)]
    assert said in await world.refusal()


async def test_a_file_packed_on_the_way_is_refused(world: World) -> None:
    world.fake.troubles = [Trouble("core.tar.gz.se=", status=200, headers={"Content-Encoding": "gzip"})]
    assert "packs it although it was asked not to" in await world.refusal()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://github.com/o/n/releases/download/v1/a", None),
        ("https://api.github.com/repos/o/n/releases/assets/1", None),
        ("https://release-assets.githubusercontent.com/a", None),
        ("https://files.example.org/a", None),
        ("https://mirror.files.example.org/a", None),
        ("https://evilgithub.com/a", "may not come from that host"),
        ("https://github.com.evil.org/a", "may not come from that host"),
        ("https://example.org/a", "may not come from that host"),
        ("https://github.com@evil.org/a", "carries a password"),
        ("http://github.com/a", "only https"),
        ("http://127.0.0.1/a", "only https"),
        ("https://127.0.0.1/a", "may not come from that host"),
        ("file:///etc/shadow", "only https"),
    ],
)
def test_only_known_hosts_are_asked_and_only_over_https(url: str, said: str | None) -> None:
    hosts = Hosts("https://api.github.com", [".files.example.org"])
    origin = URL("https://github.com/o/n/releases/download/v1/a")
    if said is None:
        hosts.check(URL(url), origin)
    else:
        with pytest.raises(EffectError, match=said):
            hosts.check(URL(url), origin)


async def test_the_address_itself_must_be_one_that_may_be_asked(world: World) -> None:
    world.url = "https://example.org/core.tar.gz"
    assert await world.refusal() == "cannot fetch from example.org: downloads may not come from that host"


@pytest.mark.parametrize(
    "location", ["http://192.0.2.1/a", "https://evil.example/a", "ftp://127.0.0.1/a", "http://[", ""]
)
async def test_a_redirect_elsewhere_is_not_followed(world: World, location: str) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location})

    async with site(elsewhere) as url:
        world.url = f"{url}/file"
        assert re.search("cannot fetch from|to an address that is none|without saying where", await world.refusal())


async def test_redirects_in_circles_are_left(world: World) -> None:
    async def circle(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/round"})

    async with site(circle) as url:
        world.url = f"{url}/file"
        assert "gave up after 5 hops" in await world.refusal()


async def test_the_token_opens_private_files_and_stays_with_the_api(world: World) -> None:
    world.fake.tokens["good"] = set()
    world.fake.repositories[0].private = True
    world.url = f"{world.fake.api_url}/repos/dunebugger/core/releases/assets/{world.release.assets[0].id}"
    assert "it is not there any more" in await world.refusal()
    world.web = HttpWeb(world.connections, clock=world.clock, api_url=world.fake.api_url, token="good")
    assert await world.download() == SHA256
    assert [("Authorization" in seen.headers, seen.host) for seen in world.fake.seen[-2:]] == [
        (True, "api"),
        (False, "files"),
    ]


async def test_a_refused_token_does_not_keep_a_public_file_away(world: World) -> None:
    world.url = f"{world.fake.api_url}/repos/dunebugger/core/releases/assets/{world.release.assets[0].id}"
    world.web = HttpWeb(world.connections, clock=world.clock, api_url=world.fake.api_url, token="expired")
    assert await world.download() == SHA256
