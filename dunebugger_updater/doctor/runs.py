"""Runs that need somebody: unfinished, stuck, or ended by a version that is not to be tried again."""

from collections.abc import Sequence

from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.effects.lock import DeviceLock
from dunebugger_updater.events import Outcome, TurnedBack
from dunebugger_updater.services import history
from dunebugger_updater.story import Story
from dunebugger_updater.wiring import House


async def look(house: House) -> Findings:
    """What the journal says about this device."""
    told = history.stories(house.runs)
    changing = DeviceLock(house.settings.updater.state_path / "lock").holder() is not None
    readable = {story.id for story in told}
    found = [_unfinished(story, changing=changing) for story in told if story.closed is None]
    found += [_unreadable(house, run) for run in house.runs.ids() if run not in readable]
    for component in house.settings.components:
        mine = [story for story in told if story.opened.plan.component == component.name]
        if mine and (closed := mine[-1].closed) is not None and closed.outcome is Outcome.STUCK:
            commands = [*closed.commands, f"dunebugger-updater show {mine[-1].id}"]
            advice = "give these commands in this order"
            found.append(problem(f"{component.name}.stuck", history.sentence(mine[-1]), advice, commands))
        found += [_quarantined(component.name, version, mine) for version in sorted(history.quarantined(mine))]
    if not found:
        return (fine("runs", f"{len(told)} runs in the journal, none of them unfinished"),)
    return found


def _unfinished(story: Story, *, changing: bool) -> Finding:
    plan = story.opened.plan
    words = f"run {story.id} ({plan.verb} of {plan.component} to {plan.to_version})"
    if changing:
        return fine(f"{plan.component}.unfinished", f"{words} is being carried out now")
    return problem(
        f"{plan.component}.unfinished",
        f"{words} was cut off and is not finished",
        "finish or undo it",
        ["dunebugger-updater recover", f"dunebugger-updater show {story.id}"],
    )


def _unreadable(house: House, run: str) -> Finding:
    file = house.settings.updater.state_path / "runs" / f"{run}.jsonl"
    return warning(
        f"runs.{run}", f"cannot read the journal of run {run}", "look at it, then remove it", [f"ls -l {file}"]
    )


def _quarantined(name: str, version: str, told: Sequence[Story]) -> Finding:
    why = "it was taken back by hand"
    for story in reversed(told):
        turned = next((event for event in story.events if isinstance(event, TurnedBack) and event.blame), None)
        if story.opened.plan.to_version == version and turned is not None:
            why = f"it failed in run {story.id}: {turned.reason}"
            break
    return warning(
        f"{name}.quarantined.{version}",
        f"{name} {version} is not offered any more: {why}",
        "a newer release is taken as usual; to try this one again, name it",
        [f"dunebugger-updater update {name} --version {version}"],
    )
