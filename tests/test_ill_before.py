"""Of a component that was ill before an update nobody expects that going back makes it well."""

from collections.abc import Sequence

from stories.scenes import app_scene

from dunebugger_updater.run import (
    Answered,
    AnyEvent,
    Ask,
    Began,
    Close,
    Opened,
    Outcome,
    TurnedBack,
    Undone,
    next_move,
    retell,
)


def story(health: Sequence[str]) -> list[AnyEvent]:
    """An update that touched the app, turned around, and has nothing left to undo."""
    plan = app_scene().plan
    first_live = next(number for number, step in enumerate(plan.steps) if step.live)
    ways = [Began(number, ()) for number in range(first_live + 1)]
    undone = [Undone(number) for number in reversed(range(len(ways)))]
    return [Opened("run", plan), Answered("health", tuple(health)), *ways, TurnedBack("it does not start"), *undone]


def test_what_was_well_is_asked_again_after_going_back() -> None:
    move = next_move(retell(story(health=())))
    assert isinstance(move, Ask)
    assert move.side == "back"


def test_what_was_ill_is_not_waited_for() -> None:
    assert next_move(retell(story(health=("it is not running",)))) == Close(Outcome.ROLLED_BACK, "it does not start")
