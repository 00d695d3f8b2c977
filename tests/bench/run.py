"""Every bench once, with few rounds, and one summary: ratio, spread, goal, and whether it was met.

Run by hand: ``python tests/bench/run.py --rounds 3 --json figures.json``.  A missed goal is told and fails nothing: on
a busy machine a figure says little, and only a bench that breaks is an error.
"""

import argparse
import asyncio
import json
import math
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script, neither is on the path
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import bench_agent, bench_check, bench_download, bench_downtime, bench_frozen, bench_packages
from bench.downtime_app import SIZE
from bench.downtime_arms import quartiles

DISK = Path("/var/tmp")
"""Not in memory: what is measured flushes to the disk."""


class Figure(msgspec.Struct, frozen=True):
    """One goal and how far we are."""

    name: str
    low: float
    middle: float
    high: float
    """Quartiles over the rounds."""
    goal: float
    """At most."""

    @property
    def verdict(self) -> str:
        return "met" if self.middle <= self.goal else f"missed by {100 * (self.middle / self.goal - 1):.0f} %"


def figures(
    directory: Path,
    rounds: int,
    size: int = SIZE,
    within: float = math.inf,
    *,
    idle: float = 30,
    cpu: float = 60,
    looks: int | None = None,
    program: Path | None = None,
) -> list[Figure]:
    """Run everything in ``directory``; ``size``: bytes of the downloaded file and of the release.

    ``within``: seconds after which the downtime is measured in no further round.  ``idle``, ``cpu``: as the agent's
    bench understands them.  ``looks``: rounds of looking at packages, when not as many as of the others.  ``program``:
    the frozen one, to be measured as well.
    """
    found = []
    for name in ("download", "downtime"):
        (directory / name).mkdir()
    pairs = asyncio.run(bench_download.rounds(directory / "download", rounds, size))
    found.append(_figure("G8 download / hash, then write", [ours / theirs for ours, theirs in pairs], 0.9))
    checks = asyncio.run(bench_check.rounds(directory, rounds, 50))
    for way, values in checks.items():
        if "eight" not in way:
            found.append(_figure(f"G10 round trips of 50 checks, {way}", [trips for trips, _ in values], 1.5))
    downtime = bench_downtime.rounds(directory / "downtime", rounds, size=size, within=within)
    bench_downtime.show(downtime)
    for rival, goal in bench_downtime.GOALS:
        found.append(_figure(f"G7 downtime: update / {rival}", bench_downtime.ratios(downtime, rival), goal))
    (directory / "agent").mkdir()
    agent = bench_agent.rounds(directory / "agent", rounds, idle=idle, cpu=cpu)
    bench_agent.show(agent)
    found += [_figure(name, ratios, goal) for name, ratios, goal in bench_agent.told(agent)]
    if program is not None:
        found += _frozen(directory, rounds, program, idle, cpu)
    if shutil.which("apt-get") is not None:
        found += _packages(directory / "packages", looks or rounds)
    return found


def _frozen(directory: Path, rounds: int, program: Path, idle: float, cpu: float) -> list[Figure]:
    """The same goals for what is shipped: its folder, from which the service runs."""
    (directory / "frozen").mkdir()
    (directory / "shipped").mkdir()
    starts, written, took = bench_frozen.rounds(directory / "frozen", program, rounds)
    bench_frozen.show((starts, written, took))
    agent = bench_agent.rounds(directory / "shipped", rounds, idle=idle, cpu=cpu, program=program, crowd=0)
    bench_agent.show(agent)
    return [
        _figure("G1 frozen start / unfrozen", starts, bench_frozen.START_GOAL),
        _figure("G6 MB written by a frozen start", written, bench_frozen.WRITTEN_GOAL),
        *(_figure(f"{name}, frozen", ratios, goal) for name, ratios, goal in bench_agent.told(agent)),
    ]


def _packages(directory: Path, rounds: int) -> list[Figure]:
    made = bench_packages.debian(directory)
    looked = asyncio.run(bench_packages.rounds(directory, rounds, made))
    return [
        _figure(f"G4 inventory / apt list, {arm}", [wall for wall, _ in ratios], bench_packages.GOAL)
        for arm, ratios in looked.items()
    ]


def show(found: list[Figure]) -> None:
    print(f"{'figure':50} {'median':>6}  {'quartiles':11}  goal")
    for each in found:
        print(f"{each.name:50} {each.middle:6.2f}  {each.low:.2f}-{each.high:<6.2f}  {each.goal}: {each.verdict}")


def _figure(name: str, values: list[float], goal: float) -> Figure:
    low, middle, high = quartiles(values)
    return Figure(name, low, middle, high, goal)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--directory", type=Path, default=DISK)
    options.add_argument("--build", type=Path, help="where packaging/build has put the frozen program")
    options.add_argument("--json", type=Path, help="write the figures there")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    with tempfile.TemporaryDirectory(dir=chosen.directory, prefix="bench-") as folder:
        shipped = chosen.build.resolve() / bench_frozen.PROGRAM if chosen.build else None
        measured = figures(Path(folder), chosen.rounds, program=shipped)
    show(measured)
    if chosen.json:
        told = [{**msgspec.structs.asdict(each), "verdict": each.verdict} for each in measured]
        chosen.json.write_text(json.dumps(told, indent=1))
