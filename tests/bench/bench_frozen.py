"""The program as it is shipped beside the same code unfrozen: its start, and what a start writes.

Run by hand: ``python tests/bench/bench_frozen.py --build DIR --rounds 15``, where ``packaging/build --output DIR``
has built from this checkout.  Both start the whole agent; what counts are ratios within one round.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script, neither is on the path
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.agent_arms import Arm, arms, started
from bench.downtime_arms import quartiles

START_GOAL = 1.15
"""G1: of the unfrozen start's time."""
WRITTEN_GOAL = 1.0
"""G6: MB."""
PROGRAM = Path("folder/dunebugger-updater")
"""In what packaging/build has built."""


def rounds(directory: Path, program: Path, count: int) -> tuple[list[float], list[float], Mapping[str, list[float]]]:
    """Measure; answer the ratio of the starts and the written MB, one of each a round, and the starts in ms."""
    unfrozen = next(each for each in arms(directory, None) if each.name == "agent")
    config = unfrozen.argv[unfrozen.argv.index("--config") + 1]
    argv = (str(program), "--config", config, "agent")
    frozen = Arm("frozen", argv, directory, unfrozen.port, unfrozen.sign_of_life, unfrozen.page)
    both = (unfrozen, frozen)
    for arm in both:
        with started(arm, directory):  # compiled, and read from the disk once
            pass
    took: dict[str, list[float]] = {arm.name: [] for arm in both}
    written = []
    for number in range(count):
        for arm in both if number % 2 else both[::-1]:
            with started(arm, directory) as (process, seconds):
                took[arm.name].append(seconds * 1000)
                if arm is frozen:
                    written.append(_written(process))
    ratios = [ours / theirs for ours, theirs in zip(took["frozen"], took["agent"], strict=True)]
    return ratios, written, took


def _written(process: int) -> float:
    """MB given to write() until its first answer.  The state is there already, as at every start but the first."""
    told = Path(f"/proc/{process}/io").read_text()
    found = re.search(r"^wchar: (\d+)$", told, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1e6


def show(found: tuple[list[float], list[float], Mapping[str, list[float]]]) -> None:
    ratios, written, took = found
    for name, values in took.items():
        low, middle, high = quartiles(values)
        print(f"{name:10} start {middle:7.0f} ms ({low:.0f}-{high:.0f})")
    low, middle, high = quartiles(ratios)
    print(f"G1 frozen start / unfrozen   {middle:.2f} ({low:.2f}-{high:.2f})  goal {START_GOAL}")
    print(f"G6 MB written by a start     {max(written):.3f}  goal {WRITTEN_GOAL}")


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_the_frozen_start_gets_its_figures(tmp_path: Path) -> None:
    """In CI the build is there already when the device tests ran."""
    from device.bed import frozen, place  # noqa: PLC0415  (the bed is wanted only here)

    if not place.required():
        pytest.skip("a build takes minutes: set REQUIRE_DEVICE=1 to make it")
    found = rounds(tmp_path, frozen.built().program, 3)
    show(found)
    assert all(ratio > 0 for ratio in found[0])
    assert max(found[1]) < WRITTEN_GOAL


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=Path, required=True, help="where packaging/build has put it")
    options.add_argument("--rounds", type=int, default=15)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as folder:
        show(rounds(Path(folder), chosen.build.resolve() / PROGRAM, chosen.rounds))
