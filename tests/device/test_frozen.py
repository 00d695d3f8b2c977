"""The program as it is shipped does all that the checkout does, and breaks nothing that it starts."""

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from device.bed import place
from device.bed.frozen import Frozen

from dunebugger_updater.cli import COMMANDS

pytestmark = [pytest.mark.device]

LIMIT = 240
LEAKS = re.compile(r"^(LD_LIBRARY_PATH|LD_PRELOAD|PYTHONHOME|PYTHONPATH|_PYI_.*|_MEI.*)=")
ALONE = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
"""No setting of this machine reaches the program."""


def call(frozen: Frozen, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    argv = [frozen.program, *words]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=LIMIT, env={**ALONE, **more})


@pytest.mark.req("RM-012")
def test_it_knows_which_build_it_is(frozen: Frozen) -> None:
    told = json.loads(call(frozen, "version", "--json").stdout)
    build = json.loads((frozen.directory / "build.json").read_text())
    assert (told["version"], told["commit"]) == (frozen.version, build["commit"])


def test_its_folder_holds_plain_files_and_nothing_that_it_does_not_need(frozen: Frozen) -> None:
    paths = list(frozen.folder.rglob("*"))
    assert not [path for path in paths if path.is_symlink()]
    assert [path.name for path in paths if path.is_file() and path.stat().st_mode & 0o111] == ["dunebugger-updater"]
    assert not [path for path in paths if re.search(r"tkinter|libstdc\+\+|\.dist-info|tcl|pip", str(path.name))]
    build = json.loads((frozen.directory / "build.json").read_text())
    assert build["installed_bytes"] < 45_000_000
    assert build["files"][frozen.file.name]["bytes"] < 22_000_000
    assert tuple(map(int, build["glibc"].split("."))) <= (2, 36)


def test_lintian_has_nothing_to_say_about_the_package(frozen: Frozen) -> None:
    assert place.must(["lintian", "--fail-on", "error,warning", frozen.deb], limit=LIMIT) == ""


def test_every_command_is_there(frozen: Frozen) -> None:
    for command in [*COMMANDS, "demo", "agent", "version", "manifest validate", "manifest schema"]:
        done = call(frozen, *command.split(), "--help")
        assert done.returncode == 0, (command, done.stderr)
        assert f"dunebugger-updater {command}" in done.stdout


def test_manifests_are_checked_and_their_schema_told(frozen: Frozen, tmp_path: Path) -> None:
    """YAML, the manifest's words and the schema are imported only now."""
    assert json.loads(call(frozen, "manifest", "schema").stdout)["$defs"]
    (tmp_path / "m.yaml").write_text("{")
    done = call(frozen, "manifest", "validate", tmp_path / "m.yaml")
    assert done.returncode == 2
    assert "cannot" in done.stderr
    assert "Traceback" not in done.stderr


