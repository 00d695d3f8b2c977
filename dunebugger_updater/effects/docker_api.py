"""The Docker engine's API, one short conversation per question; every failure comes out as a sentence."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dunebugger_updater.effects.commands import plain
from dunebugger_updater.effects.docker_sentences import registry_sentence, silent, unreachable
from dunebugger_updater.model.image_reference import ImageName, image_name
from dunebugger_updater.ports import ContainerState, EffectError, ImageState, RemoteImage

if TYPE_CHECKING:
    import docker

SOCKET = "unix:///var/run/docker.sock"
PATIENCE = 20
"""Seconds without a sign of life: the engine answers from memory, but a small device may be busy writing."""
REGISTRY_PATIENCE = 60
"""Seconds without a sign of life when the engine asks a registry for us."""
STALL = 300
"""Seconds without progress in a pull: unpacking one large layer onto an SD card tells nothing meanwhile."""
LONGEST_LINE = 500


class EngineApi:
    """One engine.  All of it blocks: call it from a thread."""

    def __init__(self, environment: Mapping[str, str], patience: float = PATIENCE) -> None:
        self._environment = dict(environment)
        self._patience = patience
        self._host = self._environment.get("DOCKER_HOST") or SOCKET

    def containers(self, labels: Mapping[str, str]) -> Sequence[ContainerState]:
        """All containers, stopped ones too, that carry all ``labels``; the newest first."""
        with self._conversation() as client:
            filters = {"label": [f"{key}={value}" for key, value in labels.items()]}
            found = [self._inspected(client, row["Id"]) for row in client.containers(all=True, filters=filters)]
            return [state for state in found if state is not None]

    def container(self, name: str) -> ContainerState | None:
        with self._conversation() as client:
            return self._inspected(client, name)

    def image(self, reference: str) -> ImageState | None:
        with self._conversation() as client:
            return _image(client, reference)

    def data_root(self) -> str:
        """Where the engine keeps images and containers."""
        with self._conversation() as client:
            return str(client.info().get("DockerRootDir") or "/var/lib/docker")

    def tags(self, repository: str) -> Sequence[str]:
        """The references under ``repository``, those of the newest image first."""
        with self._conversation() as client:
            rows = sorted(client.images(name=repository), key=lambda row: -int(row["Created"]))
        names = (name for row in rows for name in row["RepoTags"] or ())
        return [name for name in names if name.rpartition(":")[0] == repository]

    def remote(self, reference: str) -> RemoteImage:
        """What a registry has under ``reference``, as the engine sees it: with its proxies, mirrors and logins."""
        import docker.errors  # noqa: PLC0415  (slow, and only devices with containers need it)
        import requests  # noqa: PLC0415  (slow to import)

        with self._conversation(REGISTRY_PATIENCE) as client:
            try:
                told = client.inspect_distribution(reference)  # type: ignore[no-untyped-call]  # the stubs left it out
            except docker.errors.APIError as error:
                raise EffectError(registry_sentence(reference, _explanation(error))) from None
            except requests.exceptions.Timeout:
                raise EffectError(silent(reference, REGISTRY_PATIENCE)) from None
            machine = client.version()
            kernel = client.info().get("Architecture", "") if machine["Arch"] == "arm" else ""
            platforms = told.get("Platforms") or []
            here = not platforms or any(_runs_here(each, machine["Os"], machine["Arch"], kernel) for each in platforms)
            return RemoteImage(digest=told["Descriptor"]["digest"], here=here)

    def pull(
        self, reference: str, digest: str, tell: Callable[[str, float | None], None], stopped: threading.Event
    ) -> None:
        """Have exactly ``digest`` here and call it ``reference``.  Asks nobody when it is here already.

        It is pulled by its digest and named afterwards: pulled by its tag, another image may come, and a name that
        people use would lead to it by then.
        """
        import docker.errors  # noqa: PLC0415  (slow to import)
        import requests  # noqa: PLC0415  (slow to import)

        name = image_name(reference)
        if name is None:
            raise EffectError(f"cannot pull {reference!r}: that names no image")
        exact = f"{name.repository}@{digest}"
        with self._conversation(STALL) as client:
            have = _image(client, exact)
            if have is None:
                try:
                    _follow(client.pull(name.repository, tag=digest, stream=True, decode=True), exact, tell, stopped)
                except docker.errors.APIError as error:
                    raise EffectError(registry_sentence(exact, _explanation(error))) from None
                except requests.exceptions.Timeout:
                    raise EffectError(silent(exact, STALL)) from None
                have = _image(client, exact)
            if have is None:
                raise EffectError(f"cannot pull {reference}: the engine did not keep {digest}")
            self._name(client, have.id, name)

    def tag(self, image: str, reference: str) -> None:
        name = image_name(reference)
        if name is None:
            raise EffectError(f"cannot tag an image as {reference!r}: that names no image")
        with self._conversation() as client:
            self._name(client, image, name)

    def untag(self, reference: str) -> None:
        """Take the name away, and with the last name the image.  Gone already is fine.

        The last name of an image that a container uses stays: the image would stay, but nobody could tell what it is.
        """
        import docker.errors  # noqa: PLC0415  (slow to import)

        with self._conversation(REGISTRY_PATIENCE) as client:
            try:
                client.remove_image(reference)
            except docker.errors.APIError as error:
                if error.status_code not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                    raise

    def log(self, container: str, lines: int) -> Sequence[str]:
        """The last lines of what it printed, plain text."""
        import docker.errors  # noqa: PLC0415  (slow to import)

        with self._conversation() as client:
            try:
                told = client.logs(container, stdout=True, stderr=True, tail=lines)
            except docker.errors.NotFound:
                return ()
        text = told.decode(errors="replace").replace("\r", "\n")
        kept = [plain(line).rstrip()[:LONGEST_LINE] for line in text.split("\n") if line.strip()]
        return kept[-lines:]

    @contextmanager
    def _conversation(self, patience: float | None = None) -> "Iterator[docker.APIClient]":
        import docker.errors  # noqa: PLC0415  (slow to import)
        import requests  # noqa: PLC0415  (slow to import)
        from docker.utils import kwargs_from_env  # noqa: PLC0415  (slow to import)

        limit = patience or self._patience

        class Client(docker.APIClient):
            """Never waits for ever: the library's own pull does."""

            def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
                return super().send(request, **{**settings, "timeout": limit})

        client = None
        try:
            _knock(self._host, self._patience)
            client = Client(version="auto", **kwargs_from_env(environment=self._environment))
            if folder := self._environment.get("DOCKER_CONFIG"):
                client.reload_config(f"{folder}/config.json")
            yield client
        except docker.errors.APIError as error:
            raise EffectError(f"the Docker engine refused: {_explanation(error)}") from None
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            raise EffectError(unreachable(self._host, str(error), limit)) from None
        finally:
            if client is not None:
                client.close()

    @staticmethod
    def _inspected(client: "docker.APIClient", name: str) -> ContainerState | None:
        import docker.errors  # noqa: PLC0415  (slow to import)

        try:
            told = client.inspect_container(name)
        except docker.errors.NotFound:
            return None
        state = told["State"]
        health = (state.get("Health") or {}).get("Status")
        return ContainerState(
            name=told["Name"].lstrip("/"),
            image=told["Image"],
            reference=told["Config"]["Image"],
            # While the engine waits before it starts a crashed one again, it says both "running" and "restarting".
            running=bool(state["Running"]) and not state.get("Restarting"),
            status=state["Status"],
            health=None if health in (None, "", "none") else health,
            restarts=told.get("RestartCount", 0),
            exit_code=state.get("ExitCode", 0),
            labels=told["Config"].get("Labels") or {},
        )

    @staticmethod
    def _name(client: "docker.APIClient", image: str, name: ImageName) -> None:
        if name.tag is not None or name.digest is None:
            client.tag(image, name.repository, name.tag or "latest")


