"""Steps that change Debian packages."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.packages import Change, Package
from dunebugger_updater.model.service import SystemdUnit, UnitState
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.steps.base import Step
from dunebugger_updater.steps.files import RemovePath

_MEMORY = 4 * 1024**2
"""Bytes."""


class PackageSet(msgspec.Struct, frozen=True):
    """What an upgrade replaced: with its .debs, the way back to the state that ``label`` names."""

    label: str
    number: int
    """Sets are walked back from the highest."""
    packages: tuple[Package, ...]
    added: tuple[str, ...] = ()
    """What was new, and is purged on the way back."""


class RefreshLists(Step, frozen=True, tag="refresh_lists"):
    """Fetch the archives' lists: they say what is pending, and change nothing that runs."""

    job: str

    @property
    def title(self) -> str:
        return "refresh the package lists"

    @property
    def by_hand(self) -> str:
        return "apt-get update"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: what the archives offer now is true now."""
        return ()

    async def apply(self, device: Device) -> None:
        await device.installer.refresh(self.job, device.report)


class RepairPackages(Step, frozen=True, tag="repair_packages"):
    """Let dpkg finish what was interrupted before this run: each of its two means is tried once.

    Not live: when it fails, the device is as ill as it was, and nothing of ours has to be taken back.
    """

    job: str

    @property
    def title(self) -> str:
        return "finish what dpkg left half done"

    @property
    def by_hand(self) -> str:
        return "dpkg --configure -a && apt-get --fix-broken install"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: half done is no state to go back to."""
        return ()

    async def apply(self, device: Device) -> None:
        await device.installer.repair(self.job, device.report)


