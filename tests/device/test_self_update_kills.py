"""While the frozen program updates itself, any call that writes is the last one, or is told that the disk is full.

In both lives: the old version's, that fetches the new one and puts it on trial, and the new version's, that is tried.
Each is followed until the run is closed; then the old version is in use or the new one, whole.  No device is needed:
the launcher runs here, and this test starts it again as systemd would.
"""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from device.bed.frozen import Frozen
from device.bed.here import Here
from device.bed.selves import REPOSITORY, Versions, versions
from device.bed.shop import Shop
from device.bed.strikes import FAULTS, Fault, Point, points, spread

from dunebugger_updater.model.trial import TRIES

pytestmark = [pytest.mark.docker, pytest.mark.timeout(7200)]

AT_ONCE = 8
"""Places that live side by side: most of each life is waiting."""
LIMIT = 280
"""Seconds that a run may still take after the fault."""
OLD, NEW = "1.0.0", "1.1.0"
TIMES: Mapping[Fault, int] = {"killed": 1, "full": 1, "killed each time": TRIES}


class Strike(NamedTuple):
    life: int
    fault: Fault
    point: Point


class End(NamedTuple):
    """How it ended: with which version in use, what its history says, and whether the fault was met at all."""

    strike: Strike
    met: bool
    version: str
    outcome: str


def contents(folder: Path) -> dict[str, int]:
    return {str(each.relative_to(folder)): each.stat().st_size for each in folder.rglob("*") if each.is_file()}


class Lives:
    """One self-update, recorded: how a place lies at the beginning of each of its two lives, and where each writes."""

    def __init__(self, root: Path, published: Versions, shop: Shop) -> None:
        factory, new = published.folder(OLD), published.folder(NEW)
        self.whole = {OLD: contents(factory), NEW: contents(new)}
        shop.offer(REPOSITORY, {f"v{NEW}": published.release(NEW)})
        self._root, at = root, root / "place"
        at.mkdir()
        self._before = {1: Here(root / "first", factory, shop, at)}
        self.points: dict[int, Sequence[Point]] = {1: self._lived(1, at)}
        self._before[2].hurry()
        self.points[2] = self._lived(2, at)

    def _lived(self, life: int, at: Path) -> Sequence[Point]:
        with self.place(life, f"recorded-{life}") as here:
            here.record(self._root / f"trace-{life}", ask=life == 1)
            assert (life == 2) == here.at_rest, here.told()[-1]
            lies = contents(here.slot)
            assert {name for name in lies if lies[name] != self.whole[NEW].get(name)} <= {".release.json"}
            self.whole[NEW] = lies
            if life == 1:
                self._before[2] = here.copy(self._root / "second")
        return points(self._root / f"trace-{life}", at)

    @contextlib.contextmanager
    def place(self, life: int, name: str) -> Iterator[Here]:
        """A place at the beginning of this life."""
        here = self._before[life].copy(self._root / name)
        try:
            yield here
        finally:
            here.end()
            shutil.rmtree(here.root)

    def struck(self, strike: Strike, name: str) -> End:
        """Have it happen, and follow what comes of it to the end."""
        with self.place(strike.life, name) as here:
            met = False
            for _ in range(TIMES[strike.fault]):
                words = strike.point.words(strike.fault, here.state / "runs")
                met |= here.suffer(words, ask=strike.life == 1)
                here.hurry()
            here.run_on(lambda: here.version is not None and (here.at_rest or not here.told()), LIMIT)
            version, told = here.version or "", here.told()
            where = f"life {strike.life}, {strike.fault} at {strike.point}: {version} from {here.slot}: {told[-1:]}"
            assert version in self.whole, where
            assert contents(here.slot) == self.whole[version], where
            outcome = str(told[-1]["outcome"]) if told else "never begun"
            assert (outcome == "updated") == (version == NEW), where
            assert outcome in {"updated", "rolled_back", "failed", "refused", "never begun"}, where
            return End(strike, met, version, outcome)


@pytest.fixture(scope="module")
def lives(frozen: Frozen, shop: Shop) -> Iterator[Lives]:
    with versions(frozen) as published, tempfile.TemporaryDirectory(prefix="kills-") as root:
        yield Lives(Path(root), published, shop)


def strikes(lives: Lives, amount: int) -> Sequence[Strike]:
    """Half of them in each life: each point with one fault, or where points are fewer with two or all of them."""
    made: list[Strike] = []
    for life, wanted in ((2, amount // 2), (1, amount)):
        for turn in range(len(FAULTS)):
            found = lives.points[life]
            left = spread(found, wanted - len(made)) if wanted > len(made) else []
            made += [Strike(life, FAULTS[(number + turn) % len(FAULTS)], point) for number, point in enumerate(left)]
    return made


@pytest.mark.parametrize("amount", [24, pytest.param(300, marks=pytest.mark.full)])
def test_a_fault_at_any_writing_call_of_either_life_ends_on_the_old_version_or_on_the_new_one(
    lives: Lives, amount: int
) -> None:
    chosen = strikes(lives, amount)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(lives.struck, chosen, (f"struck-{number}" for number in range(len(chosen)))))
    count = Counter((each.strike.life, each.strike.fault, each.met, each.outcome) for each in ends)
    print({life: len(found) for life, found in lives.points.items()}, "calls that write")  # noqa: T201  (the figure is the point)
    for (life, fault, met, outcome), times in sorted(count.items()):
        print(f"life {life}, {fault}{'' if met else ', not met'}: {times} ended {outcome}")  # noqa: T201  (the same)
    for end in ends:
        if not end.met:
            print("not met:", end.strike.life, end.strike.fault, end.strike.point)  # noqa: T201  (the same)
    assert {(each.strike.life, each.version) for each in ends if each.met} == {
        (n, v) for n in (1, 2) for v in (OLD, NEW)
    }
    assert {(each.strike.life, each.strike.fault) for each in ends if each.met} == {
        (n, f) for n in (1, 2) for f in FAULTS
    }
    assert sum(each.met for each in ends) > len(ends) * 0.8
