"""What the demo is made of, each for itself: its releases, and the server that hands them out."""

import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dunebugger_updater.demo import apps
from dunebugger_updater.demo.device import clock, made_up_device
from dunebugger_updater.demo.release_server import ReleaseServer
from dunebugger_updater.effects.clock import SystemClock
from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.effects.web import HttpWeb
from dunebugger_updater.manifest import Complaints, read
from dunebugger_updater.model.release import Asset

RELEASES = {"1.0.0": apps.good, "1.1.0": apps.better, "1.2.0": apps.broken}


def quiet(message: str, done: float | None = None) -> None:
    """Nobody listens."""


@asynccontextmanager
async def asking(server: ReleaseServer) -> AsyncIterator[tuple[GitHub, HttpWeb]]:
    connections = Connections()
    async with server.running():
        try:
            yield (
                GitHub(connections, clock=SystemClock(), api_url=server.url),
                HttpWeb(connections, clock=SystemClock(), api_url=server.url),
            )
        finally:
            await connections.close()


def archive(release: apps.Release) -> bytes:
    return next(content for name, content in release.assets.items() if name.endswith(".tar.gz"))


@pytest.mark.parametrize("version", RELEASES)
def test_a_release_is_what_its_manifest_says(version: str) -> None:
    release = RELEASES[version]()
    manifest = read(release.assets["update-manifest.yaml"])
    assert not isinstance(manifest, Complaints)
    content = archive(release)
    assert (manifest.version, manifest.artifacts[0].size) == (version, len(content))
    assert manifest.artifacts[0].sha256 == hashlib.sha256(content).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        told = files.extractfile("VERSION")
        assert told is not None
        assert told.read().decode().strip() == version
        code = files.extractfile("app.py")
        assert code is not None
        compile(code.read(), "app.py", "exec")


def test_a_wheel_records_each_of_its_files() -> None:
    with zipfile.ZipFile(io.BytesIO(apps.wheel("tidewords", "1.0", "x = 1\n"))) as wheel:
        record = wheel.read("tidewords-1.0.dist-info/RECORD").decode().splitlines()
        assert [line.partition(",")[0] for line in record] == wheel.namelist()


async def test_only_what_was_published_is_on_offer_newest_first() -> None:
    server = ReleaseServer("demo/lantern")
    server.publish(apps.good())
    async with asking(server) as (github, _):
        assert [each.tag for each in (await github.catalogue("demo/lantern", "releases", None)).releases] == ["v1.0.0"]
        server.publish(apps.better())
        found = await github.catalogue("demo/lantern", "releases", None)
        assert [each.tag for each in found.releases] == ["v1.1.0", "v1.0.0"]
        again = await github.catalogue("demo/lantern", "releases", found.repository_id)
        assert again.releases == found.releases
        assert await github.manifest("demo/lantern", "v1.1.0", "c0ffee" + "0" * 34) is None


async def test_a_file_comes_whole_and_half_of_one_is_continued(tmp_path: Path) -> None:
    server = ReleaseServer("demo/lantern", bytes_per_second=100_000_000)
    release = apps.better()
    server.publish(release)
    content = archive(release)
    whole = hashlib.sha256(content).hexdigest()
    async with asking(server) as (github, web):
        asset: Asset | None = (
            (await github.catalogue("demo/lantern", "releases", None)).releases[0].asset("lantern-1.1.0.tar.gz")
        )
        assert asset is not None
        assert (asset.sha256, asset.size) == (whole, len(content))
        assert await web.download(asset.url, tmp_path / "a", size=asset.size, limit=10**8, report=quiet) == whole
        half = tmp_path / "b"
        half.write_bytes(content[:1_000_000])
        half.with_name("b.etag").write_text(f'"{whole[:32]}"\n')
        shares: list[float] = []
        heard = lambda _, done=None: shares.append(done or 0.0)  # noqa: E731  (one line of ear)
        assert await web.download(asset.url, half, size=asset.size, limit=10**8, report=heard) == whole
        assert min(shares) > 0.3
        assert half.read_bytes() == content


def test_a_device_is_gone_afterwards_although_its_app_was_never_installed() -> None:
    with made_up_device() as device:
        settings = device.configure("http://127.0.0.1:9")
        assert settings.components[0].install_path == device.app
        assert device.configuration.is_file()
    assert not device.root.exists()


def test_what_others_write_meanwhile_lies_in_its_folder_and_afterwards_nothing_is_changed() -> None:
    before = dict(os.environ)
    with made_up_device() as device:
        assert Path(os.environ["TMPDIR"]).parent == device.root
    assert dict(os.environ) == before


def test_its_clock_is_believed_though_nothing_has_set_it() -> None:
    assert clock().trusted() is None
