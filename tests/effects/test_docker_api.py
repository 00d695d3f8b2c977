"""An engine that is away, forbidden or silent, and a registry in a bad mood: sentences, soon."""

import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from dunebugger_updater.effects import docker_api
from dunebugger_updater.effects.docker_api import EngineApi, _follow, _runs_here
from dunebugger_updater.effects.docker_sentences import registry_sentence, unreachable
from dunebugger_updater.ports import EffectError

REFERENCE = "marcosvitol/dunebugger-remote:1.0"


def test_an_engine_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(EffectError) as failed:
        EngineApi({"DOCKER_HOST": "unix:///nowhere/docker.sock"}).container("app")
    assert str(failed.value) == "cannot reach the Docker engine at unix:///nowhere/docker.sock: it is not running"


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"])
def test_an_engine_that_says_nothing_is_not_waited_for(words: bytes, tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(5)
        lines: list[socket.socket] = []

        def accept() -> None:
            for _ in range(2):
                line, _ = listening.accept()
                lines.append(line)
            lines[1].sendall(words)

        silent = threading.Thread(target=accept)
        silent.start()
        with pytest.raises(
            EffectError, match=r"^cannot reach the Docker engine at unix://.*did not answer within 0.2 s"
        ):
            EngineApi({"DOCKER_HOST": f"unix://{path}"}, patience=0.2).image("app:1")
        silent.join(5)
        for line in lines:
            line.close()


def test_a_forbidden_engine_says_what_to_do() -> None:
    told = "[Errno 13] Permission denied"
    assert unreachable(docker_api.SOCKET, told, 20) == (
        "cannot use the Docker engine at unix:///var/run/docker.sock: permission denied: "
        "run as root, or join the group docker"
    )


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("manifest for x not found: manifest unknown: manifest unknown", "cannot find {} in the registry (not pushed"),
        ("errors: denied: requested access to the resource is denied unauthorized", "access denied (the name is wrong"),
        ("toomanyrequests: You have reached your pull rate limit", "cannot ask docker.io for {} now: it limits"),
        ('Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host', "cannot reach"),
        ("dial tcp: lookup x on 1.1.1.1:53: server not found", "cannot reach registry docker.io for {}: "),
        ("no matching manifest for linux/arm/v7 in the manifest list entries", "for this machine's platform"),
    ],
)
def test_each_mood_of_a_registry_has_its_sentence(told: str, sentence: str) -> None:
    assert sentence.format(REFERENCE) in registry_sentence(REFERENCE, told)


@pytest.mark.parametrize(
    ("machine", "kernel", "platform", "runs"),
    [
        ("amd64", "", {"os": "linux", "architecture": "amd64"}, True),
        ("amd64", "", {"os": "linux", "architecture": "amd64", "variant": "v3"}, False),
        ("amd64", "", {"os": "windows", "architecture": "amd64"}, False),
        ("arm64", "", {"os": "linux", "architecture": "arm64", "variant": "v8"}, True),
        ("arm64", "", {"os": "linux", "architecture": "arm64"}, True),
        ("arm64", "", {"os": "linux", "architecture": "arm", "variant": "v7"}, False),
        ("arm", "armv6l", {"os": "linux", "architecture": "arm", "variant": "v7"}, False),
        ("arm", "armv6l", {"os": "linux", "architecture": "arm", "variant": "v6"}, True),
        ("arm", "armv7l", {"os": "linux", "architecture": "arm", "variant": "v7"}, True),
        ("arm", "aarch64", {"os": "linux", "architecture": "arm", "variant": "v7"}, True),
        ("arm", "armv7l", {"os": "linux", "architecture": "arm64"}, False),
        ("arm64", "", {"os": "unknown", "architecture": "unknown"}, False),
    ],
)
def test_only_an_image_for_this_machine_runs_here(
    machine: str, kernel: str, platform: Mapping[str, str], runs: bool
) -> None:
    assert _runs_here(platform, "linux", machine, kernel) is runs


def test_progress_is_the_share_of_all_layers_and_never_more_than_whole() -> None:
    def step(layer: str, status: str, current: int = 0, total: int = 0) -> Mapping[str, object]:
        return {"id": layer, "status": status, "progressDetail": {"current": current, "total": total}}

    messages = [
        {"status": "Pulling from app"},
        step("a", "Downloading", 25, 100),
        step("b", "Downloading", 50, 100),
        step("a", "Download complete"),
        step("b", "Extracting", 1, 100),
        step("b", "Pull complete"),
        step("c", "Pull complete"),
    ]
    heard: list[tuple[str, float | None]] = []
    _follow(messages, "app@sha256:00", lambda message, done: heard.append((message, done)), threading.Event())
    assert heard == [("pulling app", share) for share in (0.25, 0.375, 0.75, 1.0)]


def test_an_error_in_the_stream_and_a_pull_given_up_end_it() -> None:
    with pytest.raises(EffectError, match="cannot find app:1 in the registry"):
        _follow([{"error": "manifest unknown"}], "app:1", lambda *_: None, threading.Event())
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(EffectError, match="was given up"):
        _follow([{"status": "x"}], "app:1", lambda *_: None, stopped)
