"""The power goes at any instant of a self-update; then the old version runs or the new one, and it can say which."""

import random
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from device.bed import place
from device.bed.device import Devices
from device.bed.selves import NAME, Selves, Versions, versions

pytestmark = [pytest.mark.device, pytest.mark.timeout(3600)]

SPAN = 40.0
"""Seconds: an update of a stand-in lasts about so long."""


@pytest.fixture(scope="module")
def published() -> Iterator[Versions]:
    with versions() as made:
        yield made


def cut(selves: Selves, after: float) -> str:
    """Begin an update, pull the plug, and answer how the run ended once the power is back."""
    device = selves.device
    words = ["docker", "exec", device.name, NAME, "update", "updater", "--version", "1.1.0", "--yes", "--json"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdout=quiet, stderr=quiet, env=place.environment()) as updater:
        time.sleep(after)
        device.cut_power()
        updater.kill()
    device.boot(120)
    selves.wait_until_it_answers()
    runs = selves.call("history", "updater")[1]
    if not runs:
        return "never begun"
    place.wait_for(lambda: selves.last_run()["outcome"] != "running", 300, f"cut after {after:.1f} s: the run is open")
    selves.wait_until_it_answers()
    return str(selves.last_run()["outcome"])


def suffer(selves: Selves, seed: int, cuts: int) -> list[str]:
    chance, ends = random.Random(seed), []
    for number in range(cuts):
        after = SPAN * (number + chance.random()) / cuts
        ended = cut(selves, after)
        new = ended == "updated"
        where = f"cut after {after:.1f} s: {ended}\n{selves.journal()}"
        assert ended in {"updated", "rolled_back", "failed", "refused", "never begun"}, where
        assert selves.version == ("1.1.0" if new else "1.0.0"), where
        assert selves.in_use.startswith("1.1.0-" if new else "factory"), where
        place.wait_for(selves.no_trial, 30, f"cut after {after:.1f} s: the trial is still there")
        ends.append(ended)
        if new:
            assert selves.call("rollback", "updater", "--yes")[1]["outcome"] == "rolled_back", where
    return ends


@pytest.mark.parametrize(
    ("machines", "cuts"), [(3, 1), pytest.param(6, 5, marks=pytest.mark.full)], ids=["some", "thirty"]
)
def test_after_a_power_cut_at_any_instant_the_old_version_runs_or_the_new_one(
    devices: Devices, published: Versions, machines: int, cuts: int
) -> None:
    there = [Selves(devices(), published) for _ in range(machines)]
    for one in there:
        one.offer("1.1.0")
    with ThreadPoolExecutor(machines) as pool:
        ended = list(pool.map(suffer, there, range(machines), [cuts] * machines))
    print(ended)  # noqa: T201  (the figure is the point)
    assert sum(map(len, ended)) == machines * cuts
