"""The doctor sees what is wrong with the updater's own versions before the next start does."""

import pytest
from doubles.itself import HOME
from doubles.world import World

from dunebugger_updater.doctor import versions
from dunebugger_updater.model.trial import Trial, written

NEW = "1.1.0-abc"


def device(*, current: str | None = None, trial: bytes | None = None, slots: tuple[str, ...] = ()) -> World:
    world = World()
    for name in slots:
        world.disk.put(HOME / "slots" / name / "dunebugger-updater", b"1.1.0")
    if current:
        world.disk.put(HOME / "current", HOME / "slots" / current)
    if trial is not None:
        world.disk.put(HOME / "trial", trial)
    return world


ON_TRIAL = written(Trial(NEW, "factory", "mark"))


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (device(), [("updater.versions", "fine")]),
        (device(current=NEW, slots=(NEW,)), [("updater.versions", "fine")]),
        (device(current=NEW, slots=(NEW,), trial=ON_TRIAL), [("updater.trial", "fine")]),
        (device(slots=(NEW,), trial=ON_TRIAL), [("updater.trial", "warning")]),
        (device(trial=b"to=torn"), [("updater.trial", "problem")]),
        (device(current=NEW), [("updater.current", "problem")]),
    ],
    ids=["factory", "a slot", "on trial", "left over", "unreadable", "dangling"],
)
async def test_what_is_wrong_with_link_and_trial_is_told(world: World, told: list[tuple[str, str]]) -> None:
    assert [(each.id, each.severity) for each in await versions.look(world.device)] == told


async def test_a_version_that_lost_its_program_cannot_be_gone_back_to() -> None:
    world = device()
    world.disk.put(HOME / "slots" / NEW)
    found = await versions.look(world.device)
    assert [(each.id, each.severity) for each in found] == [("updater.slots", "warning")]
    assert found[0].commands == (f"rm -r {HOME}/slots/{NEW}",)


async def test_a_copy_that_does_not_update_itself_has_no_versions() -> None:
    world = World()
    world.itself.home = None
    assert await versions.look(world.device) == ()
