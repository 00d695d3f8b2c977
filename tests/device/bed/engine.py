"""The Docker engine: the one that answers, or (as root) one that the bed starts and leaves running."""

import os
import shutil
from pathlib import Path

from device.bed import place

SOCKET = Path("/var/run/docker.sock")


class Engine:
    """A Docker engine that answers, spoken to through its command line."""

    def __init__(self) -> None:
        if not self.answers():
            place.only_if_required("no Docker engine answers")
            with place.locked("engine"):
                if not self.answers():
                    _start()
                    place.wait_for(self.answers, 60, f"dockerd does not answer: see {place.cache() / 'dockerd.log'}")
        self.version = self.docker("version", "--format", "{{.Server.Version}}")

    @staticmethod
    def answers() -> bool:
        """Whether an engine is there and says so."""
        if shutil.which("docker") is None:
            raise place.MissingError("cannot find the program docker: install docker.io")
        return place.run(["docker", "version", "--format", "{{.Server.Version}}"], limit=30).returncode == 0

    def docker(self, *words: str | Path, limit: float = 120) -> str:
        """Run a docker command that has to succeed, and answer what it printed."""
        return place.must(["docker", *words], limit=limit)

    def has_image(self, reference: str) -> bool:
        """Whether the image is on this machine, no registry asked."""
        return place.run(["docker", "image", "inspect", "--format", "{{.Id}}", reference]).returncode == 0

    def image_id(self, reference: str) -> str:
        return self.docker("image", "inspect", "--format", "{{.Id}}", reference)

    def look(self, container: str, template: str) -> str:
        """``docker inspect`` of a container, e.g. ``{{.State.Status}}``."""
        return self.docker("container", "inspect", "--format", template, container)

    def remove_images_of(self, repository: str) -> None:
        """Remove the containers of images named ``repository…``, and those names: other sessions share the images."""
        for container in self.docker("ps", "-a", "-q", "--no-trunc").splitlines():
            done = place.run(["docker", "container", "inspect", "--format", "{{.Config.Image}}", container])
            if done.stdout.startswith(repository):
                place.run(["docker", "rm", "-f", "-v", container])
        shape = "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}"
        for row in self.docker("images", "--digests", "--format", shape).splitlines():
            for name in (name for name in row.split() if name.startswith(repository) and not name.endswith("<none>")):
                place.run(["docker", "rmi", name])

    def clear_left_overs(self) -> None:
        """Remove devices and networks of test sessions that are no more."""
        mark = f'{{{{.ID}}}} {{{{.Label "{place.LABEL}"}}}}'
        rows = self.docker("ps", "-a", "--filter", f"label={place.LABEL}", "--format", mark).splitlines()
        for row in rows:
            container, _, owner = row.partition(" ")
            if not place.alive(owner):
                place.run(["docker", "rm", "-f", "-v", container])
        rows = self.docker("network", "ls", "--filter", f"label={place.LABEL}", "--format", mark).splitlines()
        for row in rows:
            network, _, owner = row.partition(" ")
            if not place.alive(owner):
                place.run(["docker", "network", "rm", network])


def _start() -> None:
    if os.geteuid() != 0:
        raise place.MissingError("cannot start a Docker engine: not root")
    if shutil.which("dockerd") is None:
        raise place.MissingError("cannot start a Docker engine: dockerd is not installed")
    for name in ("/var/run/docker.pid", "/run/docker.pid"):  # a killed engine's pid file keeps a new one from starting
        file = Path(name)
        if file.exists() and not Path(f"/proc/{file.read_text().strip()}").exists():
            file.unlink()
    place.Process("dockerd", ["dockerd", "--host", f"unix://{SOCKET}"]).leave()
