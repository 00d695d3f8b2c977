"""How light the agent is: its first page, its idle memory and CPU, and a crowd that watches a run.

Run by hand: ``python tests/bench/bench_agent.py --rounds 15``.  What counts are ratios within one round.  With
``--moonraker DIRECTORY`` (a checkout with its environment in ``env``; as root) everything runs in a network namespace
of its own, because Moonraker tries to reach the internet at its start.  With ``--program FILE`` the agent is the frozen
program; hello world stays what it is, a script that Python runs.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script, neither is on the path
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.agent_arms import Arm, Load, answers, arms, load, memory, started
from bench.downtime_arms import quartiles
from bench.watchers import Crowd, watch

GOALS = {"hello world": {"page": 1.25, "unseen": 1.25, "seen": 1.25}, "Moonraker": {"unseen": 0.75, "seen": 0.75}}
CPU_GOAL = 0.2
"""Of Moonraker's, with the panel open."""
# PSS shares out what others have mapped as well, so it falls with every other Python on the machine, and the ratio
# rises.  RSS is what it would be alone, as on a device: told beside it, without a goal.
WORDS = {
    "start": "sign of life, ms",
    "page": "first page, ms",
    "unseen": "idle PSS, nobody looked, MB",
    "seen": "idle PSS, after a look, MB",
    "alone": "idle RSS, nobody looked, MB",
}


@dataclass
class Seen:
    """What was measured: for each of ``WORDS`` and each arm one value a round, and what idling costs."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    idle: dict[str, Load] = field(default_factory=dict)
    seconds: float = 0.0
    """That were idled away."""
    crowd: Crowd | None = None

    def add(self, word: str, arm: str, value: float) -> None:
        self.values.setdefault(word, {}).setdefault(arm, []).append(value)

    def ratios(self, word: str, rival: str) -> list[float]:
        """The agent's value through the rival's, for each round."""
        values = self.values[word]
        return [ours / theirs for ours, theirs in zip(values["agent"], values[rival], strict=True)]


def rounds(
    directory: Path,
    count: int,
    *,
    idle: float,
    cpu: float,
    moonraker: Path | None = None,
    program: Path | None = None,
    crowd: int = 200,
) -> Seen:
    """Measure.  ``idle``: seconds before memory is read; ``cpu``: seconds over which CPU is counted."""
    seen, found = Seen(seconds=cpu), arms(directory, moonraker, program)
    for arm in found:
        with started(arm, directory):  # compiled and on the disk's good side before the first round
            assert answers(arm.port, arm.page)
    for number in range(count):
        for arm in found if number % 2 else found[::-1]:
            begin = time.perf_counter()
            with started(arm, directory) as (_, took):
                assert answers(arm.port, arm.page)
                seen.add("start", arm.name, took * 1000)
                seen.add("page", arm.name, (time.perf_counter() - begin) * 1000)
        # Side by side: what they share with each other and with the machine is then the same for all.
        with contextlib.ExitStack() as stack:
            running = [(arm, stack.enter_context(started(arm, directory))[0]) for arm in found]
            time.sleep(idle)
            for arm, process in running:
                seen.add("unseen", arm.name, memory(process))
                seen.add("alone", arm.name, memory(process, "Rss"))
            for arm, _ in running:
                assert answers(arm.port, arm.page)
            time.sleep(min(idle, 5.0))
            for arm, process in running:
                seen.add("seen", arm.name, memory(process))
            if number == count - 1:
                asyncio.run(_idle(seen, running, directory, cpu))
    if crowd:
        seen.crowd = asyncio.run(watch(crowd, 30))
    return seen


async def _idle(seen: Seen, running: Sequence[tuple[Arm, int]], directory: Path, seconds: float) -> None:
    """Panel closed, then open: one WebSocket and the overview, fetched once, by the owner's own way in."""
    await _count(seen, running, "", seconds)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(directory / "state" / "agent.sock"))) as session,
        session.ws_connect("http://localhost/ws"),
    ):
        async with session.get("http://localhost/") as page:
            assert page.status == 200
            assert "<html" in await page.text()
        await _count(seen, [each for each in running if each[0].name == "agent"], ", panel open", seconds)


async def _count(seen: Seen, running: Sequence[tuple[Arm, int]], suffix: str, seconds: float) -> None:
    before = [load(process) for _, process in running]
    await asyncio.sleep(seconds)
    for (arm, process), then in zip(running, before, strict=True):
        seen.idle[arm.name + suffix] = load(process).since(then)


def told(seen: Seen) -> list[tuple[str, list[float], float]]:
    """Answer every goal as (name, ratios, at most)."""
    found = []
    for rival, words in GOALS.items():
        for word, goal in words.items():
            if rival in seen.values[word]:
                name = "G4" if rival == "Moonraker" else "G2" if word == "page" else "G3"
                found.append((f"{name} {WORDS[word].rpartition(',')[0]} / {rival}", seen.ratios(word, rival), goal))
    if "Moonraker" in seen.idle:
        ratio = seen.idle["agent, panel open"].busy / seen.idle["Moonraker"].busy
        found.append(("G5 idle CPU, panel open / Moonraker's", [ratio], CPU_GOAL))
    return found


def show(seen: Seen) -> None:
    print(f"the machine's load is {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for word, each in seen.values.items():
        for arm, values in each.items():
            low, middle, high = quartiles(values)
            print(f"{WORDS[word]:28} {arm:12} {middle:7.1f}  ({low:.1f}-{high:.1f})")
    for rival in seen.values["alone"]:
        if rival != "agent":
            print(f"idle RSS / {rival}: {quartiles(seen.ratios('alone', rival))[1]:.2f}")
    for arm, used in seen.idle.items():
        print(f"idle for {seen.seconds:.0f} s: {arm:20} {used.busy:8.1f} ms of CPU, {used.switches} context switches")
    if seen.crowd is not None:
        print(f"watching a run: {seen.crowd}")
    for name, ratios, goal in told(seen):
        low, middle, high = quartiles(ratios)
        verdict = "met" if middle <= goal else f"missed by {100 * (middle / goal - 1):.0f} %"
        print(f"{name:50} {middle:5.2f}  ({low:.2f}-{high:.2f})  goal {goal}: {verdict}")


@pytest.mark.bench
@pytest.mark.timeout(120)
def test_the_agent_is_looked_at_from_every_side(tmp_path: Path) -> None:
    seen = rounds(tmp_path, 2, idle=1, cpu=2, crowd=20)
    show(seen)
    assert {name.split()[0] for name, _, _ in told(seen)} == {"G2", "G3"}
    assert seen.crowd is not None
    assert len(seen.crowd.delays) == 30


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--idle", type=float, default=30, help="seconds before memory is read")
    options.add_argument("--cpu", type=float, default=300, help="seconds over which CPU is counted")
    options.add_argument("--moonraker", type=Path, help="a checkout with its environment; needs root")
    options.add_argument("--program", type=Path, help="the frozen program, to be measured instead of this checkout")
    chosen = options.parse_args()
    if chosen.moonraker and "IN_OWN_NETWORK" not in os.environ:
        os.environ["IN_OWN_NETWORK"] = "1"
        within = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', sys.executable, *sys.argv]
        os.execvp(within[0], within)  # noqa: S606  (the same program again, where there is no internet)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as folder:
        measures = {"idle": chosen.idle, "cpu": chosen.cpu, "moonraker": chosen.moonraker, "program": chosen.program}
        show(rounds(Path(folder), chosen.rounds, **measures))
