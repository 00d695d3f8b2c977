"""What a step is."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from dunebugger_updater.ports import Device


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """One change to the device, written down before it is made.

    Three promises hold for every step, and one test over the whole catalogue holds each of them:

    1. ``apply`` is safe to repeat: it asks the device, never memory, whether it is already done.
    2. ``way_back`` only reads.  It answers with the steps that restore the device as it is now.
    3. The first recorded way back wins: it is on the disk before ``apply`` is called, and never asked for again.
    """

    live: ClassVar[bool] = False
    """Whether it changes something that the owner runs.  Up to the first such step an update can simply be dropped."""
    blames: ClassVar[bool] = False
    """Whether a failure speaks against the new version, rather than against the network or the disk."""

    @property
    def title(self) -> str:
        """What it does, in a few words for a progress line."""
        raise NotImplementedError

    @property
    def by_hand(self) -> str:
        """The shell command with which a person would do the same; empty when there is nothing to do by hand."""
        return ""

    async def way_back(self, device: Device) -> Sequence["Step"]:
        """Steps that restore what ``apply`` is about to change."""
        raise NotImplementedError

    async def apply(self, device: Device) -> None:
        """Make the change.  ``EffectError`` when the world says no."""
        raise NotImplementedError
