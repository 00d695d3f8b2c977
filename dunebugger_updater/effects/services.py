"""The port ``Services``: whoever runs a component, the same four verbs."""

from collections.abc import Mapping, Sequence

from dunebugger_updater.effects.supervisor import Supervisor
from dunebugger_updater.effects.systemd import Systemd
from dunebugger_updater.effects.systemd_units import all_units
from dunebugger_updater.model.service import OwnProcess, Service, ServiceState, SystemdUnit, UnitState


class Runners:
    """Sends each service to who runs it."""

    def __init__(self, systemd: Systemd | None = None, supervisor: Supervisor | None = None) -> None:
        self._systemd = systemd or Systemd()
        self._supervisor = supervisor or Supervisor()

    async def state(self, service: Service) -> ServiceState:
        match service:
            case SystemdUnit():
                return await self._systemd.state(service)
            case OwnProcess():
                return await self._supervisor.state(service)

    async def start(self, service: Service) -> None:
        match service:
            case SystemdUnit():
                await self._systemd.start(service)
            case OwnProcess():
                await self._supervisor.start(service)

    async def stop(self, service: Service) -> None:
        match service:
            case SystemdUnit():
                await self._systemd.stop(service)
            case OwnProcess():
                await self._supervisor.stop(service)

    async def interrupted(self, service: Service) -> bool:
        match service:
            case SystemdUnit():
                return False  # systemd starts what is enabled, and keeps what is not
            case OwnProcess():
                return await self._supervisor.interrupted(service)

    async def last_log(self, service: Service, lines: int) -> Sequence[str]:
        match service:
            case SystemdUnit():
                return await self._systemd.last_log(service, lines)
            case OwnProcess():
                return await self._supervisor.last_log(service, lines)

    async def units(self) -> Mapping[str, UnitState]:
        return await all_units()
