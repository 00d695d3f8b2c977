"""What happened here before: runs that are over, and what follows from them.

The journal is the history; nothing is written a second time.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from dunebugger_updater.engine import Journal
from dunebugger_updater.model.views import RunView, StepView
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Began, Finished, Outcome, TurnedBack, Undone
from dunebugger_updater.steps import AnyStep, Download
from dunebugger_updater.story import Story

VERSIONED = frozenset({"update", "rollback"})
"""What brings a component to another version; refreshing lists or restarting a service does not."""


class Runs(Protocol):
    """Where runs are kept."""

    def ids(self) -> Sequence[str]:
        """All of them, oldest first."""

    def read(self, run: str) -> Story | None:
        """``None`` when there is no such run, or nothing of it can be read."""

    def create(self, component: str) -> tuple[str, Journal]:
        """Open a new one, and answer its id."""

    def reopen(self, story: Story) -> Journal:
        """Continue one that is open."""


def stories(runs: Runs, component: str | None = None) -> Sequence[Story]:
    """Answer the runs of a component, or all, oldest first; what cannot be read is left out."""
    found = [story for run in runs.ids() if (story := runs.read(run)) is not None]
    return [story for story in found if component in {None, story.opened.plan.component}]


def quarantined(told: Sequence[Story]) -> frozenset[str]:
    """Answer the versions of one component that failed here, or that the owner has taken back.

    A version leaves quarantine by being asked for by name and succeeding.
    """
    bad: set[str] = set()
    for story in told:
        plan = story.opened.plan
        closed = story.closed
        if closed is None or plan.verb not in VERSIONED:
            continue
        if plan.verb == "rollback":
            if closed.outcome is Outcome.ROLLED_BACK and plan.from_version:
                bad.add(plan.from_version)
                bad.discard(plan.to_version)
        elif closed.outcome is Outcome.UPDATED:
            bad.discard(plan.to_version)
        elif any(isinstance(event, TurnedBack) and event.blame for event in story.events):
            bad.add(plan.to_version)
    return frozenset(bad)


def last_change(told: Sequence[Story]) -> Story | None:
    """Answer the last run of one component that changed what is installed, or that got stuck doing so."""
    changed = {Outcome.UPDATED, Outcome.ROLLED_BACK, Outcome.STUCK}
    for story in reversed(told):
        closed = story.closed
        if closed is None or closed.outcome not in changed or story.opened.plan.verb not in VERSIONED:
            continue
        if closed.outcome is Outcome.ROLLED_BACK and story.opened.plan.verb == "update":
            continue  # it put everything back by itself: there is nothing of it left to undo
        return story
    return None


def view(story: Story) -> RunView:
    """Tell a run briefly."""
    plan, closed = story.opened.plan, story.closed
    turned = next((event for event in story.events if isinstance(event, TurnedBack)), None)
    good = closed is not None and turned is None and closed.outcome in {Outcome.UPDATED, Outcome.ROLLED_BACK}
    return RunView(
        run=story.id,
        component=plan.component,
        verb=plan.verb,
        success=good,
        outcome=closed.outcome if closed else "running",
        message=sentence(story),
        from_version=plan.from_version,
        to_version=plan.to_version,
        actor=story.opened.actor,
        started_at=story.started_at,
        ended_at=story.ended_at,
        seconds=story.seconds,
        downtime_seconds=story.downtime_seconds,
        steps=_steps(story),
        evidence=turned.evidence if turned else (),
        commands=closed.commands if closed else (),
        notes=plan.notes,
        plan_hash=plan.hash,
    )


def planned(plan: Plan) -> RunView:
    """Tell what a plan would do (dry run)."""
    return RunView(
        run="",
        component=plan.component,
        verb=plan.verb,
        success=True,
        outcome=Outcome.PLANNED,
        message=f"would {plan.verb} {plan.component} from {plan.from_version or 'unknown'} to {plan.to_version}",
        dry_run=True,
        from_version=plan.from_version,
        to_version=plan.to_version,
        steps=tuple(_step(number, step) for number, step in enumerate(plan.steps)),
        notes=plan.notes,
        plan_hash=plan.hash,
    )


def sentence(story: Story) -> str:
    """Say in one sentence how a run ended, or that it has not."""
    plan, closed = story.opened.plan, story.closed
    name, there, back = plan.component, plan.to_version, plan.from_version or "what was there before"
    if closed is None:
        return f"{plan.verb} of {name} to {there} is not finished"
    match closed.outcome:
        case Outcome.UPDATED if plan.verb not in VERSIONED:
            return f"{plan.verb} of {name} done: {there}"
        case Outcome.UPDATED:
            return f"{name} updated to {there} and healthy"
        case Outcome.ROLLED_BACK if plan.verb == "rollback":
            return f"{name} taken back to {there} and healthy"
        case Outcome.ROLLED_BACK:
            return f"{name} {there} failed: {closed.reason}; rolled back to {back}{_well(story)}"
        case Outcome.STUCK:
            return f"{name} needs a person: {closed.reason}"
        case Outcome.REFUSED:
            return f"{name} not touched: {closed.reason}"
        case _:
            return f"{plan.verb} of {name} to {there} failed, nothing changed: {closed.reason}"


def _well(story: Story) -> str:
    ill = [
        event for event in story.events if getattr(event, "side", None) == "health" and getattr(event, "objections", ())
    ]
    return ", which was not well before either" if ill else " and healthy"


def _steps(story: Story) -> tuple[StepView, ...]:
    states = {number: _step(number, step) for number, step in enumerate(story.opened.plan.steps)}
    for event in story.events:
        if isinstance(event, Began):
            states[event.step] = replace(states[event.step], state="begun")
        elif isinstance(event, Finished):
            states[event.step] = replace(states[event.step], state="done")
        elif isinstance(event, Undone):
            states[event.step] = replace(states[event.step], state="undone")
    return tuple(states.values())


def _step(number: int, step: AnyStep) -> StepView:
    return StepView(number, step.title, live=step.live, size=step.size if isinstance(step, Download) else None)
