"""The two small steps beside those that change packages: a service restarted, old logs forgotten."""

import shlex
from collections.abc import Sequence

from dunebugger_updater.ports import Device
from dunebugger_updater.steps.base import Step


class RestartUnit(Step, frozen=True, tag="restart_unit"):
    """Restart one systemd unit (HP-02)."""

    live = True

    unit: str

    @property
    def title(self) -> str:
        return f"restart {self.unit}"

    @property
    def by_hand(self) -> str:
        return f"systemctl restart {shlex.quote(self.unit)}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: no process comes back once it has ended."""
        return ()

    async def apply(self, device: Device) -> None:
        await device.installer.restart(self.unit)


class ClearLogs(Step, frozen=True, tag="clear_logs"):
    """Have journald forget what is older than so many days (HP-03)."""

    days: int
    job: str

    @property
    def title(self) -> str:
        return f"clear logs older than {self.days} days"

    @property
    def by_hand(self) -> str:
        return f"journalctl --vacuum-time={self.days}d"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: what is forgotten is forgotten, which is what was asked for."""
        return ()

    async def apply(self, device: Device) -> None:
        await device.installer.clear_logs(self.days, self.job)
