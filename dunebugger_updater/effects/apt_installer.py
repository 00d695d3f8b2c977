"""The port ``Installer``: apt and dpkg at work, in systemd units of their own.

Whether something is done is asked of dpkg, package by package, before and after.  An exit status alone says nothing:
one package's script fails, and the others are installed all the same.
"""

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dunebugger_updater.effects import apt_debs, commands, durable
from dunebugger_updater.effects.apt_return import put_back
from dunebugger_updater.effects.apt_room import room_for
from dunebugger_updater.effects.apt_runner import APT, OLD_CONF, AptRunner, at, check, failure, folder, heard, room
from dunebugger_updater.effects.apt_sentences import NO_ROOT
from dunebugger_updater.effects.systemd import refusal
from dunebugger_updater.model.packages import Change, Package
from dunebugger_updater.ports import Clock, EffectError, Packages, Report
from dunebugger_updater.ports.packages import Room

REFRESH_LIMIT = 120.0
"""Seconds for ``apt-get update`` (HC-40): on a full disk it would hang for ever."""
_DOWNLOAD_LIMIT = 6 * 3600.0
_RESTART_LIMIT = 120.0


class AptInstaller:
    """Lets apt work.  ``state``: where its jobs' output is; ``packages``: who looks what is installed."""

    def __init__(self, state: Path, packages: Packages, clock: Clock) -> None:
        self._runner = AptRunner(state / "jobs", packages, clock)
        self._packages = packages

    async def ready(self) -> None:
        if os.geteuid() != 0:
            raise EffectError(f"cannot change packages: {NO_ROOT}")
        if not Path("/run/systemd/system").is_dir():
            raise EffectError(
                "cannot change packages: systemd does not run here, and apt needs a unit of its own to be safe"
            )

    async def room(self, wanted: Mapping[str, str]) -> Room:
        check(wanted)
        return await room_for(wanted)

    async def refresh(self, job: str, report: Report) -> None:
        await self.ready()
        cannot = "cannot refresh the package lists"
        argv = (*APT, "-o", "APT::Update::Error-Mode=any", "update")
        ended = await self._runner.run(job, argv, report, limit=REFRESH_LIMIT)
        if ended.result == "timeout":
            lists = Path("/var/lib/apt/lists")
            raise EffectError(
                f"{cannot}: apt-get update did not finish within {REFRESH_LIMIT:g} s; the network is slow, or "
                f"{lists} is full{room(lists)}"
            )
        if ended.code != 0:
            raise failure(cannot, ended)

    async def repair(self, job: str, report: Report) -> None:
        await self.ready()
        await self._runner.units.finish_all(heard(report))
        ended = await self._runner.mend(job, report)
        if left := await self._packages.broken():
            cannot = "cannot repair what dpkg left half done"
            raise failure(cannot, ended) if ended and ended.code else EffectError(f"{cannot}: {'; '.join(left[:3])}")

    async def keep(self, wanted: Mapping[str, str], directory: Path, job: str, report: Report) -> None:
        await self.ready()
        check(wanted)
        await asyncio.to_thread(folder, directory)
        sources = await self._packages.kept_from(wanted, directory)
        for name, version in apt_debs.missing(wanted.items(), directory):
            if sources.get(name) == "cache":
                await apt_debs.from_cache(name, version, directory)
        fetch = [
            f"{name}={version}"
            for name, version in apt_debs.missing(wanted.items(), directory)
            if sources.get(name) == "archive"
        ]
        if fetch:  # what it cannot have is packed again
            argv = (*APT, "download", *fetch)
            await self._runner.run(job, argv, report, limit=_DOWNLOAD_LIMIT, directory=directory)
        here = await self._packages.installed()
        left = apt_debs.missing(wanted.items(), directory)
        for number, (name, version) in enumerate(left):
            if name in here and here[name].version == version:
                report(f"pack {name} {version} again", number / len(left))
                await apt_debs.repack(name, version, directory)
        await asyncio.to_thread(durable.sync_tree, directory)

    async def download(self, changes: Sequence[Change], directory: Path, job: str, report: Report) -> None:
        await self.ready()
        await self._runner.units.finish_all(heard(report))
        wanted = await self._left(changes)
        if not wanted:
            return
        await asyncio.to_thread(folder, directory)
        await asyncio.to_thread(folder, directory / "partial")
        argv = (*_upgrade(wanted, directory), "--download-only")
        ended = await self._runner.run(job, argv, report, limit=_DOWNLOAD_LIMIT)
        if ended.code != 0:
            raise failure("cannot download the packages", ended)
        await asyncio.to_thread(durable.sync_tree, directory)

    async def upgrade(
        self, changes: Sequence[Change], auto: Collection[str], directory: Path, job: str, report: Report
    ) -> None:
        await self.ready()
        await self._runner.units.finish_all(heard(report))
        await self._runner.mend(job, report)
        if left := await self._left(changes):
            await self._only(changes, left)
            ended = await self._runner.run(job, (*_upgrade(left, directory), "--no-download"), report)
            if await self._left(changes) or await self._packages.broken():
                raise failure("cannot upgrade packages", ended)
        await self._runner.mark({each.name: each.name in auto for each in changes if each.after})

    async def put_back(
        self, packages: Sequence[Package], added: Sequence[str], directory: Path, job: str, report: Report
    ) -> None:
        await self.ready()
        check([*(each.name for each in packages), *added])
        await self._runner.units.finish_all(heard(report))
        await put_back(self._runner, {each.name: each.version for each in packages}, added, directory, job, report)
        await self._runner.mark({each.name: each.auto for each in packages})

    async def restart(self, unit: str) -> None:
        argv = ("systemctl", "--no-ask-password", "--no-pager", "restart", "--", unit)
        done = await commands.run(argv, limit=_RESTART_LIMIT)
        if done.code != 0:
            raise EffectError(f"cannot restart {unit}: {refusal(done.err)}; journalctl -u {unit} says more")

    async def clear_logs(self, days: int, job: str) -> None:
        argv = ("journalctl", f"--vacuum-time={days}d")
        done = await commands.run(argv, limit=_RESTART_LIMIT)
        await asyncio.to_thread(self._runner.units.note, job, argv, done.out + done.err, done.code)
        if done.code != 0:
            raise EffectError(f"cannot clear the logs: {done.last_words}")

    async def said(self, job: str) -> tuple[str, int | None]:
        return await asyncio.to_thread(self._runner.units.said, job)

    async def _left(self, changes: Sequence[Change]) -> dict[str, str]:
        """Those that are not yet at the version they shall have."""
        check([each.name for each in changes])
        here = await self._packages.installed()
        left = [each for each in changes if each.after and not at(here, each.name, each.after)]
        # apt brings what is new by itself, and marks it as such; named, it would count as asked for by a person.
        known = {each.name: each.after for each in left if each.before is not None and each.after}
        return known or {each.name: each.after for each in left if each.after}

    async def _only(self, changes: Sequence[Change], left: Mapping[str, str]) -> None:
        """Refuse when apt would do anything else than what was planned."""
        planned = {(each.name, each.after) for each in changes}
        more = [each for each in await self._packages.simulate(left) if (each.name, each.after) not in planned]
        if more:
            also = ", ".join(f"{each.name} {each.after or '(removed)'}" for each in more[:5])
            raise EffectError(f"cannot upgrade packages: apt would now also change {also}; plan it again")


def _upgrade(wanted: Mapping[str, str], directory: Path) -> Sequence[str]:
    exact = (f"{name}={version}" for name, version in sorted(wanted.items()))
    where = ("-o", f"Dir::Cache::Archives={directory}/")
    return (*APT, *OLD_CONF, *where, "--no-remove", "--only-upgrade", "install", *exact)
