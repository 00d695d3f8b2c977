"""Packages that behave: an archive, what is installed, and a dpkg that can be interrupted between any two of them.

Not held to every rule of Debian's: only to what an upgrade and its way back can meet.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from dunebugger_updater.model.packages import Change, Inventory, Package, Pending
from dunebugger_updater.ports import EffectError, Report


class Power(Protocol):
    def instant(self, place: str) -> None: ...


class Debian:
    """The ports ``Packages`` and ``Installer``."""

    def __init__(self, power: Power, broken: set[str]) -> None:
        self.power = power
        self.bad = broken
        """Versions, as ``name=version``, whose maintainer script fails."""
        self.here: dict[str, Package] = {}
        self.archive: dict[str, str] = {}
        """The candidate of each package."""
        self.debs: dict[Path, dict[str, str]] = {}
        """Kept and downloaded: directory to name and version."""

    async def inventory(self) -> Inventory:
        newer = {name: new for name, new in self.archive.items() if self.here[name].version != new}
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
        return [
            Change(name, self.here[name].version, version)
            for name, version in sorted(wanted.items())
            if self.here[name].version != version
        ]

    async def kept_from(self, wanted: Mapping[str, str], directory: Path) -> Mapping[str, str]:
        return {name: "kept" if self.debs.get(directory, {}).get(name) == wanted[name] else "cache" for name in wanted}

    async def refresh(self, job: str, report: Report) -> None:
        self.power.instant("apt-get update")

    async def repair(self, job: str, report: Report) -> None:
        for name, each in tuple(self.here.items()):
            if each.state != "installed":
                self._configure(name)

    async def keep(self, wanted: Mapping[str, str], directory: Path, report: Report) -> None:
        await self.download(wanted, directory, report)

    async def download(self, wanted: Mapping[str, str], directory: Path, report: Report) -> None:
        for name, version in wanted.items():
            self.power.instant(f"fetch {name}")
            self.debs.setdefault(directory, {})[name] = version

    async def upgrade(self, changes: Sequence[Change], directory: Path, job: str, report: Report) -> None:
        await self.repair(job, report)
        for change in changes:
            if change.after is not None:
                self._install(change.name, change.after)

    async def put_back(
        self, packages: Sequence[Package], added: Sequence[str], directory: Path, job: str, report: Report
    ) -> None:
        for package in packages:
            if self.here.get(package.name) != package:
                if self.debs.get(directory, {}).get(package.name) != package.version:
                    raise EffectError(f"cannot find {package.name} {package.version} in {directory}")
                self._install(package.name, package.version)
                self.here[package.name] = package
        for name in added:
            self.power.instant(f"purge {name}")
            self.here.pop(name, None)

    async def restart(self, unit: str) -> None:
        self.power.instant(f"restart {unit}")

    async def clear_logs(self, days: int) -> None:
        self.power.instant("clear logs")

    def _install(self, name: str, version: str) -> None:
        before = self.here.get(name)
        self.power.instant(f"unpack {name}")
        self.here[name] = Package(name, version, auto=before.auto if before else True, state="unpacked")
        self._configure(name)

    def _configure(self, name: str) -> None:
        package = self.here[name]
        self.power.instant(f"configure {name}")
        if f"{name}={package.version}" in self.bad:
            self.here[name] = Package(name, package.version, package.auto, "half-configured")
            raise EffectError(f"cannot install {name} {package.version}: its maintainer script failed")
        self.here[name] = Package(name, package.version, package.auto)
