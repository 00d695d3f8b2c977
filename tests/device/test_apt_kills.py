"""Whatever is killed at whatever instant of an upgrade, dpkg ends up sound and the run tells what is true.

Three deaths (our agent, the unit in which apt works, and the whole device), each in three phases (download, unpack and
configure), at seeded instants that are found by watching apt, not by waiting.  ``APT_KILLS=30`` does each of the nine
30 times (some twenty minutes); CI takes two.

Beside them, others hold apt's locks for a minute and for ten.
"""

import json
import logging
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from device.bed import debs, place, wares
from device.bed.archive import Archive
from device.bed.archive_signer import Signer
from device.bed.debian import CONFFILE, OWN, STATE, Debian, Holder, Json
from device.bed.device import PYTHON, Devices
from device.bed.inside import PHASES, Inside, Phase, Process

from dunebugger_updater.effects import journal
from dunebugger_updater.run import Closed, Opened, Outcome, Restarted
from dunebugger_updater.story import Told

_log = logging.getLogger(__name__)

MANY = int(os.environ.get("APT_KILLS", "2"))
"""Of each kind in each phase: usually 18 altogether."""
pytestmark = [pytest.mark.device, pytest.mark.slow, pytest.mark.timeout(900 if MANY <= 2 else 4 * 3600)]
NAMES = ("tb-tool", "tb-conf", "tb-service", *wares.SLOW)
PACE = 1_500_000
"""Bytes a second that the archive gives: a download of some seconds."""
LONGEST: dict[Phase, float] = {"download": 2.5, "unpack": 1.2, "configure": 1.8}
"""Seconds that the phases take at least."""

PATIENCE = 600.0
"""Seconds for a phase to come, and for a run to be over, on a machine that does much else."""

DEATHS: dict[str, Callable[[Inside], list[Process]]] = {
    "agent": Inside.agent,
    "unit": Inside.unit,
    "power": lambda inside: [inside.first()],
}


@dataclass(frozen=True)
class End:
    """What came of one kill."""

    hit: Phase | None
    outcome: Outcome
    recovered: bool
    reason: str

    def __str__(self) -> str:
        return f"{self.hit}: {self.outcome}" + (", recovered" if self.recovered else "")


