"""Is this a good moment for this device?"""

from pathlib import Path

from dunebugger_updater.checks.base import Check
from dunebugger_updater.ports import Device


class NotBusy(Check, frozen=True, tag="not_busy"):
    """Not while the owner's busy file is there: the show is running."""

    file: Path

    @property
    def title(self) -> str:
        return "not busy"

    async def objection(self, device: Device) -> str | None:
        if not await device.files.exists(self.file):
            return None
        return f"busy: not now, while {self.file} exists"


class ClockSane(Check, frozen=True, tag="clock_sane"):
    """The wall clock can be believed: certificates, ages and names with a time in them depend on it."""

    @property
    def title(self) -> str:
        return "clock"

    async def objection(self, device: Device) -> str | None:
        return device.clock.trusted()


class BackupExists(Check, frozen=True, tag="backup_exists"):
    """A recent backup of the component is there, as a manifest asks for."""

    directory: Path
    prefix: str
    max_age_hours: float

    @property
    def title(self) -> str:
        return f"a backup not older than {self.max_age_hours:g} h"

    async def objection(self, device: Device) -> str | None:
        ages = [
            age
            for name in await device.files.listing(self.directory)
            if name.startswith(self.prefix)
            if (age := await device.files.age(self.directory / name)) is not None
        ]
        if not ages:
            return f"no backup {self.prefix}* in {self.directory}"
        if min(ages) > self.max_age_hours * 3600:
            return (
                f"the newest backup in {self.directory} is {min(ages) / 3600:.0f} h old, not {self.max_age_hours:g} h"
            )
        return None
