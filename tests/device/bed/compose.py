"""Both generations of Docker Compose: Debian's ``docker-compose`` (1.x) and the ``docker compose`` plugin (2.x).

Debian 12 has no 2.x.  It is one binary in the next release's package, fetched by the machine's own apt from the mirror
that this machine already uses, and kept in the bed's private Docker configuration: nothing global changes.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from device.bed import place, sources

NEXT_RELEASE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Compose:
    """One generation of compose, and the environment it must run in."""

    words: tuple[str, ...]
    version: str
    environment: Mapping[str, str] = field(default_factory=place.environment)

    def __call__(self, directory: Path, *words: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
        """Run it in the directory that holds ``docker-compose.yml``."""
        return subprocess.run(
            [*self.words, *words],
            cwd=directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
            timeout=limit,
        )


def first_generation() -> Compose:
    """Debian's docker-compose 1.x."""
    if shutil.which("docker-compose") is None:
        raise place.MissingError("cannot find the program docker-compose: install it")
    version = place.must(["docker-compose", "version", "--short"])
    if not version.startswith("1."):
        raise place.MissingError(f"cannot try compose 1.x: docker-compose here is {version}")
    return Compose(("docker-compose",), version)


def second_generation() -> Compose:
    """The plugin: the machine's own, else the next Debian release's."""
    with place.locked("compose"):
        if not _version():
            place.only_if_required("docker compose 2.x is not here")
            _fetch()
    if not (version := _version()):
        raise place.MissingError("cannot run the docker compose plugin that was fetched")
    return Compose(("docker", "compose"), version)


def _version() -> str:
    done = place.run(["docker", "compose", "version", "--short"])
    return done.stdout.strip().removeprefix("v") if done.returncode == 0 else ""


def _fetch() -> None:
    folder = place.cache() / "compose"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    source = folder / "next.sources"
    source.write_text(
        f"Types: deb\nURIs: {sources.mirror()}\nSuites: {NEXT_RELEASE}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    settings = {
        "Dir::Etc::SourceList": source,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",  # the bed's folder is no place for apt's own user
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",
    }
    apt = ["apt-get", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]
    place.must([*apt, "update", "-q"], limit=300)
    place.must([*apt, "download", "docker-compose"], limit=300, directory=folder)
    package = next(folder.glob("docker-compose_*.deb"))
    place.must(["dpkg-deb", "-x", package, folder / "unpacked"])
    plugins = place.cache() / "docker-config" / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    shutil.copy2(folder / "unpacked/usr/libexec/docker/cli-plugins/docker-compose", plugins / "docker-compose")
