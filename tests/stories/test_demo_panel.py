"""The panel of the demo from outside: as a browser meets it, and ended in the middle of what it does."""

import http.cookiejar
import json
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stories.test_demo import LIMIT, left_behind, telling

from dunebugger_updater import demo
from dunebugger_updater.demo.device import MadeUpDevice
from dunebugger_updater.demo.panel import Stay
from dunebugger_updater.demo.telling import Teller

pytestmark = pytest.mark.timeout(LIMIT)


class Browser:
    """One that keeps cookies, follows redirections, and says which page a form comes from."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def ask(self, path: str, **form: str) -> tuple[int, str]:
        """Answer status and text; with fields it sends a form."""
        data = urllib.parse.urlencode(form).encode() if form else None
        return self._send(urllib.request.Request(self.address + path, data, {"Origin": self.address}))

    def post(self, path: str, body: object) -> tuple[int, str]:
        """Send JSON to the API, as the script of a page does that is signed in."""
        csrf = json.loads(self.ask("/api/v1/session")[1])["csrf"]
        headers = {"Origin": self.address, "Content-Type": "application/json", "X-CSRF-Token": csrf}
        return self._send(urllib.request.Request(self.address + path, json.dumps(body).encode(), headers))

    def _send(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@contextmanager
def visiting(folder: Path, *words: str) -> Iterator[tuple["subprocess.Popen[str]", Browser, str]]:
    """The demo's panel while it is open, a browser on it, and the password that was shown."""
    with telling(folder, "--json", "--panel", *words) as program:
        assert program.stdout is not None
        shown = json.loads(program.stdout.readline())
        assert shown["scene"] == "panel"
        yield program, Browser(shown["address"]), shown["password"]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose path leaves room for that of a socket."""
    return tmp_path_factory.mktemp("d")


def test_the_login_that_is_shown_opens_the_panel_and_ctrl_c_leaves_nothing(folder: Path) -> None:
    with visiting(folder) as (program, browser, password):
        assert browser.ask("/healthz")[0] == 200
        assert 'type="password"' in browser.ask("/login")[1]
        assert browser.ask("/login", password="not this one")[0] == 403
        status, overview = browser.ask("/login", password=password)
        assert status == 200
        assert "lantern" in overview
        assert "1.3.0" in overview
        page = browser.ask("/components/lantern")[1]
        assert all(note in page for note in ("tells the tide", "gulls, through the speaker", "<strong>need no speaker"))
        assert json.loads(browser.ask("/api/v1/components/updater")[1])["status"] == "up_to_date"
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=LIMIT) == ("", "")  # its first line was all
    assert program.returncode == 0
    assert left_behind(folder) == []


@pytest.mark.slow
def test_an_update_begun_in_the_panel_does_not_outlive_it(folder: Path) -> None:
    with visiting(folder) as (program, browser, password):
        browser.ask("/login", password=password)
        plan = browser.ask("/components/lantern/plan?version=1.3.0")[1]
        csrf = re.search(r'name="csrf" value="([^"]+)"', plan)
        assert csrf is not None
        status, run = browser.ask("/components/lantern/update", csrf=csrf[1], version="1.3.0")
        assert status == 200
        assert '/cancel"' in run  # it is under way
        program.send_signal(signal.SIGTERM)
        assert program.communicate(timeout=LIMIT) == ("", "")
    assert program.returncode == 0
    assert left_behind(folder) == []


@pytest.mark.slow
def test_it_closes_by_itself_when_its_time_is_over(folder: Path) -> None:
    with telling(folder, "--panel", "--for", "1") as program:
        out, err = program.communicate(timeout=LIMIT)
    assert (program.returncode, err) == (0, "")
    assert "It stays up for 1 s." in out
    assert "the folder is gone" in out
    assert left_behind(folder) == []


@pytest.mark.parametrize(
    ("asked", "story", "stay"),
    [
        ({}, True, None),
        ({"panel": True}, False, Stay(None)),
        ({"seconds": 5.0}, True, Stay(5.0)),
        ({"panel": True, "seconds": 5.0}, False, Stay(5.0)),
    ],
)
def test_where_nobody_sits_at_a_terminal_it_only_stays_when_asked_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: dict[str, float],
    story: bool,
    stay: Stay | None,
) -> None:
    seen: list[tuple[bool, Stay | None]] = []

    async def look(_device: MadeUpDevice, _teller: Teller, *, story: bool, stay: Stay | None) -> None:
        seen.append((story, stay))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "play", look)
    assert demo.main(as_json=False, **asked) == 0  # type: ignore[arg-type]  # both options, each of its own type
    assert seen == [(story, stay)]
    assert ("demo --panel" in capsys.readouterr().out) == (stay is None)
    assert not sys.stdout.isatty()
