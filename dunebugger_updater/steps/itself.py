"""Steps by which the updater makes way for another version of itself.

A new version is on trial from the moment at which the link leads to it.  The launcher counts its starts; the trial ends
when the update counts, or when the launcher goes back.  Either way the run goes on in whichever version is started.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from dunebugger_updater.model.trial import (
    CURRENT,
    FACTORY,
    FAILED,
    PROGRAM,
    SLOTS,
    TRIAL,
    TRIES,
    Trial,
    failed,
    trial,
    version_in,
    written,
)
from dunebugger_updater.ports import Device, EffectError, UnreachableError
from dunebugger_updater.steps.base import Step

UNIT = "dunebugger-updater.service"
_PAUSE = 5.0
"""Seconds between two tries at a network that is down."""


async def in_use(device: Device, home: Path) -> str:
    """Answer the slot that the launcher starts next."""
    target = await device.files.link_target(home / CURRENT)
    return FACTORY if target is None else target.name


async def _is_there(device: Device, home: Path, slot: str) -> bool:
    return slot == FACTORY or await device.files.exists(home / SLOTS / slot / PROGRAM)


async def _point(device: Device, home: Path, slot: str) -> None:
    if await in_use(device, home) == slot:
        return
    if slot == FACTORY:
        await device.files.remove(home / CURRENT)
    else:
        await device.files.point_link(home / CURRENT, home / SLOTS / slot)


class SelfTest(Step, frozen=True, tag="self_test"):
    """Have the new version look at itself and at all our state, before anything depends on it."""

    blames = True

    program: Path
    version: str
    architecture: str
    limit: float = 120
    """Seconds; a small board reads slowly."""

    @property
    def title(self) -> str:
        return f"self-test of {self.version}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: it changes nothing."""
        return ()

    async def apply(self, device: Device) -> None:
        tried = await device.itself.try_out(self.program, self.limit)
        if tried.problems:
            raise EffectError(f"the self-test of {self.version} failed: {'; '.join(tried.problems[:5])}")
        if tried.version != self.version:
            raise EffectError(f"{self.program} should be version {self.version}, it says {tried.version}")
        if tried.architecture != self.architecture:
            raise EffectError(f"{self.program} is for {tried.architecture}, this device needs {self.architecture}")


class PointUpdater(Step, frozen=True, tag="point_updater"):
    """Put another version on trial: the launcher starts it from now on, so many times and for so long."""

    live = True
    blames = True

    home: Path
    to: str
    """A slot's name."""
    former: str
    """The slot that works."""
    mark: str
    """Tells this attempt from others at the same version."""

    @property
    def title(self) -> str:
        return f"put {version_in(self.to)} on trial"

    async def way_back(self, device: Device) -> Sequence[Step]:
        return (ReturnUpdater(self.home, self.former), RestartItself(self.home, self.former))

    async def apply(self, device: Device) -> None:
        ended = failed(await device.files.read(self.home / FAILED))
        if ended is not None and ended.mark == self.mark:
            raise EffectError(f"{version_in(self.to)} {ended.why}")
        if await in_use(device, self.home) == self.to:
            return
        before = trial(await device.files.read(self.home / TRIAL))
        if before is not None and before.mark == self.mark and before.tries < TRIES:
            raise EffectError(f"{version_in(self.to)} was started and taken back")
        # The trial is on the disk before the link moves: without it nobody would count.
        await device.files.write(self.home / TRIAL, written(Trial(self.to, self.former, self.mark)))
        await _point(device, self.home, self.to)


class ReturnUpdater(Step, frozen=True, tag="return_updater"):
    """Have the launcher start the former version again, and end the trial."""

    live = True

    home: Path
    former: str

    @property
    def title(self) -> str:
        return f"go back to the updater {version_in(self.former)}"

    @property
    def by_hand(self) -> str:
        link = shlex.quote(str(self.home / CURRENT))
        if self.former == FACTORY:
            return f"rm -f {link}"
        return f"ln -sfn {shlex.quote(str(self.home / SLOTS / self.former))} {link}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        now = await in_use(device, self.home)
        return () if now == self.former else (ReturnUpdater(self.home, now),)

    async def apply(self, device: Device) -> None:
        # First the link: with the trial gone and the link still there, nobody would count the new version's starts.
        there = await _is_there(device, self.home, self.former)
        await _point(device, self.home, self.former if there else FACTORY)
        await device.files.remove(self.home / TRIAL)
        await device.files.remove(self.home / FAILED)


class RestartItself(Step, frozen=True, tag="restart_itself"):
    """Be the version in use: this process makes way, and the next one finds this done."""

    live = True

    home: Path
    slot: str

    @property
    def title(self) -> str:
        return f"start {version_in(self.slot)}"

    @property
    def by_hand(self) -> str:
        return f"systemctl restart {UNIT}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: the way back of what moved the link restarts, too, after it has moved it back."""
        return ()

    async def apply(self, device: Device) -> None:
        if device.itself.slot == self.slot:
            return
        if device.itself.slot == FACTORY and not await _is_there(device, self.home, self.slot):
            return  # damaged meanwhile: what the package brought is all that is left, and it runs
        device.report("restarting")
        await device.itself.leave()


class FetchReleases(Step, frozen=True, tag="fetch_releases"):
    """Show that the next release could be found: a version that cannot would be the last one on this device."""

    blames = True

    repository: str
    limit: float = 120
    """Seconds that the network may take to come."""

    @property
    def title(self) -> str:
        return f"look for releases of {self.repository}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: it changes nothing."""
        return ()

    async def apply(self, device: Device) -> None:
        end = device.clock.up() + self.limit
        while True:
            try:
                await device.itself.ask_for_releases(self.repository)
            except UnreachableError as error:
                if device.clock.up() >= end:
                    raise
                device.report(f"waiting for the network: {error}")
                await device.clock.sleep(_PAUSE)
            else:
                return


class EndTrial(Step, frozen=True, tag="end_trial"):
    """The version counts: nobody goes back from it by himself any more."""

    live = True

    home: Path
    to: str

    @property
    def title(self) -> str:
        return f"end the trial of {version_in(self.to)}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: it is done only once the update counts."""
        return ()

    async def apply(self, device: Device) -> None:
        await device.files.remove(self.home / TRIAL)
        await device.files.remove(self.home / FAILED)
        # The power may have gone between the update's counting and this, once too often for the launcher.
        if await _is_there(device, self.home, self.to):
            await _point(device, self.home, self.to)
