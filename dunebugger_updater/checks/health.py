"""Is a component well?  Not "did it start", but "is it steady"."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from dunebugger_updater.checks.base import Check
from dunebugger_updater.model.service import Service
from dunebugger_updater.ports import ComposeService, ContainerState, Device, EffectError

GOOD_TIMES = 3
"""So often in a row it has to be well, so that one lucky moment of a crash loop does not count."""
_PAUSE = 0.5
"""Seconds between two looks."""
_CRASHES = 3
"""Restarts within one check after which nobody needs to wait for the limit."""


class Look(NamedTuple):
    """What one look found."""

    objection: str | None
    hopeless: bool = False
    """Whether waiting can no longer help."""


async def steady(device: Device, limit: float, times: int, look: Callable[[], Awaitable[Look]]) -> str | None:
    """Look until it was well ``times`` times in a row, or ``limit`` seconds are over, or no hope is left."""
    end = device.clock.up() + limit
    good = 0
    while True:
        objection, hopeless = await look()
        good = 0 if objection else good + 1
        if good >= times:
            return None
        if objection and (hopeless or device.clock.up() >= end):
            return objection
        await device.clock.sleep(_PAUSE if times > 1 or objection else 0)


class ServiceSteady(Check, frozen=True, tag="service_active"):
    """A unit or process runs, and keeps running without being restarted."""

    service: Service
    limit: float = 60
    """Seconds until it has to be steady."""
    times: int = GOOD_TIMES

    @property
    def title(self) -> str:
        return f"{self.service.label} runs"

    async def objection(self, device: Device) -> str | None:
        first = (await device.services.state(self.service)).restarts
        seen = [first, first]

        async def look() -> Look:
            state = await device.services.state(self.service)
            restarted, seen[1] = state.restarts != seen[1], state.restarts
            name = self.service.label
            if state.restarts - seen[0] >= _CRASHES:
                return Look(f"{name} keeps crashing: restarted {state.restarts - seen[0]} times", hopeless=True)
            if state.active:
                return Look(f"{name} was restarted meanwhile" if restarted else None)
            words = f" ({state.detail})" if state.detail else ""
            return Look(f"{name} is not running{words}", hopeless=not state.coming)

        return await steady(device, self.limit, self.times, look)


class HealthEndpoint(Check, frozen=True, tag="health_endpoint"):
    """A health address answers as it should, several times in a row."""

    url: str
    expected_status: int = 200
    limit: float = 60
    """Seconds until it has to be steady."""
    times: int = GOOD_TIMES
    service: Service | None = None
    """Whose address it is; when that no longer runs, nobody waits for the limit."""

    @property
    def title(self) -> str:
        return f"{self.url} answers {self.expected_status}"

    async def objection(self, device: Device) -> str | None:
        async def look() -> Look:
            objection = await self._one_look(device)
            if objection is None or self.service is None:
                return Look(objection)
            state = await device.services.state(self.service)
            return Look(objection, hopeless=not (state.active or state.coming))

        return await steady(device, self.limit, self.times, look)

    async def _one_look(self, device: Device) -> str | None:
        try:
            answer = await device.web.probe(self.url, 5)
        except EffectError as error:
            return f"{self.url} should answer {self.expected_status}: {error}"
        if answer.status == self.expected_status:
            return None
        words = " ".join(answer.body.split())[:200]
        return f"{self.url} should answer {self.expected_status}, it answered {answer.status}" + (
            f": {words}" if words else ""
        )


class ContainerSteady(Check, frozen=True, tag="container_running"):
    """A compose service's container runs, is not unhealthy, and is not being restarted."""

    which: ComposeService
    limit: float = 60
    """Seconds until it has to be steady."""
    times: int = GOOD_TIMES

    @property
    def title(self) -> str:
        return f"{self.which.service} runs"

    async def objection(self, device: Device) -> str | None:
        start = await device.containers.container(self.which)
        first = start.restarts if start else 0
        seen = [first, first]

        async def look() -> Look:
            state = await device.containers.container(self.which)
            if state is None:
                return Look(f"{self.which.service} has no container", hopeless=True)
            restarted, seen[1] = state.restarts != seen[1], state.restarts
            if state.restarts - seen[0] >= _CRASHES:
                words = f"restarted {state.restarts - seen[0]} times, exit status {state.exit_code}"
                return Look(f"{state.name} keeps crashing: {words}", hopeless=True)
            if restarted:
                return Look(f"{state.name} was restarted meanwhile")
            return _well(state)

        return await steady(device, self.limit, self.times, look)


def _well(state: ContainerState) -> Look:
    if not state.running:
        gone = state.status in {"exited", "dead"}
        return Look(f"{state.name} is {state.status}, exit status {state.exit_code}", hopeless=gone)
    if state.health == "unhealthy":
        return Look(f"{state.name} says that it is unhealthy")  # it may still recover: images that start slowly do
    return Look(None if state.health in {None, "healthy"} else f"{state.name} is still {state.health}")
