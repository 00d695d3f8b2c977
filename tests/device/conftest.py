"""The test bed: real engines, registries, composes and devices, each made when the first test asks for it.

They take minutes, so without ``REQUIRE_DEVICE=1`` they are skipped, saying so.  With it (as in CI) what is missing is
made, and what cannot be made fails the test.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from device.bed import bare, compose, debs, device_image, place, wares
from device.bed import frozen as frozen_program
from device.bed import images as app_images
from device.bed import registry as registries
from device.bed import shop as shops
from device.bed.archive import Archive
from device.bed.archive_signer import Signer
from device.bed.compose import Compose
from device.bed.device import Device, Devices
from device.bed.engine import Engine
from device.bed.frozen import Frozen
from device.bed.images import Images
from device.bed.registry import Registry
from device.bed.shop import Shop

Made = TypeVar("Made")

BUILD_LIMIT = 600
"""Seconds: the first test that asks for a part waits until it is made."""


LONGEST = ("test_self_update.py", "test_install.py", "test_self_update_frozen.py", "test_apt_kills.py")
"""Begun first: the others fill up what they leave, and nobody waits for one of them alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    for item in items:
        if here not in item.path.parents:
            continue
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(BUILD_LIMIT))
        for part, marker in (
            ("engine", "docker"),
            ("all_devices", "device"),
            ("makers", "device"),
        ):  # so that CI's choice misses none
            if part in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


def _part(make: Callable[[], Made]) -> Made:
    if not place.required():
        pytest.skip("minutes on a real engine and real devices: set REQUIRE_DEVICE=1 (as root) to run it")
    try:
        return make()
    except place.MissingError as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """A Docker engine.  One that the bed had to start stays up after the session."""
    running = _part(Engine)
    place.end_left_over_processes(keep=["dockerd"])
    running.clear_left_overs()
    registries.clear_left_overs(running.remove_images_of)
    return running


@pytest.fixture(scope="session")
def bed_registry(engine: Engine) -> Iterator[Registry]:
    """The session's registry, which ``registry`` hands out in working order."""
    contents = _part(lambda: app_images.stored(engine))
    own = _part(lambda: Registry(registries.own_folder(), contents))
    yield own
    engine.remove_images_of(f"{own.address}/")
    own.close()


@pytest.fixture
def registry(bed_registry: Registry) -> Iterator[Registry]:
    """A registry that a test may stop; it answers again, ``latest`` at 1.0.0, for the next test."""
    yield bed_registry
    bed_registry.start()
    for name in (app_images.APP, app_images.NEIGHBOUR):
        bed_registry.move_tag(name, "latest", to="1.0.0")


@pytest.fixture(scope="session")
def images(bed_registry: Registry) -> Images:
    """Names of the app images, without tag."""
    return Images(f"{bed_registry.address}/{app_images.APP}", f"{bed_registry.address}/{app_images.NEIGHBOUR}")


@pytest.fixture(scope="session")
def compose_v1(engine: Engine) -> Compose:
    """Debian's ``docker-compose`` 1.x."""
    assert engine.version
    return _part(compose.first_generation)


@pytest.fixture(scope="session")
def compose_v2(engine: Engine) -> Compose:
    """The ``docker compose`` plugin 2.x."""
    assert engine.version
    return _part(compose.second_generation)


@pytest.fixture(scope="session")
def all_devices(engine: Engine) -> Iterator[Devices]:
    """The maker of devices, and their network."""
    made = _part(lambda: Devices(engine, device_image.built(engine)))
    yield made
    made.close()


@pytest.fixture
def devices(all_devices: Devices) -> Iterator[Devices]:
    """Call it for a fresh device that has booted; thrown away after the test."""
    yield all_devices
    all_devices.throw_away()


@pytest.fixture
def device(devices: Devices) -> Device:
    """One fresh device that has booted."""
    return devices()


@pytest.fixture(scope="session")
def makers(engine: Engine) -> Iterator[Callable[[str], Devices]]:
    """Answers the maker of devices without Python, of one Debian release."""
    made: dict[str, Devices] = {}

    def maker(release: str) -> Devices:
        if release not in made:
            made[release] = _part(lambda: Devices(engine, bare.built(engine, release)))
        return made[release]

    yield maker
    for each in made.values():
        each.close()


@pytest.fixture(params=bare.RELEASES)
def bare_devices(request: pytest.FixtureRequest, makers: Callable[[str], Devices]) -> Iterator[Devices]:
    """Call it for a fresh device without Python, once for each Debian release; thrown away after the test."""
    maker = makers(request.param)
    yield maker
    maker.throw_away()


@pytest.fixture
def bare_device(bare_devices: Devices) -> Device:
    """One such device that has booted."""
    return bare_devices()


@pytest.fixture(scope="session")
def frozen() -> Frozen:
    """The program as it is shipped, in all its forms; built once for each state of the sources."""
    return _part(frozen_program.built)


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """A fake GitHub on loopback; each test offers from a repository of its own."""
    with shops.opened() as running:
        yield running


@pytest.fixture(scope="session")
def signer() -> Iterator[Signer]:
    """The key of the session's apt archives."""
    made = _part(Signer)
    yield made
    made.close()


@pytest.fixture
def archive(signer: Signer, all_devices: Devices) -> Iterator[Archive]:
    """A signed apt archive of the test's own, which devices reach; see ``bed/archive.py``."""
    made = Archive(signer, _part(lambda: debs.made(wares.ALL)), all_devices.gateway)
    yield made
    made.close()
