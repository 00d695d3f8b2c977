"""What can happen in a run.  Told in order, events are its story; the journal keeps nothing else."""

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from dunebugger_updater.plan import Plan
from dunebugger_updater.steps import AnyStep

Side: TypeAlias = Literal["health", "before", "switch", "after", "back"]


class Outcome(StrEnum):
    """How a run ended."""

    UPDATED = "updated"
    NOTHING_TO_DO = "nothing_to_do"
    REFUSED = "refused"
    """A check, a policy or the owner said no; nothing changed."""
    FAILED = "failed"
    """It did not work; nothing that the owner runs was touched."""
    ROLLED_BACK = "rolled_back"
    STUCK = "stuck"
    """A person is needed; the commands are in the run."""
    PLANNED = "planned"


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event"):
    """Something that happened.  A later version may add events, and never changes the meaning of one."""


class Opened(Event, frozen=True, tag="opened"):
    """A plan was made and accepted."""

    run: str
    plan: Plan
    actor: str = ""
    """Who said yes: ``owner``, ``policy``, a token's name."""


class Restarted(Event, frozen=True, tag="restarted"):
    """We started and found this run unfinished."""


class Answered(Event, frozen=True, tag="answered"):
    """All checks on one side of the plan were asked."""

    side: Side
    objections: tuple[str, ...]


class Began(Event, frozen=True, tag="began"):
    """Written before a step touches anything, with the way back as it was found then."""

    step: int
    way_back: tuple[AnyStep, ...]


class Finished(Event, frozen=True, tag="finished"):
    """A step is done."""

    step: int


class TurnedBack(Event, frozen=True, tag="turned_back"):
    """From here on the run only goes back."""

    reason: str
    blame: bool = False
    """Whether this speaks against the new version."""
    refused: bool = False
    """Whether somebody said no, rather than something failed."""
    evidence: tuple[str, ...] = ()
    """The last log lines of what failed."""


class Undone(Event, frozen=True, tag="undone"):
    """The way back of a step was walked."""

    step: int


class BackFailed(Event, frozen=True, tag="back_failed"):
    """A step of the way back did not work this time."""

    step: int
    reason: str


class Committed(Event, frozen=True, tag="committed"):
    """The update counts.  From here on the run only goes forward."""


class Tidied(Event, frozen=True, tag="tidied"):
    """One piece of clearing up was done, or was given up."""

    step: int
    problem: str | None = None


class Closed(Event, frozen=True, tag="closed"):
    """The end."""

    outcome: Outcome
    reason: str = ""
    commands: tuple[str, ...] = ()
    """What a person can do by hand, when ``outcome`` is stuck."""


class Later(Event, frozen=True, tag="later"):
    """Something that a later version told, and that we know no more about.  It is read and never written."""

    name: str


AnyEvent: TypeAlias = (
    Opened
    | Restarted
    | Answered
    | Began
    | Finished
    | TurnedBack
    | Undone
    | BackFailed
    | Committed
    | Tidied
    | Closed
    | Later
)
