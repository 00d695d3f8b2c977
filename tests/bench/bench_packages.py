"""Look at a device's packages, against ``apt list --upgradable`` on the same: 2,000 installed, 60,000 in the archive.

The Debian is made up in a folder, for the real apt and dpkg, with apt's caches as a device has them.  ``first``: a
process that has never looked; ``whole``: something is kept back, so that apt has to think about everything; ``again``:
nothing has changed since.  Run by hand: ``python tests/bench/bench_packages.py --rounds 5``.
"""

import argparse
import asyncio
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script, neither is on the path
sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.small_debian import SECURITY, STABLE, SmallDebian

from dunebugger_updater.effects import commands
from dunebugger_updater.effects.apt_packages import AptPackages
from dunebugger_updater.model.packages import Inventory

GOAL = 1.2
"""Ours to theirs, at most."""
INSTALLED, IN_ARCHIVE, PENDING, SECURE = 2_000, 60_000, 140, 80
"""As on a desktop Debian that nobody has looked after for half a year."""
RELATIONS = (("Depends", 12, " (>= 1.0)"), ("Recommends", 4, ""), ("Suggests", 4, ""), ("Breaks", 4, " (<< 0.9)"))
"""To how many others packages relate at most, and how: about as many as in Debian 12."""
ARMS = ("first", "whole", "again")


def debian(root: Path, installed: int = INSTALLED, in_archive: int = IN_ARCHIVE) -> SmallDebian:
    """Make it up; the same each time.  Packages relate to some of those before them, as real ones do."""
    chance, made = random.Random(2), SmallDebian(root)
    pending = set(range(0, installed, max(1, installed // PENDING)))
    for number in range(in_archive):
        name, below = f"pack{number:05}", max(number, installed)
        fields = {
            field: ", ".join(f"pack{each:05}{version}" for each in sorted(others))
            for field, most, version in RELATIONS
            if (
                others := {chance.randrange(min(number, below)) for _ in range(chance.randrange(most))}
                if number
                else ()
            )
        }
        fields["Provides"] = f"virtual{number % 5_000:04}"
        newer = number in pending
        if number < installed:
            made.has(name, **fields)
        made.offers(STABLE, name, "1.1" if newer and number % 7 else "1.0", **fields)
        if newer and len(made.secure) < SECURE:
            made.secure.append(name)
            made.offers(SECURITY, name, "1.1", **fields)
    made.auto = [f"pack{number:05}" for number in range(installed) if number % 3]
    made.write()
    return made


def keep_one_back(made: SmallDebian) -> None:
    """Have one package whose new version cannot come."""
    made.has("stuck")
    made.offers(STABLE, "stuck", "1.1", Depends="nowhere")
    made.write()


def _options(root: Path) -> list[str]:
    told = [
        *(f"Dir={root}", f"Dir::State::status={root}/var/lib/dpkg/status"),
        *("Dir::Cache::pkgcache=pkgcache.bin", "Dir::Cache::srcpkgcache=srcpkgcache.bin"),
    ]
    return [word for each in told for word in ("-o", each)]


async def _timed(ask: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds on the wall, and of processors: ours and our programs'."""
    start, busy = time.perf_counter(), _busy()
    await ask()
    return time.perf_counter() - start, _busy() - busy


def _busy() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


async def rounds(root: Path, count: int, made: SmallDebian) -> dict[str, list[tuple[float, float]]]:
    """Ours over theirs by arm, on the wall and of processors; in turn, so that a busy machine is busy for both."""
    options = _options(root)
    found: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS}
    listing = ["apt", "list", "--upgradable", *options]

    async def theirs() -> None:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *listing, stdout=pipe, stderr=pipe, env=commands.clean_environment()
        )
        await child.communicate()

    async def compare(arm: str, ask: Callable[[], Awaitable[Inventory]]) -> None:
        (wall, busy), (their_wall, their_busy) = await _timed(ask), await _timed(theirs)
        found[arm].append((wall / their_wall, busy / their_busy))

    for whole in (False, True):
        if whole:
            keep_one_back(made)
        # Who makes apt's caches pays for it once, as apt-get update does on a device.
        await commands.run(["apt-cache", *options, "gencaches"], limit=120)
        for _ in range(count):
            packages = AptPackages(root, options)
            await compare("whole" if whole else "first", packages.inventory)
            if not whole:
                await compare("again", packages.inventory)
    return found


def show(found: dict[str, list[tuple[float, float]]]) -> None:
    for arm, ratios in found.items():
        walls = [wall for wall, _ in ratios]
        busy = statistics.median(used for _, used in ratios)
        spread = f"({min(walls):.2f}-{max(walls):.2f})"
        print(
            f"inventory / apt list, {arm:6} {statistics.median(walls):5.2f} {spread:13} goal {GOAL}; of CPU {busy:.2f}"
        )


@pytest.mark.bench
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="only where apt is")
async def test_the_inventory_is_whole_while_it_is_timed(tmp_path: Path) -> None:
    made = debian(tmp_path, 200, 2_000)
    inventory = await AptPackages(tmp_path, _options(tmp_path)).inventory()
    assert {each.name for each in inventory.security} == set(made.secure)
    assert len(inventory.ready) == len(inventory.packages) > len(made.secure)
    show(await rounds(tmp_path, 1, made))
    assert [each.name for each in (await AptPackages(tmp_path).inventory()).packages if each.kept_back] == ["stuck"]


if __name__ == "__main__":
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--rounds", type=int, default=5)
    chosen = wanted.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        show(asyncio.run(rounds(Path(folder), chosen.rounds, debian(Path(folder)))))
