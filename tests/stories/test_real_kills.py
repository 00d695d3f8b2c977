"""SIGKILL at random instants of real updates, then ``recover``: always old or new, running, healthy, nothing lost.

Half of the instants are spread over the whole update, half lie in the moments after the app was told to stop.  Some
kill the recovery as well, some take the power from the app too.  Every round can be had again by its number.
"""

import contextlib
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pytest
from stories.real_app import RealDevice, Visitor, real_device
from stories.real_releases import Publisher, publisher

from dunebugger_updater.run import Began, Closed
from dunebugger_updater.steps import AnyStep, BuildVenv, StopService

EDITED = "[lights]\nbrightness = 90\n; mine\n"
SIDE_BY_SIDE = 8
SPREAD = {True: 3.0, False: 5.5}
"""Seconds that an undisturbed update takes, to a good release and to a bad one; made longer by a slow machine."""


@dataclass(frozen=True)
class Round:
    """One cut, drawn from its number."""

    number: int
    first: bool
    """Whether the installation is still the owner's plain directory."""
    target: str
    at: type[AnyStep] | None
    """The step after whose beginning the cut comes; ``None`` when it may come at any time."""
    share: float
    """Of the whole update, or of the 0.3 s after that step began."""
    again: float | None
    """Seconds after which the recovery is killed too."""
    power: bool
    """Whether the app dies as well."""

    @property
    def good(self) -> bool:
        return self.target in {"1.1.0", "1.7.0"}

    @property
    def old(self) -> str:
        return "1.0.0" if self.first else "1.1.0"


def draw(number: int) -> Round:
    luck = random.Random(number)
    first = luck.random() < 0.5
    good = luck.random() < 0.6
    return Round(
        number,
        first,
        ("1.1.0" if first else "1.7.0") if good else luck.choice(["1.2.0", "1.5.0", "1.3.0"]),
        at=StopService if number % 2 == 0 else None,
        share=luck.random(),
        again=luck.uniform(0.1, 1.5) if luck.random() < 0.25 else None,
        power=luck.random() < 0.3,
    )


@dataclass
class Bed:
    """A device, and a copy of it for each layout to begin from."""

    device: RealDevice
    prepared: Path
    seconds: dict[bool, float] = field(default_factory=lambda: dict(SPREAD))

    def prepare(self) -> None:
        device = self.device
        device.install_by_hand()
        (device.install / "settings.ini").write_text(EDITED)
        device.answer("check")
        shutil.copytree(device.root, self.prepared / "first", symlinks=True)
        device.begin()
        device.update("--version", "1.1.0")
        assert device.call("stop", "core")[0] == 0
        shutil.copytree(device.root, self.prepared / "later", symlinks=True)

    def play(self, cut: Round) -> str:
        """Cut, recover, and look at everything; answers how the run ended."""
        device = self.device
        device.restore(self.prepared / ("first" if cut.first else "later"))
        device.begin()
        before = {file.name for file in device.journals()}
        word = f"before-{cut.number}"
        device.visit(word)
        with Visitor(device) as visitor:
            self._cut(cut, before)
            if cut.again is not None:
                recovery = device.launch("recover")
                with contextlib.suppress(Exception):
                    recovery.wait(cut.again)
                device.kill(recovery)
            code, out, err = device.call("recover", "--json")
            assert code in {0, 1, 4}, err
            assert out.startswith("["), err
            device.wait_for_app()
        return self._look(cut, before, {word, *visitor.acknowledged.get(cut.old, [])}, visitor)

    def _cut(self, cut: Round, before: set[str]) -> None:
        device = self.device
        began = time.monotonic()
        updater = device.launch("update", "core", "--yes", "--version", cut.target)
        if cut.at is not None:
            while updater.poll() is None and not self._begun(before, cut.at):
                time.sleep(0.003)
            time.sleep(cut.share * 0.3)
        else:
            with contextlib.suppress(Exception):
                updater.wait(cut.share * self.seconds[cut.good])
        if updater.poll() is not None:
            self.seconds[cut.good] = min(self.seconds[cut.good], time.monotonic() - began)
        if cut.power:
            device.cut_power(updater)
        else:
            device.kill(updater)

    def _begun(self, before: set[str], kind: type[AnyStep]) -> bool:
        for file in self.device.journals():
            if file.name not in before:
                told = self.device.told(file)
                for each in told:
                    if isinstance(each.event, Began):
                        step = told[0].event.plan.steps[each.event.step]  # type: ignore[union-attr]  # the first opens
                        if isinstance(step, kind):
                            return True
        return False

    def _look(self, cut: Round, before: set[str], must: set[str], visitor: Visitor) -> str:
        device = self.device
        ended = "not begun"
        for file in device.journals():
            told = device.told(file)
            if file.name not in before and told:
                last = told[-1].event
                assert isinstance(last, Closed), f"{file.name} ends with {last}"
                ended = last.outcome
        assert ended in {"not begun", "updated", "rolled_back", "failed", "refused"}
        version = device.running["version"]
        assert version == (cut.target if ended == "updated" else cut.old)
        if ended == "updated":
            assert cut.good
            must |= set(visitor.acknowledged.get(cut.target, []))
        assert (device.install / "VERSION").read_text().strip() == version
        assert len(device.app_processes()) == 1
        assert device.ask("/health")[0] == 200
        lost = must - set(device.visits)
        assert not lost, f"{len(lost)} acknowledged words are lost: {sorted(lost)[:5]}"
        assert (device.install / "settings.ini").read_text() == EDITED
        assert device.call("recover") == (0, "nothing was left open\n", "")
        assert len(device.app_processes()) == 1
        if cut.number % 5 == 0:
            target = {"1.0.0": "1.1.0", "1.1.0": "1.7.0", "1.7.0": "1.1.0"}[version]
            assert device.update("--version", target)["outcome"] == "updated"
            assert device.leftovers() == []
            assert must <= set(device.visits)
        return str(ended)


