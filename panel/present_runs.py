"""What the pages about runs show: a story in, rows and sentences out.  Pure."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Literal, TypeAlias

import msgspec

from dunebugger_updater.events import Began, Committed, Finished, Outcome, Restarted, TurnedBack, Undone
from dunebugger_updater.model.views import RunView
from dunebugger_updater.plan import Plan
from dunebugger_updater.story import Story
from panel import charts
from panel.present import Tone
from panel.spans import sentence, span, typical
from panel.words import Words

StepState: TypeAlias = Literal["planned", "begun", "done", "undone", "failed"]
_EVIDENCE = 12
"""Lines of a log that somebody reads; the newest tell what happened."""
_BAD = {"rolled_back", "failed", "stuck"}


class Row(msgspec.Struct, frozen=True):
    """One step of a run."""

    number: int
    """From 1."""
    title: str
    state: StepState
    word: str
    live: bool
    took: str | None = None
    usual: str | None = None
    usual_seconds: float | None = None
    since: datetime | None = None
    """When it began, while it is under way."""


def tone(run: RunView) -> Tone:
    """Answer how a run's end is to be seen."""
    if run.outcome == "running":
        return "busy"
    if run.success or run.outcome in {"nothing_to_do", "planned"}:
        return "good"
    return "bad" if run.outcome in _BAD else "unsure"


def outcome(run: RunView, words: Words) -> str:
    """Answer a run's end in a few words."""
    if run.outcome == Outcome.ROLLED_BACK and run.verb == "rollback":
        return words.outcome_taken_back
    return str(getattr(words, f"outcome_{run.outcome}", run.outcome))


def title(run: RunView, words: Words) -> str:
    """Answer what a run is about."""
    form = words.run_rollback if run.verb == "rollback" else words.run_update
    return form.format(name=run.component, version=run.to_version)


def usual_times(past: Sequence[Story]) -> dict[str, float]:
    """Answer how long each kind of step usually takes, in seconds, from runs that are over."""
    took: dict[str, list[float]] = {}
    for story in past:
        for number, seconds in _durations(story).items():
            took.setdefault(_kind(story.opened.plan, number), []).append(seconds)
    return {kind: middle for kind, each in took.items() if (middle := typical(each)) is not None}


def rows(story: Story, usual: dict[str, float], words: Words) -> tuple[Row, ...]:
    """Answer the steps of a run as they stand."""
    plan = story.opened.plan
    states, began = _states(story)
    took = _durations(story)
    made = []
    for number, step in enumerate(plan.steps):
        state = states.get(number, "planned")
        known = usual.get(_kind(plan, number))
        made.append(
            Row(
                number + 1,
                step.title,
                state,
                str(getattr(words, f"step_{state}")),
                step.live,
                took=span(took[number], words) if number in took else None,
                usual=words.usually.format(span=span(known, words)) if known is not None else None,
                usual_seconds=known,
                since=began.get(number) if state == "begun" and story.closed is None else None,
            )
        )
    return tuple(made)


def _states(story: Story) -> tuple[dict[int, StepState], dict[int, datetime]]:
    states: dict[int, StepState] = {}
    began: dict[int, datetime] = {}
    for told in story.told:
        match told.event:
            case Began(step=step):
                states[step], began[step] = "begun", told.at
            case Finished(step=step):
                states[step] = "done"
            case TurnedBack():
                states.update({step: "failed" for step, state in states.items() if state == "begun"})
            case Undone(step=step) if states.get(step) != "failed":
                states[step] = "undone"
            case _:
                pass
    return states, began


def _durations(story: Story) -> dict[int, float]:
    begun: dict[int, float] = {}
    took: dict[int, float] = {}
    for told in story.told:
        match told.event:
            case Restarted():
                begun.clear()  # seconds since boot mean nothing across a boot
            case Began(step=step):
                begun[step] = told.up
            case Finished(step=step) if step in begun:
                took[step] = max(told.up - begun.pop(step), 0.0)
            case _:
                pass
    return took


