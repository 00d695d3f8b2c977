"""The first user's device under our care: systemd as PID 1, an app that ``pi`` cloned, and power that goes."""

import json
import random
import subprocess
import time

import pytest
from device.bed import place, program
from device.bed.device import PYTHON, Device
from device.bed.presepe import EDITED, HOME, RELEASES, SHIPPED, STATE, Presepe

pytestmark = [pytest.mark.device]

CUTS = 6
LATEST = 0.3
"""Seconds after the first step that touches the app."""


@pytest.fixture
def presepe(device: Device) -> Presepe:
    return Presepe(device)


def runs_as_pi(presepe: Presepe, version: str) -> None:
    """One process, of the right release, with pi's rights, pi's settings and everything that was ever written."""
    told = presepe.ask()
    assert (told["version"], told["user"], told["brightness"]) == (version, "pi", "90")
    assert told["visits"][0] == "start 0.9"
    assert told["visits"][-1] == f"start {version}"
    assert len(presepe.processes()) == 1
    assert presepe.device.show("dunebugger", "ActiveState") == "active"
    assert presepe.device.read(f"{HOME}/app/config/dunebugger.conf") == EDITED
    assert presepe.mode(f"{HOME}/app/config/dunebugger.conf") == "640"
    assert presepe.strangers(f"{HOME}/") == ""
    assert presepe.device.read("/opt/dunebugger-data/music.txt") == "Tu scendi dalle stelle\n"


def as_it_stood(presepe: Presepe) -> None:
    """The plain directory of the owner, ``.git`` and all."""
    runs_as_pi(presepe, "0.9")
    assert not presepe.is_link()
    told = presepe.ask()
    assert (told["from"], told["python"]) == (f"{HOME}/app", f"{HOME}/.venv")
    git = ("git", "-C", HOME, "status", "--porcelain")
    assert presepe.device.exec(*git, user="pi") == "M app/config/dunebugger.conf"


@pytest.mark.req("DB-014")
@pytest.mark.req("DB-034")
@pytest.mark.req("DB-090")
def test_the_first_update_adopts_what_pi_cloned_and_gives_it_back(presepe: Presepe) -> None:
    device = presepe.device
    as_it_stood(presepe)
    presepe.offer({"1.0.0-beta.8": "well", "1.0.0-beta.15": "well"})
    found = presepe.component()
    assert (found["current"], found["latest"], found["update_available"]) == (None, None, False)
    assert "does not say which version" in found["message"]
    device.write("/srv/daring.conf", device.read("/etc/dunebugger/dunebugger.conf") + "channel = prerelease\n")
    done = device.python(
        "-m", "dunebugger_updater", "--config", "/srv/daring.conf", "update", "core", "--dry-run", "--json"
    )
    planned = json.loads(done.stdout)
    assert (planned["from"], planned["to"], planned["outcome"]) == (None, "1.0.0-beta.15", "planned")

    presepe.offer({"1.0.0-beta.8": "well", "1.0.0-beta.15": "well", "1.1.0": "well"})
    found = presepe.component("--force")
    assert (found["current"], found["latest"], found["status"]) == (None, "1.1.0", "update_available")
    told = presepe.update()
    assert (told["outcome"], told["from"], told["to"]) == ("updated", None, "1.1.0")
    assert 0 < told["downtime_seconds"] < 15
    runs_as_pi(presepe, "1.1.0")
    told = presepe.ask()
    assert (told["from"], told["python"]) == (f"{RELEASES}/1.1.0/app", f"{HOME}/.venv")
    assert told["visits"] == ["start 0.9", "start 1.1.0"]
    assert presepe.component()["current"] == "1.1.0"
    assert device.exec("readlink", HOME).endswith("dunebugger.releases/1.1.0")
    assert device.read(f"{HOME}/app/config/dunebugger.conf.new") == SHIPPED.format(version="1.1.0")
    kept = f"{RELEASES}/original"
    assert device.read(f"{kept}/app/config/dunebugger.conf") == EDITED
    assert presepe.strangers(kept) == ""
    assert device.exec("git", "-C", kept, "log", "--format=%s", user="pi") == "as cloned"

    pid = device.show("dunebugger", "MainPID")
    for _ in range(2):
        assert presepe.call("stop", "core")[0] == 0
        assert (device.show("dunebugger", "ActiveState"), presepe.processes()) == ("inactive", [])
    for _ in range(2):
        assert presepe.call("start", "core")[0] == 0
        presepe.wait_until_well()
    assert device.show("dunebugger", "MainPID") != pid
    runs_as_pi(presepe, "1.1.0")

    device.exec("systemctl", "stop", "shop")
    told = presepe.answer("rollback", "core", "--yes")
    assert (told["outcome"], told["success"]) == ("rolled_back", True)
    as_it_stood(presepe)
    assert presepe.ask()["visits"] == ["start 0.9", "start 0.9"], "the data is as it was before the update"


