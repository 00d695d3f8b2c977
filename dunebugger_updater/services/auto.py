"""What may be updated without a person, now: policy, age, windows, and whether it will be finished in time.

Pure, so that a year of nights can be played in a test.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from dunebugger_updater.model.settings import Component, Window
from dunebugger_updater.model.windows import is_open, next_open
from dunebugger_updater.run import Outcome
from dunebugger_updater.story import Story

USUAL = timedelta(minutes=15)
"""How long an update is taken to last on a device that has not done one yet."""
ROLLBACK = timedelta(minutes=10)
"""What is kept free at the end of a window for going back."""


class Readiness(msgspec.Struct, frozen=True):
    """Whether one component may be updated now."""

    component: str
    now: bool
    reason: str = ""
    """Why not, in words."""
    again_at: datetime | None = None
    """When to look again, where that is known."""
    untrusted: str | None = None
    """Why the release is not believed to be its publisher's."""


def readiness(
    component: Component,
    *,
    now: datetime,
    old_enough_at: datetime | None,
    windows: Sequence[Window],
    zone: str,
    lasted: Sequence[float],
) -> Readiness:
    """Say whether an update on offer may be taken now.

    ``old_enough_at``: when the release reaches the owner's minimum age.  ``lasted``: seconds that earlier updates of
    this component took here.
    """
    name = component.name
    if component.policy != "auto":
        return Readiness(name, now=False, reason="waits for a person")
    if old_enough_at is None:
        return Readiness(name, now=False, reason="is not taken by itself")
    if old_enough_at > now:
        return Readiness(
            name, now=False, reason=f"is too young until {old_enough_at:%Y-%m-%d %H:%M} UTC", again_at=old_enough_at
        )
    if not windows:
        return Readiness(name, now=True)
    end = is_open(windows, now, zone)
    if end is None:
        opens = next_open(windows, now, zone)
        words = f"waits for the window at {opens:%Y-%m-%d %H:%M} UTC" if opens else "no window ever opens"
        return Readiness(name, now=False, reason=words, again_at=opens)
    need = _expected(lasted) + ROLLBACK
    if now + need > end:
        opens = next_open(windows, now, zone)
        words = f"would not be finished when the window closes (needs about {need.total_seconds() / 60:.0f} min)"
        return Readiness(name, now=False, reason=words, again_at=opens)
    return Readiness(name, now=True)


def lasted(told: Sequence[Story]) -> Sequence[float]:
    """Answer how many seconds each of these runs took that went well."""
    well = [story for story in told if story.closed and story.closed.outcome is Outcome.UPDATED]
    return [story.seconds for story in well if story.seconds is not None]


def _expected(lasted: Sequence[float]) -> timedelta:
    if not lasted:
        return USUAL
    ordered = sorted(lasted)
    return timedelta(seconds=ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))])


def in_order(names: Sequence[str], needs: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Answer these components so that what another one requires comes first; a circle stays as it is."""
    done: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in done or name in above:
            return
        for other in needs.get(name, ()):
            if other in names:
                visit(other, (*above, name))
        done.append(name)

    for name in names:
        visit(name, ())
    return done
