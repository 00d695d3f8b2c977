"""All benches with few rounds, for CI's bench step: a figure is never a verdict, a bench that breaks is one."""

import shutil
import tempfile
from pathlib import Path

import pytest
from device.bed import frozen, place

from bench.run import DISK, figures, show


@pytest.mark.bench
@pytest.mark.timeout(1200)  # a first build included
def test_every_goal_gets_its_figure() -> None:
    with tempfile.TemporaryDirectory(dir=DISK, prefix="bench-") as folder:
        program = frozen.built().program if place.required() else None  # a build takes minutes
        found = figures(Path(folder), 3, 50_000_000, within=60, idle=2, cpu=10, looks=2, program=program)
    show(found)
    assert {each.name.split()[0] for each in found} == {"G2", "G3", "G7", "G8", "G10"} | (
        {"G4"} if shutil.which("apt-get") else set()
    ) | ({"G1", "G6"} if program else set())
    assert all(each.middle < each.goal for each in found if each.name.startswith("G6")), (
        "nothing is unpacked at a start"
    )
    assert all(each.middle > 0 for each in found)
