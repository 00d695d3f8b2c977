"""systemd units: what systemd really printed, and a small ``systemctl`` that behaves."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dunebugger_updater.effects.services import Runners
from dunebugger_updater.effects.systemd import Systemd, objection_to, read_unit, refusal, state_of
from dunebugger_updater.model.service import OwnProcess, ServiceState, SystemdUnit
from dunebugger_updater.ports import EffectError, Services

CAPTURES = Path(__file__).parents[1] / "captures" / "systemd"
UNIT = SystemdUnit("dunebugger-core.service")


def captured(name: str) -> str:
    return (CAPTURES / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("active", ServiceState(active=True, pid=45, detail="active (running)")),
        ("after-watchdog", ServiceState(active=True, restarts=1, pid=732, detail="active (running)")),
        ("notify", ServiceState(active=True, pid=635, detail="active (running)")),
        ("needreload", ServiceState(active=True, pid=493, detail="active (running)")),
        ("autorestart", ServiceState(active=False, coming=True, restarts=1, detail="activating (auto-restart)")),
        ("killed", ServiceState(active=False, coming=True, detail="activating (auto-restart)")),
        ("failed", ServiceState(active=False, restarts=2, detail="failed (exit-code)")),
        ("noexec", ServiceState(active=False, detail="failed (exit-code)")),
        ("start-limit", ServiceState(active=False, detail="failed (start-limit-hit)")),
        ("inactive", ServiceState(active=False, detail="inactive (dead)")),
    ],
)
@pytest.mark.req("DB-061")
def test_what_systemd_shows_is_read_as_a_state(name: str, state: ServiceState) -> None:
    assert state_of(read_unit(captured(f"systemctl-show-{name}.stdout"))) == state


def test_a_unit_whose_file_was_changed_is_known_to_be_stale() -> None:
    assert read_unit(captured("systemctl-show-needreload.stdout")).stale
    assert not read_unit(captured("systemctl-show-active.stdout")).stale


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no-unit", "systemd knows no x.service; install its unit, or correct service in dunebugger.conf"),
        ("masked", "x.service is masked; run systemctl unmask x.service"),
        ("active", None),
        ("failed", None),
    ],
)
def test_a_unit_that_cannot_run_is_told_with_what_to_do(name: str, told: str | None) -> None:
    assert objection_to("x.service", read_unit(captured(f"systemctl-show-{name}.stdout"))) == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("systemctl-nonroot-restart", "systemd does not allow it to this user; run this as root or with sudo"),
        ("systemctl-stop-nobus", "there is no systemd running here; set runner = process in dunebugger.conf"),
        ("systemctl-start-badunit", "failed to start tb-badunit.service: Unit tb-badunit.service has a bad unit file"),
        ("systemctl-start-noexec", "job for tb-noexec.service failed because the control process exited with error"),
        ("systemctl-no-unit", "failed to restart nosuch.service: Unit nosuch.service not found"),
    ],
)
def test_what_systemctl_complains_about_is_told_in_one_line(name: str, told: str) -> None:
    found = refusal(captured(f"{name}.stderr"))
    assert found.startswith(told)
    assert "\n" not in found


def test_a_session_that_polkit_wants_to_ask_is_told_to_use_sudo() -> None:
    assert "sudo" in refusal("Failed to start x.service: Interactive authentication required.\n")


WORLD = r"""#!/bin/sh
# A systemd with one unit: its properties lie in the file "show" and change as the real ones do.
cd @WORLD@ || exit 99
shift 2
verb=$1
is() { grep -q "^$1\$" show; }
set_to() { sed -i "s/^$1=.*/$1=$2/" show; }
if [ -e "$verb.stderr" ]; then cat "$verb.stderr" >&2; exit 1; fi
case $verb in
show) cat show ;;
daemon-reload) set_to NeedDaemonReload no; if [ -e new ]; then mv new running; fi ;;
reset-failed) rm -f too-often; if is ActiveState=failed; then set_to ActiveState inactive; fi ;;
start)
    if [ -e too-often ]; then
        cat @CAPTURES@/systemctl-start-too-often.stderr.txt >&2; set_to ActiveState failed; exit 1
    fi
    set_to ActiveState active; set_to SubState running; set_to MainPID 45 ;;
