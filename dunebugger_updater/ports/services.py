"""Units and processes."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from dunebugger_updater.model.service import Service, ServiceState, UnitState


class Services(Protocol):
    """Units and processes, as far as an update needs them.  All of it is safe to repeat."""

    async def state(self, service: Service) -> ServiceState: ...

    async def start(self, service: Service) -> None:
        """Return once the runner says that it started; that is not yet "healthy"."""

    async def stop(self, service: Service) -> None:
        """Return once no process of it is left."""

    async def interrupted(self, service: Service) -> bool:
        """Whether it ran, nobody stopped it, and nobody else will start it again: what a power cut leaves."""

    async def last_log(self, service: Service, lines: int) -> Sequence[str]: ...

    async def units(self) -> Mapping[str, UnitState]:
        """Every service that systemd has loaded; empty where there is no systemd."""
