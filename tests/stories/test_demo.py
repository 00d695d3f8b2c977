"""The demo from outside: as a program on its own, read from a pipe, seen on a terminal, stopped in the middle."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dunebugger_updater import demo
from dunebugger_updater.demo.device import MadeUpDevice
from dunebugger_updater.demo.panel import Stay
from dunebugger_updater.demo.story import NotAsToldError
from dunebugger_updater.demo.telling import Teller

DEMO = (sys.executable, "-m", "dunebugger_updater", "demo")
NOWHERE = "http://127.0.0.1:9"
STAYS = b"until you press Ctrl-C"
LIMIT = 120
"""Seconds for one telling on a busy machine; the promise is 30 on one that has time."""


def environment(tmp: Path) -> dict[str, str]:
    """No way to any index, and a folder in which everything would be seen that stays behind."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
    return os.environ | proxies | {"TMPDIR": str(tmp), "PIP_INDEX_URL": NOWHERE, "GITHUB_TOKEN": "not-ours"}


@contextmanager
def telling(tmp: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The demo while it runs; ended if the test does not see it through."""
    tmp.mkdir(exist_ok=True)
    with subprocess.Popen(
        [*DEMO, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(tmp)
    ) as program:
        try:
            yield program
        finally:
            if program.poll() is None:
                program.terminate()  # it then cleans up, which a kill would not let it


def left_behind(tmp: Path) -> list[str]:
    """Files in its folder, and processes that were started from there."""
    processes = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "cmdline").read_bytes() + os.fsencode((entry / "cwd").readlink())
            except OSError:
                continue
            if os.fsencode(tmp) in told:
                processes.append(f"{entry.name}: {told!r}")
    return [*map(str, tmp.iterdir()), *processes]


def scenes(lines: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("scene") == name]


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path leaves room for that of a socket."""
    return tmp_path_factory.mktemp("d")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], int, str, Path]:
    """One whole telling as JSON lines, with its exit status, its standard error, and the folder that it was given."""
    tmp = tmp_path_factory.mktemp("demo")
    with telling(tmp, "--json") as program:
        out, err = program.communicate(timeout=LIMIT)
    return [json.loads(line) for line in out.splitlines()], program.returncode, err, tmp


@pytest.mark.slow
@pytest.mark.timeout(LIMIT)
class TestAsLines:
    def test_it_goes_as_told_without_any_network(self, told: tuple[list[dict[str, Any]], int, str, Path]) -> None:
        lines, status, err, _ = told
        assert (status, err) == (0, "")
        assert all(("scene" in line) != ("event" in line) for line in lines)
        names = ["begin", "running", "found", "updating", "updated", "found", "updating", "rolled_back", "remembered"]
        assert [line["scene"] for line in lines if "scene" in line] == [*names, "end", "see_panel", "next"]
        assert scenes(lines, "end")[0]["as_told"] is True

    def test_the_good_release_is_taken_and_the_data_stays(
        self, told: tuple[list[dict[str, Any]], int, str, Path]
    ) -> None:
        lines = told[0]
        before, after = scenes(lines, "running")[0], scenes(lines, "updated")[0]
        assert (before["version"], after["version"], after["outcome"]) == ("1.0.0", "1.1.0", "updated")
        assert (before["visits"], after["visits"]) == (3, 4)
        assert before["greeting"] == after["greeting"] == "Welcome to the beach"

    def test_the_broken_release_is_taken_back_with_its_reason_and_is_not_offered_again(
        self, told: tuple[list[dict[str, Any]], int, str, Path]
    ) -> None:
        lines = told[0]
        back = scenes(lines, "rolled_back")[0]
        assert (back["version"], back["outcome"], back["visits"]) == ("1.1.0", "rolled_back", 5)
        assert back["greeting"] == "Welcome to the beach"
        assert "answered 500: cannot open /dev/snd/by-id/lantern-speaker" in back["message"]
        assert any("ERROR cannot open" in line for line in back["evidence"])
        assert "1.2.0 failed here before" in scenes(lines, "remembered")[0]["message"]

    def test_progress_is_told_while_it_happens(self, told: tuple[list[dict[str, Any]], int, str, Path]) -> None:
        events = [line for line in told[0] if "event" in line]
        assert [each["event"] for each in events].count("opened") == 2
        assert [each["outcome"] for each in events if each["event"] == "closed"] == ["updated", "rolled_back"]
        shares = [each["done"] for each in events if "downloading" in str(each.get("message"))]
        assert len(shares) > 4
        assert any(0 < share < 1 for share in shares)

    def test_nothing_is_left_behind(self, told: tuple[list[dict[str, Any]], int, str, Path]) -> None:
        assert left_behind(told[3]) == []


