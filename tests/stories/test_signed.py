"""A real app on a device that takes only what a key has signed: the good release, and three of somebody without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.github import Asset
from doubles.signers import ANNA, EVE, Signer, artifact, manifest, signed
from stories.real_app import RealDevice, real_device
from stories.real_releases import Publisher, Shelf, publisher

SIGNED = f"manifestPolicy = signed\ntrustedKeys = {ANNA.key.text}\n"


def sign(shelf: Shelf, version: str, sequence: int, by: Signer, **said: Any) -> Asset:
    """Offer this release with a manifest signed by somebody; answers its archive."""
    shelf.offer(version)
    release = shelf._releases[0]
    archive = next(each for each in release.assets if each.name.endswith(".gz"))
    fields = {"artifacts": [artifact(archive.name, archive.content)], "repo": shelf.repository} | said
    text = manifest(version, sequence, **fields)
    release.assets = [
        archive,
        Asset(1, "update-manifest.yaml", text),
        Asset(2, "update-manifest.sig", signed(text, by)),
    ]
    return archive


@pytest.fixture(scope="module")
def published() -> Iterator[Publisher]:
    with publisher() as found:
        yield found


@pytest.fixture
def device(published: Publisher, tmp_path: Path) -> Iterator[RealDevice]:
    with real_device(tmp_path, published.shelf("1.1.0")) as made:
        text = made.conf.read_text()
        made.conf.write_text(text.replace("[Updater]\n", f"[Updater]\n{SIGNED}"))
        made.install_by_hand("1.0.0")
        made.begin()
        yield made


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.req("DB-091")
def test_a_device_that_takes_only_signed_releases_takes_exactly_those(device: RealDevice) -> None:
    shelf = device.shelf
    told = device.update(status=3)
    assert "only signed releases are taken" in told["message"]
    sign(shelf, "1.1.0", 11, EVE)
    device.answer("check", "--force")
    assert "no such key is trusted here" in device.update(status=3)["message"]
    assert device.running["version"] == "1.0.0"
    assert device.journals() == [], "no run was even begun"

    sign(shelf, "1.1.0", 11, ANNA, min_sequence=11)
    device.answer("check", "--force")
    assert device.update()["outcome"] == "updated"
    assert device.running["version"] == "1.1.0"

    # the archive is exchanged behind the signature, and the forge says nothing of its digest
    archive = sign(shelf, "1.6.0", 16, ANNA)
    archive.content, archive.digest = archive.content[:-8] + bytes(8), "null"
    device.answer("check", "--force")
    told = device.update(status=1)
    assert told["outcome"] == "failed"
    assert "sha256" in told["message"]
    assert device.running["version"] == "1.1.0"

    # what was signed before the hole was mended comes back under a new number
    sign(shelf, "1.7.0", 10, ANNA)
    device.answer("check", "--force")
    assert "nothing below 11 is safe any more" in device.update(status=3)["message"]
    assert device.update("--version", "1.7.0")["outcome"] == "updated", "the owner may, by name"
    assert device.running["version"] == "1.7.0"
