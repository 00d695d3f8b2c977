"""Is what runs what was meant to run?"""

from pathlib import Path

from dunebugger_updater.checks.base import Check
from dunebugger_updater.ports import ComposeService, Device, EffectError


class VersionFile(Check, frozen=True, tag="version_check"):
    """An app's own VERSION file, where it has one, says the version that was installed."""

    file: Path
    expected: tuple[str, ...]
    """Any of these spellings: a tag and its version are often written differently."""

    @property
    def title(self) -> str:
        return f"version is {self.expected[0]}"

    async def objection(self, device: Device) -> str | None:
        content = await device.files.read(self.file, 4096)
        if content is None:
            return None
        found = content.decode(errors="replace").strip()
        if found in self.expected:
            return None
        return f"{self.file} should say {self.expected[0]}, it says {found[:80]!r}"


class ImageRuns(Check, frozen=True, tag="image_runs"):
    """A compose service runs exactly the image that was pulled."""

    which: ComposeService
    reference: str
    digest: str

    @property
    def title(self) -> str:
        return f"{self.which.service} runs {self.reference}"

    async def objection(self, device: Device) -> str | None:
        state = await device.containers.container(self.which)
        if state is None:
            return f"{self.which.service} has no container"
        image = await device.containers.image(state.image)
        if image and any(known.endswith(f"@{self.digest}") for known in image.digests):
            return None
        return f"{state.name} should run {self.reference} ({self.digest[:19]}), it runs {state.image[:19]}"


class ImageIdRuns(Check, frozen=True, tag="image_id_runs"):
    """A compose service runs exactly the image that it ran before."""

    which: ComposeService
    image: str

    @property
    def title(self) -> str:
        return f"{self.which.service} runs its former image"

    async def objection(self, device: Device) -> str | None:
        state = await device.containers.container(self.which)
        if state is not None and state.image == self.image:
            return None
        found = state.image[:19] if state else "no container"
        return f"{self.which.service} should run its former image {self.image[:19]}, there is {found}"


class ImageAvailable(Check, frozen=True, tag="image_available"):
    """The registry has the image for this machine, and it is still the planned one."""

    reference: str
    digest: str

    @property
    def title(self) -> str:
        return f"{self.reference} is in the registry"

    async def objection(self, device: Device) -> str | None:
        try:
            remote = await device.containers.remote(self.reference)
        except EffectError as error:
            return str(error)
        if not remote.here:
            return f"{self.reference} does not exist for this machine's platform"
        if remote.digest != self.digest:
            return f"{self.reference} has changed in the registry since the plan was made; look again"
        return None
