"""An owner's compose project, and our command line as that owner calls it.

The project is DuneBugger's as it stands: one file with a service of ours and a neighbour that is none of our business,
``network_mode: host``, secrets in ``.env``, comments in the owner's language.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from device.bed import place, program
from device.bed.compose import Compose
from device.bed.engine import Engine
from device.bed.images import Images
from device.bed.shop import Shop

from dunebugger_updater.effects import journal
from dunebugger_updater.story import Told

Json: TypeAlias = dict[str, Any]

LIMIT = 120.0
"""Seconds that one command may take."""
OWNER = 1000
"""The user and group that the project's files belong to."""
SECRET = "così-segreto-42"
ENV = f"# segreti — non toccare\nTOKEN={SECRET}\nREMOTE_TAG=1.0.0  # dall'installatore\n"
FILE = """\
version: '3.8'
# Presepe di Milano — così com'è ⛄
services:

  nats-server:   # il vicino: non è nostro
    image: "{neighbour}:latest"
    container_name: {name}-nats
    network_mode: none
  remote:
    # l'immagine   ↓   con la sua etichetta
    image: {image}   # nostra
    container_name: {name}
    restart: unless-stopped
    network_mode: host
    env_file: .env
    environment: {{PORT: "{port}"}}
    volumes:
      - /proc:/host/proc:ro
      - ./data:/data
"""
CONF = """\
[Updater]
statePath = {state}
backupPath = {backups}
githubApiUrl = {github}

[Component {name}]
type = container
repository = {repository}
composePath = {file}
service = remote
image = {image}
imageTag = {{version}}
healthUrl = http://127.0.0.1:{port}/health
"""
MANIFEST = """\
version: "{version}"
component_type: container
description: how long this release may take to become well
post_update_checks:
  - type: health_endpoint
    description: it answers
    url: http://127.0.0.1:{port}/health
    timeout_seconds: {limit}
"""
_numbers = count(1)


