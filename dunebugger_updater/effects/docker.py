"""Containers: compose changes them, and what is true afterwards the engine says."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dunebugger_updater.effects import compose
from dunebugger_updater.effects.commands import clean_environment
from dunebugger_updater.effects.compose import Compose, Run
from dunebugger_updater.ports import ComposeService, ContainerState, EffectError, ImageState, RemoteImage, Report

if TYPE_CHECKING:
    from dunebugger_updater.effects.docker_api import EngineApi

SEARCH_LIMIT = 120
"""Seconds for any question to the engine, all its conversations together."""


class Engine:
    """The ``Containers`` of a device.

    ``run`` is ``commands.run``.  ``environment`` holds what differs from our own process, e.g. ``DOCKER_HOST`` or
    ``DOCKER_CONFIG``; compose gets it, and with it our own variables, which fill in compose files.
    """

    def __init__(self, run: Run, environment: Mapping[str, str] | None = None) -> None:
        self._additions = dict(environment or {})
        self._compose = Compose(run, self._additions)

    @cached_property
    def _api(self) -> "EngineApi":
        from dunebugger_updater.effects.docker_api import EngineApi  # noqa: PLC0415  (only devices with containers need it)

        return EngineApi(self.environment)

    @property
    def environment(self) -> Mapping[str, str]:
        return clean_environment(self._additions)

    async def find(self, file: Path, service: str) -> tuple[ComposeService, ContainerState | None]:
        found = await asyncio.to_thread(self._api.containers, {compose.SERVICE: service, compose.ONE_OFF: "False"})
        return await asyncio.to_thread(self._choose, file.absolute(), service, found)

    async def container(self, which: ComposeService) -> ContainerState | None:
        labels = {compose.PROJECT: which.project, compose.SERVICE: which.service, compose.ONE_OFF: "False"}
        return compose.first(await asyncio.to_thread(self._api.containers, labels))

    async def named(self, container: str) -> ContainerState | None:
        return await asyncio.to_thread(self._api.container, container)

    async def image(self, reference: str) -> ImageState | None:
        return await asyncio.to_thread(self._api.image, reference)

    async def data_root(self) -> Path:
        return Path(await asyncio.to_thread(self._api.data_root))

    async def tags(self, repository: str) -> Sequence[str]:
        return await asyncio.to_thread(self._api.tags, repository)

    async def remote(self, reference: str) -> RemoteImage:
        return await asyncio.to_thread(self._api.remote, reference)

    async def pull(self, reference: str, digest: str, report: Report) -> None:
        loop = asyncio.get_running_loop()
        stopped = threading.Event()

        def tell(message: str, done: float | None) -> None:
            loop.call_soon_threadsafe(report, message, done)

        try:
            await asyncio.to_thread(self._api.pull, reference, digest, tell, stopped)
        finally:
            stopped.set()  # a thread cannot be cancelled, it has to be told

    async def tag(self, image: str, reference: str) -> None:
        await asyncio.to_thread(self._api.tag, image, reference)

    async def untag(self, reference: str) -> None:
        await asyncio.to_thread(self._api.untag, reference)

    async def up(self, which: ComposeService, image: str | None, report: Report) -> None:
        before = await self.container(which)
        if image is not None:
            await self._must_have(which, image)
        force = image is not None and (before is None or before.image != image)
        done = await self._compose.up(which, force=force, as_is=image is not None, hear=report)
        after = await self.container(which)
        # Compose ends well although the app dies at once, and badly although it runs: the engine knows.
        if after is None or (image is None and done.code != 0):
            raise EffectError(f"cannot start {which.service}: {compose.last_words(done)}")
        if image is not None and after.image != image:
            why = compose.last_words(done) if done.code != 0 else f"compose made it from {after.reference}"
            raise EffectError(f"cannot start {which.service} with image {image}: it has {after.image}: {why}")
        if after.status == "created" or (done.code != 0 and after.status not in {"running", "restarting"}):
            raise EffectError(f"cannot start {which.service}: {compose.last_words(done)}")

    async def stop(self, which: ComposeService) -> None:
        before = await self.container(which)
        if before is None or before.status in {"created", "exited", "dead"}:
            return
        done = await self._compose.stop(which)
        after = await self.container(which)
        if after is not None and after.status not in {"created", "exited", "dead"}:
            raise EffectError(f"cannot stop {which.service}: it is {after.status}: {compose.last_words(done)}")

    async def configured(self, which: ComposeService) -> str:
        return await self._compose.configured(which)

    async def last_log(self, which: ComposeService, lines: int) -> Sequence[str]:
        container = await self.container(which)
        return () if container is None else await asyncio.to_thread(self._api.log, container.name, lines)

    async def _must_have(self, which: ComposeService, image: str) -> None:
        """Say no while the old container still runs: compose would stop it first and find out then."""
        reference = await self.configured(which)
        here = await self.image(reference)
        if here is None or here.id != image:
            there = "is not on this machine" if here is None else f"is {here.id} on this machine"
            raise EffectError(f"cannot start {which.service} with image {image}: {reference} {there}")

    def _choose(
        self, file: Path, service: str, found: Sequence[ContainerState]
    ) -> tuple[ComposeService, ContainerState | None]:
        made = [(project, each) for each in found if (project := compose.project_of(each)) is not None]
        mine = [
            (project, each) for project, each in made if file.resolve() in {path.resolve() for path in project.files}
        ]
        projects = sorted({project.project for project, _ in mine})
        if len(projects) > 1:
            raise EffectError(f"cannot tell which {service} is meant: {file} runs as {' and '.join(projects)}")
        if mine:
            container = compose.first([each for _, each in mine])
            return next((project, each) for project, each in mine if each is container)
        project = compose.project_without(file, service, self.environment)
        for other, each in made:
            if other.project == project.project:
                files = ", ".join(str(path) for path in other.files)
                raise EffectError(f"cannot use {file} for {service}: container {each.name} was made from {files}")
        return project, None
