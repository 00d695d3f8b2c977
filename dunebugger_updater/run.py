"""A run is the story of one plan.  Events tell it; ``next_move`` says what comes next.

Nothing here touches the device: given the same events, the answer is the same.
"""

from collections.abc import Iterable
from functools import reduce
from typing import assert_never

import msgspec
from msgspec.structs import replace

from dunebugger_updater.events import (
    Answered,
    AnyEvent,
    BackFailed,
    Began,
    Closed,
    Committed,
    Event,
    Finished,
    Later,
    Opened,
    Outcome,
    Restarted,
    Side,
    Tidied,
    TurnedBack,
    Undone,
)
from dunebugger_updater.moves import Act, Ask, Close, Commit, Move, Tidy, TurnBack, Undo
from dunebugger_updater.plan import Plan
from dunebugger_updater.steps import AnyStep

__all__ = [
    "PATIENCE",
    "TRIES_BACK",
    "Act",
    "Answered",
    "AnyEvent",
    "Ask",
    "BackFailed",
    "Began",
    "Close",
    "Closed",
    "Commit",
    "Committed",
    "Event",
    "Finished",
    "Later",
    "Move",
    "Opened",
    "Outcome",
    "Restarted",
    "Run",
    "Side",
    "Tidied",
    "Tidy",
    "TurnBack",
    "TurnedBack",
    "Undo",
    "Undone",
    "next_move",
    "retell",
    "tell",
]

PATIENCE = 3
"""Restarts without progress before a run turns around, and again before it gives up going back."""

TRIES_BACK = 3
"""How often a step of the way back is tried before a person is needed."""


class Run(msgspec.Struct, frozen=True):
    """What the events so far come to."""

    plan: Plan
    asked: frozenset[Side] = frozenset()
    ill_before: tuple[str, ...] = ()
    """What was already wrong with the component before the run did anything."""
    objections: tuple[str, ...] = ()
    """Of the side that was asked last."""
    done: int = 0
    """Steps finished, counted from the front."""
    ways_back: tuple[tuple[AnyStep, ...], ...] = ()
    """One for each step ever begun, as it was found before the step first acted."""
    undone: int = 0
    """Ways back walked, counted from the end."""
    reached: int = 0
    """The most steps that were ever done, or ways back that were ever walked: beyond it lies progress."""
    touched: bool = False
    """Whether a step that changes what the owner runs was ever begun."""
    turned: TurnedBack | None = None
    tries_back: int = 0
    """How often the current step of the way back has failed."""
    problem_back: str = ""
    committed: bool = False
    tidied: int = 0
    restarts: int = 0
    """Since the last progress."""
    closed: Closed | None = None


def tell(run: Run, event: AnyEvent) -> Run:  # noqa: C901, PLR0911, PLR0912  (one line for each event there is)
    """Answer the run after one more event."""
    match event:
        case Opened() | Later():
            return run
        case Restarted():
            return _restarted(run)
        case Answered(side="health", objections=objections):
            return replace(run, asked=run.asked | {"health"}, ill_before=objections, restarts=0)
        case Answered(side=side, objections=objections):
            return replace(run, asked=run.asked | {side}, objections=objections)
        case Began(step=step, way_back=way_back):
            touched = run.touched or run.plan.steps[step].live
            return replace(run, ways_back=(*run.ways_back, way_back), touched=touched)
        case Finished(step=step):
            return _progress(replace(run, done=step + 1), step + 1)
        case TurnedBack():
            return replace(run, turned=event, restarts=0, reached=0)
        case Undone():
            return _progress(replace(run, undone=run.undone + 1, tries_back=0), run.undone + 1)
        case BackFailed(reason=reason):
            return replace(run, tries_back=run.tries_back + 1, problem_back=reason)
        case Committed():
            return replace(run, committed=True, restarts=0)
        case Tidied():
            return replace(run, tidied=run.tidied + 1, restarts=0)
        case Closed():
            return replace(run, closed=event)
        case _:
            assert_never(event)