def _knock(host: str, patience: float) -> None:
    """Raise the system's own error when nobody listens: the library's tells less, and leaves a socket open."""
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(patience)
            line.connect(host.removeprefix("unix://"))


def _image(client: "docker.APIClient", reference: str) -> ImageState | None:
    import docker.errors  # noqa: PLC0415  (slow to import)

    try:
        told = client.inspect_image(reference)  # type: ignore[no-untyped-call]  # the stubs left it out
    except docker.errors.NotFound:
        return None
    labels = (told.get("Config") or {}).get("Labels") or {}
    return ImageState(
        id=told["Id"],
        digests=tuple(told.get("RepoDigests") or ()),
        version=labels.get("org.opencontainers.image.version"),
    )


def _follow(messages: Any, reference: str, tell: Callable[[str, float | None], None], stopped: threading.Event) -> None:
    """Read a pull to its end.  The engine stops pulling when nobody reads any more."""
    layers: dict[str, tuple[int, int]] = {}
    told = -1.0
    for message in messages:
        if stopped.is_set():
            raise EffectError(f"the pull of {reference} was given up")
        if "error" in message:
            raise EffectError(registry_sentence(reference, str(message["error"])))
        progress = message.get("progressDetail") or {}
        if message.get("status") == "Downloading" and progress.get("total"):
            layers[message["id"]] = (progress.get("current", 0), progress["total"])
        elif message.get("status") in {"Download complete", "Pull complete"} and message.get("id") in layers:
            total = layers[message["id"]][1]
            layers[message["id"]] = (total, total)
        whole = sum(total for _, total in layers.values())
        share = sum(have for have, _ in layers.values()) / whole if whole else None
        if share is not None and share - told >= 0.01:  # noqa: PLR2004  (whole percents are enough for anybody)
            told = share
            tell(f"pulling {reference.partition('@')[0]}", share)


def _runs_here(platform: Mapping[str, str], system: str, machine: str, kernel: str) -> bool:
    """Whether the engine would take an image for ``platform``.  On 32-bit ARM an older variant runs on a newer one."""
    if platform.get("os") != system or platform.get("architecture") != machine:
        return False
    variant = platform.get("variant", "")
    if machine == "arm":
        newest = {"armv6l": "v6", "armv7l": "v7"}.get(kernel, "v8")
        return variant <= newest
    return variant in {"", "v1" if machine == "amd64" else "v8"}


def _explanation(error: "docker.errors.APIError") -> str:
    return " ".join(str(error.explanation or error).split())
