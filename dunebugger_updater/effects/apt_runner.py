"""Running apt and dpkg to their end: as a unit, again when a lock is in the way, and mending what was interrupted."""

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dunebugger_updater.effects import commands, durable
from dunebugger_updater.effects.apt_locks import holder
from dunebugger_updater.effects.apt_sentences import lock_held, locked, sentence
from dunebugger_updater.effects.apt_unit import AptUnits, Ended
from dunebugger_updater.model.packages import Package, is_package_name
from dunebugger_updater.ports import Clock, EffectError, Packages, Report

PAUSES = (30.0, 60.0)
"""Seconds between the tries for a lock that others hold (HC-54); apt itself waits 20 within each."""
APT = (
    *("apt-get", "-y", "-o", "APT::Status-Fd=3", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=20"),
    *("-o", "APT::Sandbox::User=root"),  # so that it may read and write the directories of root's that we name
)
OLD_CONF = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
"""What the owner has edited stays, and nobody is asked."""
DPKG = ("dpkg", "--status-fd", "3", "--force-confdef", "--force-confold")
_QUICK = 60.0
_PROGRESS = re.compile(r"(dlstatus|pmstatus):(.*?):([0-9]+(?:\.[0-9]+)?):(.*)")


class AptRunner:
    """The hands of ``AptInstaller``.  ``folder`` has one folder for each job."""

    def __init__(self, folder: Path, packages: Packages, clock: Clock) -> None:
        self.units = AptUnits(folder)
        self.packages = packages
        self._clock = clock

    async def run(
        self,
        job: str,
        argv: Sequence[str],
        report: Report,
        *,
        limit: float | None = None,
        directory: Path | None = None,
    ) -> Ended:
        """Run a unit to its end, and again when a lock was in its way.  ``limit``: only for what may be killed."""
        for tried, pause in enumerate((*PAUSES, None), 1):
            ended = await self.units.run(job, argv, heard(report), limit=limit, directory=directory)
            lock = lock_held(ended.said) if ended.code != 0 else None
            if lock is None:
                return ended
            lock = await asyncio.to_thread(holder, lock)
            if pause is None:
                raise EffectError(locked(lock, tried))
            report(f"waiting {pause:g} s: {lock.holder} holds {lock.file}")
            await self._clock.sleep(pause)
        raise AssertionError("the last try has no pause")

    async def mend(self, job: str, report: Report) -> Ended | None:
        """Let dpkg finish what was interrupted, and apt what that needs: each once.  Answer how the last one ended."""
        if not await self.packages.broken():
            return None
        report("finish what dpkg left half done")
        ended = await self.run(f"{job}-repair", (*DPKG, "--configure", "-a"), report)
        if await self.packages.broken():
            argv = (*APT, *OLD_CONF, "--no-remove", "--fix-broken", "install")
            ended = await self.run(f"{job}-repair", argv, report)
        return ended

    async def mark(self, auto: Mapping[str, bool]) -> None:
        """Have these packages marked as automatically installed, or not: as they were."""
        here = await self.packages.installed()
        for verb, wanted in (("auto", True), ("manual", False)):
            names = [name for name, each in auto.items() if each is wanted and name in here]
            if wrong := [name for name in names if here[name].auto is not wanted]:
                done = await commands.run(("apt-mark", verb, *wrong), limit=_QUICK)
                if done.code != 0:
                    raise EffectError(f"cannot mark {', '.join(wrong[:5])} as {verb}: {done.last_words}")


def check(names: Mapping[str, str] | Sequence[str]) -> None:
    """Refuse what is no package's name before it comes near a command line."""
    for name in names:
        if not is_package_name(name):
            raise EffectError(f"cannot use {name[:60]!r}: it is not the name of a package")


def at(here: Mapping[str, Package], name: str, version: str) -> bool:
    """Whether a package is at this version, wholly installed."""
    return name in here and here[name].version == version and here[name].state == "installed"


def failure(cannot: str, ended: Ended) -> EffectError:
    """Why a unit did not do what it should."""
    if ended.result in {"signal", "core-dump", "watchdog", "oom-kill"}:
        return EffectError(f"{cannot}: apt was killed in the middle ({ended.result})")
    if ended.result == "gone":
        return EffectError(f"{cannot}: apt was interrupted in the middle, and nobody can say how it ended")
    error = EffectError(sentence(cannot, ended.said, room))
    if "No space left" in ended.said or "enough free space" in ended.said:
        # What a full disk did speaks against no version: the engine reads it from the cause.
        error.__cause__ = OSError(28, "No space left on device")
    return error


def room(place: Path) -> str:
    """How much is free there: what a program that failed for lack of it did not say."""
    there = next((each for each in (place, *place.parents) if each.exists()), Path("/"))
    status = os.statvfs(there)
    return f" ({status.f_bavail * status.f_frsize // 1_000_000} MB free of its file system)"


def folder(path: Path) -> None:
    """Have a folder that only root reads."""
    with durable.saying(f"cannot make {path}"):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)


def heard(report: Report) -> Callable[[str], None]:
    """Tell apt's own progress as ours."""

    def hear(line: str) -> None:
        if found := _PROGRESS.match(line):
            report(found[4][:200], min(float(found[3]) / 100, 1.0))

    return hear
