"""The demo's container on a real engine: on offer, updated, and afterwards nothing of it is left."""

import json
import re
import signal
from pathlib import Path

import pytest
from device.bed.compose import Compose
from device.bed.engine import Engine
from stories.real_app import Json, until
from stories.test_demo import LIMIT, left_behind, telling
from stories.test_demo_panel import Browser, visiting

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2 * LIMIT)]
SENTENCE = "lights, a container, is not on this device: "


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose path leaves room for that of a socket."""
    return tmp_path_factory.mktemp("d")


@pytest.fixture(params=["compose_v1", "compose_v2"])
def compose(request: pytest.FixtureRequest, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Compose:
    """Either generation, which the demo finds in its environment."""
    found: Compose = request.getfixturevalue(request.param)
    assert engine.version
    if request.param == "compose_v2":
        monkeypatch.setenv("DOCKER_CONFIG", found.environment["DOCKER_CONFIG"])
    return found


def lights(browser: Browser) -> Json:
    status, text = browser.ask("/api/v1/components/lights")
    assert status == 200, text
    found: Json = json.loads(text)
    return found


def told_of(browser: Browser, run: str) -> Json:
    """What is told of a run: it ends as updated when all is well afterwards, and only then."""
    found: Json = json.loads(browser.ask(f"/api/v1/runs/{run}")[1])["view"]
    return found


def on_engine(engine: Engine, project: str, image: str, ids: set[str]) -> list[str]:
    """What the engine has of that demo: others may run beside it."""
    label = f"label=com.docker.compose.project={project}"
    found = engine.docker("ps", "-a", "-q", "--filter", label) + engine.docker("network", "ls", "-q", "--filter", label)
    left = [name for name in ids if engine.has_image(name)]
    names = engine.docker("images", "--digests", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    return [*found.split(), *left, *(name for name in names if name.startswith(f"{image}:"))]


@pytest.mark.usefixtures("compose")
@pytest.mark.parametrize("ended", ["midway", "afterwards"])
def test_the_container_is_on_offer_and_updated_and_nothing_of_it_is_left(
    folder: Path, engine: Engine, ended: str
) -> None:
    with visiting(folder) as (program, browser, password):
        browser.ask("/login", password=password)
        found = lights(browser)
        assert (found["current"], found["latest"], found["update_available"]) == ("1.0.0", "1.1.0", True)
        (file,) = folder.glob("dunebugger-demo-*/lights/docker-compose.yml")
        image = re.search(r"image: (.*):1\.0\.0", file.read_text())
        assert image is not None
        label = '{{.Names}} {{.Label "com.docker.compose.project"}}'
        mine = engine.docker("ps", "--filter", f"ancestor={image[1]}:1.0.0", "--format", label)
        container, project = mine.split()
        ids = {engine.image_id(f"{image[1]}:1.0.0")}
        status, text = browser.post("/api/v1/components/lights/update", {"version": "1.1.0"})
        assert status == 202, text
        run = json.loads(text)["run"]
        if ended == "midway":
            until("the new image is here", lambda: engine.has_image(f"{image[1]}:1.1.0"), limit=60)
            assert told_of(browser, run)["outcome"] == "running"
        if ended == "afterwards":
            until("the run ends", lambda: told_of(browser, run)["outcome"] != "running", limit=60)
            told = told_of(browser, run)
            assert (told["component"], told["outcome"], told["success"]) == ("lights", "updated", True), told["message"]
            assert lights(browser)["current"] == "1.1.0"
            ids.add(engine.image_id(f"{image[1]}:1.1.0"))
            assert len(ids) == 2
            assert engine.look(container, "{{.State.Status}} {{.Config.Image}}") == f"running {image[1]}:1.1.0"
        assert len(on_engine(engine, project, image[1], ids)) > 1
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=LIMIT) == ("", "")
    assert program.returncode == 0
    assert on_engine(engine, project, image[1], ids) == []
    assert left_behind(folder) == []


def test_without_an_engine_the_device_has_no_container_and_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with telling(folder, "--panel", "--for", "1") as program:
        out, err = program.communicate(timeout=LIMIT)
    assert (program.returncode, err) == (0, "")
    assert SENTENCE + "cannot reach the Docker engine" in " ".join(out.split())


def test_without_compose_the_device_has_no_container_and_says_why(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.version
    monkeypatch.setenv("PATH", "/nowhere")
    with telling(folder, "--panel", "--for", "1") as program:
        out, err = program.communicate(timeout=LIMIT)
    assert (program.returncode, err) == (0, "")
    assert SENTENCE + "cannot find Docker Compose" in " ".join(out.split())
