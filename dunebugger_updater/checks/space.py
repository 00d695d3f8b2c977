"""Is there room?"""

from pathlib import Path

import msgspec

from dunebugger_updater.checks.base import Check
from dunebugger_updater.ports import Device

_MARGIN = 32 * 1024**2
"""Bytes left to everybody else: a file system filled to the last byte breaks the programs beside us."""


def megabytes(count: int) -> str:
    """``count`` bytes for a person, rounded up."""
    return f"{-(-count // 1_000_000)} MB"


class Need(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes that a plan will write somewhere."""

    path: Path
    bytes: int
    what: str


class FreeSpace(Check, frozen=True, tag="free_space"):
    """Room for what the plan will really write, added up per file system."""

    needs: tuple[Need, ...]

    @property
    def title(self) -> str:
        return f"room for {megabytes(sum(need.bytes for need in self.needs))}"

    async def objection(self, device: Device) -> str | None:
        needed: dict[str, list[Need]] = {}
        free: dict[str, int] = {}
        for need in self.needs:
            name, room = await device.files.free(need.path)
            needed.setdefault(name, []).append(need)
            free[name] = room
        for name, needs in needed.items():
            total = sum(need.bytes for need in needs) + _MARGIN
            if total > free[name]:
                parts = ", ".join(f"{need.what} {megabytes(need.bytes)}" for need in needs)
                return (
                    f"not enough room on the file system of {needs[0].path}: needs {megabytes(total)} ({parts}), "
                    f"{megabytes(free[name])} are free"
                )
        return None


class DiskSpace(Check, frozen=True, tag="disk_space"):
    """At least so much room, as a manifest asks for."""

    path: Path
    minimum_mb: int

    @property
    def title(self) -> str:
        return f"{self.minimum_mb} MB free"

    async def objection(self, device: Device) -> str | None:
        _, free = await device.files.free(self.path)
        if free >= self.minimum_mb * 1_000_000:
            return None
        return f"the release wants {self.minimum_mb} MB free at {self.path}, there are {free // 1_000_000} MB"
