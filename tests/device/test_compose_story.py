"""The whole life of a compose service under our care: real engine, real registry, both composes, our command line."""

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from device.bed import place, program
from device.bed.compose import Compose
from device.bed.engine import Engine
from device.bed.images import APP, Images
from device.bed.registry import Registry
from device.bed.shop import Shop
from device.bed.stack import OWNER, SECRET, Json, Stack, stack

pytestmark = [pytest.mark.docker]

IN_FILE, IN_ENV, MOVING = "{app}:1.0.0", "'{app}:${{REMOTE_TAG:-1.0.0}}'", "{app}:latest"
V1, V2 = "compose_v1", "compose_v2"


@pytest.fixture
def v2(
    engine: Engine, registry: Registry, images: Images, compose_v2: Compose, shop: Shop, tmp_path: Path
) -> Iterator[Stack]:
    assert registry.answers()
    with stack(tmp_path, engine, images, compose_v2, shop) as made:
        yield made


@pytest.fixture
def either(
    request: pytest.FixtureRequest, engine: Engine, registry: Registry, images: Images, shop: Shop, tmp_path: Path
) -> Iterator[Stack]:
    assert registry.answers()
    compose: Compose = request.getfixturevalue(request.param)
    with stack(tmp_path, engine, images, compose, shop) as made:
        yield made


def evidence(stack: Stack, told: Json) -> str:
    """The log lines that the run's own story has kept."""
    return "\n".join(stack.answer("show", told["run"])["evidence"])


@pytest.mark.req("DB-010")
@pytest.mark.req("DB-078")
@pytest.mark.req("DB-079")
@pytest.mark.parametrize(("either", "image"), [(V1, IN_FILE), (V2, IN_ENV)], indirect=["either"])
def test_one_service_goes_there_and_back_and_nothing_else_moves(
    image: str, either: Stack, engine: Engine, registry: Registry
) -> None:
    either.lay_out(image)
    either.offer("1.1.0")
    files, neighbour, before, first = either.files, either.container("-nats"), either.image, either.container()
    found = either.component()
    assert (found["current"], found["latest"], found["status"]) == ("1.0.0", "1.1.0", "update_available")
    assert either.update("--dry-run")["outcome"] == "planned"
    assert (either.files, either.container()) == (files, first)

    told = either.update()
    assert (told["outcome"], told["from"], told["to"], told["success"]) == ("updated", "1.0.0", "1.1.0", True)
    assert 0 < told["downtime_seconds"] < 15
    assert (either.version, either.well) == ("1.1.0", True)
    digests = engine.docker("image", "inspect", "--format", "{{.RepoDigests}}", either.image)
    assert f"{either.images.app}@{registry.digest(APP, '1.1.0')}" in digests
    changed = "docker-compose.yml" if image == IN_FILE else ".env"
    old, now = "app:1.0.0" if image == IN_FILE else "REMOTE_TAG=1.0.0", either.files
    expected = files[changed][0].replace(old.encode(), old.replace("1.0.0", "1.1.0").encode())
    assert now == {**files, changed: (expected, *files[changed][1:])}
    assert now[".env"][1:] == (0o600, OWNER, OWNER)
    assert either.container("-nats") == neighbour
    assert either.update()["outcome"] == "nothing_to_do"

    engine.docker("image", "prune", "-f")
    engine.docker("rmi", f"{either.images.app}:1.0.0")
    assert engine.has_image(before), "our own name keeps the way back"
    registry.stop()
    told = either.rollback()
    assert (told["outcome"], told["success"], told["to"]) == ("rolled_back", True, "1.0.0")
    assert (either.image, either.well, either.files) == (before, True, files)
    assert either.container("-nats") == neighbour
    assert SECRET not in "".join(path.read_text() for path in either.journals())


@pytest.mark.req("DB-098")
def test_a_kept_version_is_gone_back_to_offline(v2: Stack, registry: Registry) -> None:
    v2.lay_out(IN_FILE)
    v2.offer("1.1.0")
    before = v2.image
    v2.update()
    registry.stop()
    code, _, err = v2.call("rollback", v2.name, "--to", "0.9.0", "--yes")
    assert (code, "cannot go back to 0.9.0: kept are 1.0.0" in err) == (1, True)
    assert v2.rollback("--to", "1.0.0")["outcome"] == "rolled_back"
    assert (v2.image, v2.well) == (before, True)
    assert v2.component()["quarantined"] == ["1.1.0"]
    assert v2.update()["outcome"] == "nothing_to_do"


@pytest.mark.req("DB-013")
@pytest.mark.req("DB-083")
@pytest.mark.parametrize(
    ("either", "version", "reason", "last_words"),
    [
        (V1, "1.2.0", "keeps crashing", "FATAL: cannot load configuration: missing key 'broker'"),
        (V2, "1.2.0", "keeps crashing", "FATAL: cannot load configuration: missing key 'broker'"),
        (V2, "1.3.0", "unhealthy", "app 1.3.0 (sick) starts"),
    ],
    indirect=["either"],
)
def test_a_bad_image_is_rolled_back_with_its_last_words(
    version: str, reason: str, last_words: str, either: Stack
) -> None:
    either.lay_out(IN_ENV)
    either.offer(version, limit=6)
    files, neighbour, before = either.files, either.container("-nats"), either.image
    told = either.update(status=4)
    assert (told["outcome"], told["success"]) == ("rolled_back", False)
    assert reason in told["message"]
    assert "rolled back to 1.0.0 and healthy" in told["message"]
    assert last_words in evidence(either, told)
    assert (either.image, either.well, either.files) == (before, True, files)
    assert either.container("-nats") == neighbour
    assert either.component()["quarantined"] == [version]
    assert told["downtime_seconds"] < 20, "nobody waits for more than one check's limit"


