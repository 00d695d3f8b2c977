"""What an examination finds: a sentence, how bad it is, and what a person can do about it."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

Severity: TypeAlias = Literal["problem", "warning", "fine"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    id: str
    """Subject and what about it, with dots: ``core.service``.  The same trouble has the same id every time."""
    severity: Severity
    """``problem``: an update or a component does not work; ``warning``: it may not for long."""
    sentence: str
    """What, and where."""
    advice: str = ""
    """What to do, in words."""
    commands: tuple[str, ...] = ()
    """The same as commands for exactly this device, in the order to give them."""
    evidence: tuple[str, ...] = ()
    """The last log lines of what failed.  Untrusted."""


Findings: TypeAlias = Sequence[Finding]


def fine(name: str, sentence: str) -> Finding:
    """Nothing to do here."""
    return Finding(id=name, severity="fine", sentence=sentence)


def warning(
    name: str, sentence: str, advice: str = "", commands: Sequence[str] = (), evidence: Sequence[str] = ()
) -> Finding:
    """Something that works today."""
    return Finding(
        id=name,
        severity="warning",
        sentence=sentence,
        advice=advice,
        commands=tuple(commands),
        evidence=tuple(evidence),
    )


def problem(
    name: str, sentence: str, advice: str = "", commands: Sequence[str] = (), evidence: Sequence[str] = ()
) -> Finding:
    """Something that does not work."""
    return Finding(
        id=name,
        severity="problem",
        sentence=sentence,
        advice=advice,
        commands=tuple(commands),
        evidence=tuple(evidence),
    )
