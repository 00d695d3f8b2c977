"""The container engine and compose."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.ports.basics import Report


class ImageState(msgspec.Struct, frozen=True):
    """An image on the engine."""

    id: str
    """``sha256:…``, the image's own id."""
    digests: tuple[str, ...] = ()
    """``name@sha256:…`` for each registry it came from."""
    version: str | None = None
    """The label ``org.opencontainers.image.version``."""


class RemoteImage(msgspec.Struct, frozen=True):
    """An image in a registry, seen without pulling it."""

    digest: str
    here: bool
    """Whether it exists for this machine's platform."""
    size: int | None = None
    """Bytes to download, when the registry says."""


class ContainerState(msgspec.Struct, frozen=True):
    """What a container is doing at one moment."""

    name: str
    image: str
    """The id of the image that it runs."""
    reference: str
    """The image as its configuration names it."""
    running: bool
    status: str
    """The engine's word: ``running``, ``restarting``, ``exited``."""
    health: str | None = None
    """``healthy``, ``unhealthy``, ``starting``; ``None`` when the image declares no health check."""
    restarts: int = 0
    exit_code: int = 0
    labels: Mapping[str, str] = {}


class ComposeService(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="runner", tag="compose"):
    """One service of a compose project, with all that is needed to recreate just that."""

    service: str
    project: str
    files: tuple[Path, ...]
    directory: Path
    """The project directory."""
    profiles: tuple[str, ...] = ()
    env_files: tuple[Path, ...] = ()


class Containers(Protocol):
    """The engine and compose."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that compose gets from its process; they win over ``.env``."""

    async def find(self, file: Path, service: str) -> tuple[ComposeService, ContainerState | None]:
        """The project that a compose file's service runs in, read from its container's labels."""

    async def container(self, which: ComposeService) -> ContainerState | None: ...

    async def named(self, container: str) -> ContainerState | None: ...

    async def image(self, reference: str) -> ImageState | None:
        """An image that is on the engine, by id or reference."""

    async def data_root(self) -> Path:
        """The directory in which the engine keeps its images: often another disk than the system's."""

    async def tags(self, repository: str) -> Sequence[str]:
        """The references under that repository on the engine, newest image first."""

    async def remote(self, reference: str) -> RemoteImage:
        """Ask the registry.  ``EffectError`` says missing, not ready or unreachable."""

    async def pull(self, reference: str, digest: str, report: Report) -> None:
        """Have exactly ``digest`` on the engine, under ``reference``."""

    async def tag(self, image: str, reference: str) -> None: ...

    async def untag(self, reference: str) -> None: ...

    async def up(self, which: ComposeService, image: str | None, report: Report) -> None:
        """Recreate only that service as its files say; afterwards it must run ``image`` (an id) when that is given."""

    async def stop(self, which: ComposeService) -> None: ...

    async def configured(self, which: ComposeService) -> str:
        """The image reference that the files now give to the service, as compose itself resolves it."""

    async def last_log(self, which: ComposeService, lines: int) -> Sequence[str]: ...
