"""A unit of apt's: how it is started, how its state is read, and what of its output belongs to which command."""

from pathlib import Path

import pytest

from dunebugger_updater.effects import apt_unit
from dunebugger_updater.effects.apt_debs import find, pattern
from dunebugger_updater.effects.apt_return import unplanned
from dunebugger_updater.effects.apt_room import added_up
from dunebugger_updater.effects.apt_unit import AptUnits, Ended, last_output, name_of, read
from dunebugger_updater.effects.systemd_units import read as read_units
from dunebugger_updater.model.service import UnitState
from dunebugger_updater.ports import EffectError
from dunebugger_updater.ports.packages import Room

SHOWN = "LoadState={}\nActiveState={}\nSubState={}\nResult={}\nExecMainCode={}\nExecMainStatus={}\n"


@pytest.mark.parametrize(
    ("shown", "works", "code"),
    [
        (("loaded", "active", "running", "success", 0, 0), True, None),
        (("loaded", "activating", "start", "success", 0, 0), True, None),
        (("loaded", "deactivating", "stop-sigterm", "success", 0, 0), True, None),
        (("loaded", "active", "exited", "success", 1, 0), False, 0),
        (("loaded", "failed", "failed", "exit-code", 1, 100), False, 100),
        (("loaded", "failed", "failed", "signal", 2, 9), False, None),
        (("not-found", "inactive", "dead", "success", 0, 0), False, None),
    ],
)
def test_a_units_end_is_read_from_its_properties(shown: tuple[object, ...], works: bool, code: int | None) -> None:
    unit = read(SHOWN.format(*shown))
    assert (unit.works, unit.code, unit.there) == (works, code, shown[0] == "loaded")


@pytest.mark.parametrize("job", ["", "a b", "../etc", "UP", "-x", "a" * 80, "a;b", "a\n"])
def test_only_a_plain_job_becomes_the_name_of_a_unit(job: str) -> None:
    with pytest.raises(EffectError, match="as the name of a unit"):
        name_of(job)


def test_nothing_kills_what_changes_packages_and_only_a_limit_ends_the_rest(tmp_path: Path) -> None:
    start = apt_unit._start
    argv = start("u.service", tmp_path, ("apt-get", "install", "a b=1; reboot"), None, None)
    told = " ".join(argv)
    assert "--property=SendSIGKILL=no" in argv
    assert "--property=KillSignal=SIGCONT" in argv
    assert "RuntimeMaxSec" not in told
    assert "--property=StandardInput=null" in argv
    assert "--setenv=DEBIAN_FRONTEND=noninteractive" in argv
    assert "--setenv=NEEDRESTART_SUSPEND=1" in argv
    assert "--pipe" not in argv
    assert argv[-1] == "a b=1; reboot", "an argument stays one, whatever is in it"
    assert "--property=RuntimeMaxSec=120" in start("u.service", tmp_path, ("apt-get", "update"), 120, None)


def test_the_last_commands_output_is_told_apart_from_those_before(tmp_path: Path) -> None:
    units = AptUnits(tmp_path)
    units.note("job", ("first",), "one\n", 3)
    units.note("job", ("second", "a b"), "two\nthree\n", 0)
    assert last_output(units.output("job")) == "two\nthree\n# exit status 0\n"
    text, code = units.said("job")
    assert text.startswith("$ first\none\n# exit status 3\n$ second 'a b'\n")
    assert code == 0
    assert units.said("another") == ("", None)


def test_old_jobs_are_forgotten_and_the_newest_stay(tmp_path: Path) -> None:
    units = AptUnits(tmp_path)
    for number in range(70):
        units.note(f"job-{number}", ("x",), "", 0)
    assert units.said("job-69") != ("", None)
    assert len(list(tmp_path.iterdir())) <= 61


def test_a_killed_unit_is_told_as_that() -> None:
    from dunebugger_updater.effects.apt_runner import failure  # noqa: PLC0415  (only this test needs it)

    assert "killed in the middle (signal)" in str(failure("cannot upgrade packages", Ended(None, "signal")))
    full = failure("cannot upgrade packages", Ended(100, "exit-code", "failed to write (No space left on device)"))
    assert isinstance(full.__cause__, OSError), "a full disk is no version's fault"


SIMULATED = """\
Inst tb-tool [1.1] (1.0 local-deb [all])
Inst libfoo:i386 [2:1.1] (2:1.0 local-deb [i386])
Purg tb-new [1.1]
Conf tb-tool (1.0 local-deb [all])
"""


def test_a_way_back_that_would_do_anything_else_is_seen() -> None:
    todo = {"tb-tool": "1.0", "libfoo:i386": "2:1.0"}
    assert unplanned(SIMULATED, todo, ["tb-new"]) is None
    assert unplanned(SIMULATED, todo, []) == "Purg tb-new [1.1]"
    assert unplanned(SIMULATED, {"tb-tool": "1.0"}, ["tb-new"]) is not None
    assert unplanned("Remv bash [5] [tb-tool ]\n", todo, []) == "Remv bash [5] [tb-tool ]"
    assert unplanned("Inst tb-tool [1.0] (1.2 x [all])\n", todo, []) is not None


def test_room_is_what_is_downloaded_and_what_grows_while_both_versions_are_there() -> None:
    paragraph = "Package: a\nVersion: 2\nArchitecture: all\nInstalled-Size: 300\nSize: 1000\nDescription: x\n y: z\n"
    other = "Package: b\nVersion: 1\nArchitecture: all\nInstalled-Size: 50\nSize: 10\n"
    room = added_up(f"{paragraph}\n{paragraph}\n{other}\n", "a 100\nc 5\nd \n")
    assert room == Room(1010, (200 + 50 + 300) * 1024)
    assert added_up("", "") == Room(0, 0)


def test_debs_are_found_by_name_and_version_as_apt_spells_them(tmp_path: Path) -> None:
    assert pattern("libc6:i386", "2:1.0~rc1+b2-3") == "libc6_2%3a1.0~rc1+b2-3_i386.deb"
    file = tmp_path / "tb-epoch_1%3a1.0~rc1+b2_all.deb"
    file.touch()
    assert find(tmp_path, "tb-epoch", "1:1.0~rc1+b2") == file
    assert find(tmp_path, "tb-epoch", "1.0~rc1+b2") is None
    assert find(tmp_path / "none", "tb-epoch", "1") is None


def test_services_are_read_with_what_matters_for_comparing() -> None:
    text = (
        "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNRestarts=2\n\n"
        "Id=b.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n\n"
        "Id=c.service\nLoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=\nNRestarts=9\n\n"
        "Id=d.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=static\n"
    )
    assert read_units(text) == {
        "a.service": UnitState("running", 2, enabled=True),
        "c.service": UnitState("restarting", 9),
        "d.service": UnitState("failed"),
    }
