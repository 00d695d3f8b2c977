"""Steps that move a compose service from one image to another."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from dunebugger_updater.model.compose_file import ComposeEdit, ProjectText, Spelling, edit_tag, put_back, text_of
from dunebugger_updater.model.compose_nodes import Refusal
from dunebugger_updater.ports import ComposeService, Device, EffectError
from dunebugger_updater.steps.base import Step

T = TypeVar("T")


class KeepImage(Step, frozen=True, tag="keep_image"):
    """Give an image a name of ours, so that no prune takes it while it is the way back."""

    image: str
    reference: str

    @property
    def title(self) -> str:
        return "keep the image in use"

    async def way_back(self, device: Device) -> Sequence[Step]:
        there = await device.containers.image(self.reference)
        return (KeepImage(there.id, self.reference) if there else ForgetImage(self.reference),)

    async def apply(self, device: Device) -> None:
        await device.containers.tag(self.image, self.reference)


class ForgetImage(Step, frozen=True, tag="forget_image"):
    """Take a name away from an image; the image goes too when nothing else holds it."""

    reference: str

    @property
    def title(self) -> str:
        return f"forget {self.reference}"

    @property
    def by_hand(self) -> str:
        return f"docker rmi {shlex.quote(self.reference)}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        there = await device.containers.image(self.reference)
        return (KeepImage(there.id, self.reference),) if there else ()

    async def apply(self, device: Device) -> None:
        await device.containers.untag(self.reference)


class PullImage(Step, frozen=True, tag="pull_image"):
    """Have exactly the planned image on the engine, under its name."""

    reference: str
    digest: str
    """``sha256:…``: what the registry answered when the plan was made."""

    @property
    def title(self) -> str:
        return f"pull {self.reference}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        there = await device.containers.image(self.reference)
        return (KeepImage(there.id, self.reference) if there else ForgetImage(self.reference),)

    async def apply(self, device: Device) -> None:
        there = await device.containers.image(self.reference)
        if there is None or not any(known.endswith(f"@{self.digest}") for known in there.digests):
            await device.containers.pull(self.reference, self.digest, device.report)


class RecreateService(Step, frozen=True, tag="recreate_service"):
    """Let compose recreate one service as its files now say, and only that one."""

    live = True
    blames = True

    which: ComposeService
    image: str | None = None
    """The image that must run afterwards, by id or reference; ``None`` when whatever the files say is right."""

    @property
    def title(self) -> str:
        return f"recreate {self.which.service}"

    @property
    def by_hand(self) -> str:
        files = " ".join(f"-f {shlex.quote(str(file))}" for file in self.which.files)
        return f"docker compose -p {shlex.quote(self.which.project)} {files} up -d --no-deps {self.which.service}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        """Nothing: a container follows its files, and whoever changes those recreates it on the way back."""
        return ()

    async def apply(self, device: Device) -> None:
        wanted = await device.containers.image(self.image) if self.image else None
        if self.image and wanted is None:
            raise EffectError(f"cannot find the image {self.image} on the engine any more")
        await device.containers.up(self.which, wanted.id if wanted else None, device.report)


class SetTag(Step, frozen=True, tag="set_tag"):
    """Change the one scalar that says which tag a compose service runs; every other byte of the files stays."""

    live = True

    which: ComposeService
    file: Path
    """The compose file that names the image."""
    env_file: Path
    """The ``.env`` beside it, where the tag may stand."""
    repository: str
    """The only repository that the service may come from."""
    tag: str

    @property
    def title(self) -> str:
        return f"set {self.which.service} to {self.tag}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        back = PutBackTag(self.which, self.file, self.env_file, (await self._edit(device)).was)
        running = await device.containers.container(self.which)
        if running is None:
            return (back, RecreateService(self.which))
        # A tag that moves (latest) means another image after the pull: it has to mean the former one again.
        named = () if "@" in running.reference else (KeepImage(running.image, running.reference),)
        return (back, *named, RecreateService(self.which, running.image))

    async def apply(self, device: Device) -> None:
        await _write(device, self.file, self.env_file, await self._edit(device))

    async def _edit(self, device: Device) -> ComposeEdit:
        text = await _text(device, self.file, self.env_file)
        return _or_say(edit_tag(text, self.which.service, self.repository, self.tag))


class PutBackTag(Step, frozen=True, tag="put_back_tag"):
    """The mirror of ``SetTag``: spell the place again as the owner had it, whatever else changed meanwhile."""

    live = True

    which: ComposeService
    file: Path
    env_file: Path
    was: Spelling

    @property
    def title(self) -> str:
        return f"put back {self.was.text} for {self.which.service}"

    @property
    def by_hand(self) -> str:
        file = self.env_file if self.was.variable else self.file
        place = f"{self.was.variable}=" if self.was.variable else f"image of {self.which.service}: "
        return f"sensible-editor {shlex.quote(str(file))}  # {place}{self.was.text}"

    async def way_back(self, device: Device) -> Sequence[Step]:
        return (PutBackTag(self.which, self.file, self.env_file, (await self._edit(device)).was),)

    async def apply(self, device: Device) -> None:
        await _write(device, self.file, self.env_file, await self._edit(device))

    async def _edit(self, device: Device) -> ComposeEdit:
        text = await _text(device, self.file, self.env_file)
        return _or_say(put_back(text, self.which.service, self.was))


async def _text(device: Device, file: Path, env_file: Path) -> ProjectText:
    compose, env = await device.files.read(file), await device.files.read(env_file)
    if compose is None:
        raise EffectError(f"cannot find {file}")
    return ProjectText(
        _or_say(text_of(compose, str(file))),
        None if env is None else _or_say(text_of(env, str(env_file))),
        device.containers.environment,
    )


async def _write(device: Device, file: Path, env_file: Path, edit: ComposeEdit) -> None:
    if edit.changes:
        in_compose = edit.edit.file == "compose"
        text = edit.result.compose if in_compose else edit.result.env or ""
        await device.files.write(file if in_compose else env_file, text.encode())


def _or_say(answer: T | Refusal) -> T:
    if isinstance(answer, Refusal):
        raise EffectError(answer.why)
    return answer