class Agent:
    """The shipped agent on a port of its own, and an owner's token for it."""

    def __init__(self, frozen: Frozen, root: Path, more: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.conf = root / "dunebugger.conf"
        settings = f"[Updater]\nstatePath = {root}/state\ngithubApiUrl = http://127.0.0.1:9\n"
        self.conf.write_text(f"{settings}[Panel]\nlisten = 127.0.0.1:{self.port}\n{more}")
        self.log = root / "said"
        with self.log.open("wb") as said:
            argv = [str(frozen.program), "--config", str(self.conf), "agent"]
            self._process = subprocess.Popen(argv, stdout=said, stderr=said, env=ALONE)
        place.wait_for(lambda: "the panel is at" in self.log.read_text(), 60, "the agent does not start")
        words = ("token", "create", "--name", "test", "--role", "owner", "--json", "--config", self.conf)
        self.token = json.loads(call(frozen, *words).stdout)["token"]

    def ask(self, path: str, method: str = "GET", body: object = None) -> tuple[int, str]:
        """Status and body, whatever the status."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode(errors="replace")

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


@pytest.fixture
def agent(frozen: Frozen, tmp_path: Path) -> Iterator[Agent]:
    lantern = f"[Component lantern]\ntype = python_app\nrepository = o/lantern\ninstallPath = {tmp_path}/lantern\n"
    lantern += "runner = process\ncommand = {install_path}/run\n"
    tide = f"[Component tide]\ntype = container\nrepository = o/tide\ncomposePath = {tmp_path}/c.yml\n"
    urls = "[Notifications]\nurls = json://127.0.0.1:9/\n"
    (tmp_path / "c.yml").write_text("services:\n  tide:\n    image: tide:1\n")
    made = Agent(frozen, tmp_path, lantern + tide + "image = tide\n" + urls)
    yield made
    made.end()


def test_every_route_and_every_page_answers(agent: Agent) -> None:
    """Pages, figures of the device, the engine's client, notifications: each is imported when it is first wanted."""
    document = json.loads(agent.ask("/api/openapi.json")[1])
    seen = []
    for path, methods in document["paths"].items():
        for method in methods:
            if (method, path) == ("get", "/ws"):
                continue
            filled = re.sub(r"\{\w+\}", "lantern", path)
            status, body = agent.ask(filled, method.upper(), None if method == "get" else {})
            seen.append((method, filled, status))
            assert status < 500 or json.loads(body)["error"]["code"] not in {"internal", "bug"}, (method, filled, body)
    assert len(seen) > 15
    pages = {"/", "/history", "/settings", "/static/panel.css", "/static/panel.js", "/components/lantern", "/nowhere"}
    answers = {page: agent.ask(page)[0] for page in pages}
    assert {page for page, status in answers.items() if status >= 500} == set(), answers
    assert answers["/static/panel.css"] == answers["/static/panel.js"] == 200
    said = agent.log.read_text()
    assert "Traceback" not in said, said
    assert "No module named" not in said, said


def children(trace: Path) -> list[tuple[list[str], list[str]]]:
    """Argument list and environment of every program that was started, in the order of starting."""
    lines = trace.read_text(errors="replace").splitlines()
    called = (re.search(r'execve\("(?:[^"\\]|\\.)*", (\[.*\]), (\[.*\])\) = 0$', line) for line in lines)
    return [(ast.literal_eval(each[1]), ast.literal_eval(each[2])) for each in called if each]


def traced(frozen: Frozen, trace: Path, *words: str | Path) -> list[tuple[list[str], list[str]]]:
    """Run it and see what it starts, and with which environment."""
    strace = ["strace", "-f", "-v", "-s", "1000000", "-e", "trace=execve", "-o", str(trace)]
    argv = [*strace, str(frozen.program), *map(str, words)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=LIMIT, env=ALONE)
    assert "Traceback" not in done.stderr, done.stderr
    return children(trace)


def leaks(started: list[tuple[list[str], list[str]]], program: Path) -> dict[str, list[str]]:
    """What is in the environment of a child and must not be there."""
    return {
        argv[0]: leaked
        for argv, environment in started
        if argv[0] != str(program) and (leaked := [each for each in environment if LEAKS.match(each)])
    }


def test_what_the_demo_starts_has_the_environment_that_it_would_have_without_us(frozen: Frozen, tmp_path: Path) -> None:
    """Real environments, pip and apps of the system's Python, which is another one than the program's own."""
    started = traced(frozen, tmp_path / "trace", "demo", "--json")
    lines = [" ".join(argv) for argv, _ in started]
    assert [line for line in lines if "-m venv" in line]
    assert [line for line in lines if "-m pip install" in line]
    assert [line for line in lines if "app.py" in line]
    assert leaks(started, frozen.program) == {}


def test_what_doctor_starts_has_it_too(frozen: Frozen, tmp_path: Path) -> None:
    """systemctl, the compose command and Python."""
    (tmp_path / "c.yml").write_text("services:\n  tide:\n    image: tide:1\n")
    tide = f"[Component tide]\ntype = container\nrepository = o/tide\ncomposePath = {tmp_path}/c.yml\nimage = tide\n"
    lantern = f"[Component lantern]\ntype = python_app\nrepository = o/lantern\ninstallPath = {tmp_path}/lantern\n"
    conf = tmp_path / "dunebugger.conf"
    conf.write_text(f"[Updater]\nstatePath = {tmp_path}/state\ngithubApiUrl = http://127.0.0.1:9\n{tide}{lantern}")
    started = traced(frozen, tmp_path / "trace", "--config", conf, "doctor")
    names = {Path(argv[0]).name for argv, _ in started}
    assert "python3" in names
    assert leaks(started, frozen.program) == {}


@pytest.mark.parametrize(
    "words",
    [
        ("apt-get", "-s", "upgrade"),
        ("docker", "version"),
        ("systemctl", "--version"),
        ("git", "--version"),
        ("/usr/bin/python3", "-m", "venv", "--help"),
        ("curl", "--version"),
    ],
    ids=lambda words: Path(words[0]).name,
)
def test_a_program_of_the_system_finds_its_own_libraries(
    words: tuple[str, ...], frozen: Frozen, tmp_path: Path
) -> None:
    """Started by the program as an app is, and asked which libraries it got."""
    if shutil.which(words[0]) is None:
        pytest.fail(f"{words[0]} is not here")
    app = tmp_path / "lantern"
    app.mkdir()
    (app / "VERSION").write_text("1.0.0\n")
    (app / "libraries").write_text(
        f"#!/bin/sh\nLD_DEBUG=libs LD_DEBUG_OUTPUT={tmp_path}/ld {' '.join(words)}\necho ended $?\nexec sleep 60\n"
    )
    (app / "libraries").chmod(0o755)
    conf = tmp_path / "dunebugger.conf"
    component = (
        f"[Component lantern]\ntype = python_app\nrepository = o/lantern\ninstallPath = {app}\nrunner = process\n"
    )
    conf.write_text(f"[Updater]\nstatePath = {tmp_path}/state\n{component}command = {app}/libraries\n")
    started = call(frozen, "--config", conf, "start", "lantern")
    assert started.returncode == 0, started.stderr
    state = tmp_path / "state"

    def logs() -> list[Path]:
        return [log for log in state.rglob("*") if log.is_file() and b"ended " in log.read_bytes()]

    try:
        place.wait_for(lambda: bool(logs()), 60, f"{words[0]} does not end")
    finally:
        assert call(frozen, "--config", conf, "stop", "lantern").returncode == 0
    told = "".join(each.read_text(errors="replace") for each in tmp_path.glob("ld.*"))
    assert str(frozen.folder) not in told
    assert "ended 0" in logs()[0].read_text() or words[0] == "docker", logs()[0].read_text()


def test_an_agent_start_writes_next_to_nothing(frozen: Frozen, tmp_path: Path) -> None:
    """G6: at most 1 MB; nothing is unpacked."""
    made = Agent(frozen, tmp_path)
    try:
        written = int(re.search(r"^wchar: (\d+)", Path(f"/proc/{made._process.pid}/io").read_text(), re.MULTILINE)[1])  # type: ignore[index]  # the kernel always says it
    finally:
        made.end()
    assert written < 1_000_000


# --- the single file ---


def file(frozen: Frozen, home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**ALONE, "HOME": str(home), **more}
    return subprocess.run(
        [frozen.file, *words], check=False, capture_output=True, text=True, timeout=LIMIT, env=environment
    )


def test_the_single_file_unpacks_itself_once(frozen: Frozen, tmp_path: Path) -> None:
    assert file(frozen, tmp_path, "--version").stdout == f"dunebugger-updater {frozen.version}\n"
    (unpacked,) = (tmp_path / ".cache/dunebugger-updater").iterdir()
    before = unpacked.stat().st_ctime_ns
    began = time.monotonic()
    assert file(frozen, tmp_path, "--version").returncode == 0
    assert time.monotonic() - began < 5
    assert [each.stat().st_ctime_ns for each in unpacked.parent.iterdir()] == [before]
    assert (unpacked.stat().st_mode & 0o022, unpacked.parent.stat().st_mode & 0o022) == (0, 0)


def test_the_single_file_hands_over_words_status_and_signals(frozen: Frozen, tmp_path: Path) -> None:
    done = file(frozen, tmp_path, "no-such-command")
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


@pytest.fixture
def noexec(tmp_path: Path) -> Iterator[Path]:
    mounted = tmp_path / "noexec"
    mounted.mkdir()
    place.must(["mount", "-t", "tmpfs", "-o", "noexec,size=200m", "tmpfs", mounted])
    yield mounted
    place.must(["umount", mounted])


def test_the_single_file_runs_where_the_cache_and_tmp_are_noexec(frozen: Frozen, noexec: Path, tmp_path: Path) -> None:
    home = noexec / "home"
    home.mkdir()
    runtime = tmp_path / "run"
    runtime.mkdir()
    done = file(frozen, home, "--version", TMPDIR=str(noexec), XDG_RUNTIME_DIR=str(runtime))
    assert done.stdout == f"dunebugger-updater {frozen.version}\n", done.stderr
    assert list((home / ".cache/dunebugger-updater").iterdir()) == []


def test_where_nothing_may_be_executed_it_says_so(frozen: Frozen, noexec: Path) -> None:
    for folder in ("home", "cache", "var"):
        (noexec / folder).mkdir()
    shell = f"mount --bind {noexec}/var /var/tmp && exec {frozen.file} --version"
    environment = {**ALONE, "HOME": f"{noexec}/home", "XDG_CACHE_HOME": f"{noexec}/cache"}
    argv = ["unshare", "-m", "sh", "-c", shell]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=LIMIT, env=environment)
    assert done.returncode == 1
    assert "noexec" in done.stderr
    assert "Permission denied" in done.stderr


