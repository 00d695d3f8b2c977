"""The launcher in the stories' made-up world decides as the real one does, over every state that there is."""

from itertools import product
from pathlib import Path

import pytest
from doubles.itself import HOME
from doubles.launching import Place
from doubles.world import World

from dunebugger_updater.model.trial import CURRENT, FAILED, TRIAL, Trial, failed, trial, written

CURRENTS = ("factory", "old", "new", "gone")
TRIALS: dict[str, bytes | None] = {
    "none": None,
    "fresh": written(Trial("new", "old", "mark")),
    "used up": written(Trial("new", "old", "mark", 0)),
    "from the factory": written(Trial("new", "factory", "mark", 0)),
    "from what is gone": written(Trial("new", "gone", "mark", 0)),
    "of what is gone": written(Trial("gone", "old", "mark")),
    "damaged": b"to=new\nfrom",
}


def made_up(current: str, content: bytes | None) -> tuple[str, str, int | None, str | None]:
    world = World()
    for slot in ("old", "new"):
        world.disk.put(HOME / "slots" / slot / "dunebugger-updater", slot.encode())
    if current != "factory":
        world.disk.put(HOME / CURRENT, HOME / "slots" / current)
    if content is not None:
        world.disk.put(HOME / TRIAL, content)
    world.itself.start()
    left, gone = (world.disk.nodes.get(HOME / name) for name in (TRIAL, FAILED))
    return _seen(world.itself.slot, world.itself.in_use, left, gone)


def real(root: Path, current: str, content: bytes | None) -> tuple[str, str, int | None, str | None]:
    place = Place(root)
    place.program("old")
    place.program("new")
    if current != "factory":
        place.use(current)
    if content is not None:
        (place.home / TRIAL).write_bytes(content.replace(b"limit=200", b"limit=1"))
    slot = place.start().slot
    left, gone = (file.read_bytes() if (file := place.home / name).exists() else None for name in (TRIAL, FAILED))
    return _seen(slot, place.current, left, gone)


def _seen(slot: str, current: str, left: object, gone: object) -> tuple[str, str, int | None, str | None]:
    there = trial(left) if isinstance(left, bytes) else None
    ended = failed(gone) if isinstance(gone, bytes) else None
    return slot, current, there.tries if there else None, f"{ended.to} {ended.mark}" if ended else None


@pytest.mark.parametrize(("current", "state"), list(product(CURRENTS, TRIALS)))
def test_both_launchers_start_the_same_and_leave_the_same(tmp_path: Path, current: str, state: str) -> None:
    assert made_up(current, TRIALS[state]) == real(tmp_path / "place", current, TRIALS[state])
