"""Packages that behave: an archive, what is installed, and a dpkg that can be interrupted between any two of them.

Not held to every rule of Debian's: only to what an upgrade and its way back can meet.  .debs are files on the world's
disk, ``NAME_VERSION_all.deb``, and what a cut left half done is in the state of its package.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from dunebugger_updater.model.packages import Change, Inventory, Package, Pending
from dunebugger_updater.ports import EffectError, Report
from dunebugger_updater.ports.packages import Room


class Power(Protocol):
    def instant(self, place: str) -> None: ...


class Disk(Protocol):
    def put(self, path: Path, content: bytes | Path | None = None) -> None: ...

    async def exists(self, path: Path) -> bool: ...


class Debian:
    """The ports ``Packages`` and ``Installer``."""

    def __init__(self, power: Power, disk: Disk, broken: set[str]) -> None:
        self.power, self.disk = power, disk
        self.bad = broken
        """Versions, as ``name=version``, whose maintainer script fails."""
        self.here: dict[str, Package] = {}
        self.archive: dict[str, str] = {}
        """The candidate of each package."""
        self.needs: dict[str, str] = {}
        """A package's new version brings another one, that is in the archive too."""
        self.conflicts: dict[str, str] = {}
        """A package's new version cannot be beside another one, that is installed."""
        self.breaks: dict[str, str] = {}
        """Services that a version does not let run: ``name=version`` to the unit."""
        self.struck: Callable[[str], None] = lambda _: None
        """Hears of each service that a version has just broken: going back does not start it again."""
        self.repackable = True
        """Whether what is installed can be packed again."""
        self.printed: dict[str, str] = {}
        self.not_ready: str | None = None

    # --- looking ---

    async def inventory(self) -> Inventory:
        newer = {
            name: new for name, new in self.archive.items() if name in self.here and self.here[name].version != new
        }
        return Inventory(
            packages=tuple(
                Pending(name, self.here[name].version, new, security=False, origins=("Debian:12/stable",), size=1000)
                for name, new in sorted(newer.items())
            )
        )

    async def installed(self) -> Mapping[str, Package]:
        return dict(self.here)

    async def release(self) -> str:
        return "debian-12.5"

    async def broken(self) -> Sequence[str]:
        return [f"{each.name} is {each.state}" for each in self.here.values() if each.state != "installed"]

    async def simulate(self, wanted: Mapping[str, str]) -> Sequence[Change]:
        known = {
            name: version
            for name, version in wanted.items()
            if name in self.here and self.here[name].version != version
        }
        if lost := [name for name, version in known.items() if self.archive.get(name) != version]:
            raise EffectError(f"cannot plan this upgrade: the archive has {lost[0]} {wanted[lost[0]]} no more")
        found = [Change(name, self.here[name].version, version) for name, version in sorted(known.items())]
        more = [self.needs[name] for name in known if name in self.needs and self.needs[name] not in self.here]
        away = [Change(each, self.here[each].version, None) for name in known if (each := self.conflicts.get(name))]
        return [*found, *(Change(name, None, self.archive[name]) for name in more), *away]

    async def kept_from(self, wanted: Mapping[str, str], directory: Path) -> Mapping[str, str]:
        found = {}
        for name, version in wanted.items():
            if await self.disk.exists(_deb(directory, name, version)):
                found[name] = "kept"
            elif self.repackable and name in self.here and self.here[name].version == version:
                found[name] = "repack"
        return found

    # --- changing ---

    async def ready(self) -> None:
        if self.not_ready is not None:
            raise EffectError(self.not_ready)

    async def room(self, wanted: Mapping[str, str]) -> Room:
        return Room(1000 * len(wanted), 4000 * len(wanted))

    async def refresh(self, job: str, report: Report) -> None:
        self.power.instant("apt-get update")
        self._print(job, "Reading package lists...")

    async def repair(self, job: str, report: Report) -> None:
        for name, each in tuple(self.here.items()):
            if each.state != "installed":
                self._configure(name)

    async def keep(self, wanted: Mapping[str, str], directory: Path, job: str, report: Report) -> None:
        for name, version in (await self.kept_from(wanted, directory)).items():
            if version != "kept":
                self._fetch(directory, name, wanted[name])

    async def download(self, changes: Sequence[Change], directory: Path, job: str, report: Report) -> None:
        for change in changes:
            if change.after is not None and self._at(change.name) != change.after:
                self._fetch(directory, change.name, change.after)

    async def upgrade(
        self, changes: Sequence[Change], auto: Collection[str], directory: Path, job: str, report: Report
    ) -> None:
        await self._mend()
        for change in changes:
            if change.after is not None and self._at(change.name) != change.after:
                if not await self.disk.exists(_deb(directory, change.name, change.after)):
                    raise EffectError(f"cannot upgrade packages: {change.name} {change.after} was not downloaded")
                self._install(change.name, change.after)
        self._print(job, f"{len(changes)} upgraded")
        if half := await self.broken():
            raise EffectError(f"cannot upgrade packages: {half[0]}: its maintainer script failed")
        for name in (change.name for change in changes if change.after is not None):
            self.power.instant(f"mark {name}")
            self.here[name] = replace(self.here[name], auto=name in auto)

    async def put_back(
        self, packages: Sequence[Package], added: Sequence[str], directory: Path, job: str, report: Report
    ) -> None:
        gone = []
        for package in packages:
            if self.here.get(package.name) == package:
                continue
            if self._at(package.name) != package.version:
                if not await self.disk.exists(_deb(directory, package.name, package.version)):
                    gone.append(f"{package.name} {package.version}")
                    continue
                self._install(package.name, package.version)
            self.power.instant(f"mark {package.name}")
            if self.here[package.name].state == "installed":
                self.here[package.name] = package
        for name in added:
            self.power.instant(f"purge {name}")
            self.here.pop(name, None)
        if gone:
            raise EffectError(f"cannot put back {', '.join(gone)}: there is no .deb of it in {directory}")

    async def restart(self, unit: str) -> None:
        self.power.instant(f"restart {unit}")

    async def clear_logs(self, days: int, job: str) -> None:
        self.power.instant("clear logs")

    async def said(self, job: str) -> tuple[str, int | None]:
        return self.printed.get(job, ""), 0 if job in self.printed else None

    # --- how it behaves ---

    def broken_units(self) -> Sequence[str]:
        """Those that do not run with what is installed."""
        at = {f"{each.name}={each.version}" for each in self.here.values()}
        return [unit for which, unit in self.breaks.items() if which in at]

    async def _mend(self) -> None:
        for name, each in tuple(self.here.items()):
            if each.state != "installed":
                self._configure(name)

    def _at(self, name: str) -> str | None:
        there = self.here.get(name)
        return there.version if there and there.state == "installed" else None

    def _fetch(self, directory: Path, name: str, version: str) -> None:
        self.power.instant(f"fetch {name}")
        self.disk.put(_deb(directory, name, version), b"deb")
        self.power.instant(f"fetch {name}")

    def _install(self, name: str, version: str) -> None:
        self.power.instant(f"unpack {name}")
        # as apt does: what it is told by name was asked for by a person, what comes with that was not
        self.here[name] = Package(name, version, auto=name not in self.here, state="unpacked")
        self._configure(name)

    def _configure(self, name: str) -> None:
        package = self.here[name]
        self.power.instant(f"configure {name}")
        bad = f"{name}={package.version}" in self.bad
        self.here[name] = Package(name, package.version, package.auto, "half-configured" if bad else "installed")
        if unit := self.breaks.get(f"{name}={package.version}"):
            self.struck(unit)

    def _print(self, job: str, text: str) -> None:
        self.printed[job] = f"{self.printed.get(job, '')}{text}\n"


def _deb(directory: Path, name: str, version: str) -> Path:
    return directory / f"{name}_{version}_all.deb"
