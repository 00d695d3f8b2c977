"""Images on a real engine and in a real registry: asked for, pulled by digest, kept and let go."""

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from device.bed import place
from device.bed.engine import Engine as Bed
from device.bed.images import APP, Images
from device.bed.registry import MANIFEST, Registry

from dunebugger_updater.effects import commands
from dunebugger_updater.effects.docker import Engine
from dunebugger_updater.ports import EffectError

pytestmark = [pytest.mark.docker]

INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
KEPT = f"updater-kept-{place.token()}/app"


def quiet(message: str, done: float | None = None) -> None:
    """Nobody listens."""


@pytest.fixture
def docker(engine: Bed, registry: Registry) -> Iterator[Engine]:
    yield Engine(commands.run)
    engine.remove_images_of(KEPT)


async def test_the_registry_is_asked_without_pulling(
    docker: Engine, engine: Bed, registry: Registry, images: Images
) -> None:
    reference = f"{images.app}:1.1.0"
    engine.remove_images_of(reference)
    remote = await docker.remote(reference)
    assert (remote.digest, remote.here) == (registry.digest(APP, "1.1.0"), True)
    assert not engine.has_image(reference)


async def test_what_the_registry_does_not_have_and_when_it_is_down_are_two_sentences(
    docker: Engine, registry: Registry, images: Images
) -> None:
    with pytest.raises(EffectError) as missing:
        await docker.remote(f"{images.app}:9.9.9")
    assert str(missing.value) == (
        f"cannot find {images.app}:9.9.9 in the registry (not pushed yet, or the name is wrong)"
    )
    with pytest.raises(EffectError, match="not pushed yet, or the name is wrong"):
        await docker.remote(f"{images.app}-never:1.0.0")
    registry.stop()
    with pytest.raises(EffectError, match=rf"^cannot reach registry {registry.address} for .*connection refused"):
        await docker.remote(f"{images.app}:1.0.0")


async def test_exactly_the_planned_image_comes_even_when_its_tag_moved_meanwhile(
    docker: Engine, engine: Bed, registry: Registry, images: Images
) -> None:
    reference = f"{images.app}:latest"
    engine.remove_images_of(images.app)
    planned = await docker.remote(reference)
    registry.move_tag(APP, "latest", to="1.1.0")
    heard: list[float | None] = []
    await docker.pull(reference, planned.digest, lambda _, done=None: heard.append(done))
    image = await docker.image(reference)
    assert image is not None
    assert image.version == "1.0.0"
    assert f"{images.app}@{planned.digest}" in image.digests
    assert all(share is None or 0 <= share <= 1 for share in heard)


async def test_what_is_here_is_not_asked_for_again(
    docker: Engine, engine: Bed, registry: Registry, images: Images
) -> None:
    reference = f"{images.app}:1.1.0"
    remote = await docker.remote(reference)
    await docker.pull(reference, remote.digest, quiet)
    registry.stop()
    await docker.pull(reference, remote.digest, quiet)
    assert engine.has_image(reference)


async def test_an_image_that_the_registry_lost_is_told(docker: Engine, images: Images) -> None:
    with pytest.raises(EffectError, match="the registry has it no more, the tag moved between the plan and the pull"):
        await docker.pull(f"{images.app}:1.1.0", "sha256:" + "0" * 64, quiet)


async def test_an_image_for_another_machine_is_seen_before_it_is_pulled(
    docker: Engine, registry: Registry, images: Images
) -> None:
    other = f"{images.app}:mainframe"
    platforms = [{"os": "linux", "architecture": "s390x"}, {"os": "unknown", "architecture": "unknown"}]
    there = {"mediaType": MANIFEST, "size": 1, "digest": registry.digest(APP, "1.0.0")}
    whole = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [there | {"platform": each} for each in platforms]}
    put = registry._ask("PUT", f"/v2/{APP}/manifests/mainframe", {"Content-Type": INDEX}, json.dumps(whole).encode())
    assert put[0] == HTTPStatus.CREATED
    remote = await docker.remote(other)
    assert remote.here is False
    with pytest.raises(EffectError, match=r"cannot use .*: it does not exist for this machine's platform"):
        await docker.pull(other, remote.digest, quiet)


async def test_a_name_of_ours_holds_an_image_through_a_prune(docker: Engine, engine: Bed, images: Images) -> None:
    first, second = f"{KEPT}:1", f"{KEPT}:2"
    for version, kept in (("1.1.0", first), ("1.3.0", second)):
        reference = f"{images.app}:{version}"
        await docker.pull(reference, (await docker.remote(reference)).digest, quiet)
        image = await docker.image(reference)
        assert image is not None
        await docker.tag(image.id, kept)
        engine.remove_images_of(reference)
        engine.docker("image", "prune", "-f")
        kept_image = await docker.image(kept)
        assert kept_image is not None
        assert kept_image.id == image.id
    assert sorted(await docker.tags(KEPT)) == [first, second]
    await docker.untag(first)
    await docker.untag(first)
    assert await docker.tags(KEPT) == [second]
    assert await docker.image(first) is None


async def test_the_last_name_of_an_image_in_use_stays(docker: Engine, engine: Bed, images: Images) -> None:
    name = f"kept-{place.token()}"
    own = f"{KEPT}:own"  # an image that no test session beside us can have a name for
    engine.docker("pull", "-q", f"{images.app}:1.0.0")
    engine.docker("create", "--name", name, f"{images.app}:1.0.0")
    engine.docker("commit", "--change", f"LABEL own={name}", name, own)
    engine.docker("rm", "-f", name)
    engine.docker("run", "-d", "--name", name, "--network", "none", own)
    try:
        await docker.untag(own)
        assert await docker.tags(KEPT) == [own]
    finally:
        engine.docker("rm", "-f", name)


async def test_a_pull_that_is_given_up_ends(docker: Engine, engine: Bed, images: Images) -> None:
    engine.remove_images_of(images.app)
    reference = f"{images.app}:1.4.0"
    pull = asyncio.create_task(docker.pull(reference, (await docker.remote(reference)).digest, quiet))
    await asyncio.sleep(0)
    pull.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pull
