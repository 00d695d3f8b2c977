"""The doctor over made-up troubles: each is a finding with the commands that mend it, and none hides the others."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doubles.world import World
from stories.tiny import configuration, say

from dunebugger_updater.doctor import Finding, containers, diagnose, disk, environments, in_words, surroundings
from dunebugger_updater.doctor.apps import look_at_service
from dunebugger_updater.doctor.finding import fine, problem
from dunebugger_updater.effects.lock import DeviceLock
from dunebugger_updater.model.service import ServiceState, SystemdUnit
from dunebugger_updater.model.settings import Component, Settings, Updater
from dunebugger_updater.ports import ContainerState, Device, EffectError, ImageState
from dunebugger_updater.wiring import House, house

HERE = Path("/here")
ROOMY = disk.Volume(HERE, ("statePath",), free=10**12, inodes=10**6)


def found_by(conf: Path) -> dict[str, Any]:
    """Findings by id, asked on the command line."""
    said = say("doctor", "--json", "--config", conf)
    assert set(said.document) == {"healthy", "findings"}
    assert said.code == (0 if said.document["healthy"] else 1)
    for each in said.document["findings"]:
        assert set(each) == {"id", "severity", "sentence", "advice", "commands", "evidence"}
        assert each["severity"] in {"problem", "warning", "fine"}
    return {each["id"]: each for each in said.document["findings"]}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app as its owner installed it: a plain directory."""
    (tmp_path / "core").mkdir()
    return tmp_path / "core"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return configuration(tmp_path)


# --- a whole examination ---


@pytest.mark.req("DB-109")
def test_a_device_without_network_is_a_warning_that_says_what_still_works(conf: Path) -> None:
    found = found_by(conf)["releases.reach"]
    assert found["severity"] == "warning"
    assert "127.0.0.1:9" in found["sentence"]
    assert "rollback works without it" in found["advice"]
    assert any(command.startswith("getent hosts 127.0.0.1") for command in found["commands"])