@pytest.mark.slow
@pytest.mark.timeout(LIMIT)
def test_on_a_terminal_each_line_is_whole_and_nothing_but_the_moving_line_is_erased(short: Path) -> None:
    columns = 48  # a phone
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    clean = {name: value for name, value in environment(short).items() if name not in {"COLUMNS", "LINES"}}
    with subprocess.Popen(DEMO, stdin=terminal, stdout=terminal, stderr=terminal, env=clean) as program:
        os.close(terminal)
        seen = b""
        try:
            while piece := os.read(master, 65_536):
                before, seen = seen, seen + piece
                if STAYS in seen and STAYS not in before:
                    program.send_signal(signal.SIGINT)  # the key itself does nothing: the terminal is not its own
        except OSError:
            pass  # Linux says EIO when the last one has closed the terminal
    os.close(master)
    text = seen.decode()
    assert program.returncode == 0
    assert set(re.findall(r"\x1b[^K]*K", text)) == {"\x1b[K"}
    plain = text.replace("\r\n", "\n")
    assert plain.count("\r") == plain.count("\r\x1b[K")
    assert not re.search(r"[\x00-\x09\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f]", plain)
    moving = re.findall(r"\r\x1b\[K([^\r\n]+)(?=\r)", plain)
    assert any("#" in each and "%" in each for each in moving)
    assert max(map(len, moving)) < columns
    shown = [line.rpartition("\x1b[K")[2] for line in plain.split("\n")]
    assert not [line for line in shown if "…" in line]
    narrated = [line for line in shown if not line.startswith("    ")]
    assert max(map(len, narrated)) < columns
    assert "Back by itself" in plain
    assert "  password: " in plain
    assert left_behind(short) == []


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "downloading lantern-1.1.0.tar.gz"),
        pytest.param(signal.SIGTERM, "Looking in links", marks=pytest.mark.slow),  # pip has temporary files
        pytest.param(signal.SIGHUP, "turned_back", marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(LIMIT)
def test_stopped_in_the_middle_it_ends_all_that_it_started(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    with telling(tmp_path, "--json") as program:
        assert program.stdout is not None
        assert any(moment in line for line in program.stdout)
        assert left_behind(tmp_path)
        program.send_signal(number)
        program.send_signal(number)  # an impatient finger
        _, err = program.communicate(timeout=LIMIT)
    assert program.returncode == 130
    assert err.strip() == "stopped; what the demo had started has ended, and its folder is gone"
    assert left_behind(tmp_path) == []


@pytest.mark.timeout(LIMIT)
@pytest.mark.slow
def test_when_its_reader_goes_away_it_ends_quietly(tmp_path: Path) -> None:
    with telling(tmp_path, "--json") as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr is not None
        err = program.stderr.read()
    assert (program.returncode, err) == (0, "")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("as_json", [False, True])
def test_when_it_goes_another_way_it_says_so_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    async def go_another_way(device: MadeUpDevice, teller: Teller, *, story: bool, stay: Stay | None) -> None:
        assert (story, stay) == (True, None)
        teller.scene("begin", "Once upon a time", str(device.root))
        raise NotAsToldError("1.1.0 was refused: no space left")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "play", go_another_way)
    assert demo.main(as_json=as_json) == 1
    out, err = capsys.readouterr()
    assert err.strip() == "dunebugger-updater: the demo did not go as told: 1.1.0 was refused: no space left"
    if as_json:
        assert json.loads(out.splitlines()[-1])["as_told"] is False
    assert "On your own device" not in out
    assert list(tmp_path.iterdir()) == []
