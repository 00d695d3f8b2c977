"""Is the updater itself well, in the version that it was meant to have?"""

from pathlib import Path

from dunebugger_updater.checks.base import Check
from dunebugger_updater.ports import Device, EffectError

_OFTEN = 10.0
"""Seconds between two questions whether it still answers."""


class UpdaterRuns(Check, frozen=True, tag="updater_runs"):
    """The process that asks is the version that was meant to run."""

    slot: str
    version: str

    @property
    def title(self) -> str:
        return f"the updater is {self.version}"

    async def objection(self, device: Device) -> str | None:
        runs = device.itself
        if (runs.slot, runs.version) == (self.slot, self.version):
            return None
        return f"the updater should be {self.version} from {self.slot}, it is {runs.version} from {runs.slot}"


class UpdaterServes(Check, frozen=True, tag="updater_serves"):
    """Its panel, its API and its socket answer."""

    limit: float = 20
    """Seconds until they have to."""

    @property
    def title(self) -> str:
        return "the panel and the API answer"

    async def objection(self, device: Device) -> str | None:
        end = device.clock.up() + self.limit
        while True:
            try:
                await device.itself.answers()
            except EffectError as error:
                if device.clock.up() >= end:
                    return str(error)
                await device.clock.sleep(1)
            else:
                return None


class UpdaterSteady(Check, frozen=True, tag="updater_steady"):
    """It has run for a while and answered all that time: some things break only when a minute has passed."""

    seconds: float
    """Since the process began; a crash begins it anew."""

    @property
    def title(self) -> str:
        return f"the updater runs well for {self.seconds:g} s"

    async def objection(self, device: Device) -> str | None:
        while (left := self.seconds - device.itself.running_for) > 0:
            await device.clock.sleep(min(left, _OFTEN))
            if (objection := await UpdaterServes().objection(device)) is not None:
                return objection
        return None


class UpdaterReads(Check, frozen=True, tag="updater_reads"):
    """It reads all the state of this device, as it is after it has run."""

    program: Path
    limit: float = 120

    @property
    def title(self) -> str:
        return "the updater reads its state"

    async def objection(self, device: Device) -> str | None:
        tried = await device.itself.try_out(self.program, self.limit)
        return f"the updater has trouble with its state: {'; '.join(tried.problems[:5])}" if tried.problems else None
