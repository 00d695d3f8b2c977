"""The command line: which commands there are, and that each answers in words, with the promised exit status."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stories.real_app import CHECKOUT, RealDevice
from stories.tiny import Said, configuration, say, tiny_device

from dunebugger_updater import __version__
from dunebugger_updater.effects.lock import DeviceLock

NOW = (
    "check",
    "update",
    "rollback",
    "start",
    "stop",
    "recover",
    "status",
    "history",
    "show",
    "doctor",
    "version",
    "demo",
    "action",
    "actions",
    "approve",
    "reject",
    "packages",
)
FILES = ("manifest validate", "manifest generate", "manifest schema")


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return configuration(tmp_path)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealDevice]:
    with tiny_device(tmp_path_factory.mktemp("tiny"), running=False) as made:
        yield made


def run(*words: str | Path) -> Said:
    """In a process of its own, without a terminal."""
    argv = [sys.executable, "-m", "dunebugger_updater", *map(str, words)]
    done = subprocess.run(
        argv, check=False, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", [*NOW, *FILES])
def test_every_command_that_was_promised_is_there(command: str) -> None:
    said = say(*command.split(), "--help")
    assert said.code == 0
    assert f"dunebugger-updater {command}" in said.out


def test_no_command_at_all_is_a_mistake_in_usage() -> None:
    assert say().code == 2


@pytest.mark.parametrize("place", ["before", "after", "environment"])
def test_the_configuration_may_be_named_before_and_after_the_command_and_in_the_environment(
    place: str, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "environment":
        monkeypatch.setenv("DUNEBUGGER_CONFIG", str(conf))
    before: list[str | Path] = ["--config", conf] if place == "before" else []
    after: list[str | Path] = ["--config", conf] if place == "after" else []
    said = say(*before, "status", *after, "--json")
    assert said.code == 0
    assert list(said.document["components"]) == ["core", "updater"]


@pytest.mark.req("DB-017")
def test_an_unknown_key_is_told_with_file_line_section_and_the_key_that_was_meant(tmp_path: Path) -> None:
    conf = configuration(tmp_path, more="keepRelases = 3")
    said = say("status", "--config", conf)
    assert said.code == 2
    assert said.out == ""
    assert say("status", "--config", conf, "--json").document["error"]["code"] == "USAGE"
    for word in (str(conf), "line 5", "[Updater]", "keepRelases", "keepReleases"):
        assert word in said.err


@pytest.mark.req("RM-012")
def test_version_tells_version_commit_python_and_platform() -> None:
    said = run("version", "--json")
    assert (said.code, said.err) == (0, "")
    assert said.document["version"] == __version__
    assert set(said.document) >= {"version", "commit", "python", "platform"}
    assert say("--version").out.strip() == f"dunebugger-updater {__version__}"


@pytest.mark.req("DB-109")
def test_a_check_that_cannot_reach_anybody_is_unknown_and_fails_without_claiming_up_to_date(conf: Path) -> None:
    said = say("check", "--json", "--config", conf)
    assert said.code == 1
    core = said.document["components"]["core"]
    assert core["status"] == "unknown"
    assert core["latest"] is None
    assert core["update_available"] is False
    assert "127.0.0.1:9" in core["message"]


@pytest.mark.req("DB-025")
def test_check_answers_the_body_of_update_check_result(device: RealDevice) -> None:
    said = say("check", "--force", "--json", "--config", device.conf)
    assert said.code == 0
    core = said.document["components"]["core"]
    assert core["current"] == "1.0.0"
    assert core["latest"] == "1.2.0"
    assert core["update_available"] is True
    assert core["status"] == "update_available"
    assert set(core) >= {"release_notes", "last_checked"}
    assert core["last_checked"].endswith("Z")


def test_check_and_status_for_people_are_a_table(device: RealDevice) -> None:
    for words in (("check", "core"), ("status",)):
        said = say(*words, "--config", device.conf)
        assert said.code == 0
        assert said.out.splitlines()[0].split() == ["COMPONENT", "INSTALLED", "LATEST", "STATE"]
        assert said.out.splitlines()[1].split()[0] == "core"


@pytest.mark.parametrize(
    "words", [("check", "nope"), ("update", "nope"), ("rollback", "nope"), ("start", "nope"), ("history", "nope")]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_an_unknown_component_is_a_mistake_in_usage_and_the_known_ones_are_named(
    words: tuple[str, ...], as_json: bool, conf: Path
) -> None:
    said = say(*words, "--config", conf, *(["--json"] if as_json else []))
    assert said.code == 2
    told = said.document["error"]["message"] if as_json else said.err
    assert "'nope'" in told
    assert "core" in told


def test_a_dry_run_shows_the_plan_and_touches_nothing(device: RealDevice) -> None:
    before = sorted(device.root.rglob("*.jsonl"))
    said = say("update", "core", "--dry-run", "--version", "1.1.0", "--json", "--config", device.conf)
    assert said.code == 0
    told = said.document
    assert (told["component"], told["success"], told["dry_run"], told["outcome"]) == ("core", True, True, "planned")
    assert (told["from"], told["to"]) == ("1.0.0", "1.1.0")
    assert told["plan"]["steps"]
    assert len(told["plan_hash"]) == 64
    assert not device.install.is_symlink()
    assert sorted(device.root.rglob("*.jsonl")) == before


@pytest.mark.parametrize("as_json", [False, True])
def test_an_update_that_nobody_agreed_to_is_refused_with_the_word_that_agrees(
    as_json: bool, device: RealDevice
) -> None:
    said = run("update", "core", "--config", device.conf, *(["--json"] if as_json else []))
    assert said.code == 3
    told = said.document["message"] if as_json else said.err
    assert "--yes" in told
    assert not device.install.is_symlink()


def test_while_another_one_changes_the_device_it_is_refused_and_the_other_one_is_named(device: RealDevice) -> None:
    with DeviceLock(device.state / "lock").held():
        for words in (("update", "core", "--yes"), ("recover",)):
            said = say(*words, "--json", "--config", device.conf)
            assert said.code == 3
            assert said.document["outcome"] == "refused"
            assert "busy: another dunebugger-updater (process " in said.document["message"]


def test_going_back_with_nothing_to_go_back_to_is_nothing_to_do(conf: Path) -> None:
    said = say("rollback", "core", "--yes", "--json", "--config", conf)
    assert said.code == 0
    assert said.document["outcome"] == "nothing_to_do"
    assert say("rollback", "core", "--to", "0.9.0", "--config", conf).code == 1


def test_with_nothing_left_open_recover_has_nothing_to_do(conf: Path) -> None:
    said = say("recover", "--json", "--config", conf)
    assert (said.code, said.document) == (0, [])
    assert say("recover", "--config", conf).out == "nothing was left open\n"


def test_an_empty_history_is_an_empty_list(conf: Path) -> None:
    said = say("history", "--json", "--config", conf)
    assert (said.code, said.document) == (0, [])
    assert say("show", "20260101T000000-00-core", "--config", conf).code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("show", "../../etc/passwd"),
        ("show", ""),
        ("show", "x" * 5000),
        ("rollback", "core", "--to", "../../..", "--yes"),
        ("update", "core", "--version", "", "--yes"),
        ("update", "core", "--version", "$(reboot)", "--yes"),
        ("start", "core"),
        ("stop", "core"),
        ("doctor",),
        ("status", "--config", "/"),
        ("status", "--config", "/nowhere/at/all.conf"),
        ("status", "--config", "/bin/sh"),
        ("manifest", "validate", "/nowhere"),
    ],
)
def test_whatever_is_asked_the_answer_is_a_sentence_and_never_a_traceback(words: tuple[str, ...], conf: Path) -> None:
    said = say("--config", conf, *words)
    assert said.code in range(6)
    assert said.code == 0 or said.err or said.out
    assert "Traceback" not in said.err + said.out
    assert len(said.err.splitlines()) <= 3


@pytest.mark.parametrize(
    ("more", "told"),
    [("statePath = /dev/null/x", "there already"), ("githubTokenFile = /nowhere/token", "/nowhere/token")],
)
def test_what_the_configuration_names_in_vain_is_told(more: str, told: str, tmp_path: Path) -> None:
    said = say("status", "--config", configuration(tmp_path, more=more))
    assert said.code == 2
    assert told in said.err


def test_a_state_path_that_cannot_be_written_is_told_and_nothing_breaks(tmp_path: Path) -> None:
    conf = configuration(tmp_path)
    (tmp_path / "state").write_text("a file where a directory should be")
    for words in (("check",), ("status",), ("recover",), ("history",), ("doctor",)):
        said = say(*words, "--config", conf)
        assert "Traceback" not in said.err + said.out
    assert say("recover", "--config", conf).code == 3


@pytest.mark.parametrize("words", [("status",), ("version",), ("manifest", "schema"), ("status", "--json")])
def test_a_reader_who_goes_away_is_no_reason_to_complain(words: tuple[str, ...], conf: Path) -> None:
    argv = [sys.executable, "-m", "dunebugger_updater", "--config", str(conf), *words]
    held_back = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=held_back) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        told = program.stderr.read()
    assert told == b""
    assert program.returncode == 0
