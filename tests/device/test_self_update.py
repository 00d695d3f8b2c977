"""The updater updates itself, and whatever is wrong with a new version, the old one is back within four minutes."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from device.bed.device import PYTHON, Device, Devices
from device.bed.selves import NAME, Json, Selves, Spoil, Versions, mood, versions

pytestmark = [pytest.mark.device]

WITHIN = 240
"""Seconds: the old version runs again, whatever happens."""

IDLE = """\
import os, socket, sys, time
line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
line.connect(os.environ["NOTIFY_SOCKET"])
line.send(b"READY=1")
while True:
    if sys.argv[1] == "lives":
        line.send(b"WATCHDOG=1")
    time.sleep(5)
"""


@pytest.fixture(scope="module")
def published() -> Iterator[Versions]:
    with versions() as made:
        yield made


@pytest.fixture
def selves(device: Device, published: Versions) -> Selves:
    return Selves(device, published)


def took(selves: Selves, run: str) -> float:
    """Seconds from the restart into the new version until the old one said what it found."""
    told = selves.call("show", run)[1]
    steps = told["events"][0]["event"]["plan"]["steps"]
    times: dict[str, str] = {}
    for each in told["events"]:
        event = each["event"]
        if event["event"] == "began" and steps[event["step"]]["do"] == "restart_itself":
            times.setdefault("away", each["at"])
        if event["event"] == "turned_back":
            times.setdefault("back", each["at"])
    return (datetime.fromisoformat(times["back"]) - datetime.fromisoformat(times["away"])).total_seconds()


@pytest.mark.req("RM-001")
@pytest.mark.req("RM-008")
@pytest.mark.req("RM-010")
def test_a_new_version_is_taken_and_the_former_ones_can_be_gone_back_to(selves: Selves) -> None:
    selves.offer("1.1.0")
    told = selves.update()
    assert (told["outcome"], told["from"], told["to"]) == ("updated", "1.0.0", "1.1.0"), selves.journal()
    assert selves.version == "1.1.0"
    assert selves.in_use.startswith("1.1.0-")
    assert selves.no_trial()
    now = selves.component()
    assert (now["current"], now["status"], now["kept"]) == ("1.1.0", "up_to_date", ["1.0.0"])
    assert selves.device.exec(NAME, "--version") == "dunebugger-updater 1.1.0", "the command is the version in use"

    told = selves.call("rollback", "updater", "--yes")[1]
    assert (told["outcome"], told["to"]) == ("rolled_back", "1.0.0"), selves.journal()
    assert (selves.version, selves.in_use, selves.no_trial()) == ("1.0.0", "factory", True)
    assert selves.update()["outcome"] == "nothing_to_do", "what was taken back is only taken by name"

    told = selves.call("rollback", "updater", "--to", "1.1.0", "--yes")[1]
    assert (told["outcome"], told["to"]) == ("rolled_back", "1.1.0"), selves.journal()
    assert selves.version == "1.1.0"
    selves.device.cut_power()
    selves.device.boot()
    selves.wait_for("1.1.0", 60)

    selves.device.exec("systemctl", "stop", NAME)
    code, told = selves.call("rollback", "updater", "--to", "1.0.0", "--yes")
    assert (code, told["outcome"]) == (3, "refused")
    assert "start it (systemctl start" in told["message"]


def without(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def changed(name: str, old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return spoil


def program(content: str | None, mode: int = 0o755) -> Spoil:
    def spoil(folder: Path) -> None:
        if content is not None:
            (folder / NAME).write_text(content)
        (folder / NAME).chmod(mode)

    return spoil


UNFIT: dict[str, tuple[Spoil, str]] = {
    "empty": (program(""), "exec format error"),
    "cut off": (program("#!/bin/sh\nexec /opt/upd"), "ended with status 127"),
    "not executable": (program(None, 0o644), "permission denied"),
    "segfaults": (program("#!/bin/sh\nkill -SEGV $$\n"), "ended by SIGSEGV"),
    "a part is missing": (without("dunebugger_updater/effects/backup.py"), "cannot import dunebugger_updater.effects"),
    "foreign": (
        changed("dunebugger_updater/model/architecture.py", "    built_for =", '    return "riscv64"\n    built_for ='),
        "is for riscv64",
    ),
    "says another version": (changed("dunebugger_updater/VERSION", "1.", "7."), "should be version"),
    "reads no journal": (changed("dunebugger_updater/events.py", 'tag="opened"', 'tag="begun"'), "cannot follow"),
}


@pytest.mark.req("RM-050")
@pytest.mark.req("RM-053")
def test_a_version_that_fails_its_self_test_is_never_started_and_not_tried_again(selves: Selves) -> None:
    selves.offer_all({f"1.0.{number}": spoil for number, (spoil, _) in enumerate(UNFIT.values(), 1)})
    for number, (name, (_, reason)) in enumerate(UNFIT.items(), 1):
        told = selves.update("--version", f"1.0.{number}")
        assert told["outcome"] == "failed", (name, told)
        assert reason in told["message"], name
        assert selves.slots == [], "nothing of it stays"
    assert selves.journal().count("Started dunebugger-updater.service") == 1, "no outage at all"
    assert (selves.version, selves.in_use, selves.no_trial()) == ("1.0.0", "factory", True)
    assert len(selves.component()["quarantined"]) == len(UNFIT)
    assert selves.update()["outcome"] == "nothing_to_do"


def idle(how: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / "idle.py").write_text(IDLE)
        mood(f'exec {PYTHON} "$here/idle.py" {how}')(folder)

    return spoil


DEAF = changed("dunebugger_updater/api/routes.py", 'Route("GET", "/healthz"', 'Route("GET", "/ill"')
GAVE_UP = "did not stay up|not found to be good within 200 seconds"
"""Three starts that hang last about as long as a trial may."""

BAD: dict[str, tuple[Spoil, str, str]] = {
    "exits at once": (mood("echo no module named lgpio >&2; exit 3"), "did not stay up", "no module named lgpio"),
    "segfaults": (mood("kill -SEGV $$"), "did not stay up", "status=11/SEGV"),
    "exits in its trial": (mood("(sleep 10; kill -KILL $$) &"), "did not stay up", "status=9/KILL"),
    "hangs at its start": (mood("exec sleep 1000"), GAVE_UP, "timed out"),
    "hangs": (idle("hangs"), GAVE_UP, "atchdog timeout"),
    "lives and does nothing": (idle("lives"), "not found to be good within 200 seconds", ""),
    "serves nothing": (DEAF, "does not answer well at", ""),
}


def suffers(selves: Selves, reason: str, last_words: str) -> Json:
    """Update, and see that the old version is back in time and says why.  ``reason`` is a regular expression."""
    told = selves.update()
    assert told["outcome"] == "rolled_back", selves.journal()
    assert re.search(reason, told["message"]), told["message"]
    seconds = took(selves, told["run"])
    assert seconds < WITHIN, seconds
    evidence = "\n".join(selves.call("show", told["run"])[1]["evidence"])
    assert last_words in evidence, f"{seconds} s\n{evidence}"
    assert (selves.version, selves.in_use, selves.no_trial()) == ("1.0.0", "factory", True)
    assert selves.component()["quarantined"] == ["1.1.0"]
    assert selves.update()["outcome"] == "nothing_to_do", "never a loop"
    return told | {"seconds": seconds}


def side_by_side(work: dict[str, Callable[[], Json]]) -> dict[str, Json]:
    """Most of each is waiting."""
    with ThreadPoolExecutor(len(work)) as pool:
        begun = {name: pool.submit(each) for name, each in work.items()}
        problems = {name: error for name, each in begun.items() if (error := each.exception()) is not None}
        assert not problems, "\n\n".join(f"{name}: {error}" for name, error in problems.items())
        return {name: each.result() for name, each in begun.items()}


DAILY = ("exits at once", "exits in its trial", "lives and does nothing", "serves nothing")


@pytest.mark.timeout(1500)
@pytest.mark.req("RM-062")
@pytest.mark.parametrize("names", [DAILY, pytest.param(tuple(BAD), marks=pytest.mark.full)], ids=["some", "all"])
def test_whatever_a_new_version_does_the_old_one_runs_again_within_four_minutes_and_says_why(
    devices: Devices, published: Versions, names: tuple[str, ...]
) -> None:
    there = {name: Selves(devices(), published) for name in names}
    for name, one in there.items():
        one.offer("1.1.0", BAD[name][0])

    def of(name: str) -> Callable[[], Json]:
        return lambda: suffers(there[name], *BAD[name][1:])

    told = side_by_side({name: of(name) for name in names})
    print({name: round(each["seconds"]) for name, each in told.items()})  # noqa: T201  (the figure is the point)
    one = there["exits at once"]
    one.device.cut_power()
    one.device.boot()
    one.wait_for("1.0.0", 60)


@pytest.mark.slow
def test_without_a_network_it_goes_back_and_nothing_is_held_against_the_version(selves: Selves) -> None:
    selves.offer("1.1.0", mood("systemctl stop shop"))
    told = selves.update()
    assert told["outcome"] == "rolled_back", selves.journal()
    assert "cannot reach 127.0.0.1" in told["message"]
    assert selves.version == "1.0.0"
    assert selves.component()["quarantined"] == []