@pytest.mark.req("DB-013")
@pytest.mark.req("DB-111")
@pytest.mark.parametrize(
    ("mood", "reason", "last_words"),
    [
        ("crashes", "dunebugger.service keeps crashing: restarted 3 times", "core 1.2.0: no module named lgpio"),
        ("sick", "answered 500", "no sound card"),
    ],
)
def test_a_broken_release_is_rolled_back_with_its_last_words(
    mood: str, reason: str, last_words: str, presepe: Presepe
) -> None:
    """With ``Restart=always`` a crash loop is never ``failed``: what tells is the count of restarts."""
    presepe.offer({"1.2.0": mood}, limit=30 if mood == "crashes" else 3)
    told = presepe.update(status=4)
    assert (told["outcome"], told["to"]) == ("rolled_back", "1.2.0")
    assert reason in told["message"]
    assert last_words in "\n".join(presepe.answer("show", told["run"])["evidence"])
    assert told["downtime_seconds"] < 30
    as_it_stood(presepe)
    assert presepe.component()["quarantined"] == ["1.2.0"]
    assert presepe.update()["outcome"] == "nothing_to_do"


def test_a_caller_without_rights_gets_a_sentence(presepe: Presepe) -> None:
    presepe.offer({"1.1.0": "well"})
    for words in (("update", "core", "--yes"), ("stop", "core"), ("recover",)):
        done = presepe.device.run(PYTHON, *presepe.argv(*words), user="pi")
        assert done.returncode in {1, 3}, (words, done.stderr)
        assert "as root" in done.stderr, words
        assert "Traceback" not in done.stderr
    as_it_stood(presepe)


class Cutter:
    """Starts an update, waits until it touches the app, and pulls the plug a little later."""

    def __init__(self, presepe: Presepe) -> None:
        self._presepe = presepe
        planned = presepe.update("--dry-run", "--version", "1.1.0")
        self._stop = int(planned["plan"]["steps"].index("stop dunebugger.service"))

    def cut(self, after: float) -> None:
        device = self._presepe.device
        updater = program.on_a_device(PYTHON, *self._presepe.argv("update", "core", "--version", "1.1.0"))
        words = ["docker", "exec", device.name, *updater]
        with subprocess.Popen(
            [*words, "--yes", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place.environment()
        ) as started:
            assert started.stdout is not None
            assert started.stderr is not None
            for line in started.stderr:
                heard = json.loads(line)
                if heard.get("event") == "began" and heard["step"] == self._stop:
                    break
            else:
                pytest.fail(f"the update never touched the app: {started.stdout.read().decode()}")
            time.sleep(after)
            device.cut_power()
            started.kill()


@pytest.fixture
def cutter(presepe: Presepe) -> Cutter:
    presepe.offer({"1.1.0": "well"})
    return Cutter(presepe)


@pytest.mark.slow
def test_after_a_power_cut_in_the_switch_either_release_runs_and_nothing_is_lost(
    presepe: Presepe, cutter: Cutter
) -> None:
    chance = random.Random(1)
    ends = []
    for number in range(CUTS):
        cutter.cut(LATEST * (number + chance.random()) / CUTS)
        presepe.device.boot()
        presepe.wait_for_shop()
        status = presepe.call("status")
        code, out, err = presepe.call("recover", "--json")
        recovered = json.loads(out)
        presepe.wait_until_well()
        assert len(recovered) == 1, err
        # Of a container PID 1 dies first, and what outlives it for an instant may have turned the run around.
        assert code == {"updated": 0, "rolled_back": 4}[recovered[0]["outcome"]]
        assert f"run {recovered[0]['run']} is not finished" in status[2]
        told = presepe.answer("show", recovered[0]["run"])
        assert told["events"][-1]["event"]["event"] == "closed"
        assert [each["n"] for each in told["events"]] == list(range(len(told["events"])))
        version = presepe.ask()["version"]
        ends.append(version)
        assert (told["outcome"], version) in {("updated", "1.1.0"), ("rolled_back", "0.9")}
        runs_as_pi(presepe, version)
        assert presepe.answer("recover") == []
        if version == "1.1.0":
            assert presepe.answer("rollback", "core", "--yes")["outcome"] == "rolled_back"
        as_it_stood(presepe)
        leftovers = presepe.device.exec("find", "/opt", STATE, "-name", "*.unverified", "-o", "-name", "*.part")
        assert leftovers == ""
    assert ends
