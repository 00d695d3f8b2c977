"""Downloads over a line that breaks, to hosts that may and may not be asked, onto a disk that may be full."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from doubles.github import FakeGitHub, Release, Trouble
from doubles.small_clock import SmallClock
from yarl import URL

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.redirects import Hosts
from dunebugger_updater.effects.web import HttpWeb
from dunebugger_updater.ports import EffectError

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class World:
    """A fake GitHub with one file of 3 MB, and our downloader."""

    def __init__(self, fake: FakeGitHub, connections: Connections, folder: Path) -> None:
        self.fake = fake
        self.connections = connections
        self.clock = SmallClock()
        self.to = folder / "core.tar.gz.unverified"
        self.etag = folder / "core.tar.gz.unverified.etag"
        self.half = asyncio.Event()
        self.told: list[tuple[str, float | None]] = []
        repository = fake.repository("dunebugger/core")
        self.release: Release = fake.release(repository, "v1", {"core.tar.gz": CONTENT})
        self.url = f"{fake.api_url}/dunebugger/core/releases/download/v1/core.tar.gz"
        self.web = HttpWeb(connections, clock=self.clock, api_url=fake.api_url)

    async def download(self, size: int | None = len(CONTENT), limit: int = 10_000_000) -> str:
        return await self.web.download(self.url, self.to, size=size, limit=limit, report=self.tell)

    def tell(self, message: str, done: float | None = None) -> None:
        self.told.append((message, done))
        if done is not None and done >= 0.5:
            self.half.set()

    async def refusal(self, size: int | None = len(CONTENT), limit: int = 10_000_000) -> str:
        with pytest.raises(EffectError) as refused:
            await self.download(size, limit)
        return str(refused.value)

    def ranges(self) -> list[str | None]:
        """What each request to the host of the files asked for."""
        return [seen.headers.get("Range") for seen in self.fake.seen if seen.host == "files"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    connections = Connections()
    async with FakeGitHub().running() as fake:
        yield World(fake, connections, tmp_path)
        await connections.close()


@asynccontextmanager
async def site(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A web server of one page."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


# A good day


@pytest.mark.req("DB-091")
@pytest.mark.parametrize("size", [len(CONTENT), None])
async def test_a_download_is_whole_and_its_checksum_is_that_of_the_file(world: World, size: int | None) -> None:
    assert await world.download(size) == SHA256
    assert world.to.read_bytes() == CONTENT
    assert not world.etag.exists()


async def test_progress_is_told_in_growing_shares_and_not_for_every_packet(world: World) -> None:
    await world.download()
    shares = [done for _, done in world.told if done is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) <= 101
    assert world.told[0][0].startswith("downloading core.tar.gz.unverified from 127.0.0.1")


async def test_an_empty_file_is_a_file(world: World) -> None:
    world.release.assets[0].content = b""
    assert await world.download(0) == hashlib.sha256(b"").hexdigest()
    assert world.to.read_bytes() == b""


async def test_a_file_that_is_there_already_is_hashed_and_not_fetched(world: World) -> None:
    await world.download()
    asked = len(world.fake.seen)
    assert await world.download() == SHA256
    assert len(world.fake.seen) == asked


# A broken line


@pytest.mark.parametrize("cut", [0, 1, 300_000, 2_999_999])
async def test_a_broken_transfer_goes_on_where_it_stopped(world: World, cut: int) -> None:
    world.fake.troubles = [Trouble("core.tar.gz.se=", cut=cut)]
    assert await world.download() == SHA256
    first, second = world.ranges()
    assert first is None
    assert second == (f"bytes={cut}-" if cut else None)
    assert world.to.read_bytes() == CONTENT


@pytest.mark.req("DB-110")
async def test_a_line_that_always_breaks_is_given_up_after_three_more_tries_and_what_came_is_kept(world: World) -> None:
    world.fake.troubles = [Trouble("core.tar.gz.se=", times=99, cut=1000)]
    said = await world.refusal()
    assert re.fullmatch(r"cannot download core.tar.gz.unverified from 127.0.0.1:\d+: the connection broke off", said)
    assert len(world.ranges()) == 4
    assert world.clock.slept == [2.0, 4.0, 8.0]
    assert world.to.read_bytes() == CONTENT[:4000]
    world.fake.troubles = []
    assert await world.download() == SHA256
    assert world.ranges()[-1] == "bytes=4000-"


async def test_a_line_that_breaks_often_but_brings_much_is_not_given_up(world: World) -> None:
    world.release.assets[0].content = CONTENT * 3
    world.fake.troubles = [Trouble("core.tar.gz.se=", times=7, cut=1_100_000)]
    assert await world.download(len(CONTENT) * 3) == hashlib.sha256(CONTENT * 3).hexdigest()
    assert len(world.ranges()) == 8


async def test_a_silent_line_counts_as_broken(world: World) -> None:
    world.web = HttpWeb(world.connections, clock=world.clock, api_url=world.fake.api_url, stall=0.2)
    world.fake.troubles = [Trouble("core.tar.gz.se=", times=1, stall=5.0)]
    assert await world.download() == SHA256
    assert world.ranges()[1] == "bytes=1500000-"


async def test_a_server_in_trouble_is_asked_again(world: World) -> None:
    world.fake.troubles = [Trouble("core.tar.gz.se=", times=2, status=503)]
    assert await world.download() == SHA256


async def test_a_server_without_ranges_sends_it_all_again(world: World) -> None:
    world.fake.ranges = False
    world.fake.troubles = [Trouble("core.tar.gz.se=", cut=5000)]
    assert await world.download() == SHA256
    assert world.to.read_bytes() == CONTENT


async def test_a_file_that_was_replaced_meanwhile_is_fetched_from_its_beginning(world: World) -> None:
    world.fake.troubles = [Trouble("core.tar.gz.se=", times=9, cut=5000)]
    await world.refusal()
    world.fake.troubles = []
    other = CONTENT[::-1]
    world.release.assets[0].content, world.release.assets[0].etag = other, '"0xOTHER"'
    assert await world.download() == hashlib.sha256(other).hexdigest()
    assert world.to.read_bytes() == other


@pytest.mark.parametrize("etag", [None, "", 'W/"weak"', "torn\0", '"'])
async def test_a_part_that_nobody_can_vouch_for_is_not_continued(world: World, etag: str | None) -> None:
    world.to.write_bytes(b"something else")
    if etag is not None:
        world.etag.write_text(etag)
    assert await world.download() == SHA256
    assert world.ranges() == [None]


async def test_a_part_is_not_continued_when_the_host_gives_no_etags(world: World) -> None:
    world.fake.etags = False
    world.fake.troubles = [Trouble("core.tar.gz.se=", cut=5000)]
    assert await world.download() == SHA256
    assert world.ranges() == [None, None]


@pytest.mark.parametrize(
    "headers",
    [{"Content-Range": "bytes 0-9/3000000"}, {"Content-Range": "bytes 5000-9/3000000", "ETag": '"other"'}, {}],
)
async def test_an_answer_that_continues_another_place_or_file_is_not_used(
    world: World, headers: dict[str, str]
) -> None:
    world.fake.troubles = [
        Trouble("core.tar.gz.se=", cut=5000),
        Trouble("core.tar.gz.se=", status=206, headers=headers, body=b"0123456789"),
    ]
    assert await world.download() == SHA256
    assert world.ranges() == [None, "bytes=5000-", None]


async def test_a_part_longer_than_the_file_is_thrown_away(world: World) -> None:
    world.to.write_bytes(CONTENT + b"more")
    world.etag.write_text(world.release.assets[0].etag)
    assert await world.download() == SHA256


async def test_an_expired_link_is_asked_for_again_but_only_once(world: World) -> None:
    world.fake.troubles = [Trouble("core.tar.gz.se=", status=403)]
    assert await world.download() == SHA256
    world.to.unlink()
    world.fake.troubles = [Trouble("core.tar.gz.se=", times=9, status=403)]
    assert "forbids it, twice" in await world.refusal()


# What must not come


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


# Where it may come from


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


# The disk


@pytest.mark.req("DB-110")
async def test_a_full_disk_is_told_as_such(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    assert await world.refusal() == f"cannot write {world.to}: the disk is full"


@pytest.mark.req("DB-110")
async def test_a_folder_that_is_missing_is_told_as_such(world: World) -> None:
    world.to = world.to.parent / "none" / "file"
    assert "no such file or directory" in await world.refusal()


async def test_a_link_in_the_way_is_replaced_and_what_it_leads_to_is_left_alone(world: World) -> None:
    precious = world.to.parent / "precious"
    precious.write_text("precious")
    world.to.symlink_to(precious)
    assert await world.download() == SHA256
    assert not world.to.is_symlink()
    assert precious.read_text() == "precious"


async def test_a_cancelled_download_keeps_what_came(world: World) -> None:
    world.web = HttpWeb(world.connections, clock=world.clock, api_url=world.fake.api_url)
    world.fake.troubles = [Trouble("core.tar.gz.se=", stall=30.0)]
    task = asyncio.create_task(world.download())
    await world.half.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.fake.troubles = []
    assert await world.download() == SHA256
    assert world.ranges()[-1] == "bytes=1500000-"


# Probes


async def test_a_probe_hears_status_and_the_beginning_of_the_body(world: World) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="ä" + "x" * 100_000 if request.path == "/long" else "not yet")

    async with site(page) as url:
        answer = await world.web.probe(f"{url}/health", 5)
        assert (answer.status, answer.body) == (503, "not yet")
        assert len((await world.web.probe(f"{url}/long", 5)).body.encode()) == 65_536


async def test_a_probe_does_not_follow_a_redirect(world: World) -> None:
    async def redirect(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/login"})

    async with site(redirect) as url:
        assert (await world.web.probe(f"{url}/health", 5)).status == 302


async def test_a_probe_that_nobody_answers_says_why(world: World) -> None:
    async def late(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with site(late) as url:
        host = str(URL(url).authority)
        with pytest.raises(EffectError, match=f"cannot reach {host}: timed out"):
            await world.web.probe(url, 0.1)
    with pytest.raises(EffectError, match=f"cannot reach {host}: connection refused"):
        await world.web.probe(url, 5)
    with pytest.raises(EffectError, match="cannot reach"):
        await world.web.probe("not an address", 5)
