"""A whole device in memory, with a plug that can be pulled at any instant.

It has a disk, services, an engine and a registry that behave; tests say what *is* on it afterwards.  ``budget`` counts
the instants left until something happens: the power goes, or the disk says no.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from doubles.clock import Clock
from doubles.debian import Debian
from doubles.itself import Itself

from dunebugger_updater.engine import JournalError
from dunebugger_updater.model.compose_file import ProjectText, image_of
from dunebugger_updater.model.service import OwnProcess, Service, ServiceState, UnitState
from dunebugger_updater.ports import (
    Answer,
    Carried,
    ComposeService,
    ContainerState,
    Device,
    EffectError,
    ImageState,
    RemoteImage,
    Report,
    TreeSize,
)
from dunebugger_updater.run import AnyEvent

Fault = Literal["kill", "EIO", "ENOSPC"]
WORDS = {"EIO": "input/output error", "ENOSPC": "no space left on device"}
DATA = "data.db"


class PowerLossError(BaseException):
    """Nothing runs any more.  No ``except Exception`` sees it, as nothing would."""


@dataclass
class Power:
    """What goes wrong, and after how many instants."""

    budget: int | None = None
    fault: Fault = "kill"
    spent: int = 0
    places: list[str] = field(default_factory=list)

    def instant(self, place: str) -> None:
        """Pass one instant at which the world may end."""
        self.spent += 1
        self.places.append(place)
        if self.budget is None:
            return
        if self.budget == 0:
            self.budget = None
            if self.fault == "kill":
                raise PowerLossError
            if place == "journal":
                raise JournalError(WORDS[self.fault])
            raise EffectError(f"cannot {place}: {WORDS[self.fault]}")
        self.budget -= 1


class Journal:
    """The journal: what it took before the power went is what a restart reads."""

    def __init__(self, power: Power) -> None:
        self.power = power
        self.told: list[AnyEvent] = []

    async def write(self, event: AnyEvent) -> None:
        self.power.instant("journal")
        self.told.append(event)
        self.power.instant("journal")


class Disk:
    """Files (bytes), links (a path) and directories (``None``), by their path."""

    def __init__(self, power: Power) -> None:
        self.power = power
        self.nodes: dict[Path, bytes | Path | None] = {}
        self.archives: dict[bytes, dict[str, bytes]] = {}
        self.room = 10**12

    def real(self, path: Path) -> Path:
        """``path`` with every link followed."""
        here = Path("/")
        for part in path.parts[1:]:
            here /= part
            hops = 0
            while isinstance(target := self.nodes.get(here), Path):
                hops += 1
                if hops > 5:
                    return Path("/dangling")
                here = target
        return here

    def at(self, path: Path) -> bytes | Path | None:
        return self.nodes.get(self.real(path.parent) / path.name)

    def put(self, path: Path, content: bytes | Path | None = None) -> None:
        where = self.real(path.parent) / path.name
        for parent in where.parents:
            self.nodes.setdefault(parent, None)
        self.nodes[where] = content

    def tree(self, path: Path) -> dict[str, bytes]:
        root = self.real(path)
        return {
            str(each.relative_to(root)): content
            for each, content in self.nodes.items()
            if isinstance(content, bytes) and each.is_relative_to(root)
        }

    def drop(self, path: Path) -> None:
        where = self.real(path.parent) / path.name
        for each in [each for each in self.nodes if each.is_relative_to(where)]:
            del self.nodes[each]

    def move(self, source: Path, target: Path) -> None:
        for each in sorted(each for each in self.nodes if each.is_relative_to(source)):
            self.nodes[target / each.relative_to(source)] = self.nodes.pop(each)

    async def exists(self, path: Path) -> bool:
        return self.real(path.parent) / path.name in self.nodes

    async def is_directory(self, path: Path) -> bool:
        where = self.real(path.parent) / path.name
        return where in self.nodes and self.nodes[where] is None

    async def read(self, path: Path, limit: int = 1_048_576) -> bytes | None:
        content = self.nodes.get(self.real(path))
        return content if isinstance(content, bytes) else None

    async def write(self, path: Path, content: bytes) -> None:
        self.power.instant(f"write {path}")
        self.put(path, content)
        self.power.instant(f"write {path}")

    async def rename(self, source: Path, target: Path) -> None:
        self.power.instant(f"rename {source}")
        self.put(target, self.nodes.pop(self.real(source)))
        self.power.instant(f"rename {source}")

    async def copy(self, source: Path, target: Path) -> None:
        content = await self.read(source)
        if content is None:
            raise EffectError(f"cannot copy {source}: no such file")
        await self.write(target, content)

    async def link_target(self, link: Path) -> Path | None:
        target = self.at(link)
        return target if isinstance(target, Path) else None

    async def point_link(self, link: Path, target: Path) -> None:
        self.power.instant(f"point {link}")
        self.put(link, target)
        self.power.instant(f"point {link}")

    async def swap(self, directory: Path, keep_as: Path) -> None:
        self.power.instant(f"swap {directory}")
        if await self.is_directory(directory):
            self.put(keep_as.parent)
            self.move(directory, keep_as)
            self.put(directory, keep_as)
        self.power.instant(f"swap {directory}")

    async def unswap(self, directory: Path, kept_as: Path) -> None:
        self.power.instant(f"unswap {directory}")
        if not await self.is_directory(directory):
            self.nodes.pop(directory, None)
            self.move(kept_as, directory)
        self.power.instant(f"unswap {directory}")

    async def remove(self, path: Path) -> None:
        self.power.instant(f"remove {path}")
        where = self.real(path.parent) / path.name
        if self.nodes.get(where, b"") is None and path.suffix != ".removing":
            aside = path.with_name(f".{path.name}.removing")
            self.drop(aside)
            self.move(where, aside)
            self.power.instant(f"remove {path}")
            self.drop(aside)
        self.drop(path.with_name(f".{path.name}.removing"))
        self.drop(path)
        self.power.instant(f"remove {path}")

    async def listing(self, directory: Path) -> Sequence[str]:
        root = self.real(directory)
        return sorted({each.relative_to(root).parts[0] for each in self.nodes if root in each.parents})

    async def size(self, path: Path) -> TreeSize:
        files = self.tree(path)
        return TreeSize(sum(map(len, files.values())), len(files))

    async def free(self, path: Path) -> tuple[str, int]:
        return "disk", self.room

    async def age(self, path: Path) -> float | None:
        return 3600.0 if await self.exists(path) else None

    async def checksum(self, path: Path) -> str | None:
        content = await self.read(path)
        return None if content is None else hashlib.sha256(content).hexdigest()

    async def unpack(self, archive: Path, into: Path, *, owner_like: Path | None, report: Report) -> None:
        content = await self.read(archive)
        if content is None:
            raise EffectError(f"cannot unpack {archive}: no such file")
        staging = into.with_name(f".{into.name}.unpacking")
        self.drop(staging)
        try:
            self.power.instant(f"unpack {into}")
            for name, each in self.archives[content].items():
                self.put(staging / name, each)
                self.power.instant(f"unpack {into}")
        except EffectError:
            self.drop(staging)
            raise
        self.move(staging, into)
        self.power.instant(f"unpack {into}")

    async def archive(self, directory: Path, to: Path, report: Report) -> None:
        self.power.instant(f"archive {directory}")
        self.put(to, repr(sorted(self.tree(directory).items())).encode())
        self.power.instant(f"archive {directory}")

    async def carry_over(self, old: Path, new: Path, *, preserve: Sequence[str], report: Report) -> Carried:
        for name, content in self.tree(old).items():
            if name.split("/")[0] in {"VERSION", "app.py", ".venv"}:
                continue
            self.power.instant(f"carry {name}")
            self.put(new / name, content[: len(content) // 2])  # a copy is not one instant either
            self.power.instant(f"carry {name}")
            self.put(new / name, content)
        self.power.instant(f"carry into {new}")
        return Carried()


class Runners:
    """Services that run whatever the install path leads to when they start."""

    def __init__(self, power: Power, disk: Disk, broken: set[str]) -> None:
        self.power, self.disk, self.broken = power, disk, broken
        self.running: dict[str, Path] = {}
        self.enabled: dict[str, Path] = {}
        """Units that somebody else starts at boot, with the path that they run from."""
        self.failed: set[str] = set()
        self.wrote: list[str] = []
        self.home: dict[str, Path] = {}
        self.no_longer_run: Callable[[], Sequence[str]] = tuple
        """Units that do not run with the packages as they are."""

    def _launch(self, label: str, directory: Path) -> None:
        where = self.disk.real(directory)
        version = self.disk.tree(where).get("VERSION", b"").decode()
        if self.disk.nodes.get(where, b"") is not None or version in self.broken or label in self.no_longer_run():
            self.failed.add(label)
            return
        self.failed.discard(label)
        self.running[label] = where
        data = self.disk.tree(where).get(DATA, b"")
        mark = f"{version or '?'}#{len(self.wrote)};"
        self.wrote.append(mark)
        self.disk.put(where / DATA, data + mark.encode())

    def boot(self) -> None:
        """What systemd starts because it is enabled, and the agent because it ran when the power went."""
        self.running.clear()
        for label, path in self.enabled.items():
            self._launch(label, path)

    def strike(self, label: str) -> None:
        """It crashes, and only somebody who starts it gets it to run again."""
        if self.running.pop(label, None) is not None:
            self.failed.add(label)

    async def state(self, service: Service) -> ServiceState:
        return ServiceState(service.label in self.running, detail="failed" if service.label in self.failed else "")

    async def start(self, service: Service) -> None:
        self.power.instant(f"start {service.label}")
        if isinstance(service, OwnProcess):
            self.enabled[service.label] = service.directory
        if service.label not in self.running:
            self._launch(
                service.label, service.directory if isinstance(service, OwnProcess) else self.home[service.label]
            )
        self.power.instant(f"start {service.label}")

    async def stop(self, service: Service) -> None:
        self.power.instant(f"stop {service.label}")
        self.running.pop(service.label, None)
        if isinstance(service, OwnProcess):
            self.enabled.pop(service.label, None)
        self.failed.discard(service.label)
        self.power.instant(f"stop {service.label}")

    async def interrupted(self, service: Service) -> bool:
        return service.label in self.enabled and service.label not in self.running

    async def last_log(self, service: Service, lines: int) -> Sequence[str]:
        return (f"{service.label}: last words",)

    async def units(self) -> Mapping[str, UnitState]:
        well = {label: UnitState("running", enabled=label in self.enabled) for label in self.running}
        ill = (*self.failed, *self.no_longer_run())
        return {**well, **{label: UnitState("failed") for label in ill}}


class Web:
    """Files behind addresses; a health address answers while its service runs."""

    def __init__(self, power: Power, disk: Disk, runners: Runners) -> None:
        self.power, self.disk, self.runners = power, disk, runners
        self.files: dict[str, bytes] = {}

    async def probe(self, url: str, limit: float) -> Answer:
        if not self.runners.running:
            raise EffectError("connection refused")
        return Answer(200, "ok")

    async def download(self, url: str, to: Path, *, size: int | None, limit: int, report: Report) -> str:
        content = self.files[url]
        self.power.instant(f"download {url}")
        self.disk.put(to, content[:3])
        self.power.instant(f"download {url}")
        self.disk.put(to, content)
        self.power.instant(f"download {url}")
        return hashlib.sha256(content).hexdigest()


class Venvs:
    """Virtual environments, and migrations that must run on the data once."""

    def __init__(self, power: Power, disk: Disk) -> None:
        self.power, self.disk = power, disk
        self.unbuildable: set[str] = set()

    async def build(self, release: Path, requirements: str | None, *, limit: float, report: Report) -> None:
        self.power.instant(f"build {release}")
        self.disk.put(release / ".venv" / "half", b"")
        self.power.instant(f"build {release}")
        if release.name in self.unbuildable:
            raise EffectError("cannot install requirements.txt: no matching distribution found for nothing")
        self.disk.put(release / ".venv" / ".complete", b"")
        self.power.instant(f"build {release}")

    async def complete(self, release: Path) -> bool:
        return await self.disk.exists(release / ".venv" / ".complete")

    async def run(self, release: Path, script: str, *, limit: float, report: Report) -> None:
        self.power.instant(f"migrate {release}")
        data = self.disk.tree(release).get(DATA, b"")
        self.disk.put(release / DATA, data + b"MIGR")
        self.power.instant(f"migrate {release}")
        self.disk.put(release / DATA, data + b"MIGRATED;")
        self.power.instant(f"migrate {release}")


class Engine:
    """Images by id, names for them, one container a service, and a registry."""

    def __init__(self, power: Power, disk: Disk, broken: set[str]) -> None:
        self.power, self.disk, self.broken = power, disk, broken
        self.images: dict[str, ImageState] = {}
        self.names: dict[str, str] = {}
        self.registry: dict[str, ImageState] = {}
        self.containers: dict[str, ContainerState] = {}
        self.environment: Mapping[str, str] = {}

    async def find(self, file: Path, service: str) -> tuple[ComposeService, ContainerState | None]:
        return ComposeService(service, "world", (file,), file.parent), self.containers.get(service)

    async def container(self, which: ComposeService) -> ContainerState | None:
        return self.containers.get(which.service)

    async def named(self, container: str) -> ContainerState | None:
        return self.containers.get(container)

    async def image(self, reference: str) -> ImageState | None:
        return self.images.get(self.names.get(reference, reference))

    async def data_root(self) -> Path:
        return Path("/var/lib/docker")

    async def tags(self, repository: str) -> Sequence[str]:
        return sorted(name for name in self.names if name.rpartition(":")[0] == repository)

    async def remote(self, reference: str) -> RemoteImage:
        if reference not in self.registry:
            raise EffectError(f"cannot find {reference} in the registry")
        return RemoteImage(self.registry[reference].digests[0].partition("@")[2], here=True)

    async def pull(self, reference: str, digest: str, report: Report) -> None:
        self.power.instant(f"pull {reference}")
        image = self.registry[reference]
        self.images[image.id] = image
        self.power.instant(f"pull {reference}")
        self.names[reference] = image.id
        self.power.instant(f"pull {reference}")

    async def tag(self, image: str, reference: str) -> None:
        self.power.instant(f"tag {reference}")
        self.names[reference] = image
        self.power.instant(f"tag {reference}")

    async def untag(self, reference: str) -> None:
        self.power.instant(f"untag {reference}")
        self.names.pop(reference, None)
        self.power.instant(f"untag {reference}")

    def prune(self) -> None:
        """What an owner's ``docker image prune`` does."""
        used = {*self.names.values(), *(each.image for each in self.containers.values())}
        self.images = {key: image for key, image in self.images.items() if key in used}

    async def up(self, which: ComposeService, image: str | None, report: Report) -> None:
        self.power.instant(f"up {which.service}")
        text, env = await self.disk.read(which.files[0]), await self.disk.read(which.directory / ".env")
        project = ProjectText((text or b"").decode(), env.decode() if env else None)
        reference = image_of(project, which.service) or "?"
        found = self.images.get(self.names.get(reference, ""))
        if found is None:
            raise EffectError(f"cannot start {which.service}: no such image {reference}")
        if image is not None and found.id != image:
            raise EffectError(f"{which.service} would run {found.id}, not {image}")
        now = self.containers.get(which.service)
        if now is None or now.image != found.id or not now.running:
            self.containers.pop(which.service, None)
            self.power.instant(f"up {which.service}")
            well = found.version not in self.broken
            status = "running" if well else "exited"
            self.containers[which.service] = ContainerState(
                which.service, found.id, reference, running=well, status=status, exit_code=0 if well else 3
            )
        self.power.instant(f"up {which.service}")

    async def stop(self, which: ComposeService) -> None:
        self.containers.pop(which.service, None)

    async def configured(self, which: ComposeService) -> str:
        return "?"

    async def last_log(self, which: ComposeService, lines: int) -> Sequence[str]:
        return (f"{which.service}: last words",)


def quiet(message: str, done: float | None = None) -> None:
    """Hear how far a step is, and say nothing."""


class World:
    """The device, put together."""

    def __init__(self) -> None:
        self.power = Power()
        self.broken: set[str] = set()
        self.clock = Clock()
        self.disk = Disk(self.power)
        self.runners = Runners(self.power, self.disk, self.broken)
        self.web = Web(self.power, self.disk, self.runners)
        self.venvs = Venvs(self.power, self.disk)
        self.engine = Engine(self.power, self.disk, self.broken)
        self.debian = Debian(self.power, self.disk, self.broken)
        self.runners.no_longer_run = self.debian.broken_units
        self.debian.struck = self.runners.strike
        self.itself = Itself(self.power, self.disk, self.clock)
        self.journal = Journal(self.power)
        self.device = Device(
            clock=self.clock,
            files=self.disk,
            services=self.runners,
            web=self.web,
            python=self.venvs,
            containers=self.engine,
            packages=self.debian,
            installer=self.debian,
            itself=self.itself,
            report=quiet,
        )

    def boot(self) -> None:
        """Power is back: whatever starts by itself has started, from wherever it leads now."""
        self.power.budget = None
        self.runners.boot()
        self.engine.prune()
        self.itself.start()