def test_examining_leaves_nothing_behind(conf: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    found_by(conf)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_app_that_is_not_installed_yet_is_no_problem(conf: Path) -> None:
    found = found_by(conf)
    assert found["core.layout"]["severity"] == "warning"
    assert found["core.layout"]["commands"] == ["dunebugger-updater update core"]
    assert "core.service" not in found


def test_a_plain_directory_is_fine_and_its_unknown_version_a_warning(app: Path, conf: Path) -> None:
    found = found_by(conf)
    assert found["core.layout"]["severity"] == "fine"
    assert "adopts it" in found["core.layout"]["sentence"]
    assert found["core.version"]["commands"] == [f"echo 1.0.0 > {app}/VERSION"]


@pytest.mark.req("DB-111")
def test_a_link_that_leads_nowhere_is_told_with_the_release_that_is_there(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "core.releases/1.0.0").mkdir(parents=True)
    (tmp_path / "core").symlink_to(tmp_path / "core.releases/1.1.0")
    found = found_by(conf)["core.layout"]
    assert found["severity"] == "problem"
    assert f"ln -sfn {tmp_path}/core.releases/1.0.0 {tmp_path}/core" in found["commands"]


@pytest.mark.req("DB-110")
def test_a_service_that_does_not_run_is_told_with_its_last_words_and_how_to_start_it(
    app: Path, conf: Path, tmp_path: Path
) -> None:
    log = tmp_path / "state/processes/core.log"
    log.parent.mkdir(parents=True)
    log.write_text("the sound card is gone\n")
    found = found_by(conf)["core.service"]
    assert found["severity"] == "problem"
    assert found["evidence"] == ["the sound card is gone"]
    assert found["commands"] == [
        f"tail -n 50 {log}",
        "dunebugger-updater start core",
        "dunebugger-updater rollback core",
    ]


def test_what_an_update_left_lying_about_is_told_with_what_removes_it(app: Path, conf: Path, tmp_path: Path) -> None:
    part, staging = (
        tmp_path / "state/downloads/core-1.1.0/core.tar.gz.unverified",
        tmp_path / "core.releases/.1.1.0.unpacking",
    )
    part.parent.mkdir(parents=True)
    part.write_text("half")
    staging.mkdir(parents=True)
    commands = found_by(conf)["core.leftovers"]["commands"]
    assert commands == [f"rm -rf {staging}", f"rm -rf {part.parent}"]


def test_who_holds_the_lock_is_told_and_the_run_under_way_is_left_alone(conf: Path, tmp_path: Path) -> None:
    lock = DeviceLock(tmp_path / "state/lock")
    assert lock.holder() is None
    with lock.held():
        found = found_by(conf)["state.lock"]
    assert f"(process {os.getpid()})" in found["sentence"]
    assert found["commands"] == [f"ps -fp {os.getpid()}"]
    assert lock.holder() is None


def test_a_token_that_others_can_read_is_told_with_the_command_that_hides_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret-word")
    token.chmod(0o644)
    said = say("doctor", "--json", "--config", configuration(tmp_path, more=f"githubTokenFile = {token}"))
    found = {each["id"]: each for each in said.document["findings"]}["configuration.token"]
    assert found["commands"] == [f"chmod 600 {token}"]
    assert "secret-word" not in said.out + said.err


def test_backups_are_counted_with_their_age(app: Path, conf: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    for stamp in ("20260101T000000Z", "20260102T000000Z"):
        (tmp_path / f"backups/core.{stamp}.tar.gz").write_bytes(b"x" * 2_000_000)
    assert "2 backups of core" in found_by(conf)["core.backups"]["sentence"]
    assert "4 MB in all" in found_by(conf)["core.backups"]["sentence"]


async def test_an_examination_that_breaks_is_a_finding_and_the_others_are_made_all_the_same(tmp_path: Path) -> None:
    class Broken:
        async def exists(self, path: Path) -> bool:
            raise ZeroDivisionError("a bug of ours")

        async def listing(self, directory: Path) -> list[str]:
            raise EffectError(f"cannot list {directory}: input/output error")

    settings = Settings(
        updater=Updater(state_path=tmp_path / "state", github_api_url="http://127.0.0.1:9"),
        components=(Component(name="core", type="python_app", install_path=tmp_path / "core", service="core"),),
    )
    async with house(settings) as built:
        device = replace(built.device, files=Broken())  # type: ignore[arg-type]  # it has only what breaks
        found = {each.id: each for each in await diagnose(replace(built, device=device), limit=10)}
    assert found["python"].sentence == "cannot examine python: ZeroDivisionError: a bug of ours"
    assert found["core.backups"].severity == "problem"
    assert "input/output error" in found["core.backups"].sentence
    assert found["clock"].severity in {"fine", "problem"}


async def test_an_examination_that_takes_too_long_is_a_finding(tmp_path: Path) -> None:
    settings = Settings(updater=Updater(state_path=tmp_path, github_api_url="http://127.0.0.1:9"))

    async with house(settings) as built:
        device = replace(built.device, web=_Silent())  # type: ignore[arg-type]  # it has only what is asked
        found = {each.id: each for each in await diagnose(replace(built, device=device), limit=0.2)}
    assert "no answer within 0.2 s" in found["releases"].sentence


class _Silent:
    async def probe(self, url: str, limit: float) -> None:
        await asyncio.Event().wait()


def test_for_people_the_worst_comes_last() -> None:
    words = in_words([problem("b", "it is broken", "mend it", ["mend --now"]), fine("a", "this is well")])
    assert words == [
        "✓ this is well",
        "✗ it is broken",
        "    mend it",
        "      mend --now",
        "1 problems, 0 warnings, 1 fine",
    ]


# --- disks ---


@pytest.mark.req("DB-110")
@pytest.mark.parametrize(
    ("volume", "name", "severity", "command"),
    [
        ({"free": 10**6}, "disk.statePath.space", "problem", "df -h /here"),
        ({"free": 200 * 1024**2}, "disk.statePath.space", "warning", "df -h /here"),
        ({"inodes": 12}, "disk.statePath.inodes", "problem", "df -i /here"),
        ({"read_only": True}, "disk.statePath.read_only", "problem", "remount,rw"),
    ],
)
def test_a_disk_in_trouble_is_told_with_what_shows_it(
    volume: dict[str, Any], name: str, severity: str, command: str
) -> None:
    found = {each.id: each for each in disk.judge(msgspec.structs.replace(ROOMY, **volume))}
    assert found[name].severity == severity
    assert any(command in each for each in found[name].commands)


def test_a_disk_that_does_not_count_inodes_has_not_run_out_of_them() -> None:
    volume = disk.Volume(HERE, ("statePath",), free=10**12, inodes=0, counted=False)
    assert [each.severity for each in disk.judge(volume)] == ["fine"]


# --- environments ---


@pytest.mark.parametrize(
    ("python", "word"), [("/usr/bin/python3.2", "is not there"), ("python3.99", "was made for Python 3.11")]
)
async def test_an_environment_that_an_upgrade_of_python_broke_is_told(python: str, word: str, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/lib/python3.11").mkdir(parents=True)
    (tmp_path / "python3.99").write_text("#!/bin/sh\n")
    (tmp_path / "python3.99").chmod(0o755)
    (tmp_path / ".venv/bin/python").symlink_to(tmp_path / python)
    found = (await environments.look_at_environment("core", tmp_path, ours=False, device=World().device))[0]
    assert found.severity == "problem"
    assert word in found.sentence
    assert found.commands[0].endswith(f"python3 -m venv --clear {tmp_path}/.venv")


# --- services, containers, the release server ---


class _Units:
    """One unit in one state."""

    def __init__(self, *states: ServiceState | str) -> None:
        self.states = list(states)

    async def state(self, service: SystemdUnit) -> ServiceState:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, str):
            raise EffectError(state)
        return state

    async def last_log(self, service: SystemdUnit, lines: int) -> list[str]:
        return ["last words"]


async def unit(*states: ServiceState | str) -> Finding:
    device: Device = replace(World().device, services=_Units(*states))  # type: ignore[arg-type]  # nothing is started
    return (await look_at_service("core", SystemdUnit("dune.service"), device))[0]


@pytest.mark.req("DB-112")
async def test_a_masked_unit_is_told_with_the_command_that_unmasks_it() -> None:
    found = await unit("cannot ask for the state of dune.service: dune.service is masked")
    assert found.severity == "problem"
    assert found.commands[0] == "systemctl unmask dune.service"
    assert "journalctl -u dune.service -n 50 --no-pager" in found.commands


async def test_a_unit_in_a_crash_loop_is_called_so() -> None:
    looks = [
        ServiceState(active=False, coming=True, restarts=n, detail="activating (auto-restart)") for n in (7, 7, 8, 8)
    ]
    found = await unit(*looks)
    assert found.severity == "problem"
    assert "keeps crashing: restarted" in found.sentence
    assert found.evidence == ("last words",)


async def test_a_unit_that_was_often_restarted_and_runs_now_is_a_warning() -> None:
    assert (await unit(ServiceState(active=True, restarts=40))).severity == "warning"
    assert (await unit(ServiceState(active=True))).severity == "fine"


COMPOSE = Path("/opt/stack/docker-compose.yml")
STACK = Component(
    name="scheduler", type="container", service="scheduler", compose_path=COMPOSE, image="registry.test/app"
)


async def container(world: World) -> dict[str, Finding]:
    async with house(Settings()) as built:
        within: House = replace(built, device=world.device)
        return {each.id: each for each in await containers.look(within, STACK)}


async def test_a_compose_file_without_the_service_is_told_with_its_name() -> None:
    world = World()
    world.disk.put(COMPOSE, b"services:\n  nats:\n    image: nats:1\n")
    found = (await container(world))["scheduler.compose_file"]
    assert found.severity == "problem"
    assert "scheduler" in found.sentence
    world.disk.put(COMPOSE, b"services: [")
    assert (await container(world))["scheduler.compose_file"].severity == "problem"


async def test_a_container_that_ended_is_told_with_its_log() -> None:
    world = World()
    world.disk.put(COMPOSE, b"services:\n  scheduler:\n    image: registry.test/app:1.0.0\n")
    world.engine.images["sha256:old"] = ImageState("sha256:old", (), "1.0.0")
    world.engine.containers["scheduler"] = ContainerState(
        "stack-scheduler-1", "sha256:old", "registry.test/app:1.0.0", running=False, status="exited", exit_code=3
    )
    found = (await container(world))["scheduler.container"]
    assert found.severity == "problem"
    assert "exit status 3" in found.sentence
    assert "docker logs --tail 50 stack-scheduler-1" in found.commands
    assert found.evidence == ("scheduler: last words",)


@pytest.mark.parametrize(
    ("told", "command"),
    [
        ("cannot use the Docker engine at unix:///x: permission denied: run as root", "usermod -aG docker"),
        ("cannot reach the Docker engine at unix:///x: it is not running", "systemctl start docker"),
    ],
)
async def test_an_engine_that_cannot_be_used_is_told_with_what_helps(
    told: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()

    async def find(file: Path, service: str) -> None:
        raise EffectError(told)

    monkeypatch.setattr(world.engine, "find", find)
    found = (await container(world))["scheduler.engine"]
    assert any(command in each for each in found.commands)


@pytest.mark.req("DB-109")
def test_a_used_up_rate_limit_is_a_problem_with_the_time_at_which_it_ends() -> None:
    body = json.dumps({"resources": {"core": {"limit": 60, "remaining": 0, "reset": 1_800_000_000, "used": 60}}})
    found = surroundings.rate(body, "https://api.test")[0]
    assert found.severity == "problem"
    assert "0 of 60 requests left until 08:00 UTC" in found.sentence
    assert "githubTokenFile" in found.advice
    assert surroundings.rate("<html>", "https://api.test") == []
