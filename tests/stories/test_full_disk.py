"""A disk that fills up at each writing step of a real update: first nothing changed, after the switch all is put back.

Each place that is written to lies on a small file system of its own.  It fills up to the last byte when the
journal says that a step has begun (``filling.py``): the update was let in by a check that had found room enough.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stories.filling import BALLAST, fill
from stories.real_app import Json, RealDevice, real_device
from stories.real_releases import Publisher, publisher

from dunebugger_updater.run import Closed

pytestmark = pytest.mark.timeout(120)

SIZE = 100 * 1024**2
"""Bytes of each small file system; what is not written takes no memory."""
EDITED = "[lights]\nbrightness = 90\n; mine\n"


class SmallDisk:
    """A file system of its own that can be filled to the last byte and emptied again."""

    def __init__(self, place: Path, size: int = SIZE) -> None:
        self.place = place
        self._ballast = place / BALLAST
        place.mkdir(parents=True, exist_ok=True)
        argv = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place)]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=10)
        if done.returncode != 0:
            missing(f"cannot mount a small file system: {done.stderr.strip()}")

    @property
    def free(self) -> int:
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        subprocess.run(["umount", str(self.place)], check=True, timeout=10)


def missing(reason: str) -> None:
    """Skip, unless whoever runs the tests wants to know."""
    if os.environ.get("REQUIRE_DEVICE", "") not in {"", "0"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def github() -> Iterator[Publisher]:
    with publisher() as running:
        yield running


@pytest.fixture
def device(github: Publisher, tmp_path: Path) -> Iterator[RealDevice]:
    if os.geteuid() != 0:
        missing("only root may mount a small file system")
    with real_device(tmp_path / "device", github.shelf("1.1.0", "1.2.0", "1.5.0", "1.6.0")) as made:
        yield made


@pytest.fixture
def disks(device: RealDevice) -> Iterator[dict[str, SmallDisk]]:
    """``state``, ``apps`` (the installation and its releases) and ``backups``, with 1.0.0 running on them."""
    places = {"state": device.state, "apps": device.install.parent, "backups": device.backups}
    made: dict[str, SmallDisk] = {}
    try:
        for name, place in places.items():
            made[name] = SmallDisk(place)
        device.install_by_hand()
        (device.install / "settings.ini").write_text(EDITED)
        device.begin()
        device.visit("before")
        device.answer("check")
        yield made
    finally:
        device.close()
        for disk in made.values():
            disk.close()


def update_while_filling(device: RealDevice, disk: SmallDisk, step: str, version: str) -> tuple[int, Json]:
    """Exit status and answer of an update during which ``disk`` fills up when ``step`` has begun, and stays full."""
    words = (str(disk.place), step, "--config", str(device.conf), "update", "core", "--yes", "--version", version)
    code, out, err = device.call_module("stories.filling", *words, "--json")
    assert disk.free == 0, f"{step} never began: {out} {err}"
    assert out, err
    return code, json.loads(out)


def well(device: RealDevice, version: str) -> None:
    device.wait_for_app()
    assert device.running["version"] == version
    assert len(device.app_processes()) == 1
    assert device.ask("/health")[0] == 200
    assert {"before", "migrated before"} & set(device.visits)
    assert (device.install / "settings.ini").read_text() == EDITED
    for file in device.journals():
        assert isinstance(device.told(file)[-1].event, Closed)


SLOW = pytest.mark.slow
BEFORE = [
    pytest.param("state", "download", marks=SLOW),
    pytest.param("apps", "unpack", marks=SLOW),
    pytest.param("apps", "build", marks=SLOW),
    pytest.param("backups", "back up", marks=SLOW),
    pytest.param("apps", "carry over local data", marks=SLOW),
]
AFTER = [
    (place, step)
    for place, steps in {
        "apps": ["stop core", "carry over what", "run migrate.py", "point", "start core"],
        "state": ["stop core", "point", "start core"],
        "backups": ["stop core"],
    }.items()
    for step in steps
]
SWITCHES = [
    pytest.param(*each, target, marks=SLOW)
    for each in AFTER
    for target in ("1.6.0", "1.5.0" if each[1].startswith("run") else "1.2.0")
]


@pytest.mark.parametrize(("place", "step"), BEFORE)
def test_a_disk_that_fills_up_before_the_switch_changes_nothing(
    device: RealDevice, disks: dict[str, SmallDisk], place: str, step: str
) -> None:
    pid, free = device.running["pid"], {name: disk.free for name, disk in disks.items()}
    code, told = update_while_filling(device, disks[place], step, "1.6.0")
    assert (code, told["outcome"]) == (1, "failed")
    assert "nothing changed" in told["message"]
    assert re.search("no space left|the disk is full", told["message"], re.IGNORECASE)
    assert device.running["pid"] == pid
    disks[place].empty()
    well(device, "1.0.0")
    assert device.leftovers() == []
    taken = {name: free[name] - disk.free for name, disk in disks.items()}
    assert max(taken.values()) < 64 * 1024, f"not given back: {taken}"
    assert device.answer("status")["components"]["core"]["quarantined"] == []
    assert device.update("--version", "1.6.0")["outcome"] == "updated"
    well(device, "1.6.0")


@pytest.mark.parametrize(("place", "step", "target"), SWITCHES)
def test_a_disk_that_fills_up_after_the_switch_has_begun_leaves_the_old_or_the_new_version(
    device: RealDevice, disks: dict[str, SmallDisk], place: str, step: str, target: str
) -> None:
    code, told = update_while_filling(device, disks[place], step, target)
    good = {(4, "rolled_back"), (0, "updated")} if target == "1.6.0" else {(4, "rolled_back")}
    assert (code, told["outcome"]) in good, json.dumps(told)
    device.wait_for_app()
    version = device.running["version"]
    assert version == (target if code == 0 else "1.0.0")
    assert len(device.app_processes()) == 1
    disks[place].empty()
    well(device, version)
    other = "1.1.0" if version == "1.6.0" else "1.6.0"
    assert device.update("--version", other)["outcome"] == "updated"
    well(device, other)
    assert device.leftovers() == []


@pytest.mark.slow
def test_too_little_room_is_refused_beforehand_with_the_numbers(
    device: RealDevice, disks: dict[str, SmallDisk]
) -> None:
    with (disks["apps"].place / BALLAST).open("wb") as film:
        os.posix_fallocate(film.fileno(), 0, disks["apps"].free - 20_000_000)
    pid = device.running["pid"]
    told = device.update("--version", "1.1.0", status=3)
    assert told["outcome"] == "refused"
    assert "not enough room on the file system of" in told["message"]
    assert "20 MB are free" in told["message"]
    assert device.running["pid"] == pid
    disks["apps"].empty()
    assert device.update("--version", "1.1.0")["outcome"] == "updated"


@pytest.mark.slow
def test_a_state_disk_that_is_full_already_refuses_updates_and_hinders_nobody_else(
    device: RealDevice, disks: dict[str, SmallDisk]
) -> None:
    fill(disks["state"].place)
    pid = device.running["pid"]
    told = device.update("--version", "1.1.0", status=1)
    assert (told["outcome"], told["run"]) == ("failed", None)
    assert "nothing changed" in told["message"]
    assert device.running["pid"] == pid
    assert device.call("recover") == (0, "nothing was left open\n", "")
    assert device.journals() == []
    assert device.call("stop", "core")[0] == 0
    assert device.app_processes() == []
    device.begin()
    disks["state"].empty()
    assert device.update("--version", "1.1.0")["outcome"] == "updated"
    well(device, "1.1.0")
