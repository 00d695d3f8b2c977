"""A Debian package as a value, and the ``.deb`` that ``dpkg-deb`` makes of it."""

import hashlib
import random
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from device.bed import place

STABLE, SECURITY, RASPBERRY = "bookworm", "bookworm-security", "rpi"
"""Code names of the archive's three suites."""


@dataclass(frozen=True)
class Filler:
    """A file that only has to be large: noise that no compressor makes smaller, or zeros."""

    size: int
    noise: str = ""
    """What the noise depends on; empty for zeros."""

    @property
    def content(self) -> bytes:
        return random.Random(self.noise).randbytes(self.size) if self.noise else bytes(self.size)


def content_of(content: str | Filler | Path) -> bytes:
    """What such a file holds."""
    match content:
        case str():
            return content.encode()
        case Filler():
            return content.content
        case _:
            return content.read_bytes()


@dataclass(frozen=True)
class Deb:
    """One version of one package."""

    name: str
    version: str
    suites: tuple[str, ...] = (STABLE,)
    """Where the archive has it."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """More lines of its control file."""
    files: Mapping[str, str | Filler | Path] = field(default_factory=dict)
    """By absolute path: text, filler, or a copy of this machine's file.  What looks like a program may be executed."""
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Shell text of ``preinst``, ``postinst``, ``prerm`` and ``postrm``, and other members of the control archive."""
    index: Mapping[str, str] = field(default_factory=dict)
    """Lines that only the archive's index has."""

    @property
    def file_name(self) -> str:
        """As in ``pool/``: no epoch, as Debian's archive has it."""
        return f"{self.name}_{self.version.partition(':')[2] or self.version}_all.deb"

    @property
    def kilobytes(self) -> int:
        """What its files need on the device, as honest packages say it."""
        return 12 + sum(len(content_of(each)) for each in self.files.values()) // 1024

    @property
    def control(self) -> str:
        lines = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": "all",
            "Maintainer": "The test bed <bed@invalid>",
            "Section": "misc",
            "Priority": "optional",
            "Installed-Size": str(self.kilobytes),
            **self.fields,
            "Description": f"test package {self.name}\n Made by the test bed.",
        }
        return "".join(f"{key}: {value}\n" for key, value in lines.items())


def made(debs: Iterable[Deb]) -> Path:
    """A folder with all of them, made when it is not there yet."""
    debs = list(debs)
    recipe = hashlib.sha256(repr(debs).encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    pool = place.cache() / f"debs-{recipe}"
    with place.locked("debs"):
        if not pool.is_dir():
            with tempfile.TemporaryDirectory(dir=place.cache()) as folder:
                making = Path(folder, "pool")
                making.mkdir()
                for number, deb in enumerate(debs):
                    _build(deb, Path(folder, str(number)), making / deb.file_name)
                making.rename(pool)
    return pool


def _build(deb: Deb, root: Path, target: Path) -> None:
    doc = {f"/usr/share/{deb.name}/VERSION": f"{deb.version}\n"}
    for path, content in {**doc, **deb.files}.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        data = content_of(content)
        file.write_bytes(data)
        file.chmod(0o755 if data.startswith((b"#!", b"\x7fELF")) else 0o644)
    about = root / "DEBIAN"
    about.mkdir()
    (about / "control").write_text(deb.control)
    for name, text in deb.scripts.items():
        script = name in {"preinst", "postinst", "prerm", "postrm", "config"}
        (about / name).write_text(f"#!/bin/sh\n{text.strip()}\n" if script else text)
        (about / name).chmod(0o755 if script else 0o644)
    for folder in [root, *(each for each in root.rglob("*") if each.is_dir())]:
        folder.chmod(0o755)
    place.must(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, target])


def paragraph(deb: Deb, pool: Path) -> str:
    """What the archive's index tells about it."""
    size, digest = _measured(pool / deb.file_name)
    told = {"Filename": f"pool/{deb.file_name}", "Size": str(size), "SHA256": digest, **deb.index}
    lines = "".join(f"{key}: {value}\n" for key, value in told.items())
    head, _, description = deb.control.partition("Description:")
    return f"{head}{lines}Description:{description}"


@cache
def _measured(file: Path) -> tuple[int, str]:
    data = file.read_bytes()
    return len(data), hashlib.sha256(data).hexdigest()
