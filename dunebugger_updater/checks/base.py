"""What a check is."""

import msgspec

from dunebugger_updater.ports import Device


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="check"):
    """A question about the device.  It only reads."""

    @property
    def title(self) -> str:
        """What it asks, in a few words."""
        raise NotImplementedError

    async def objection(self, device: Device) -> str | None:
        """Answer ``None`` for yes, else one sentence: what is in the way, what was expected and what was found."""
        raise NotImplementedError