stop) if [ ! -e stubborn ]; then set_to ActiveState inactive; set_to SubState dead; set_to MainPID 0; fi ;;
kill) set_to ControlGroup "" ;;
esac
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A device whose unit is as a capture shows it."""

    def make(capture: str) -> Path:
        program = tmp_path / "bin" / "systemctl"
        program.parent.mkdir()
        program.write_text(WORLD.replace("@WORLD@", str(tmp_path)).replace("@CAPTURES@", str(CAPTURES)))
        program.chmod(0o755)
        (tmp_path / "show").write_text(captured(f"systemctl-show-{capture}.stdout"))
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return tmp_path

    return make


@pytest.mark.req("DB-054", "DB-058")
async def test_starting_and_stopping_may_be_repeated(world: Callable[[str], Path]) -> None:
    world("inactive")
    systemd = Systemd()
    for _ in range(2):
        await systemd.start(UNIT)
        assert (await systemd.state(UNIT)).active
    for _ in range(2):
        await systemd.stop(UNIT)
        assert not (await systemd.state(UNIT)).active


async def test_a_changed_unit_file_is_read_before_the_start(world: Callable[[str], Path]) -> None:
    path = world("needreload")
    (path / "running").write_text("old")
    (path / "new").write_text("new")
    await Systemd().start(UNIT)
    assert (path / "running").read_text() == "new"


@pytest.mark.parametrize("capture", ["failed", "inactive"])
async def test_a_unit_that_crashed_too_often_is_started_all_the_same(
    world: Callable[[str], Path], capture: str
) -> None:
    (world(capture) / "too-often").touch()
    await Systemd().start(UNIT)
    assert (await Systemd().state(UNIT)).active


async def test_a_start_that_systemd_refuses_is_told_with_where_to_look(world: Callable[[str], Path]) -> None:
    path = world("inactive")
    (path / "start.stderr").write_text(captured("systemctl-start-noexec.stderr"))
    with pytest.raises(EffectError) as caught:
        await Systemd().start(UNIT)
    assert str(caught.value) == (
        "cannot start dunebugger-core.service: job for tb-noexec.service failed because the control process exited "
        "with error code; journalctl -u dunebugger-core.service says more"
    )


@pytest.mark.parametrize("verb", ["start", "stop"])
async def test_without_the_rights_it_is_told_to_use_sudo(world: Callable[[str], Path], verb: str) -> None:
    path = world("inactive")
    (path / f"{verb}.stderr").write_text(captured("systemctl-nonroot-restart.stderr"))
    act = Systemd().start if verb == "start" else Systemd().stop
    with pytest.raises(EffectError, match=f"cannot {verb} dunebugger-core.service: .*as root or with sudo"):
        await act(UNIT)


@pytest.mark.parametrize(("capture", "told"), [("no-unit", "systemd knows no"), ("masked", "unmask")])
async def test_a_unit_that_is_not_there_is_neither_asked_for_nor_started(
    world: Callable[[str], Path], capture: str, told: str
) -> None:
    world(capture)
    with pytest.raises(EffectError, match=told):
        await Systemd().state(UNIT)
    with pytest.raises(EffectError, match=told):
        await Systemd().start(UNIT)


async def test_a_unit_that_something_starts_again_is_not_called_stopped(world: Callable[[str], Path]) -> None:
    (world("active") / "stubborn").touch()
    with pytest.raises(EffectError, match=r"systemd still says active \(running\)"):
        await Systemd().stop(UNIT)


async def test_what_a_stopped_unit_left_behind_is_ended(world: Callable[[str], Path]) -> None:
    path = world("active")
    show = path / "show"
    show.write_text(show.read_text() + "ControlGroup=/system.slice/dunebugger-core.service\n")
    await Systemd().stop(UNIT)
    assert "ControlGroup=\n" in show.read_text()


async def test_a_systemd_that_does_not_answer_is_told(world: Callable[[str], Path]) -> None:
    path = world("inactive")
    program = path / "bin" / "systemctl"
    program.write_text(program.read_text().replace("start)\n", "start) sleep 60\n"))
    with pytest.raises(EffectError, match=r"cannot start dunebugger-core.service: systemd took longer than 0.2 s"):
        await Systemd(start_limit=0.2).start(UNIT)


async def test_a_device_without_systemctl_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EffectError, match="there is no systemd running here; set runner = process"):
        await Systemd().state(UNIT)


async def test_the_journal_is_bounded_and_plain(world: Callable[[str], Path]) -> None:
    path = world("active")
    program = path / "bin" / "journalctl"
    program.write_text(f"#!/bin/sh\ncat {CAPTURES}/journalctl-unit-failed.stdout.txt; printf '\\033[31mred\\n'\n")
    program.chmod(0o755)
    lines = await Systemd().last_log(UNIT, 20)
    assert lines[-1] == "red"
    assert any("dunebugger-core 1.0.0 starting" in line for line in lines)
    program.write_text("#!/bin/sh\necho 'No journal files were opened due to insufficient permissions.' >&2; exit 1\n")
    (told,) = await Systemd().last_log(UNIT, 20)
    assert told.startswith("cannot read the journal of dunebugger-core.service: No journal files were opened")


async def test_each_service_goes_to_who_runs_it(world: Callable[[str], Path], tmp_path: Path) -> None:
    world("inactive")
    runners: Services = Runners()
    own = OwnProcess("lamp", ("sleep", "600"), tmp_path, tmp_path / "s" / "pid", tmp_path / "s" / "log")
    for service in (UNIT, own):
        await runners.start(service)
        assert (await runners.state(service)).active
        await runners.stop(service)
        assert not (await runners.state(service)).active
        await runners.last_log(own, 1)