class Victim:
    """A device with an agent that upgrades, dies, and upgrades again."""

    def __init__(self, care: Debian) -> None:
        self.care, self.device = care, care.device
        care.archive.connect(self.device)
        care.archive.install(self.device, *(set(NAMES) - {"tb-slow-b"}), auto=["tb-slow-b"], cached=True)
        self.device.write(CONFFILE, OWN)
        self.device.copy_in(care.archive.deb("tb-tool", "1.0").parent, "/srv/pool")
        self.old = care.look()
        self.service = self.device.show("tb-service", "MainPID")
        care.archive.publish(*NAMES)
        care.archive.refresh(self.device)
        care.archive.pace(PACE)
        care.start_agent()

    def dies(self, death: str, phase: Phase, chance: random.Random) -> End:
        """Upgrade everything, kill once within the phase, and answer what came of it."""
        self.care.wait_for_agent()  # else the command would do the work itself
        inside, begun = Inside(self.device), time.time_ns()
        runs = len(self.runs(inside))
        words = (PYTHON, "-m", "dunebugger_updater", "action", "apt_upgrade_all", "--yes", "--json")
        with subprocess.Popen(
            ["docker", "exec", self.device.name, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=place.environment(),
        ) as asking:
            try:
                self._wait_for(phase, inside, begun, asking)
                hit = self._kill(inside, death, phase, chance, begun)
                if death == "power":
                    self.device.boot()
            finally:
                asking.kill()
        inside = Inside(self.device)
        place.wait_for(partial(self.is_over, inside, runs), PATIENCE, "the run is not closed")
        return self.told(inside, runs, hit)

    def _wait_for(self, phase: Phase, inside: Inside, begun: int, asking: "subprocess.Popen[str]") -> None:
        end = time.monotonic() + PATIENCE
        while inside.phase(STATE, begun) != phase:
            if asking.poll() is not None or time.monotonic() > end:
                asking.kill()
                pytest.fail(f"no {phase} was seen: {asking.communicate()[0]}")
            time.sleep(0.01)

    def _kill(self, inside: Inside, death: str, phase: Phase, chance: random.Random, begun: int) -> Phase | None:
        moment = time.monotonic() + chance.random() * LONGEST[phase]
        while time.monotonic() < moment and inside.phase(STATE, begun) == phase:
            time.sleep(0.01)
        hit = inside.phase(STATE, begun)
        victims = DEATHS[death](inside)
        assert victims, f"nothing to kill: {death}"
        for each in victims:
            each.kill()
        if death == "power":
            place.wait_for(self.is_off, 20, "it is still on")
        return hit

    def is_off(self) -> bool:
        return self.device.engine.look(self.device.name, "{{.State.Running}}") == "false"

    def runs(self, inside: Inside) -> list[tuple[Told, ...]]:
        """Every run on the device, oldest first."""
        return [tuple(journal.read(file)) for file in sorted(inside.file(f"{STATE}/runs").glob("*.jsonl"))]

    def is_over(self, inside: Inside, before: int) -> bool:
        runs = self.runs(inside)[before:]
        return bool(runs) and all(isinstance(run[-1].event, Closed) for run in runs) and not inside.unit()

    def is_active(self, unit: str) -> bool:
        return self.device.show(unit, "ActiveState") == "active"

    def told(self, inside: Inside, before: int, hit: Phase | None) -> End:
        """Hold everything that must be true now against each other."""
        care = self.care
        (run,) = self.runs(inside)[before:]
        assert [each.n for each in run] == list(range(len(run)))
        assert isinstance(run[0].event, Opened)
        assert sum(isinstance(each.event, Closed) for each in run) == 1
        last = run[-1].event
        assert isinstance(last, Closed)
        care.is_sound()
        now = care.look()
        new = {name: wares.AFTER[name][-1].version for name in NAMES}
        expected = {**self.old.versions, **new} if last.outcome is Outcome.UPDATED else self.old.versions
        assert now.versions == expected, f"{last}: not what the run tells"
        marks = replace(now, packages="").differs(replace(self.old, packages=""))
        assert marks == [], f"{last}: other marks than before"
        assert last.outcome in {Outcome.UPDATED, Outcome.ROLLED_BACK, Outcome.FAILED}, last
        assert "half" not in now.packages
        assert self.device.read(CONFFILE) == OWN
        for unit in ("tb-service", "dunebugger-updater"):
            place.wait_for(partial(self.is_active, unit), 20, f"{unit} is down")
        place.wait_for(lambda: care.units() == [], 20, "a unit of ours is left")
        action = care.answer("actions")[0]
        assert action["status"] == ("succeeded" if last.outcome is Outcome.UPDATED else "failed"), action
        return End(hit, last.outcome, any(isinstance(each.event, Restarted) for each in run), last.reason)

    def put_back(self) -> None:
        """Begin again from the old versions."""
        care = self.care
        old = [f"/srv/pool/{wares.BEFORE[name].file_name}" for name in NAMES]
        self.device.exec("dpkg", "--force-confold", "--force-downgrade", "-i", *old)
        assert care.look().differs(self.old) == []


def killed_again_and_again(care: Debian, death: str) -> list[End]:
    """Answer how each run ended."""
    chance, victim, ends = random.Random(death), Victim(care), []
    for number in range(MANY):
        for phase in PHASES:
            ends.append(victim.dies(death, phase, chance))
            _log.info("%s %d: %s %s", death, number + 1, ends[-1], ends[-1].reason)
            victim.put_back()
    return ends


@dataclass(frozen=True)
class Waited:
    """What came of an action while somebody else held a lock."""

    holder: int
    code: int
    told: Json
    seconds: float
    version: str
    """Of the package, while the lock was still held where nobody gave it up."""


def kept_waiting(care: Debian, action: str, lock: str, seconds: float) -> Waited:
    device = care.device
    care.archive.connect(device)
    care.archive.install(device, "tb-tool")
    care.archive.publish("tb-tool")
    if action != "apt_update":
        care.archive.refresh(device)
    holder, begun = Holder(device, lock, seconds), time.monotonic()
    try:
        code, out, err = care.call("action", action, "--yes", "--json", limit=500)
        took, version = time.monotonic() - begun, care.version("tb-tool")
    finally:
        holder.end()
    assert out, err
    if code:
        again = care.answer("action", action, "--yes")
        assert again["status"] == "succeeded", "nobody holds it any more"
    return Waited(holder.pid, code, json.loads(out), took, version)


STORIES: dict[str, Callable[[Debian], Any]] = {
    **{death: partial(killed_again_and_again, death=death) for death in DEATHS},
    "a minute": partial(kept_waiting, action="apt_upgrade_all", lock="/var/lib/dpkg/lock-frontend", seconds=60),
    "ten minutes": partial(kept_waiting, action="apt_upgrade_all", lock="/var/lib/dpkg/lock-frontend", seconds=600),
    "the lists": partial(kept_waiting, action="apt_update", lock="/var/lib/apt/lists/lock", seconds=600),
}


@pytest.fixture(scope="module")
def lived(signer: Signer, all_devices: Devices) -> Iterator[dict[str, "Future[Any]"]]:
    """All of them side by side, each on a device of its own: most of an upgrade is waiting."""
    pool = debs.made(wares.ALL)

    def live(story: str) -> Any:
        archive = Archive(signer, pool, all_devices.gateway)
        try:
            return STORIES[story](Debian(all_devices(), archive))
        finally:
            archive.close()

    with ThreadPoolExecutor(len(STORIES)) as threads:
        yield {story: threads.submit(live, story) for story in STORIES}
    all_devices.throw_away()


@pytest.mark.req("HC-49", "HC-71")
@pytest.mark.parametrize("death", DEATHS)
def test_after_any_death_in_any_phase_dpkg_is_sound_and_the_run_tells_the_truth(
    death: str, lived: dict[str, "Future[list[End]]"]
) -> None:
    ends = lived[death].result()
    _log.info("%s: %s", death, dict(Counter(map(str, ends))))
    hits = Counter(end.hit for end in ends)
    assert all(hits[phase] for phase in PHASES), f"not every phase was hit: {hits}"
    assert death == "unit" or all(end.recovered for end in ends)


@pytest.mark.req("HC-54")
def test_a_lock_that_is_given_up_after_a_minute_only_delays(lived: dict[str, "Future[Waited]"]) -> None:
    waited = lived["a minute"].result()
    assert (waited.code, waited.told["status"], waited.version) == (0, "succeeded", "1.1"), waited
    assert waited.seconds > 55


@pytest.mark.req("HC-54")
@pytest.mark.parametrize(
    ("story", "lock"), [("ten minutes", "/var/lib/dpkg/lock-frontend"), ("the lists", "/var/lib/apt/lists/lock")]
)
def test_a_lock_that_nobody_gives_up_fails_and_names_who_holds_it(
    story: str, lock: str, lived: dict[str, "Future[Waited]"]
) -> None:
    waited = lived[story].result()
    assert (waited.code, waited.told["status"], waited.version) == (1, "failed", "1.0"), waited
    sentence = waited.told["result"]["error"]
    assert f"python3 (process {waited.holder}) holds {lock}" in sentence
    assert "3 tries" in sentence
    assert waited.seconds > 60
