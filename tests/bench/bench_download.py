"""Download + verify + flush of 200 MB, against hashing and then writing the same bytes from memory, in turns.

Run by hand: ``python tests/bench/bench_download.py --rounds 7``.  What counts is the ratio of each round's two times.
"""

import argparse
import asyncio
import hashlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from aiohttp import web

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.web import HttpWeb

sys.path.insert(0, str(Path(__file__).parent.parent))  # run as a script, the doubles are not on the path

from doubles.small_clock import SmallClock

SIZE = 200_000_000


def serve(path: str, tell: Connection) -> None:
    """Another process, as the real server is: it hands out one file."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(path)

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/file", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        tell.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


def hash_then_write(content: bytes, to: Path) -> str:
    """What anybody would do with bytes that are here already."""
    digest = hashlib.sha256(content).hexdigest()
    with to.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return digest


async def rounds(directory: Path, count: int, size: int) -> list[tuple[float, float]]:
    """Seconds of (download, hash then write) for each round; the order changes from round to round."""
    content = os.urandom(1 << 20) * (size >> 20)
    source = directory / "served"
    source.write_bytes(content)
    wanted = hashlib.sha256(content).hexdigest()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(str(source), theirs), daemon=True)
    server.start()
    connections = Connections()
    fetcher = HttpWeb(connections, clock=SmallClock())
    url = f"http://127.0.0.1:{ours.recv()}/file"

    async def download() -> str:
        return await fetcher.download(url, directory / "got", size=len(content), limit=1 << 30, report=lambda *_: None)

    async def yardstick() -> str:
        return await asyncio.to_thread(hash_then_write, content, directory / "got")

    await download()  # both processes are warm before the first round
    found = []
    try:
        for number in range(count):
            took = {}
            for way in (download, yardstick) if number % 2 else (yardstick, download):
                (directory / "got").unlink(missing_ok=True)
                os.sync()
                start = time.perf_counter()
                assert await way() == wanted
                took[way] = time.perf_counter() - start
            found.append((took[download], took[yardstick]))
    finally:
        await connections.close()
        server.terminate()
        server.join()
    return found


def show(found: list[tuple[float, float]]) -> None:
    for name, values in (
        ("download", [ours for ours, _ in found]),
        ("hash, then write", [theirs for _, theirs in found]),
    ):
        print(f"{name:17} {statistics.median(values):6.3f} s  ({min(values):.3f}-{max(values):.3f})")
    ratios = [ours / theirs for ours, theirs in found]
    print(f"{'ratio':17} {statistics.median(ratios):6.2f}    ({min(ratios):.2f}-{max(ratios):.2f})")


@pytest.mark.bench
async def test_a_download_arrives_whole_while_it_is_timed(tmp_path: Path) -> None:
    found = await rounds(tmp_path, 2, 20 << 20)
    show(found)
    assert len(found) == 2


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--directory", type=Path, help="where to write; the speed of its disk is part of the figure")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.directory) as folder:
        show(asyncio.run(rounds(Path(folder), chosen.rounds, SIZE)))
