"""How long nobody answers while a Python app is updated: our update, bare restarts, and the usual way, in turns.

Run by hand: ``python tests/bench/bench_downtime.py --rounds 10 --json figures.json``.  The release has 200 MB in 5,000
files, the owner's data 50 MB in 500.  A prober asks the app every millisecond; what counts are ratios within a round.
"""

import argparse
import json
import math
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script, neither is on the path
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.downtime_app import FILES, SIZE
from bench.downtime_arms import Device, now, quartiles

Found = dict[str, list[dict[str, float]]]
"""For each arm its rounds, and for each round seconds by name."""

GOALS = (("restart", 1.1), ("plain restart", 1.1), ("usual way", 0.2))
"""Our downtime against theirs: not more than so many times."""


def rounds(directory: Path, count: int, files: int = FILES, size: int = SIZE, within: float = math.inf) -> Found:
    """Measure every arm in each of ``count`` rounds; who begins changes from round to round.

    ``within``: seconds after which no further round is begun.
    """
    end = now() + within
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    device = Device(directory / "device", port, files, size)
    arms: list[tuple[str, Callable[[], dict[str, float]]]] = [
        ("update", device.update),
        ("restart", device.restart),
        ("plain restart", device.plain_restart),
        ("usual way", device.usual),
    ]
    found: Found = {name: [] for name, _ in arms}
    try:
        device.prepare()
        for number in range(count):
            if number and now() > end:
                break
            turn = number % len(arms)
            for name, arm in arms[turn:] + arms[:turn]:
                found[name].append(arm())
    finally:
        device.close()
    return found


def ratios(found: Found, rival: str) -> list[float]:
    """Our downtime against the rival's, round by round."""
    pairs = zip(found["update"], found[rival], strict=True)
    return [ours["downtime"] / theirs["downtime"] for ours, theirs in pairs]


def show(found: Found) -> None:
    print(f"{'downtime':18} {'median ms':>9}  quartiles, {len(found['update'])} rounds")
    for name, times in found.items():
        low, middle, high = (1000 * each for each in quartiles([each["downtime"] for each in times]))
        print(f"{name:18} {middle:9.0f}  {low:.0f}-{high:.0f}")
    for rival, goal in GOALS:
        low, middle, high = quartiles(ratios(found, rival))
        words = "met" if middle <= goal else f"missed by {100 * (middle / goal - 1):.0f} %"
        print(f"update / {rival:13} {middle:5.2f}  ({low:.2f}-{high:.2f}), goal {goal}: {words}")
    print("where our downtime goes, median ms:")
    for name in found["update"][0]:
        _, middle, _ = quartiles([each[name] for each in found["update"]])
        print(f"  {name:18} {1000 * middle:6.1f}")


@pytest.mark.bench
def test_every_way_ends_with_the_app_answering_while_it_is_timed(tmp_path: Path) -> None:
    found = rounds(tmp_path, 1, 300, 3_000_000)
    show(found)
    assert all(each["downtime"] > 0 for times in found.values() for each in times)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--minutes", type=float, default=math.inf, help="begin no further round after these")
    options.add_argument("--directory", type=Path, default=Path("/var/tmp"), help="on a disk, not in memory")
    options.add_argument("--json", type=Path, help="write every single figure there")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    with tempfile.TemporaryDirectory(dir=chosen.directory, prefix="downtime-") as folder:
        measured = rounds(Path(folder), chosen.rounds, within=chosen.minutes * 60)
    show(measured)
    if chosen.json:
        chosen.json.write_text(json.dumps(measured, indent=1))
