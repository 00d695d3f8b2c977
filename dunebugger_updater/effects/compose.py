"""Docker Compose, version 2 or 1, by its command line; and which project a container belongs to, by its labels."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.effects.commands import Finished, Owner, plain
from dunebugger_updater.model.compose_nodes import profiles_of, project_name_of
from dunebugger_updater.model.env_file import entries
from dunebugger_updater.ports import ComposeService, ContainerState, EffectError

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"
_FILES = "com.docker.compose.project.config_files"
_DIRECTORY = "com.docker.compose.project.working_dir"
_ENV_FILES = "com.docker.compose.project.environment_file"
_NUMBER = "com.docker.compose.container-number"

ASKING = 60
"""Seconds for a question: version 1 takes several on a small device."""
ACTING = 600
"""Seconds for an act: stopping may take as long as the service's own grace period."""


class Run(Protocol):
    """``commands.run``."""

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        limit: float,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        owner: Owner | None = None,
        hear: Callable[[str], None] | None = None,
    ) -> Finished: ...


class _Program(msgspec.Struct, frozen=True):
    words: tuple[str, ...]
    major: int


class Compose:
    """The compose of this machine: version 2 when it is there, else 1."""

    def __init__(self, run: Run, environment: Mapping[str, str]) -> None:
        self._run, self._environment = run, dict(environment)
        self._found: _Program | None = None
        self._asking = asyncio.Lock()

    async def up(self, which: ComposeService, *, force: bool, as_is: bool, hear: Callable[[str], None]) -> Finished:
        """``up`` of that one service.  ``as_is``: with the images that are here, nothing pulled or built."""
        program = await self._program()
        words = ["up", "-d", "--no-deps"]
        if force:
            words.append("--force-recreate")
        if as_is:
            words.append("--no-build")
            if program.major > 1:  # version 1 pulls only what is missing, and never asks the file whether it should
                words += ["--pull", "never"]
        return await self._do(which, *words, which.service, limit=ACTING, hear=hear)

    async def stop(self, which: ComposeService) -> Finished:
        return await self._do(which, "stop", which.service, limit=ACTING)

    async def down(self, which: ComposeService) -> Finished:
        """End and remove all that the project has, at once: containers and networks.  Its images stay."""
        return await self._do(which, "down", "-t", "0", limit=ACTING)

    async def configured(self, which: ComposeService) -> str:
        """The image reference that compose itself reads for the service."""
        done = await self._do(which, "config", limit=ASKING)
        if done.code != 0:
            raise EffectError(f"cannot read {_names(which.files)} with compose: {last_words(done)}")
        image = await asyncio.to_thread(_image_in, done.out, which.service)
        if image is None:
            raise EffectError(f"cannot find an image for {which.service} in {_names(which.files)}")
        return image

    async def _do(
        self, which: ComposeService, *words: str, limit: float, hear: Callable[[str], None] | None = None
    ) -> Finished:
        program = await self._program()
        argv = [*program.words, "-p", which.project, "--project-directory", str(which.directory)]
        for option, values in (("-f", which.files), ("--profile", which.profiles), ("--env-file", which.env_files)):
            argv += [word for value in values for word in (option, str(value))]
        environment = self._environment
        return await self._run([*argv, *words], limit=limit, environment=environment, hear=hear)

    async def _program(self) -> _Program:
        async with self._asking:
            for words in () if self._found else (("docker", "compose"), ("docker-compose",)):
                try:
                    done = await self._run([*words, "version", "--short"], limit=ASKING, environment=self._environment)
                except EffectError:
                    continue
                version = re.search(r"^v?(\d+)\.\d+", done.out, re.MULTILINE)
                if done.code == 0 and version:
                    self._found = _Program(words, int(version[1]))
                    break
            if self._found is None:
                raise EffectError("cannot find Docker Compose: neither 'docker compose' nor 'docker-compose' answers")
            return self._found


def last_words(done: Finished) -> str:
    """What compose said in the end.  Version 1 closes with a sentence that says nothing: the reason stands before."""
    lines = [plain(line).strip() for line in done.err.splitlines()]
    telling = [line for line in lines if line and not line.startswith("Encountered errors while")]
    return telling[-1].removeprefix("ERROR: ") if telling else done.last_words


def project_of(container: ContainerState) -> ComposeService | None:
    """The project that a container was made in; ``None`` when its labels do not say."""
    labels = container.labels
    if not (labels.get(PROJECT) and labels.get(SERVICE) and labels.get(_DIRECTORY) and labels.get(_FILES)):
        return None
    directory = Path(labels[_DIRECTORY])
    files = _paths(labels[_FILES], directory)
    return ComposeService(
        service=labels[SERVICE],
        project=labels[PROJECT],
        files=files,
        directory=directory,
        profiles=_profiles(files, labels[SERVICE]),
        env_files=_paths(labels.get(_ENV_FILES, ""), directory),
    )


def project_without(file: Path, service: str, environment: Mapping[str, str]) -> ComposeService:
    """The project that compose would run ``file`` in when it is called in its folder: no container tells yet."""
    text = _text(file)
    variables = entries(_text(file.parent / ".env"))
    named = environment.get("COMPOSE_PROJECT_NAME")
    if not named and "COMPOSE_PROJECT_NAME" in variables:
        named = variables["COMPOSE_PROJECT_NAME"].value
    name = named or project_name_of(text) or re.sub(r"[^-_a-z0-9]", "", file.parent.name.lower()).lstrip("-_")
    files = (file, *_overrides(file))
    return ComposeService(
        service=service,
        project=name or "default",
        files=files,
        directory=file.parent,
        profiles=_profiles(files, service),
    )


def first(containers: Sequence[ContainerState]) -> ContainerState | None:
    """The container that stands for its service: a running one, of those the first in number."""
    return min(containers, key=lambda each: (not each.running, int(each.labels.get(_NUMBER) or 1)), default=None)


def _overrides(file: Path) -> Sequence[Path]:
    """What compose adds by itself, to files with one of its own names only."""
    if file.name not in {"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}:
        return ()
    names = (f"{file.stem}.override{suffix}" for suffix in (".yml", ".yaml"))
    return [file.parent / name for name in names if (file.parent / name).is_file()][:1]


def _paths(label: str, directory: Path) -> tuple[Path, ...]:
    # Version 1 writes them as they were typed.
    return tuple(directory / name for name in label.split(",") if name)


def _profiles(files: Sequence[Path], service: str) -> tuple[str, ...]:
    """Labels do not carry profiles; those that the service itself names are what compose needs to see it."""
    found = [name for file in files for name in profiles_of(_text(file), service)]
    return tuple(dict.fromkeys(found))


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def _names(files: Sequence[Path]) -> str:
    return ", ".join(str(file) for file in files)


def _image_in(config: str, service: str) -> str | None:
    import yaml  # noqa: PLC0415  (slow to import, and only devices with containers need it)

    try:
        image = yaml.safe_load(config)["services"][service]["image"]
    except (yaml.YAMLError, KeyError, TypeError):
        return None
    return image if isinstance(image, str) else None