class KeepPackages(Step, frozen=True, tag="keep_packages"):
    """Have the .debs of what is installed, and write down what they are: the way back, made before it is needed."""

    directory: Path
    record: Path
    """Where the set is written down."""
    kept: PackageSet
    job: str
    without: tuple[str, ...] = ()
    """Those that no source has: it was said before."""
    lenient: bool = False
    """Whether it is fine to keep only what can be kept: when the set is not the way back that matters."""

    @property
    def title(self) -> str:
        return f"keep the {len(self.kept.packages)} installed packages"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Only its record goes: the .debs are of what is installed, and the next upgrade wants them again."""
        return () if await device.files.exists(self.record) else (RemovePath(self.record),)

    async def apply(self, device: Device) -> None:
        wanted = {each.name: each.version for each in self.kept.packages if each.name not in self.without}
        await device.installer.keep(wanted, self.directory, self.job, device.report)
        there = await device.packages.kept_from(wanted, self.directory)
        gone = [f"{name} {version}" for name, version in wanted.items() if there.get(name) != "kept"]
        if gone and not self.lenient:
            raise EffectError(f"cannot keep {', '.join(gone[:5])}: without a .deb of it there is no way back")
        await device.files.write(self.record, to_json(self.kept))


class DownloadPackages(Step, frozen=True, tag="download_packages"):
    """Fetch all that the upgrade needs: from then on it needs no network."""

    changes: tuple[Change, ...]
    directory: Path
    job: str

    @property
    def title(self) -> str:
        return f"download {len(self.changes)} packages"

    async def way_back(self, device: Device) -> Sequence[Step]:
        return () if await device.files.exists(self.directory) else (RemovePath(self.directory),)

    async def apply(self, device: Device) -> None:
        await device.installer.download(self.changes, self.directory, self.job, device.report)


class UpgradePackages(Step, frozen=True, tag="upgrade_packages"):
    """Bring packages to exactly the planned versions."""

    live = True
    blames = True

    changes: tuple[Change, ...]
    downloads: Path
    kept: Path
    """Where the .debs of the former versions are."""
    job: str
    auto: tuple[str, ...] = ()
    """Those that count as installed because others need them.  From the plan: apt changes such marks before it works,
    so after a cut the device does not tell any more."""
    units: Path | None = None
    """Where it was noted how the services were."""
    without: tuple[str, ...] = ()
    """Those of whose former versions no .deb could be kept: it was said before."""

    @property
    def title(self) -> str:
        return f"upgrade {len(self.changes)} packages"

    @property
    def by_hand(self) -> str:
        exact = " ".join(shlex.quote(f"{each.name}={each.after}") for each in self.changes if each.before)
        return f"apt-get install --only-upgrade {exact}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        here = await device.packages.installed()
        packages = tuple(
            Package(each.name, here[each.name].version, here[each.name].auto)
            for each in self.changes
            if each.name in here
        )
        added = tuple(each.name for each in self.changes if each.name not in here)
        return (PutBackPackages(packages, added, self.kept, f"{self.job}-back", self.units, self.without),)

    async def apply(self, device: Device) -> None:
        await device.installer.upgrade(self.changes, self.auto, self.downloads, self.job, device.report)


class PutBackPackages(Step, frozen=True, tag="put_back_packages"):
    """Bring packages back to the versions and marks that they had, from kept .debs, and purge what was added."""

    live = True

    packages: tuple[Package, ...]
    added: tuple[str, ...]
    directory: Path
    job: str
    units: Path | None = None
    """Where it was noted how the services were: what ran then and broke since is started again.  No package's script
    does that for a service that only a library of its had broken."""
    without: tuple[str, ...] = ()
    """Those of which there is no .deb: a command that named it would do nothing at all."""

    @property
    def title(self) -> str:
        return f"put back {len(self.packages)} packages"

    @property
    def by_hand(self) -> str:
        kept = [each for each in self.packages if each.name not in self.without]
        words = [
            f"{shlex.quote(str(self.directory))}/{each.name.partition(':')[0]}_{_in_name(each.version)}_*.deb"
            for each in kept
        ]
        words += [f"{name}-" for name in self.added]
        lost = [shlex.quote(f"{each.name}={each.version}") for each in self.packages if each.name in self.without]
        auto = [each.name for each in kept if each.auto]
        commands = [f"apt-get install --allow-downgrades --purge {' '.join(words)}"] if words else []
        commands += [f"apt-mark auto {' '.join(auto)}"] if auto else []  # what was named counts as asked for
        # Last, as it may fail: the archive had lost them.
        commands += [f"apt-get install --allow-downgrades {' '.join(lost)}"] if lost else []
        return " && ".join(commands)

    async def way_back(self, device: Device) -> Sequence[Step]:
        here = await device.packages.installed()
        now = tuple(
            Package(each.name, here[each.name].version, here[each.name].auto)
            for each in (*self.packages, *(Package(name, "") for name in self.added))
            if each.name in here
        )
        added = tuple(each.name for each in self.packages if each.name not in here)
        return (PutBackPackages(now, added, self.directory, f"{self.job}-again"),)

    async def apply(self, device: Device) -> None:
        await device.installer.put_back(self.packages, self.added, self.directory, self.job, device.report)
        if self.units is not None:
            await _start_again(device, self.units)


class ReleaseNote(msgspec.Struct, frozen=True):
    """A release of packages, and the versions that it stands for."""

    version: str
    packages: dict[str, str]


class NoteRelease(Step, frozen=True, tag="note_release"):
    """Write down which release the packages are now.  Live, so that it goes back with them."""

    live = True

    file: Path
    note: ReleaseNote

    @property
    def title(self) -> str:
        return f"note {self.note.version}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        content = await device.files.read(self.file)
        try:
            return (NoteRelease(self.file, from_json(content, ReleaseNote)),) if content else (RemovePath(self.file),)
        except msgspec.MsgspecError:
            return (RemovePath(self.file),)

    async def apply(self, device: Device) -> None:
        await device.files.write(self.file, to_json(self.note))


class NoteUnits(Step, frozen=True, tag="note_units"):
    """Write down how every service is now, so that what was ill before is not blamed on what comes."""

    file: Path

    @property
    def title(self) -> str:
        return "note how the services are"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: what it says is asked for after going back, too."""
        return ()

    async def apply(self, device: Device) -> None:
        await device.files.write(self.file, to_json(dict(await device.services.units())))


async def _start_again(device: Device, file: Path) -> None:
    """Start each service that ran when ``file`` was written and does not by itself now; all of them, then complain."""
    content = await device.files.read(file, _MEMORY)
    try:
        before = from_json(content, dict[str, UnitState]) if content else {}
    except msgspec.MsgspecError:
        before = {}
    problem: EffectError | None = None
    for name, unit in sorted((await device.services.units()).items()):
        was = before.get(name)
        broke = unit.word in {"failed", "restarting"} or (unit.word == "stopped" and unit.enabled)
        if was is not None and was.word == "running" and broke:
            device.report(f"start {name} again")
            try:
                await device.services.start(SystemdUnit(name))
            except EffectError as error:
                problem = problem or error
    if problem is not None:
        raise problem


def _in_name(version: str) -> str:
    """A version as the names of .deb files spell it."""
    return version.replace(":", "%3a")