def _kind(plan: Plan, number: int) -> str:
    # The same work in the next release has another title, for that names the version; its class and turn stay.
    name = type(plan.steps[number]).__name__
    turn = sum(type(step).__name__ == name for step in plan.steps[:number])
    return f"{name}.{turn}"


def phase(story: Story, words: Words) -> str:
    """Answer in a few words what an open run is doing."""
    events = story.events
    plan = story.opened.plan
    if any(isinstance(event, Committed) for event in events):
        return words.finishing
    if any(isinstance(event, TurnedBack) for event in events):
        return words.going_back
    last = next((event for event in reversed(events) if isinstance(event, Began | Finished)), None)
    if isinstance(last, Began):
        said = words.step_of.format(number=last.step + 1, of=len(plan.steps))
        return f"{said}: {plan.steps[last.step].title}"
    return words.checking


def share_done(made: Sequence[Row]) -> float:
    """Answer how far a run is, from 0 to 1, by the usual times where they are known."""
    weights = [row.usual_seconds if row.usual_seconds is not None else 1.0 for row in made]
    whole = sum(weights)
    done = sum(weight for row, weight in zip(made, weights, strict=True) if row.state == "done")
    return done / whole if whole else 0.0


class Failure(msgspec.Struct, frozen=True):
    """What somebody needs whose update failed."""

    what: str
    evidence: tuple[str, ...]
    done: str
    you: str
    commands: tuple[str, ...]
    again: bool
    """Whether trying again may help."""


def failure(story: Story, words: Words) -> Failure | None:
    """Answer what failed and what follows; ``None`` for a run that went well or is open."""
    closed = story.closed
    plan = story.opened.plan
    turned = next((event for event in story.events if isinstance(event, TurnedBack)), None)
    if closed is None or closed.outcome in {Outcome.UPDATED, Outcome.NOTHING_TO_DO}:
        return None
    if closed.outcome is Outcome.ROLLED_BACK and plan.verb == "rollback":
        return None
    undone = sum(isinstance(event, Undone) for event in story.events)
    back = plan.from_version or words.what_was_there
    put_back = words.done_rolled_back_one if undone == 1 else words.done_rolled_back
    done = {
        Outcome.ROLLED_BACK: put_back.format(count=undone, version=back),
        Outcome.REFUSED: words.done_refused,
        Outcome.STUCK: words.done_stuck,
    }.get(closed.outcome, words.done_failed)
    you = {
        Outcome.ROLLED_BACK: words.you_rolled_back.format(version=plan.to_version),
        Outcome.REFUSED: words.you_refused,
        Outcome.STUCK: words.you_stuck,
    }.get(closed.outcome, words.you_failed)
    return Failure(
        sentence(turned.reason if turned else closed.reason, plan.component),
        turned.evidence[-_EVIDENCE:] if turned else (),
        sentence(done),
        you,
        closed.commands,
        again=closed.outcome in {Outcome.REFUSED, Outcome.FAILED},
    )


def durations(runs: Sequence[RunView], words: Words) -> charts.Bars | None:
    """Answer how long runs took, from older to newer."""
    timed = [run for run in reversed(runs) if run.seconds is not None]
    return charts.bars(
        [
            (
                run.seconds or 0.0,
                "good" if tone(run) == "good" else "bad",
                f"{title(run, words)}: {span(run.seconds or 0.0, words)}, {outcome(run, words)}",
            )
            for run in timed
        ]
    )


def months(runs: Sequence[RunView]) -> Sequence[tuple[datetime | None, Sequence[RunView]]]:
    """Answer runs by the month (UTC) in which they began, with a moment in it; the order stays."""
    groups = groupby(runs, key=lambda run: run.started_at and (run.started_at.year, run.started_at.month))
    return [(those[0].started_at, those) for those in (list(group) for _, group in groups)]
