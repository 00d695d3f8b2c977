"""What the test bed promises without any engine: it finds this machine's mirror, and it leaves nothing running."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from device.bed import place, sources

STANZA = """
# a comment
Types: deb
URIs: {0}
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: {0}-security
Suites: bookworm-security
Components: main
"""
LINES = """
# deb http://old.invalid/debian bookworm main
deb-src http://source.invalid/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] {0}/ bookworm main contrib
deb {0}-security bookworm-security main
"""
KILLED = """
import os
from device.bed import place
print(place.Process("sleeper", ["sleep", "300"])._popen.pid, flush=True)
os._exit(9)
"""


@pytest.mark.parametrize(("name", "text"), [("debian.sources", STANZA), ("debian.list", LINES)])
def test_the_mirror_is_the_one_that_apt_uses(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / name).write_text(text.format("http://mirror.invalid/debian"))
    assert sources.mirror(tmp_path, "bookworm") == "http://mirror.invalid/debian"
    assert sources.mirror(tmp_path, "bookworm-security") == "http://mirror.invalid/debian-security"
    with pytest.raises(place.MissingError, match="cannot find a mirror of trixie"):
        sources.mirror(tmp_path, "trixie")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def left_by_a_killed_session(cache: Path) -> str:
    surroundings = os.environ | {"PYTHONPATH": str(place.CHECKOUT / "tests"), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True, text=True, env=surroundings)
    return place.token(int(done.stdout))


def test_what_a_killed_session_left_running_is_ended_by_the_next(own_cache: Path) -> None:
    left = left_by_a_killed_session(own_cache)
    assert place.alive(left)
    place.end_left_over_processes(keep=["sleeper"])
    assert place.alive(left)
    place.end_left_over_processes(keep=[])
    place.wait_for(lambda: not place.alive(left), 10, "it still runs")


def test_what_a_living_session_runs_is_left_alone(own_cache: Path) -> None:
    process = place.Process("sleeper", ["sleep", "300"])
    place.end_left_over_processes(keep=[])
    assert process.running
    process.end()
    assert not process.running
    assert list((own_cache / "dunebugger-updater-bed" / "processes").iterdir()) == []


def test_a_missing_part_is_skipped_every_day_and_made_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_DEVICE", raising=False)
    with pytest.raises(place.MissingError, match="no engine: REQUIRE_DEVICE=1 makes it"):
        place.only_if_required("no engine")
    monkeypatch.setenv("REQUIRE_DEVICE", "1")
    place.only_if_required("no engine")
