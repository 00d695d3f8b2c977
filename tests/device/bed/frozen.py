"""The program as it is shipped, built once for each state of the sources and kept in the cache."""

import hashlib
import json
import shutil
from pathlib import Path

import msgspec
import trees
from device.bed import place

BUILT_FROM = ("dunebugger_updater", "panel", "pyproject.toml")
FROZEN_BY = ("packaging/entry.py", "packaging/updater.spec", "packaging/requirements.txt")
_PARTS = "make.py debian.py trees.py versions.py deb command launch install.sh single-file.sh dunebugger.conf"
_PARTS += " dunebugger-updater.service dunebugger-updater.1 lintian-overrides"
WRAPPED_BY = tuple(f"packaging/{name}" for name in _PARTS.split())
VERSION = "1.0.0"
"""What the tests' build says it is."""
_EPOCH = 1_700_000_000
_KEPT = 6
"""Builds in the cache: each takes up to 120 MB."""


class Frozen(msgspec.Struct, frozen=True):
    """One build, in each of its forms."""

    directory: Path
    version: str
    architecture: str

    @property
    def folder(self) -> Path:
        """From which it runs."""
        return self.directory / "folder"

    @property
    def program(self) -> Path:
        """The executable in the folder."""
        return self.folder / "dunebugger-updater"

    @property
    def file(self) -> Path:
        """The single file."""
        return self.directory / f"dunebugger-updater-{self.version}-{self.architecture}"

    @property
    def artifact(self) -> Path:
        """What a self-update takes."""
        return self.file.with_name(f"{self.file.name}.tar.gz")

    @property
    def tarball(self) -> Path:
        """The archive with the installer."""
        return self.file.with_name(f"{self.file.name}-install.tar.gz")

    @property
    def deb(self) -> Path:
        """The package."""
        return self.directory / f"dunebugger-updater_{self.version}_{self.architecture}.deb"

    def folder_of(self, version: str, into: Path) -> Path:
        """Make the folder of another version, which differs only in what it says it is.  ``into`` must not be there."""
        shutil.copytree(self.folder, into)
        (into / "_internal/dunebugger_updater/VERSION").write_text(f"{version}\n")
        return into

    def artifact_of(self, folder: Path, version: str, into: Path) -> Path:
        """Pack ``folder`` into the directory ``into`` as the self-update artifact of ``version``."""
        target = into / f"dunebugger-updater-{version}-{self.architecture}.tar.gz"
        trees.archive(folder, target, top=f"dunebugger-updater-{version}", time=_EPOCH)
        return target


def built() -> Frozen:
    """Build it, unless this state of the sources was built before."""
    place.only_if_required("the frozen program is not built")
    builds = place.cache() / "frozen"
    builds.mkdir(exist_ok=True)
    with place.locked("frozen"):
        folder = builds / f"folder-{_digest(BUILT_FROM + FROZEN_BY)}"
        if not (folder / "build.json").exists():
            _build(folder, "--folder-only")
        directory = builds / f"all-{_digest(BUILT_FROM + FROZEN_BY + WRAPPED_BY)}"
        if not (directory / "build.json").exists():
            _build(directory, "--from-folder", folder / "folder")
        for old in sorted(builds.iterdir(), key=lambda each: each.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(old)
    told = json.loads((directory / "build.json").read_text())
    return Frozen(directory, told["version"], told["architecture"])


def _build(directory: Path, *words: str | Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    build = place.CHECKOUT / "packaging/build"
    place.must([build, "--output", directory, "--version", VERSION, *words], limit=540)


def _digest(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        path = place.CHECKOUT / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(place.CHECKOUT)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
