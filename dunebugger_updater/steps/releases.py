"""Steps that move a Python app from one release directory to another."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.steps.base import Step
from dunebugger_updater.steps.files import RemovePath


def version_of(release: Path) -> str:
    """Answer the version in a release directory's name; the second one of the same version is ``1.1.0~2``."""
    return release.name.split("~")[0]


class BuildVenv(Step, frozen=True, tag="build_venv"):
    """Make a release's virtual environment, at its final path, while the old release still runs."""

    release: Path
    requirements: str = "requirements.txt"
    """Relative to the release."""
    required: bool = False
    """Whether it has to be there: a manifest that names it says so, the usual name alone does not."""
    limit: float = 3600
    """Seconds.  Native code compiles for a long time on a small device."""

    @property
    def title(self) -> str:
        return f"build the virtual environment of {version_of(self.release)}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        venv = self.release / ".venv"
        return () if await device.files.exists(venv) else (RemovePath(venv),)

    async def apply(self, device: Device) -> None:
        if not await device.python.complete(self.release):
            named = self.required or await device.files.exists(self.release / self.requirements)
            needs = self.requirements if named else None
            await device.python.build(self.release, needs, limit=self.limit, report=device.report)


class CarryOver(Step, frozen=True, tag="carry_over"):
    """Bring what the owner and the app added or edited into the new release.  Only the new release is written to."""

    old: Path
    new: Path
    link: Path
    """The install path.  Once it leads to ``new``, the data there is the new release's own."""
    preserve: tuple[str, ...] = ()
    """Relative paths that are the app's even where the release ships them."""
    final: bool = False
    """True for the pass after the app stopped; the one before it does the long copying."""

    @property
    def title(self) -> str:
        return "carry over what changed meanwhile" if self.final else "carry over local data"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: the old release keeps its own copy, and the new one goes as a whole."""
        return ()

    async def apply(self, device: Device) -> None:
        if await device.files.link_target(self.link) == self.new:
            return
        carried = await device.files.carry_over(self.old, self.new, preserve=self.preserve, report=device.report)
        for path in carried.kept:
            beside = await device.files.exists(self.new / f"{path}.new")
            device.report(f"kept your {path}" + (f"; the release's is beside it as {path}.new" if beside else ""))


class Migrate(Step, frozen=True, tag="migrate"):
    """Run the release's own migration on the copy of the data that it will use."""

    live = True
    blames = True

    old: Path
    new: Path
    link: Path
    """As in ``CarryOver``."""
    preserve: tuple[str, ...]
    script: str
    """A Python file of the release, relative to it."""
    optional: bool = False
    """Go on with the data unmigrated when it fails."""
    limit: float = 1800
    """Seconds."""

    @property
    def title(self) -> str:
        return f"run {self.script}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: the old release's data was never touched."""
        return ()

    async def apply(self, device: Device) -> None:
        if await device.files.link_target(self.link) == self.new:
            return
        # A migration that was cut in the middle must not meet its own half-done work: bring the data again first.
        await device.files.carry_over(self.old, self.new, preserve=self.preserve, report=device.report)
        try:
            await device.python.run(self.new, self.script, limit=self.limit, report=device.report)
        except EffectError as error:
            if not self.optional:
                raise
            device.report(f"going on without {self.script}: {error}")
            await device.files.carry_over(self.old, self.new, preserve=self.preserve, report=device.report)


class PointLink(Step, frozen=True, tag="point_link"):
    """Make the install path lead to a release: the moment at which it goes live.

    An install path that is still a plain directory becomes a link here; its files stay whole under ``keep_as``.
    """

    live = True

    link: Path
    target: Path
    keep_as: Path | None = None
    """Where a plain directory of the owner's is kept; ``None`` when there is none."""

    @property
    def title(self) -> str:
        return f"point {self.link} to {version_of(self.target)}"

    @property
    def by_hand(self) -> str:
        return f"ln -sfn {shlex.quote(str(self.target))} {shlex.quote(str(self.link))}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        if self.keep_as is not None and await device.files.is_directory(self.link):
            return (Unadopt(self.link, self.keep_as),)
        before = await device.files.link_target(self.link)
        return (PointLink(self.link, before) if before else RemovePath(self.link),)

    async def apply(self, device: Device) -> None:
        if self.keep_as is not None and await device.files.is_directory(self.link):
            await device.files.swap(self.link, self.keep_as)
        await device.files.point_link(self.link, self.target)


class Unadopt(Step, frozen=True, tag="unadopt"):
    """Give an install directory that was kept under another name its own name back."""

    live = True

    directory: Path
    kept_as: Path

    @property
    def title(self) -> str:
        return f"make {self.directory} a plain directory again"

    @property
    def by_hand(self) -> str:
        link, kept = shlex.quote(str(self.directory)), shlex.quote(str(self.kept_as))
        return f"test -d {kept} && rm {link} && mv {kept} {link}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        target = await device.files.link_target(self.directory)
        return (PointLink(self.directory, target, self.kept_as),) if target else ()

    async def apply(self, device: Device) -> None:
        if not await device.files.is_directory(self.directory):
            await device.files.point_link(self.directory, self.kept_as)
            await device.files.unswap(self.directory, self.kept_as)
