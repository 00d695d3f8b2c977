"""A registry of the session's own: Debian's docker-registry on a free loopback port, over a copy of the stored images.

Each session has its own because tests stop it and move its tags.  The engine trusts loopback addresses without TLS.
"""

import http.client
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from device.bed import place

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def own_folder() -> Path:
    """Where this session's registry keeps everything."""
    return place.cache() / "registries" / place.token()


def clear_left_overs(forget: Callable[[str], None]) -> None:
    """Drop the registries of sessions that are no more; ``forget`` is given the start of their images' names."""
    for folder in own_folder().parent.glob("*"):
        if not place.alive(folder.name):
            if (folder / "address").exists():
                forget((folder / "address").read_text() + "/")
            shutil.rmtree(folder, ignore_errors=True)


class Registry:
    """A registry that a test can stop, start, ask and change."""

    def __init__(self, folder: Path, contents: Path | None = None) -> None:
        """Keep everything in ``folder``; begin with a copy of ``contents``, the storage of another registry."""
        if shutil.which("docker-registry") is None:
            raise place.MissingError("cannot find the program docker-registry: install it")
        self.folder = folder
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        if contents is not None:
            shutil.copytree(contents, folder / "storage")
        (folder / "address").write_text(self.address)
        (folder / "registry.yml").write_text(
            "version: 0.1\nlog: {level: warn}\n"
            f"storage:\n  filesystem: {{rootdirectory: {folder / 'storage'}}}\n  delete: {{enabled: true}}\n"
            f"http: {{addr: {self.address}}}\n"
        )
        self._process: place.Process | None = None
        self.start()

    def start(self) -> None:
        """Serve, on the same port as ever; nothing when it already does."""
        if self._process is None:
            self._process = place.Process("registry", ["docker-registry", "serve", self.folder / "registry.yml"])
            place.wait_for(self.answers, 20, f"the registry on {self.address} does not answer")

    def stop(self) -> None:
        """Refuse connections from now on; what is stored stays."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def close(self) -> None:
        """Stop, and forget everything stored."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        try:
            return self._ask("GET", "/v2/")[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def reference(self, name: str, tag: str) -> str:
        """What to write into a compose file, e.g. ``127.0.0.1:43211/dunebugger/app:1.0.0``."""
        return f"{self.address}/{name}:{tag}"

    def digest(self, name: str, tag: str) -> str | None:
        """The digest behind a tag; ``None`` when there is no such tag."""
        status, headers, _ = self._ask("HEAD", f"/v2/{name}/manifests/{quote(tag)}", {"Accept": MANIFEST})
        return headers["docker-content-digest"] if status == http.HTTPStatus.OK else None

    def move_tag(self, name: str, tag: str, to: str) -> None:
        """Make ``tag`` mean what the tag ``to`` means, as a publisher who pushes again does."""
        status, _, manifest = self._ask("GET", f"/v2/{name}/manifests/{quote(to)}", {"Accept": MANIFEST})
        if status == http.HTTPStatus.OK:
            path = f"/v2/{name}/manifests/{quote(tag)}"
            status = self._ask("PUT", path, {"Content-Type": MANIFEST}, manifest)[0]
        if status != http.HTTPStatus.CREATED:
            raise place.MissingError(f"cannot move tag {name}:{tag} to {to}: the registry answered {status}")

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
