"""The updater's own run, and what a trial of it may have left behind for the launcher to read."""

from collections.abc import Sequence

from dunebugger_updater.model.trial import FAILED, TRIAL, trial
from dunebugger_updater.ports import Device
from dunebugger_updater.run import Committed
from dunebugger_updater.services.history import Runs, stories
from dunebugger_updater.steps import PointUpdater
from dunebugger_updater.steps.itself import in_use
from dunebugger_updater.story import Story
from dunebugger_updater.trust.rotation import OWN


def is_own(story: Story) -> bool:
    """Whether a run is the updater's own."""
    return story.opened.plan.component == OWN


def own_run(runs: Runs) -> Story | None:
    """Answer the updater's own run that is not finished; ``None`` when there is none."""
    return next((story for story in stories(runs) if story.closed is None and is_own(story)), None)


async def forget_old_trial(device: Device, told: Sequence[Story]) -> None:
    """Remove a trial that is over: given up, never begun, unreadable, or of a version that counts.

    ``told``: the updater's own runs, none of them open.  A version on trial that nobody judges is left to the launcher.
    """
    home = device.itself.home
    if home is None:
        return
    content = await device.files.read(home / TRIAL)
    if content is not None:
        left = trial(content)
        if left is not None and left.to == await in_use(device, home) and left.mark not in _good(told):
            return
        await device.files.remove(home / TRIAL)
    await device.files.remove(home / FAILED)


def _good(told: Sequence[Story]) -> set[str]:
    counts = [story for story in told if any(isinstance(event, Committed) for event in story.events)]
    return {step.mark for story in counts for step in story.opened.plan.steps if isinstance(step, PointUpdater)}