class Stack:
    """``root`` holds the project, our configuration and our state."""

    def __init__(self, root: Path, engine: Engine, images: Images, compose: Compose, shop: Shop) -> None:
        self.engine, self.images, self.compose, self.shop = engine, images, compose, shop
        self.name = f"story-{os.getpid()}-{next(_numbers)}"
        self.folder, self.state, self.backups = root / "presepe", root / "state", root / "backups"
        self.file, self.env_file = self.folder / "docker-compose.yml", self.folder / ".env"
        self.conf = root / "dunebugger.conf"
        self.repository = f"dunebugger/{self.name}"
        self.more: dict[str, str] = {}
        """Variables that commands get besides the usual ones."""
        self._root = root
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = int(server.getsockname()[1])

    # --- the owner's doing ---

    def lay_out(self, image: str, *, well: bool = True) -> None:
        """Write the owner's files, with ``{app}`` in ``image`` for the name of ours, and start everything."""
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "data/angels.txt").write_text("tre angeli\n")
        image = image.format(app=self.images.app)
        values = {"image": image, "neighbour": self.images.neighbour, "name": self.name, "port": self.port}
        self.file.write_text(FILE.format(**values))
        self.env_file.write_text(ENV)
        for file, mode in ((self.file, 0o644), (self.env_file, 0o600)):
            file.chmod(mode)
            shutil.chown(file, OWNER, OWNER)
        ours = {"state": self.state, "backups": self.backups, "github": self.shop.url, "file": self.file}
        ours |= {"name": self.name, "repository": self.repository, "image": self.images.app, "port": str(self.port)}
        self.conf.write_text(CONF.format(**ours))
        self.owner("up", "-d")
        if well:
            self.wait_until_well()

    def owner(self, *words: str) -> None:
        done = self.compose(self.folder, "-p", self.name, *words)
        assert done.returncode == 0, done.stderr

    def offer(self, *versions: str, limit: int = 20) -> None:
        """Release these.  Each says that it is well within ``limit`` seconds, or never."""
        told = {
            f"v{version}": {
                "update-manifest.yaml": MANIFEST.format(version=version, port=self.port, limit=limit).encode()
            }
            for version in versions
        }
        self.shop.offer(self.repository, told)

    def close(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired, FileNotFoundError):
            self.compose(self.folder, "-p", self.name, "down", "-t", "1")
        for container in (self.name, f"{self.name}-nats"):
            place.run(["docker", "rm", "-f", "-v", container])
        self.engine.remove_images_of(self.kept)

    # --- our program ---

    @property
    def environment(self) -> Mapping[str, str]:
        # Without the bed's own Docker configuration there is no plugin, and version 1 is found.
        usual = dict(self.compose.environment)
        if self.compose.words == ("docker-compose",):
            usual.pop("DOCKER_CONFIG", None)
        return usual | self.more

    def launch(self, *words: str) -> subprocess.Popen[bytes]:
        """Start the updater in a process group of its own."""
        log = self._root / f"said-{words[0]}"
        with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as err:
            argv = [*program.on_this_machine(), "--config", str(self.conf), *words]
            return subprocess.Popen(
                argv, stdout=out, stderr=err, cwd=place.CHECKOUT, env=self.environment, start_new_session=True
            )

    def call(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        started = self.launch(*words)
        try:
            code = started.wait(LIMIT)
        finally:
            self.kill(started)
        log = self._root / f"said-{words[0]}"
        return code, log.with_suffix(".out").read_text(), log.with_suffix(".err").read_text()

    def kill(self, updater: subprocess.Popen[bytes]) -> None:
        """SIGKILL for it and its process group."""
        if updater.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(updater.pid, signal.SIGKILL)
            updater.wait(LIMIT)

    def answer(self, *words: str, status: int = 0) -> Any:
        """What ``--json`` says; fails when the exit status is another one."""
        code, out, err = self.call(*words, "--json")
        assert code == status, f"{words}: exit status {code}\n{out}\n{err}"
        return json.loads(out)

    def update(self, *words: str, status: int = 0) -> Json:
        told: Json = self.answer("update", self.name, "--yes", *words, status=status)
        return told

    def rollback(self, *words: str, status: int = 0) -> Json:
        told: Json = self.answer("rollback", self.name, "--yes", *words, status=status)
        return told

    def component(self, *words: str, status: int = 0) -> Json:
        told: Json = self.answer("check", *words, status=status)["components"][self.name]
        return told

    # --- what is true ---

    @property
    def kept(self) -> str:
        """How our names for its former images begin."""
        return f"dunebugger-updater/kept/{self.name}:"

    @property
    def image(self) -> str:
        """The id of the image that runs."""
        return self.engine.look(self.name, "{{.Image}}")

    @property
    def version(self) -> str:
        """What the image that runs says of itself."""
        return self.engine.look(self.name, '{{index .Config.Labels "org.opencontainers.image.version"}}')

    @property
    def well(self) -> bool:
        return self.engine.look(self.name, "{{.State.Status}} {{.State.Health.Status}}") == "running healthy"

    def wait_until_well(self) -> None:
        place.wait_for(lambda: self.well, 30, f"{self.name} is not well")

    def container(self, name: str = "") -> str:
        """The id of a container of the project; ours by default."""
        return self.engine.look(f"{self.name}{name}", "{{.Id}}")

    @property
    def data(self) -> str:
        return (self.folder / "data/angels.txt").read_text()

    @property
    def files(self) -> dict[str, tuple[bytes, int, int, int]]:
        """Content, mode and owner of everything in the project's folder."""
        found = {}
        for file in (path for path in self.folder.rglob("*") if path.is_file()):
            told = file.stat()
            found[file.name] = (file.read_bytes(), told.st_mode & 0o777, told.st_uid, told.st_gid)
        return found

    def journals(self) -> list[Path]:
        return sorted((self.state / "runs").glob("*.jsonl"))

    def told(self, run: Path) -> tuple[Told, ...]:
        return tuple(journal.read(run))


@contextmanager
def stack(root: Path, engine: Engine, images: Images, compose: Compose, shop: Shop) -> Iterator[Stack]:
    """A project with nothing in it yet; everything of it is thrown away afterwards."""
    made = Stack(root, engine, images, compose, shop)
    try:
        yield made
    finally:
        made.close()
