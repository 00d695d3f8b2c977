"""What is not used is not imported: an idle agent on a small device holds no library that nobody asked for."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "apprise",
    "cryptography",
    "difflib",
    "docker",
    "hypothesis",
    "jinja2",
    "markdown_it",
    "psutil",
    "requests",
    "statistics",
    "tarfile",
    "urllib3",
    "yaml",
    "zoneinfo",
}
LATER = {
    "dunebugger_updater.effects.archive",
    "dunebugger_updater.effects.backup",
    "dunebugger_updater.effects.carry",
    "dunebugger_updater.effects.docker_api",
}
"""Of our own: much code that only updates, or devices with containers, need."""

AGENT = """
import asyncio, json, sys
from pathlib import Path
from dunebugger_updater import agent, config, wiring

async def main():
    settings = config.load(Path(sys.argv[1]), has_apt=False)
    async with wiring.house(settings) as built, agent.running(built) as running:
        assert running.addresses, "it serves"
        await asyncio.sleep(0.2)
        print(json.dumps(sorted(sys.modules)))

asyncio.run(main())
"""

COMMAND = """
import json, sys
from dunebugger_updater.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
print(json.dumps(sorted(sys.modules)))
"""


def modules(program: str, *arguments: str) -> set[str]:
    """Answer what was imported when ``program`` said so, in its last line."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def strangers(names: set[str]) -> set[str]:
    """Packages that neither Python nor we brought, nor whoever started us (``.pth`` files)."""
    before = modules("import json, sys; print(json.dumps(sorted(sys.modules)))")
    return packages(names) - packages(before) - sys.stdlib_module_names - {"dunebugger_updater", "panel"}


def test_an_idle_agent_without_containers_holds_nothing_heavy(tmp_path: Path) -> None:
    config = tmp_path / "agent.ini"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config.write_text(f"[Updater]\nstatePath = {tmp_path}/state\n[Panel]\nlisten = 127.0.0.1:{port}\n")
    found = modules(AGENT, str(config))
    assert {"aiohttp", "msgspec", "sqlite3"} <= packages(found), "it runs at all"
    assert not packages(found) & HEAVY
    assert not found & LATER


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_needs_nothing_but_python(word: str) -> None:
    found = modules(COMMAND, word)
    assert strangers(found) == set()
    assert {name for name in found if name.startswith("dunebugger_updater")} == {
        "dunebugger_updater",
        "dunebugger_updater.bundled",  # the version that was built in
        "dunebugger_updater.cli",
        "dunebugger_updater.manifest_cli",
        "dunebugger_updater.manifest_keys_cli",
    }


def test_the_version_is_told_without_network_or_containers() -> None:
    found = modules(COMMAND, "version")
    assert strangers(found) <= {"msgspec", "typing_extensions"}, "which msgspec imports where it is installed"
    assert not packages(found) & HEAVY