@pytest.fixture(scope="module")
def beds(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SimpleQueue[Bed]"]:
    queue: SimpleQueue[Bed] = SimpleQueue()
    with publisher() as github, contextlib.ExitStack() as open_:
        made = [_bed(github, tmp_path_factory, open_) for _ in range(SIDE_BY_SIDE)]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(Bed.prepare, made))
        for bed in made:
            queue.put(bed)
        yield queue


def _bed(github: Publisher, folders: pytest.TempPathFactory, open_: contextlib.ExitStack) -> Bed:
    folder = folders.mktemp("bed")
    shelf = github.shelf("1.1.0", "1.2.0", "1.3.0", "1.5.0", "1.7.0")
    return Bed(open_.enter_context(real_device(folder / "device", shelf)), folder)


def kill(beds: "SimpleQueue[Bed]", numbers: range) -> Counter[str]:
    """Play these rounds side by side; fails with everything that was found, each with its round."""
    outcomes: Counter[str] = Counter()
    problems: list[str] = []
    lock = threading.Lock()

    def play(number: int) -> None:
        cut, bed = draw(number), beds.get()
        try:
            ended = bed.play(cut)
        except Exception as error:  # noqa: BLE001  (all that went wrong is told at the end)
            with lock:
                problems.append(f"{cut}\n  {type(error).__name__}: {error}\n{_last_told(bed.device)}")
        else:
            with lock:
                outcomes[ended] += 1
        finally:
            beds.put(bed)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(play, numbers))
    assert not problems, f"{len(problems)} of {len(numbers)}:\n" + "\n".join(problems)
    return outcomes


def _last_told(device: RealDevice) -> str:
    journals = device.journals()
    events = [str(each.event)[:160] for each in device.told(journals[-1])[1:]] if journals else []
    return "\n".join(f"    {event}" for event in events)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("target", ["1.2.0", "1.3.0", "1.7.0"])
def test_power_lost_while_the_old_version_still_runs_does_not_make_going_back_end_with_it_stopped(
    target: str, beds: "SimpleQueue[Bed]"
) -> None:
    """The run goes on before anybody has started the app again: "as it was before" has to mean running."""
    bed = beds.get()
    try:
        ended = bed.play(Round(1, first=False, target=target, at=BuildVenv, share=0, again=None, power=True))
    finally:
        beds.put(bed)
    assert ended == ("updated" if target == "1.7.0" else "rolled_back")


@pytest.mark.slow
@pytest.mark.req("DB-034")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rounds", [80, pytest.param(200, marks=pytest.mark.full)])
def test_kills_at_any_instant_leave_the_old_or_the_new_version_running_with_all_its_data(
    rounds: int, beds: "SimpleQueue[Bed]"
) -> None:
    began = time.monotonic()
    outcomes = kill(beds, range(rounds))
    print(f"{rounds} kills in {time.monotonic() - began:.0f} s: {dict(outcomes)}")  # noqa: T201  (figures for the log)
    assert min(outcomes["updated"], outcomes["rolled_back"]) > rounds / 10, "cuts must fall into all parts of an update"