@pytest.mark.req("DB-109")
def test_what_cannot_be_had_is_said_and_nothing_changes(v2: Stack, registry: Registry) -> None:
    v2.lay_out(IN_FILE)
    v2.offer("1.9.0")
    files, container = v2.files, v2.container()
    told = v2.update(status=1)
    assert told["outcome"] == "failed"
    assert f"cannot find {v2.images.app}:1.9.0 in the registry" in told["message"]
    v2.offer("1.1.0")
    v2.component("--force")
    registry.stop()
    told = v2.update(status=1)
    assert f"cannot reach registry {registry.address}" in told["message"]
    assert (v2.files, v2.container(), v2.journals()) == (files, container, [])
    registry.start()
    assert v2.update()["outcome"] == "updated"


def test_a_registry_that_goes_while_the_owner_thinks_changes_nothing(v2: Stack, registry: Registry) -> None:
    v2.lay_out(IN_FILE)
    v2.offer("1.1.0")
    files, container = v2.files, v2.container()
    ours, theirs = pty.openpty()
    argv = [*program.on_this_machine(), "--config", str(v2.conf), "update", v2.name]
    with subprocess.Popen(
        argv, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=place.CHECKOUT, env=v2.environment
    ) as asking:
        assert asking.stdout is not None
        shown = b""
        while b"Go ahead? [y/N]" not in shown:
            shown += os.read(asking.stdout.fileno(), 4096)
        registry.stop()
        os.write(ours, b"y\n")
        rest = asking.stdout.read().decode()
        code = asking.wait(60)
    os.close(ours)
    os.close(theirs)
    assert b"update " + v2.name.encode() + b": 1.0.0 -> 1.1.0" in shown
    assert (code, f"cannot reach registry {registry.address}" in rest) == (3, True)
    assert (v2.files, v2.container()) == (files, container)


def test_an_engine_that_is_down_is_a_sentence(v2: Stack) -> None:
    v2.lay_out(IN_FILE)
    v2.offer("1.1.0")
    v2.update()
    files, container = v2.files, v2.container()
    v2.more["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    sentence = "cannot reach the Docker engine at unix:///nowhere/docker.sock: it is not running"
    found = v2.component("--force", status=1)
    assert (found["status"], found["current"]) == ("unknown", None)
    assert sentence in found["message"]
    for words, status in (
        (("update", v2.name, "--version", "1.1.0", "--yes"), 1),
        (("rollback", v2.name, "--yes"), 1),
        (("rollback", v2.name, "--to", "1.0.0", "--yes"), 1),
        (("stop", v2.name), 1),
        (("start", v2.name), 1),
    ):
        code, out, err = v2.call(*words)
        assert (code, sentence in err) == (status, True), (words, out, err)
        assert "Traceback" not in err
    v2.more.clear()
    assert (v2.files, v2.container()) == (files, container)
    assert v2.rollback()["outcome"] == "rolled_back"


@pytest.mark.req("DB-087")
def test_a_tag_that_moves_is_never_shown_as_a_version(v2: Stack, engine: Engine, registry: Registry) -> None:
    """As Docker Hub has them today: ``latest``, and no label that would tell more."""
    v2.lay_out(MOVING)
    unlabelled = engine.docker("commit", "-c", "LABEL org.opencontainers.image.version=", v2.name)
    engine.docker("tag", unlabelled, f"{v2.images.app}:latest")
    v2.owner("up", "-d", "--force-recreate", "--no-deps", "remote")
    v2.wait_until_well()
    v2.offer("1.1.0")
    files, before = v2.files, v2.image
    found = v2.component()
    assert (found["current"], found["latest"], found["status"]) == (None, "1.1.0", "update_available")
    assert f"{v2.images.app}:latest" in found["detail"]
    assert v2.update()["outcome"] == "updated"
    assert (v2.version, v2.component()["current"]) == ("1.1.0", "1.1.0")
    assert v2.files["docker-compose.yml"][0] == files["docker-compose.yml"][0].replace(b"app:latest", b"app:1.1.0")
    engine.docker("image", "prune", "-f")
    registry.stop()
    told = v2.rollback()
    assert (told["outcome"], v2.image, v2.files) == ("rolled_back", before, files)
    assert v2.component()["current"] is None


@pytest.mark.req("DB-011")
def test_what_was_ill_before_is_not_blamed_on_the_update(v2: Stack) -> None:
    v2.lay_out("{app}:1.3.0", well=False)
    v2.offer("1.1.0", "1.2.0", limit=4)
    before = v2.image
    told = v2.update("--version", "1.2.0", status=4)
    assert told["outcome"] == "rolled_back"
    assert "which was not well before either" in told["message"]
    assert (v2.image, v2.component()["quarantined"]) == (before, [])
    told = v2.update("--version", "1.1.0")
    assert (told["outcome"], v2.version, v2.well) == ("updated", "1.1.0", True)


@pytest.mark.parametrize("either", [V1], indirect=True)
def test_stop_and_start_are_for_one_service(either: Stack) -> None:
    either.lay_out(IN_ENV)
    container, neighbour = either.container(), either.container("-nats")
    for words, status in (("stop", "exited"), ("stop", "exited"), ("start", "running"), ("start", "running")):
        assert either.call(words, either.name)[0] == 0
        assert either.engine.look(either.name, "{{.State.Status}}") == status
    assert (either.container(), either.container("-nats")) == (container, neighbour)
