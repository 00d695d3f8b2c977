"""A Python app: release directories beside each other, and the install path as a link to the one in use.

``/opt/app`` leads to ``/opt/app.releases/1.1.0/``.  Everything slow happens in the new directory while the old release
runs; the switch itself is stop, carry over what changed meanwhile, move the link, start.
"""

from pathlib import Path

import msgspec

from dunebugger_updater.kinds.base import (
    Installed,
    backups,
    safe_name,
)
from dunebugger_updater.model.service import OwnProcess, Service, SystemdUnit
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.ports import Device, EffectError, TreeSize
from dunebugger_updater.steps.releases import version_of

ORIGINAL = "original"
"""What an adopted directory is called that does not say its version."""


class Place(msgspec.Struct, frozen=True):
    """How an app lies on the disk now."""

    install_path: Path
    live: Path | None
    """The directory in use; ``None`` when there is none."""
    plain: bool
    """A directory of the owner's, not yet a link of ours."""
    version: str | None = None
    """What is installed, where it says so."""
    releases: tuple[tuple[str, float], ...] = ()
    """Names in the releases directory with their age in seconds."""
    leftovers: tuple[str, ...] = ()
    size: TreeSize = TreeSize(0, 0)
    """Of the directory in use, without its virtual environment."""
    venv: int = 0
    """Bytes of its virtual environment."""
    backups: tuple[str, ...] = ()

    @property
    def home(self) -> Path:
        """Where the releases lie."""
        return releases_of(self.install_path)

    def fresh(self, version: str) -> Path:
        """A directory for ``version`` that is nobody's yet: a kept release keeps its data."""
        name, taken = safe_name(version), {name for name, _ in self.releases}
        names = (name, *(f"{name}~{number}" for number in range(2, len(taken) + 3)))
        return self.home / next(each for each in names if each not in taken)


def releases_of(install_path: Path) -> Path:
    """Where the releases of an app lie."""
    return install_path.with_name(f"{install_path.name}.releases")


def install_path(component: Component) -> Path:
    """The app's place.  The configuration has made sure that there is one."""
    if component.install_path is None:
        raise EffectError(
            f"cannot tell where {component.name} is installed: set installPath in [Component {component.name}]"
        )
    return component.install_path


def service(component: Component, updater: Updater) -> Service:
    """What runs the app."""
    if component.runner == "systemd":
        return SystemdUnit(component.unit)
    path, run = install_path(component), updater.state_path / "processes"
    argv = tuple(word.replace("{install_path}", str(path)) for word in component.command)
    name = component.name
    return OwnProcess(name, argv, directory=path, pid_file=run / f"{name}.pid", log_file=run / f"{name}.log")


async def installed(component: Component, device: Device) -> Installed:
    """Answer the version in use: from ``VERSION``, package metadata, or the name of the release directory (DB-090)."""
    path = install_path(component)
    if not await device.files.exists(path):
        return Installed(present=False)
    if (version := await device.files.read(path / "VERSION", 4096)) is not None and (text := _one_line(version)):
        return Installed(text, detail=f"read from {path / 'VERSION'}")
    metadata = await device.files.read(path / "pyproject.toml", 262_144)
    if metadata is not None and (found := _project_version(metadata)):
        return Installed(found, detail=f"read from {path / 'pyproject.toml'}")
    target = await device.files.link_target(path)
    if target is not None and target.parent == releases_of(path):
        name = version_of(target)
        return Installed(None if name == ORIGINAL else name, detail=f"the name of {target}")
    return Installed(detail=f"{path} does not say which version it is")


async def kept(component: Component, device: Device) -> tuple[str, ...]:
    """Answer the versions of the release directories that are not in use."""
    path = install_path(component)
    target = await device.files.link_target(path)
    names = await device.files.listing(releases_of(path))
    others = [name for name in names if name[0] != "." and (target is None or name != target.name)]
    return tuple(sorted({version_of(Path(name)) for name in others} - {ORIGINAL}))


async def look(component: Component, updater: Updater, device: Device) -> Place:
    """Read how the app lies on the disk."""
    path = install_path(component)
    target = await device.files.link_target(path)
    plain = target is None and await device.files.is_directory(path)
    if target is not None and not await device.files.is_directory(target):
        target = None
    live = path if plain else target
    home = releases_of(path)
    names = await device.files.listing(home)
    directory, prefix = backups(updater, component.name)
    whole = await device.files.size(live) if live else TreeSize(0, 0)
    venv = await device.files.size(live / ".venv") if live else TreeSize(0, 0)
    return Place(
        install_path=path,
        live=live,
        plain=plain,
        version=(await installed(component, device)).version,
        releases=tuple([(name, await device.files.age(home / name) or 0.0) for name in names if name[0] != "."]),
        leftovers=tuple(name for name in names if name[0] == "." and name.endswith((".unpacking", ".removing"))),
        size=TreeSize(whole.bytes - venv.bytes, whole.files - venv.files),
        venv=venv.bytes,
        backups=tuple(name for name in await device.files.listing(directory) if name.startswith(prefix)),
    )


def _one_line(content: bytes) -> str | None:
    text = content.decode(errors="replace").strip()
    return text if 0 < len(text) <= 100 and text.isprintable() else None  # noqa: PLR2004  (longer is no version)


def _project_version(content: bytes) -> str | None:
    import tomllib  # noqa: PLC0415  (only apps without a VERSION file need it)

    try:
        project = tomllib.loads(content.decode()).get("project", {})
    except ValueError:
        return None
    version = project.get("version") if isinstance(project, dict) else None
    return version if isinstance(version, str) and _one_line(version.encode()) else None
