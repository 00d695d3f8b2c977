"""What a run can do next.  ``next_move`` chooses one; the engine makes it."""

from typing import TypeAlias

import msgspec

from dunebugger_updater.checks import AnyCheck
from dunebugger_updater.events import Outcome, Side
from dunebugger_updater.steps import AnyStep


class Ask(msgspec.Struct, frozen=True):
    """Ask these checks."""

    side: Side
    checks: tuple[AnyCheck, ...]


class Act(msgspec.Struct, frozen=True):
    """Do this step; ``begun`` when its way back is already on the disk."""

    number: int
    step: AnyStep
    begun: bool


class TurnBack(msgspec.Struct, frozen=True):
    """Stop going forward."""

    reason: str
    blame: bool = False
    refused: bool = False


class Undo(msgspec.Struct, frozen=True):
    """Walk the way back of one step; not the first time when ``tried`` is more than 0."""

    number: int
    steps: tuple[AnyStep, ...]
    tried: int


class Commit(msgspec.Struct, frozen=True):
    """Say that the update counts."""


class Tidy(msgspec.Struct, frozen=True):
    """Clear up; a failure changes nothing."""

    number: int
    step: AnyStep


class Close(msgspec.Struct, frozen=True):
    """End the run."""

    outcome: Outcome
    reason: str = ""
    commands: tuple[str, ...] = ()


Move: TypeAlias = Ask | Act | TurnBack | Undo | Commit | Tidy | Close
