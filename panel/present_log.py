"""A run event by event, as lines for a person.  Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from dunebugger_updater.events import (
    Answered,
    AnyEvent,
    BackFailed,
    Began,
    Closed,
    Committed,
    Finished,
    Opened,
    Outcome,
    Restarted,
    Tidied,
    TurnedBack,
    Undone,
)
from dunebugger_updater.plan import Plan
from dunebugger_updater.story import Story
from panel.present import Tone
from panel.words import Words


class Line(msgspec.Struct, frozen=True):
    """One event."""

    at: datetime
    tone: Tone
    text: str


def log(story: Story, words: Words) -> tuple[Line, ...]:
    """Answer every event as a line."""
    plan = story.opened.plan
    made = []
    for told in story.told:
        for line_tone, text in _said(told.event, plan, words):
            made.append(Line(told.at, line_tone, text.replace("`", "")))
    return tuple(made)


def _said(event: AnyEvent, plan: Plan, words: Words) -> Sequence[tuple[Tone, str]]:
    match event:
        case Answered(side=side, objections=objections):
            return _answers(side, objections, plan, words)
        case TurnedBack(reason=reason):
            return (("bad", words.event_turned.format(why=reason)),)
        case Began(step=step):
            return (("busy", words.event_began.format(title=_title(plan, step, words))),)
        case Finished(step=step):
            return (("good", words.event_done.format(title=_title(plan, step, words))),)
        case Undone(step=step):
            return (("unsure", words.event_undone.format(title=_title(plan, step, words))),)
        case BackFailed(reason=reason):
            return (("bad", words.event_back_failed.format(why=reason)),)
        case _:
            return _said_of_the_whole(event, plan, words)


def _said_of_the_whole(event: AnyEvent, plan: Plan, words: Words) -> Sequence[tuple[Tone, str]]:
    match event:
        case Opened():
            there = plan.from_version or words.installed_unknown
            said = words.event_opened.format(verb=plan.verb, from_version=there, to_version=plan.to_version)
            return (("quiet", said),)
        case Restarted():
            return (("unsure", words.event_restarted),)
        case Committed():
            return (("good", words.event_committed),)
        case Tidied(problem=problem):
            said = words.event_tidied_not.format(why=problem) if problem else words.event_tidied
            return (("unsure" if problem else "quiet", said),)
        case Closed(outcome=outcome_):
            by_wish = outcome_ is Outcome.ROLLED_BACK and plan.verb == "rollback"
            good = by_wish or outcome_ is Outcome.UPDATED
            ended = words.outcome_taken_back if by_wish else getattr(words, f"outcome_{outcome_}", outcome_)
            said = words.event_closed.format(outcome=ended)
            return (("good" if good else "bad", said),)
        case _:
            return ()


def _answers(side: str, objections: Sequence[str], plan: Plan, words: Words) -> Sequence[tuple[Tone, str]]:
    if side == "health":
        ill: Sequence[tuple[Tone, str]] = [("unsure", words.event_health_ill.format(why=why)) for why in objections]
        good = words.event_health_good_rollback if plan.verb == "rollback" else words.event_health_good
        return ill or (("quiet", good),)
    bad: Sequence[tuple[Tone, str]] = [("bad", words.event_objection.format(why=why)) for why in objections]
    return bad or (("good", str(getattr(words, f"event_{side}"))),)


def _title(plan: Plan, step: int, words: Words) -> str:
    return plan.steps[step].title if step < len(plan.steps) else words.step_number.format(number=step + 1)
