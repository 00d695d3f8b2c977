"""Steps that start and stop what runs a component."""

import shlex
from collections.abc import Sequence

from dunebugger_updater.model.service import Service, SystemdUnit
from dunebugger_updater.ports import Device
from dunebugger_updater.steps.base import Step


def _by_hand(verb: str, service: Service) -> str:
    if isinstance(service, SystemdUnit):
        return f"systemctl {verb} {shlex.quote(service.unit)}"
    return f"dunebugger-updater {verb} {shlex.quote(service.name)}"


class StartService(Step, frozen=True, tag="start_service"):
    """Have the service running."""

    live = True
    blames = True

    service: Service

    @property
    def title(self) -> str:
        return f"start {self.service.label}"

    @property
    def by_hand(self) -> str:
        return _by_hand("start", self.service)

    async def way_back(self, device: Device) -> Sequence[Step]:
        return () if (await device.services.state(self.service)).active else (StopService(self.service),)

    async def apply(self, device: Device) -> None:
        await device.services.start(self.service)


class StopService(Step, frozen=True, tag="stop_service"):
    """Have the service stopped, with no process of it left."""

    live = True

    service: Service

    @property
    def title(self) -> str:
        return f"stop {self.service.label}"

    @property
    def by_hand(self) -> str:
        return _by_hand("stop", self.service)

    async def way_back(self, device: Device) -> Sequence[Step]:
        state = await device.services.state(self.service)
        return (StartService(self.service),) if state.active or state.coming else ()

    async def apply(self, device: Device) -> None:
        await device.services.stop(self.service)
