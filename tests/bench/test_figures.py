"""All benches with few rounds, for CI's bench step: a figure is never a verdict, a bench that breaks is one."""

import shutil
import tempfile
from pathlib import Path

import pytest

from bench.run import DISK, figures, show


@pytest.mark.bench
@pytest.mark.timeout(280)
def test_every_goal_gets_its_figure() -> None:
    with tempfile.TemporaryDirectory(dir=DISK, prefix="bench-") as folder:
        found = figures(Path(folder), 3, 50_000_000, within=80, idle=2, cpu=20, looks=2)
    show(found)
    assert {each.name.split()[0] for each in found} == {"G2", "G3", "G7", "G8", "G10"} | (
        {"G4"} if shutil.which("apt-get") else set()
    )
    assert all(each.middle > 0 for each in found)
