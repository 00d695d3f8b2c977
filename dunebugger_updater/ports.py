"""The world, as steps and checks see it: protocols only.  What implements them is in ``effects/``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.model.release import Catalogue
from dunebugger_updater.model.service import Service, ServiceState


class EffectError(Exception):
    """The world said no.  The text is one sentence for a person: lower case, what and where, "cannot …"."""


class Report(Protocol):
    """Where a step tells how far it is.  Telling must never block or fail."""

    def __call__(self, message: str, done: float | None = None) -> None:
        """``message`` is one line; ``done`` is a share from 0 to 1 when it is known."""


class Clock(Protocol):
    """Time.  Wall time for people and schedules, ``up`` for durations and limits."""

    def now(self) -> datetime:
        """Wall time, in UTC."""

    def up(self) -> float:
        """Seconds since boot, sleep included.  Never jumps."""

    async def sleep(self, seconds: float) -> None: ...

    def trusted(self) -> str | None:
        """``None`` when the wall clock can be believed, else the reason why not."""


class Services(Protocol):
    """Units and processes, as far as an update needs them.  All of it is safe to repeat."""

    async def state(self, service: Service) -> ServiceState: ...

    async def start(self, service: Service) -> None:
        """Return once the runner says that it started; that is not yet "healthy"."""

    async def stop(self, service: Service) -> None:
        """Return once no process of it is left."""

    async def interrupted(self, service: Service) -> bool:
        """Whether it ran, nobody stopped it, and nobody else will start it again: what a power cut leaves."""

    async def last_log(self, service: Service, lines: int) -> Sequence[str]: ...


class Answer(msgspec.Struct, frozen=True):
    """What a health probe heard."""

    status: int
    body: str
    """At most the first 64 KiB."""


class Web(Protocol):
    """HTTP, as far as an update needs it."""

    async def probe(self, url: str, limit: float) -> Answer:
        """GET ``url``, following no redirect.  ``EffectError`` when nobody answers in ``limit`` seconds."""

    async def download(self, url: str, to: Path, *, size: int | None, limit: int, report: Report) -> str:
        """Fetch ``url`` into ``to`` (resuming what is there), flushed to disk, and answer its sha256 in hex.

        ``size`` is what it should come to, in bytes; never more than ``limit`` bytes are read.
        """


class Releases(Protocol):
    """Where releases are published."""

    async def catalogue(self, repository: str, source: str, pinned_id: int | None) -> Catalogue:
        """Everything on offer.  ``source`` is ``releases`` or ``tags``; an id other than ``pinned_id`` is refused."""

    async def read_asset(self, url: str, limit: int) -> bytes:
        """A small file of a release; more than ``limit`` bytes is an ``EffectError``."""

    async def manifest(self, repository: str, tag: str, commit: str | None) -> bytes | None:
        """``update-manifest.yaml`` from the repository at that release's commit; ``None`` when it has none."""


class TreeSize(msgspec.Struct, frozen=True):
    """How much a directory holds."""

    bytes: int
    files: int


class Carried(msgspec.Struct, frozen=True):
    """What carrying local data over did, in relative paths."""

    kept: tuple[str, ...] = ()
    """Shipped files that the owner had edited: theirs stayed, the new one lies beside it as ``NAME.new``."""
    copied: int = 0


class Files(Protocol):
    """The disk.  Every write lands whole or not at all, and is on the disk when the call returns."""

    async def exists(self, path: Path) -> bool:
        """True for a dangling link too: something has that name."""

    async def is_directory(self, path: Path) -> bool:
        """A real directory, not a link to one."""

    async def read(self, path: Path, limit: int = 1_048_576) -> bytes | None:
        """``None`` when there is no such file.  More than ``limit`` bytes is an ``EffectError``."""

    async def write(self, path: Path, content: bytes) -> None:
        """Replace the file in one instant, keeping owner and mode when it was there (else 0644)."""

    async def rename(self, source: Path, target: Path) -> None:
        """Give a finished file its name, in one instant."""

    async def copy(self, source: Path, target: Path) -> None:
        """Copy one file with owner, mode and times, under its name only when whole."""

    async def link_target(self, link: Path) -> Path | None:
        """Where a symbolic link leads, absolute; ``None`` when it is none."""

    async def point_link(self, link: Path, target: Path) -> None:
        """Make ``link`` lead to ``target`` in one instant."""

    async def swap(self, directory: Path, keep_as: Path) -> None:
        """In one instant: the directory is called ``keep_as`` and its old name is a link to it."""

    async def unswap(self, directory: Path, kept_as: Path) -> None:
        """The mirror of ``swap``."""

    async def remove(self, path: Path) -> None:
        """Remove a file, a link (not what it leads to) or a whole tree; gone already is fine."""

    async def listing(self, directory: Path) -> Sequence[str]:
        """Sorted names in it; empty when there is no such directory."""

    async def size(self, path: Path) -> TreeSize: ...

    async def free(self, path: Path) -> tuple[str, int]:
        """The file system that ``path`` is or will be on (an opaque name), and the bytes free there for us."""

    async def age(self, path: Path) -> float | None:
        """Seconds since it was last modified; ``None`` when it is not there."""

    async def checksum(self, path: Path) -> str | None:
        """sha256 in hex, ``None`` when it is not there."""

    async def unpack(self, archive: Path, into: Path, *, owner_like: Path | None, report: Report) -> None:
        """Unpack a release archive so that ``into`` exists only when it is complete and on the disk.

        Refuses the whole archive for anything but plain files and directories.  ``owner_like``: give it that owner.
        """

    async def archive(self, directory: Path, to: Path, report: Report) -> None:
        """A tar.gz of the directory without its virtual environment, readable only by its owner."""

    async def carry_over(self, old: Path, new: Path, *, preserve: Sequence[str], report: Report) -> Carried:
        """Bring what the owner and the app changed in ``old`` into ``new``.  Safe to repeat, and quick then."""


class Python(Protocol):
    """Virtual environments."""

    async def build(self, release: Path, requirements: str | None, *, limit: float, report: Report) -> None:
        """Make ``release/.venv`` complete: from wheels shipped in the release, else from the index."""

    async def complete(self, release: Path) -> bool: ...

    async def run(self, release: Path, script: str, *, limit: float, report: Report) -> None:
        """Run a Python file of the release with its environment, as the release's owner."""


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


@dataclass(frozen=True, slots=True)
class Device:
    """One machine's ports, held together so that a step or a check needs one argument."""

    clock: Clock
    files: Files
    services: Services
    web: Web
    python: Python
    containers: Containers
    report: Report
