"""Programs are started in two places, and both give them the environment that they would have had without us."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dunebugger_updater.effects.commands import clean_environment

ROOT = Path(__file__).resolve().parents[2]
DOORS = {"effects/commands.py", "effects/supervisor.py"}
STARTERS = ("subprocess", "multiprocessing", "pty", "pexpect")
CALLS = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}
OF_OS = ("system", "popen", "posix_spawn", "fork", "exec", "spawn")


def starts_programs(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.partition(".")[0] in STARTERS]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] if node.module.partition(".")[0] in STARTERS else []
            found += [each.name for each in node.names if each.name in CALLS]
            found += [each.name for each in node.names if node.module == "os" and each.name.startswith(OF_OS)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, whose = node.func.attr, node.func.value
            of_os = isinstance(whose, ast.Name) and whose.id == "os"
            if name in CALLS or (of_os and name.startswith(OF_OS)):
                found.append(name)
    return found


def test_nobody_else_starts_programs() -> None:
    sources = [*ROOT.glob("dunebugger_updater/**/*.py"), *ROOT.glob("panel/**/*.py")]
    assert len(sources) > 100
    found = {
        str(path.relative_to(ROOT / "dunebugger_updater")): starts_programs(path)
        for path in sources
        if "panel" not in path.parts
    }
    assert {name for name, what in found.items() if what} == DOORS
    assert not [path for path in sources if "panel" in path.parts and starts_programs(path)]


LEAKED = {
    "LD_LIBRARY_PATH": "/usr/lib/dunebugger-updater/factory/_internal",
    "_PYI_ARCHIVE_FILE": "/usr/lib/dunebugger-updater/factory/dunebugger-updater",
    "_PYI_APPLICATION_HOME_DIR": "/usr/lib/dunebugger-updater/factory/_internal",
    "_PYI_PARENT_PROCESS_LEVEL": "0",
    "_MEIPASS2": "/somewhere",
    "PYINSTALLER_RESET_ENVIRONMENT": "1",
    "NOTIFY_SOCKET": "/run/systemd/notify",
    "WATCHDOG_PID": "7",
    "WATCHDOG_USEC": "60000000",
    "LISTEN_FDS": "1",
    "JOURNAL_STREAM": "8:1",
    "INVOCATION_ID": "0",
    "STATE_DIRECTORY": "/var/lib/dunebugger-updater",
    "DUNEBUGGER_UPDATER_SLOTS": "/var/lib/dunebugger-updater",
    "GITHUB_TOKEN": "secret",
}


def test_a_child_hears_nothing_of_how_we_were_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LEAKED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/srv/pi")
    environment = clean_environment({"MINE": "1"})
    assert not LEAKED.keys() & environment.keys()
    assert (environment["HOME"], environment["MINE"]) == ("/srv/pi", "1")


def test_a_library_path_of_the_owners_own_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/opt/theirs")
    environment = clean_environment()
    assert environment["LD_LIBRARY_PATH"] == "/opt/theirs"
    assert "LD_LIBRARY_PATH_ORIG" not in environment


@pytest.mark.parametrize("original", [None, "/opt/theirs"])
def test_the_frozen_program_cleans_its_own_environment_before_anything_else(original: str | None) -> None:
    """For libraries that start programs by themselves, as the engine's client starts credential helpers."""
    code = "import entry, os, json; print(json.dumps(dict(os.environ)))"
    environment = {**os.environ, **LEAKED, "PYTHONPATH": os.pathsep.join([str(ROOT / "packaging"), str(ROOT)])}
    if original:
        environment["LD_LIBRARY_PATH_ORIG"] = original
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    kept = ast.literal_eval(done.stdout)
    assert kept.get("LD_LIBRARY_PATH") == original
    assert not [name for name in kept if name.startswith(("_PYI", "_MEI", "PYINSTALLER_", "LD_LIBRARY_PATH_ORIG"))]