def test_on_another_kind_of_machine_it_says_so(frozen: Frozen, tmp_path: Path) -> None:
    (tmp_path / "uname").write_text("#!/bin/sh\necho riscv64\n")
    (tmp_path / "uname").chmod(0o755)
    done = file(frozen, tmp_path, "--version", PATH=f"{tmp_path}:{ALONE['PATH']}")
    assert done.returncode == 2
    assert "this machine is riscv64" in done.stderr


def test_a_stranger_cannot_leave_a_program_where_it_is_looked_for(frozen: Frozen, tmp_path: Path) -> None:
    assert file(frozen, tmp_path, "--version").returncode == 0
    (unpacked,) = (tmp_path / ".cache/dunebugger-updater").iterdir()
    program = unpacked / "root/usr/lib/dunebugger-updater/factory/dunebugger-updater"
    program.unlink()
    program.write_text("#!/bin/sh\necho a stranger\n")
    program.chmod(0o755)
    os.chown(unpacked, 12_345, 12_345)
    runtime = tmp_path / "run"
    runtime.mkdir()
    done = file(frozen, tmp_path, "--version", XDG_RUNTIME_DIR=str(runtime))
    assert done.stdout == f"dunebugger-updater {frozen.version}\n"


def test_this_python_is_not_asked(frozen: Frozen, tmp_path: Path) -> None:
    """It carries its own."""
    done = subprocess.run(
        [frozen.program, "version", "--json"], check=True, capture_output=True, text=True, env={"PATH": str(tmp_path)}
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["version"] == frozen.version
    assert sys.version_info[:2] == (3, 11)
