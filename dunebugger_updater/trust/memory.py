"""What a device remembers of signed releases, so that an old one cannot be offered to it as new.

It is raised by releases that were installed and counted, never by those that were only offered: a release that fails
here and is taken back must not shut the door behind itself, nor must a slip of a publisher's pen.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from dunebugger_updater.trust.rotation import Link


class Vouched(msgspec.Struct, frozen=True):
    """What a signed manifest said about the release of one plan.  It goes into the journal with the plan."""

    by: tuple[str, ...]
    """The ids of the keys that signed."""
    version: str
    sequence: int
    min_sequence: int = 0
    issued: datetime | None = None
    expires: datetime | None = None


class Remembered(msgspec.Struct, frozen=True):
    """The highest that one component has seen."""

    version: str
    """That came with the highest sequence."""
    sequence: int
    min_sequence: int = 0
    issued: datetime | None = None
    """It is not earlier than this, whatever the clock says: somebody trusted has signed then."""
    expires: datetime | None = None
    """When the one with the highest sequence does: from then on somebody may be holding back a newer one."""


class Memory(msgspec.Struct, frozen=True):
    """All that is kept of one component.  Losing it costs nothing that the journal does not still know."""

    root: str = ""
    """Which keys it began with; when the owner writes down others, the links do not count any more."""
    links: tuple[Link, ...] = ()
    """How the keys changed since, proven again at each reading."""
    remembered: Remembered | None = None


def raised(before: Remembered | None, installed: Iterable[Vouched]) -> Remembered | None:
    """``before`` and what was installed since, whichever is higher in each respect."""
    for one in installed:
        if before is None:
            before = Remembered(one.version, one.sequence, one.min_sequence, one.issued, one.expires)
            continue
        highest = one if one.sequence > before.sequence else before
        issued = [each for each in (before.issued, one.issued) if each is not None]
        before = Remembered(
            highest.version,
            highest.sequence,
            max(before.min_sequence, one.min_sequence),
            max(issued, default=None),
            highest.expires,
        )
    return before
