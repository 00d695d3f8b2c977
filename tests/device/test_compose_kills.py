"""SIGKILL for the updater and its process group at any moment of a compose update: then ``recover`` makes it whole.

The moments are seeded and spread over the whole update, with a good image and with one that exits at once.  What
compose itself had begun goes on without us, as it would on a device.
"""

import logging
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from device.bed.compose import Compose
from device.bed.engine import Engine
from device.bed.images import Images
from device.bed.registry import Registry
from device.bed.shop import Shop
from device.bed.stack import Stack, stack

from dunebugger_updater.run import Closed, Opened, Restarted

_log = logging.getLogger(__name__)

pytestmark = [pytest.mark.docker, pytest.mark.slow]

KILLS = 5
"""For each compose and each image: 20 altogether."""
EARLIEST = 0.3
"""Seconds: before it the interpreter has hardly started."""


@dataclass(frozen=True)
class Place:
    """One project, the version that it shall go to, and how long that takes."""

    compose: str
    version: str
    seconds: float
    """Until just after the end of an undisturbed update, measured here with room for a busy machine."""


PLACES = (
    Place("compose_v2", "1.1.0", 5),
    Place("compose_v2", "1.2.0", 6),
    Place("compose_v1", "1.1.0", 9),
    Place("compose_v1", "1.2.0", 10),
)


def whole(stack: Stack, version: str, files: dict[str, tuple[bytes, int, int, int]]) -> None:
    """Old or new, never anything between: what runs, what the files say and what the journal tells agree."""
    for file in stack.journals():
        told = stack.told(file)
        assert [each.n for each in told] == list(range(len(told)))
        assert isinstance(told[0].event, Opened)
        assert isinstance(told[-1].event, Closed), f"{file.name} is still open"
        assert all(one.at <= next_.at for one, next_ in pairwise(told))
        assert sum(isinstance(each.event, Closed) for each in told) == 1
    stack.wait_until_well()
    running = stack.version
    assert running in {"1.0.0", version}
    old = files["docker-compose.yml"]
    assert stack.files == {
        **files,
        "docker-compose.yml": (old[0].replace(b"app:1.0.0", f"app:{running}".encode()), *old[1:]),
    }
    assert stack.data == "tre angeli\n"
    assert stack.answer("status")["components"][stack.name]["current"] == running


def killed_again_and_again(place: Place, stack: Stack, seed: int) -> list[str]:
    """Answer how each run ended."""
    chance = random.Random(seed)
    stack.lay_out("{app}:1.0.0")
    stack.offer(place.version, limit=8)
    stack.component()
    files, neighbour, old = stack.files, stack.container("-nats"), stack.image
    ends = []
    for number in range(KILLS):
        moment = EARLIEST + (place.seconds - EARLIEST) * (number + chance.random()) / KILLS
        before = len(stack.journals())
        updater = stack.launch("update", stack.name, "--version", place.version, "--yes")
        try:
            updater.wait(moment)
        except subprocess.TimeoutExpired:
            stack.kill(updater)
        stack.call("recover")
        whole(stack, place.version, files)
        assert stack.container("-nats") == neighbour
        journals = stack.journals()[before:]
        told = stack.told(journals[0]) if journals else ()
        last = told[-1].event if told else None
        ends.append(
            f"{moment:.2f} s: "
            + (f"{last.outcome}" if isinstance(last, Closed) else "never begun")
            + (", recovered" if any(isinstance(each.event, Restarted) for each in told) else "")
        )
        if stack.version != "1.0.0":
            assert stack.rollback()["outcome"] == "rolled_back"
        assert stack.image == old
        assert stack.files == files
    assert stack.call("recover")[1] == "nothing was left open\n"
    return ends


@pytest.fixture(scope="module")
def lived(
    engine: Engine,
    bed_registry: Registry,
    images: Images,
    compose_v1: Compose,
    compose_v2: Compose,
    shop: Shop,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[Place, "Future[list[str]]"]]:
    """All of them side by side: most of an update is waiting to be sure."""
    assert bed_registry.answers()
    composes = {"compose_v1": compose_v1, "compose_v2": compose_v2}

    def live(place: Place, root: Path) -> list[str]:
        with stack(root, engine, images, composes[place.compose], shop) as made:
            return killed_again_and_again(place, made, seed=PLACES.index(place))

    with ThreadPoolExecutor(len(PLACES)) as pool:
        roots = {place: tmp_path_factory.mktemp("kills") for place in PLACES}
        yield {place: pool.submit(live, place, roots[place]) for place in PLACES}


@pytest.mark.req("DB-083")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.compose}-{place.version}")
def test_after_a_kill_at_any_moment_the_service_is_whole(place: Place, lived: dict[Place, "Future[list[str]]"]) -> None:
    ends = lived[place].result(400)
    _log.info("%s to %s: %s", place.compose, place.version, "; ".join(ends))
    assert any("recovered" in end for end in ends), f"no kill came in the middle of a run: {ends}"
