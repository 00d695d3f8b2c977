"""Which project a container belongs to, and which compose is asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dunebugger_updater.effects.commands import Finished
from dunebugger_updater.effects.compose import Compose, first, last_words, project_of, project_without
from dunebugger_updater.ports import ComposeService, ContainerState, EffectError

# As inspected on a Raspberry Pi OS 12 stack: version 1 writes the files as they were typed.
V1 = {
    "com.docker.compose.container-number": "1",
    "com.docker.compose.oneoff": "False",
    "com.docker.compose.project": "show",
    "com.docker.compose.project.config_files": "docker-compose.yml,more/extra.yml",
    "com.docker.compose.project.working_dir": "/srv/stack",
    "com.docker.compose.service": "app",
    "com.docker.compose.version": "1.29.2",
}
V2 = V1 | {
    "com.docker.compose.project.config_files": "/srv/stack/docker-compose.yml",
    "com.docker.compose.project.environment_file": "/srv/stack/.env,/srv/stack/show.env",
    "com.docker.compose.version": "2.26.1",
}
APP = ComposeService("app", "show", (Path("/s/a.yml"), Path("/s/b.yml")), Path("/s"), ("live",), (Path("/s/x.env"),))


def made(labels: Mapping[str, str], *, running: bool = True, name: str = "app") -> ContainerState:
    return ContainerState(name, "sha256:00", "repo:1", running, "running" if running else "exited", labels=labels)


def test_labels_of_either_compose_tell_the_project() -> None:
    files = (Path("/srv/stack/docker-compose.yml"), Path("/srv/stack/more/extra.yml"))
    assert project_of(made(V1)) == ComposeService("app", "show", files, Path("/srv/stack"))
    envs = (Path("/srv/stack/.env"), Path("/srv/stack/show.env"))
    assert project_of(made(V2)) == ComposeService("app", "show", files[:1], Path("/srv/stack"), (), envs)


@pytest.mark.parametrize("label", ["project", "service", "project.config_files", "project.working_dir"])
def test_a_container_without_one_of_these_labels_tells_no_project(label: str) -> None:
    assert project_of(made({key: value for key, value in V2.items() if key != f"com.docker.compose.{label}"})) is None


def test_a_running_container_stands_for_the_service_else_the_first_in_number() -> None:
    number = "com.docker.compose.container-number"
    one, two = made({number: "1"}, running=False, name="one"), made({number: "2"}, name="two")
    three = made({number: "10"}, name="three")
    assert first([one, three, two]) == two
    assert first([made({}, running=False), one]) is not None
    assert first([]) is None


@pytest.mark.parametrize(
    ("folder", "files", "environment", "name"),
    [
        ("My Show_2", {}, {}, "myshow_2"),
        ("-_Show", {}, {}, "show"),
        ("show", {"docker-compose.yml": "name: other\nservices: {}\n"}, {}, "other"),
        ("show", {".env": "COMPOSE_PROJECT_NAME='mine'\n"}, {}, "mine"),
        ("show", {".env": "COMPOSE_PROJECT_NAME=mine\n"}, {"COMPOSE_PROJECT_NAME": "first"}, "first"),
        ("è", {"docker-compose.yml": "no compose file"}, {}, "default"),
    ],
)
def test_a_project_that_never_ran_is_called_as_compose_would(
    folder: str, files: Mapping[str, str], environment: Mapping[str, str], name: str, tmp_path: Path
) -> None:
    file = tmp_path / folder / "docker-compose.yml"
    file.parent.mkdir()
    for each, text in ({"docker-compose.yml": "services: {}\n"} | dict(files)).items():
        (file.parent / each).write_text(text)
    assert project_without(file, "app", environment) == ComposeService("app", name, (file,), file.parent)


def test_an_override_counts_beside_a_file_with_a_name_of_composes_own(tmp_path: Path) -> None:
    for name in ("compose.yaml", "compose.override.yml", "stack.yml", "stack.override.yml"):
        (tmp_path / name).write_text("services: {app: {image: a, profiles: [x]}}\n")
    which = project_without(tmp_path / "compose.yaml", "app", {})
    assert which.files == (tmp_path / "compose.yaml", tmp_path / "compose.override.yml")
    assert which.profiles == ("x",)
    assert project_without(tmp_path / "stack.yml", "app", {}).files == (tmp_path / "stack.yml",)


class Programs:
    """A machine with some composes on it."""

    def __init__(self, answers: Mapping[str, Finished]) -> None:
        self.answers, self.asked = answers, list[list[str]]()

    async def __call__(self, argv: Sequence[str], **_: Any) -> Finished:
        self.asked.append(list(argv))
        said = next((answer for start, answer in self.answers.items() if " ".join(argv).startswith(start)), None)
        if said is None:
            raise EffectError(f"cannot run {argv[0]}: no such file or directory")
        return said


def says(out: str, code: int = 0) -> Finished:
    return Finished(code, out, "")


CONFIG = "services:\n  app:\n    image: repo:1.2\n"


async def test_version_2_is_preferred_and_found_once() -> None:
    programs = Programs({"docker compose version": says("v2.26.1-4\n"), "docker compose -p": says(CONFIG)})
    compose = Compose(programs, {})
    assert await compose.configured(APP) == "repo:1.2"
    assert await compose.configured(APP) == "repo:1.2"
    assert [argv[:3] for argv in programs.asked] == [["docker", "compose", each] for each in ("version", "-p", "-p")]
    options = "-p show --project-directory /s -f /s/a.yml -f /s/b.yml --profile live --env-file /s/x.env config"
    assert programs.asked[1][2:] == options.split()


@pytest.mark.parametrize(
    "no_plugin", [says("Docker version 20.10.24, build 297e128\n", 125), says("Docker version 20.10.24\n", 1), says("")]
)
async def test_version_1_is_used_where_there_is_no_plugin(no_plugin: Finished) -> None:
    programs = Programs(
        {"docker compose": no_plugin, "docker-compose version": says("1.29.2\n"), "docker-compose": says("")}
    )
    await Compose(programs, {}).up(APP, force=True, as_is=True, hear=print)
    assert programs.asked[-1][-6:] == ["up", "-d", "--no-deps", "--force-recreate", "--no-build", "app"]


async def test_version_2_is_told_to_pull_nothing() -> None:
    programs = Programs({"docker compose version": says("2.26.1\n"), "docker compose -p": says("")})
    await Compose(programs, {}).up(APP, force=False, as_is=True, hear=print)
    assert programs.asked[-1][-7:] == ["up", "-d", "--no-deps", "--no-build", "--pull", "never", "app"]


async def test_no_compose_at_all_is_a_sentence_and_asked_for_again_later() -> None:
    programs = Programs({})
    compose = Compose(programs, {})
    with pytest.raises(EffectError, match="cannot find Docker Compose: neither 'docker compose' nor"):
        await compose.stop(APP)
    programs.answers = {"docker-compose": says("1.29.2\n")}
    await compose.stop(APP)


async def test_a_service_that_compose_does_not_see_is_a_sentence() -> None:
    for config in ("services: {}\n", "services: {app: {build: .}}\n", "[\n"):
        programs = Programs({"docker compose version": says("2.26.1\n"), "docker compose -p": says(config)})
        with pytest.raises(EffectError, match=r"cannot find an image for app in /s/a.yml, /s/b.yml"):
            await Compose(programs, {}).configured(APP)


def test_the_reason_is_told_and_not_composes_closing_words() -> None:
    told = (
        "Creating app ... error\r\n\nERROR: for app  Cannot start service app: no\nEncountered errors while bringing up"
    )
    assert last_words(Finished(1, "", f"{told} the project.\n")) == "for app  Cannot start service app: no"
    assert last_words(Finished(1, "", "")) == "exit status 1"
