"""A plan: what will be asked, done, and asked again.

It is fully concrete.  Every path, version, digest and argument is in it, so that it can be written to the journal and
carried out later by a process with no network, no manifest and no memory.
"""

import hashlib

import msgspec

from dunebugger_updater.checks import AnyCheck
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.service import Service
from dunebugger_updater.ports import ComposeService
from dunebugger_updater.steps import AnyStep
from dunebugger_updater.trust.memory import Vouched


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about one update of one component."""

    component: str
    verb: str
    """``update`` or ``rollback``: what it is for, in history."""
    from_version: str | None
    to_version: str
    health: tuple[AnyCheck, ...] = ()
    """Asked first and only noted: what was already wrong is not blamed on the update."""
    before: tuple[AnyCheck, ...] = ()
    """Have to agree before anything is done."""
    steps: tuple[AnyStep, ...] = ()
    switch: tuple[AnyCheck, ...] = ()
    """Have to agree once more just before the first step that touches what the owner runs."""
    after: tuple[AnyCheck, ...] = ()
    """Have to agree before the update counts."""
    back: tuple[AnyCheck, ...] = ()
    """Have to agree after going back, before that counts as healthy."""
    tidy: tuple[AnyStep, ...] = ()
    """Done once the update counts; a failure here is told and changes nothing."""
    watch: Service | ComposeService | None = None
    """Whose last log lines belong to a failure."""
    notes: tuple[str, ...] = ()
    """What the owner should know before saying yes."""
    vouched: Vouched | None = None
    """What trusted keys signed about the release; ``None`` where nobody asked for a signature."""

    @property
    def hash(self) -> str:
        """What an approval is bound to: another plan has another hash."""
        # Spelled as it is once it was read: 60 and 60.0 are the same plan.
        return hashlib.sha256(to_json(from_json(to_json(self), Plan))).hexdigest()
