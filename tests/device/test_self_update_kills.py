"""Every system call that writes is killed, or told that the disk is full, while the frozen program updates itself.

What runs afterwards is the old version or the new one, whole, whenever it happened.  No device is needed: the launcher
runs here, and this test starts it again as systemd would.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from device.bed.frozen import Frozen
from device.bed.here import Here
from device.bed.selves import REPOSITORY, Versions, versions
from device.bed.shop import Shop

pytestmark = [pytest.mark.docker, pytest.mark.timeout(3600)]


def contents(folder: Path) -> dict[str, int]:
    return {str(each.relative_to(folder)): each.stat().st_size for each in folder.rglob("*") if each.is_file()}


@pytest.fixture(scope="module")
def published(frozen: Frozen) -> Iterator[Versions]:
    with versions(frozen) as made:
        yield made


def points(amount: int) -> list[tuple[str, int]]:
    """Faults, and the call of a thread at which they happen: each early one, and a sample of the later ones."""
    chance = random.Random(1)
    spread = sorted({*range(1, amount // 6), *(chance.randrange(1, 260) for _ in range(amount // 2))})
    return [(fault, number) for number in spread for fault in ("signal=KILL:when={}", "error=ENOSPC:when={}+")][:amount]


@pytest.mark.parametrize("amount", [8, pytest.param(300, marks=pytest.mark.full)])
def test_a_fault_at_any_writing_call_leaves_the_old_version_or_the_new_one(
    tmp_path: Path, published: Versions, shop: Shop, amount: int
) -> None:
    factory, new = published.folder("1.0.0"), published.folder("1.1.0")
    shop.offer(REPOSITORY, {"v1.1.0": published.release("1.1.0")})
    whole = {"1.0.0": contents(factory), "1.1.0": contents(new)}
    met, ends = 0, []
    for fault, number in points(amount):
        here = Here(tmp_path / f"{re.sub('[^A-Z]', '', fault)}-{number}", factory, shop)
        try:
            met += here.suffer(fault.format(number))
            version = here.live()
            where = f"{fault.format(number)}: {version} from {here.slot}"
            assert version in whole, where
            assert contents(here.slot) == whole[version], where
            ends.append(version)
        finally:
            here.end()
    print(f"{met} of {len(ends)} faults were met; {ends.count('1.1.0')} ended on the new version")  # noqa: T201  (the figure is the point)
    assert met > len(ends) / 2
