""".deb files of exact versions: under which name they lie, and where a version that is replaced can still be had.

What is installed can always be packed again from its own files, so that a way back does not depend on an archive that
has forgotten the version.
"""

import asyncio
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from dunebugger_updater.effects import commands, durable
from dunebugger_updater.ports import EffectError

CACHE = Path("/var/cache/apt/archives")
"""Where apt leaves what it downloaded, unless it is told to clean up."""
ARCHITECTURES = Path("/var/lib/dpkg/arch")
_LIMIT = 900.0
"""Seconds to pack one package on a slow board."""


def pattern(name: str, version: str) -> str:
    """The name of the file, as apt spells it, with ``*`` for the architecture where it is not known."""
    package, _, architecture = name.partition(":")
    return f"{package}_{version.replace(':', '%3a')}_{architecture or '*'}.deb"


def find(directory: Path, name: str, version: str) -> Path | None:
    """The file of an exact version in a directory; without an architecture in the name, none of a foreign one."""
    if not directory.is_dir():
        return None
    foreign = set() if ":" in name else _foreign()
    files = sorted(directory.glob(pattern(name, version)))
    return next((each for each in files if each.stem.rpartition("_")[2] not in foreign), None)


def _foreign() -> set[str]:
    """The architectures besides the device's own: dpkg writes its own first, and no file where it is the only one."""
    try:
        return set(ARCHITECTURES.read_text().split()[1:])
    except OSError:
        return set()


def missing(wanted: Iterable[tuple[str, str]], directory: Path) -> list[tuple[str, str]]:
    """Those of ``wanted`` that have no file there yet."""
    return [(name, version) for name, version in wanted if find(directory, name, version) is None]


async def from_cache(name: str, version: str, directory: Path) -> bool:
    """Copy the file from apt's cache, when it is there and whole."""
    file = find(CACHE, name, version)
    if file is None or await fields(file) is None:
        return False
    await asyncio.to_thread(_copy, file, directory / file.name)
    return True


def _copy(source: Path, target: Path) -> None:
    with durable.saying(f"cannot keep {source.name} in {target.parent}"):
        half = durable.beside(target, "copying")
        shutil.copyfile(source, half)
        half.replace(target)


async def repack(name: str, version: str, directory: Path) -> None:
    """Pack what is installed into a .deb again (``dpkg-repack``)."""
    making = directory / ".packing"
    await asyncio.to_thread(_empty, making)
    try:
        done = await commands.run(("dpkg-repack", name), limit=_LIMIT, directory=making)
        packed = sorted(making.glob("*.deb"))
        told = await fields(packed[0]) if packed else None
        if done.code != 0 or told is None:
            raise EffectError(f"cannot pack {name} {version} again: {done.last_words}")
        if told[1] != version:
            raise EffectError(f"cannot pack {name} {version} again: {told[1]} is installed")
        named = pattern(f"{told[0]}:{told[2]}", version)
        with durable.saying(f"cannot keep {named} in {directory}"):
            packed[0].replace(directory / named)
    finally:
        await asyncio.to_thread(shutil.rmtree, making, True)


def _empty(folder: Path) -> None:
    with durable.saying(f"cannot write to {folder}"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)


async def fields(file: Path) -> Sequence[str] | None:
    """Package, version and architecture as the file itself says; ``None`` when it is no whole package."""
    argv = ("dpkg-deb", "--show", "--showformat=${Package}\\n${Version}\\n${Architecture}\\n", str(file))
    done = await commands.run(argv, limit=_LIMIT)
    return done.out.splitlines() if done.code == 0 and done.out.count("\n") == 3 else None  # noqa: PLR2004  (three)
