"""Check 50 components over a line that is 100 ms long, in round trips: first, later, unchanged, and eight at a time.

Run by hand: ``python tests/bench/bench_check.py --rounds 5``.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # run as a script, the doubles are not on the path

from doubles.github import FakeGitHub
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github import GitHub

LINE = 0.1


def serve(parts: int, tell: Connection) -> None:
    """Another process, as the real server is."""

    async def main() -> None:
        async with FakeGitHub().running() as fake:
            fake.delay = LINE
            fake.anonymous_limit = 10**6
            for number in range(parts):
                repository = fake.repository(f"dunebugger/part{number}")
                for patch in range(10):
                    fake.release(repository, f"v1.0.{patch}", {"part.tar.gz": b"x", "update-manifest.yaml": b"y"})
            tell.send(fake.api_url)
            await asyncio.Event().wait()

    asyncio.run(main())


async def rounds(directory: Path, count: int, parts: int) -> dict[str, list[tuple[float, float]]]:
    """Round trips that each way took and milliseconds of our CPU, for each round."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(parts, theirs), daemon=True)
    server.start()
    url = ours.recv()
    found: dict[str, list[tuple[float, float]]] = {}
    names = [f"dunebugger/part{number}" for number in range(parts)]
    try:
        for number in range(count):
            connections = Connections()
            ids: list[int | None] = [None] * parts
            for way, parallel in (
                ("first", None),
                ("known", None),
                ("unchanged", None),
                ("unchanged, eight at a time", 8),
            ):
                # A new client each time, as after a restart: what it knows, it has from the disk.
                github = GitHub(
                    connections, clock=SmallClock(), api_url=url, cache=directory / str(number), parallel=parallel
                )
                start, busy = time.perf_counter(), time.process_time()
                asked = (github.catalogue(name, "releases", pin) for name, pin in zip(names, ids, strict=True))
                catalogues = await asyncio.gather(*asked)
                took, busy = time.perf_counter() - start, time.process_time() - busy
                found.setdefault(way, []).append((took / LINE, busy * 1000))
                assert all(len(catalogue.releases) == 10 for catalogue in catalogues)
                ids = [catalogue.repository_id for catalogue in catalogues]
            await connections.close()
    finally:
        server.terminate()
        server.join()
    return found


def show(found: dict[str, list[tuple[float, float]]]) -> None:
    for way, values in found.items():
        trips = [trip for trip, _ in values]
        spread = f"{min(trips):.2f}-{max(trips):.2f}"
        busy = statistics.median(busy for _, busy in values)
        print(f"{way:26} {statistics.median(trips):6.2f} round trips  ({spread}), {busy:.0f} ms of CPU")


@pytest.mark.bench
async def test_every_component_is_checked_while_it_is_timed(tmp_path: Path) -> None:
    found = await rounds(tmp_path, 1, 5)
    show(found)
    assert all(len(trips) == 1 for trips in found.values())


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        show(asyncio.run(rounds(Path(folder), chosen.rounds, 50)))