def _restarted(run: Run) -> Run:
    """Answer the run after the power came back.

    What the owner runs may have been started meanwhile by others: systemd starts every enabled unit at boot, from
    wherever the link leads then.  So nothing that touches it counts as done any more: those steps are walked again from
    the first (or, going back, from the last), which costs little because each asks the device first.
    """
    run = replace(run, restarts=run.restarts + 1)
    if run.committed:
        return run
    if run.turned is not None:
        return replace(run, undone=0, tries_back=0, asked=run.asked - {"back"})
    if run.touched:
        first_live = next(number for number, step in enumerate(run.plan.steps) if step.live)
        return replace(run, done=min(run.done, first_live), asked=run.asked - {"after"})
    return replace(run, asked=run.asked - {"switch"})


def _progress(run: Run, mark: int) -> Run:
    return replace(run, reached=mark, restarts=0) if mark > run.reached else run


def retell(events: Iterable[AnyEvent]) -> Run:
    """Answer the run that these events tell.  ``ValueError`` when they do not begin with a plan."""
    first, *rest = events
    if not isinstance(first, Opened):
        raise ValueError("a run begins with its plan")  # noqa: TRY004  (the story is wrong, not the type)
    return reduce(tell, rest, Run(first.plan))


def next_move(run: Run) -> Move | None:  # noqa: C901, PLR0911  (the decision reads from top to bottom)
    """Decide what a run does next.  The one place that does."""
    if run.closed is not None:
        return None
    if run.committed:
        return _next_move_after_commit(run)
    if run.turned is not None:
        return _next_move_back(run, run.turned)
    if run.restarts > PATIENCE:
        return TurnBack("interrupted too often", refused=not run.touched)
    if "health" not in run.asked:
        return Ask("health", run.plan.health)
    if "before" not in run.asked:
        return Ask("before", run.plan.before)
    if run.objections and not run.ways_back and not run.asked & {"switch", "after"}:
        return Close(Outcome.REFUSED, "; ".join(run.objections))
    if run.done < len(run.plan.steps):
        return _next_step(run)
    if "after" not in run.asked:
        return Ask("after", run.plan.after)
    if run.objections:
        return TurnBack("; ".join(run.objections), blame=not run.ill_before)
    return Commit()


def _next_step(run: Run) -> Move:
    step = run.plan.steps[run.done]
    if step.live and not run.touched and run.plan.switch:
        if "switch" not in run.asked:
            return Ask("switch", run.plan.switch)
        if run.objections:
            return TurnBack("; ".join(run.objections), refused=True)
    return Act(run.done, step, begun=len(run.ways_back) > run.done)


def _next_move_back(run: Run, turned: TurnedBack) -> Move:
    left = len(run.ways_back) - run.undone
    if left:
        if run.restarts > PATIENCE or run.tries_back >= TRIES_BACK:
            reason = f"{turned.reason}; and the way back is blocked: {run.problem_back or 'interrupted too often'}"
            return Close(Outcome.STUCK, reason, _by_hand(run))
        return Undo(left - 1, run.ways_back[left - 1], run.tries_back)
    if not run.touched:
        return Close(Outcome.REFUSED if turned.refused else Outcome.FAILED, turned.reason)
    # Of what was ill before nobody can expect that it becomes well, and no answer would change the end.
    if "back" not in run.asked and run.restarts <= PATIENCE and not run.ill_before:
        return Ask("back", run.plan.back)
    if (run.objections or run.restarts > PATIENCE) and not run.ill_before:
        ill = "; ".join(run.objections) or "interrupted too often"
        return Close(Outcome.STUCK, f"{turned.reason}; everything was put back, but it is not well: {ill}", _look(run))
    # A rollback by hand that turned around ends where it began: for its owner it has failed, and nothing changed.
    return Close(Outcome.FAILED if run.plan.verb == "rollback" else Outcome.ROLLED_BACK, turned.reason)


def _next_move_after_commit(run: Run) -> Move:
    if run.tidied < len(run.plan.tidy) and run.restarts <= PATIENCE:
        return Tidy(run.tidied, run.plan.tidy[run.tidied])
    return Close(Outcome.ROLLED_BACK if run.plan.verb == "rollback" else Outcome.UPDATED)


def _by_hand(run: Run) -> tuple[str, ...]:
    """Answer what is left of the way back, as commands for a person, in the order to give them."""
    ways = run.ways_back[: len(run.ways_back) - run.undone]
    left = [step.by_hand for steps in reversed(ways) for step in steps]
    return (*(command for command in left if command), *_look(run))


def _look(run: Run) -> tuple[str, ...]:
    return (f"dunebugger-updater rollback {run.plan.component}", "dunebugger-updater doctor")
