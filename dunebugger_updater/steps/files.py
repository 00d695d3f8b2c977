"""Steps that bring files onto the device and take them away again."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.steps.base import Step


class Download(Step, frozen=True, tag="download"):
    """Fetch a release's file.  It gets its name only after it was verified."""

    url: str
    to: Path
    size: int | None
    """Bytes, as the release or its manifest says."""
    sha256: str | None
    """Hex; ``None`` only where the owner said that nothing needs to vouch for this component."""
    limit: int = 2 * 1024**3
    """Bytes; never more are read, whatever the server says."""

    @property
    def title(self) -> str:
        return f"download {self.to.name}"

    @property
    def _unverified(self) -> Path:
        return self.to.with_name(self.to.name + ".unverified")

    async def way_back(self, device: Device) -> Sequence[Step]:
        if await device.files.exists(self.to):
            return ()
        if not await device.files.exists(self.to.parent):
            return (RemovePath(self.to.parent),)
        mark = self._unverified.with_name(self._unverified.name + ".etag")  # what lets a broken download be continued
        return (RemovePath(self.to), RemovePath(self._unverified), RemovePath(mark))

    async def apply(self, device: Device) -> None:
        if await device.files.exists(self.to) and self.sha256 in {None, await device.files.checksum(self.to)}:
            return
        got = await device.web.download(
            self.url, self._unverified, size=self.size, limit=self.limit, report=device.report
        )
        if self.sha256 not in {None, got}:
            await device.files.remove(self._unverified)
            raise EffectError(
                f"cannot trust {self.to.name}: its sha256 should be {self.sha256} but the download has {got}"
            )
        await device.files.rename(self._unverified, self.to)


class Unpack(Step, frozen=True, tag="unpack"):
    """Unpack a release archive beside the running version."""

    blames = True

    archive: Path
    into: Path
    owner_like: Path | None = None
    """The new files belong to whoever owns this."""

    @property
    def title(self) -> str:
        return f"unpack into {self.into}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        return () if await device.files.exists(self.into) else (RemovePath(self.into),)

    async def apply(self, device: Device) -> None:
        # The name appears only when everything is in it: if it is there, this was done.
        if not await device.files.exists(self.into):
            await device.files.unpack(self.archive, self.into, owner_like=self.owner_like, report=device.report)


class KeepBackup(Step, frozen=True, tag="keep_backup"):
    """Archive an installation for the owner, while it still runs."""

    directory: Path
    to: Path

    @property
    def title(self) -> str:
        return f"back up to {self.to}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        return () if await device.files.exists(self.to) else (RemovePath(self.to),)

    async def apply(self, device: Device) -> None:
        if not await device.files.exists(self.to):
            await device.files.archive(self.directory, self.to, device.report)


class CopyFile(Step, frozen=True, tag="copy_file"):
    """Keep a copy of one file, for the owner."""

    source: Path
    to: Path

    @property
    def title(self) -> str:
        return f"copy {self.source.name} to {self.to}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        return () if await device.files.exists(self.to) else (RemovePath(self.to),)

    async def apply(self, device: Device) -> None:
        if not await device.files.exists(self.to):
            await device.files.copy(self.source, self.to)


class RemovePath(Step, frozen=True, tag="remove_path"):
    """Remove a file, a link, or a whole tree that an update has made or no longer needs."""

    path: Path

    @property
    def title(self) -> str:
        return f"remove {self.path}"

    @property
    def by_hand(self) -> str:
        return f"rm -rf {shlex.quote(str(self.path))}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: it is only ever planned for what nobody needs, and carries no copy of it."""
        return ()

    async def apply(self, device: Device) -> None:
        await device.files.remove(self.path)
