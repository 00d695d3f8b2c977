"""Downloads over a line that works, and over one that breaks."""

import asyncio
import hashlib
import os
import re

import pytest
from doubles.github import Trouble
from doubles.web_world import CONTENT, SHA256, World

from dunebugger_updater.effects.web import HttpWeb


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
    tries = len(world.ranges())
    assert await world.download() == hashlib.sha256(other).hexdigest()
    assert world.to.read_bytes() == other
    assert world.ranges()[tries:] == ["bytes=20000-"]


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


@pytest.mark.req("DB-110")
async def test_a_full_disk_is_told_as_such(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "writev", full)
    assert await world.refusal() == f"cannot write {world.to}: the disk is full"


@pytest.mark.req("DB-110")
async def test_a_file_where_the_folder_should_be_is_told_as_such(world: World) -> None:
    (world.to.parent / "none").write_text("a file")
    world.to = world.to.parent / "none" / "file"
    assert re.search("cannot .*none.*: (not a directory|file exists)", await world.refusal())


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


async def test_a_disk_that_takes_only_some_bytes_at_a_time_still_gets_them_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "writev", lambda file, parts: write(file, bytes(parts[0][:1000])))
    monkeypatch.setattr(os, "write", lambda file, left: write(file, left[:100_000]))
    assert await world.download() == SHA256
    assert world.to.read_bytes() == CONTENT
