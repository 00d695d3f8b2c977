"""The power goes in each part of a self-update; then the old version runs or the new one, and it can say which."""

import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from device.bed import place
from device.bed.device import Devices
from device.bed.inside import Inside
from device.bed.selves import HOME, NAME, Selves, Versions, versions

from dunebugger_updater.effects import journal
from dunebugger_updater.run import AnyEvent, Began, Closed, Committed, Opened, Restarted
from dunebugger_updater.steps import Download, FetchReleases, PointUpdater, RestartItself, SelfTest, Unpack

pytestmark = [pytest.mark.device, pytest.mark.timeout(3600)]

STEPS = {Download: "fetch", Unpack: "place", SelfTest: "try", PointUpdater: "point", RestartItself: "restart"}
PARTS: dict[str, tuple[bytes, float]] = {
    "fetch": (b'"event":"began","step":0', 0),
    "place": (b'"event":"began","step":1', 0.2),
    "try": (b'"event":"began","step":2', 0.8),
    "point": (b'"event":"began","step":3', 0),
    "restart": (b'"event":"began","step":4', 1.0),
    "trial": (b'"event":"restarted"', 10.0),
    "commit": (b'"event":"committed"', 0),
}
"""In their order: what the journal says when each begins, and so many seconds later at most comes the cut."""
RUNS = f"{HOME}/runs"
LITTER = (
    f"mkdir -p {HOME}/slots/.0.9.0-old.unpacking && cd {HOME}/slots/.0.9.0-old.unpacking && seq 30000 | xargs touch"
)
"""What an update that was cut long ago may have left behind."""


@pytest.fixture(scope="module")
def published() -> Iterator[Versions]:
    with versions() as made:
        yield made


def part(events: Sequence[AnyEvent]) -> str:
    """How far a run has come, by its journal."""
    if not events or not isinstance(events[0], Opened):
        return "before"
    if any(isinstance(each, Closed) for each in events):
        return "over"
    if any(isinstance(each, Committed) for each in events):
        return "commit"
    begun = [number for number, each in enumerate(events) if isinstance(each, Began)]
    if not begun:
        return "before"
    last = events[begun[-1]]
    assert isinstance(last, Began)
    step = events[0].plan.steps[last.step]
    new = isinstance(step, RestartItself) and any(isinstance(each, Restarted) for each in events[begun[-1] :])
    return "trial" if new or isinstance(step, FetchReleases) else STEPS[type(step)]


def read(folder: Path) -> Sequence[AnyEvent]:
    """The newest run's events."""
    runs = sorted(folder.glob("*-updater.jsonl"))
    return [each.event for each in journal.read(runs[-1])] if runs else []


def cut(selves: Selves, wanted: str, late: float) -> tuple[str, str]:
    """Begin an update and pull the plug in a part of it, ``late`` (0 to 1) in it.

    Answers in which part it really was, since some are over at once, and how the run ended afterwards.
    """
    device, inside = selves.device, Inside(selves.device)
    folder = inside.file(RUNS)
    former = set(folder.glob("*"))
    mark, at_most = PARTS[wanted]

    def come() -> bool:  # in a hurry: some parts last for milliseconds
        return any(mark in run.read_bytes() for run in folder.glob("*") if run not in former)

    words = ["docker", "exec", device.name, NAME, "update", "updater", "--version", "1.1.0", "--yes", "--json"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdout=quiet, stderr=quiet, env=place.environment()) as updater:
        place.wait_for(come, 300, f"{wanted} never came", often=0.001)
        time.sleep(at_most * late)
        inside.first().kill()
        updater.kill()
    place.wait_for(lambda: device.engine.look(device.name, "{{.State.Running}}") == "false", 20, "it is still on")
    with tempfile.TemporaryDirectory() as kept:
        device.engine.docker("cp", f"{device.name}:{RUNS}", kept)
        there = part(read(Path(kept) / "runs"))
    device.boot(120)
    selves.wait_until_it_answers()
    place.wait_for(lambda: selves.last_run()["outcome"] != "running", 300, f"cut in {there}: the run is open")
    selves.wait_until_it_answers()
    return there, str(selves.last_run()["outcome"])


def suffer(selves: Selves, seed: int, wanted: Sequence[str]) -> list[tuple[str, str]]:
    chance, ends = random.Random(seed), []
    for each in wanted:
        if each == "commit":  # so that it lasts: there is much to tidy up
            selves.device.exec("/bin/sh", "-c", LITTER)
        there, ended = cut(selves, each, chance.random())
        new = ended == "updated"
        where = f"cut in {there}: {ended}\n{selves.journal()}"
        assert ended in {"updated", "rolled_back", "failed"}, where
        assert selves.version == ("1.1.0" if new else "1.0.0"), where
        assert selves.in_use.startswith("1.1.0-" if new else "factory"), where
        place.wait_for(selves.no_trial, 30, f"cut in {there}: the trial is still there")
        ends.append((there, ended))
        # back to the beginning, by hand
        device = selves.device
        device.exec("systemctl", "stop", NAME)
        device.exec("rm", "-rf", f"{HOME}/current", f"{HOME}/slots")
        device.exec("systemctl", "start", NAME)
    return ends


SOME = (("place",), ("restart",), ("trial",), ("commit",))
TRIES = 5
BRIEF = frozenset({"point"})
"""Over within a few milliseconds, so that no plug is pulled in it for certain: its calls are struck one by one in
``test_self_update_kills.py``."""
THIRTY = tuple(tuple(list(PARTS)[(first + number) % len(PARTS)] for number in range(5)) for first in range(6))


@pytest.mark.parametrize("wanted", [SOME, pytest.param(THIRTY, marks=pytest.mark.full)], ids=["some", "thirty"])
def test_after_a_power_cut_in_any_part_the_old_version_runs_or_the_new_one(
    devices: Devices, published: Versions, wanted: Sequence[Sequence[str]]
) -> None:
    there = [Selves(devices(), published) for _ in wanted]
    for one in there:
        one.offer("1.1.0")
    with ThreadPoolExecutor(len(wanted)) as pool:
        ended = [each for one in pool.map(suffer, there, range(len(wanted)), wanted) for each in one]
    assert len(ended) == sum(map(len, wanted))
    if wanted is THIRTY:  # what was over too soon is tried again: an update has no part without a cut
        for again in range(TRIES):
            missed = [each for each in PARTS if each not in {part for part, _ in ended} | BRIEF]
            ended += suffer(there[0], len(wanted) + again, missed)
        assert {part for part, _ in ended} >= set(PARTS) - BRIEF, Counter(ended)
    print(Counter(ended))  # noqa: T201  (the figure is the point)
