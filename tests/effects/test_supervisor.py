"""Processes of our own, with real ones: found again, never twice, gone when they are stopped."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from dunebugger_updater.effects.processes import everyone, look
from dunebugger_updater.effects.supervisor import Supervisor
from dunebugger_updater.model.service import OwnProcess
from dunebugger_updater.ports import EffectError

SLEEPER = ("sleep", "600")


def app(tmp_path: Path, *argv: str) -> OwnProcess:
    directory = tmp_path / "app"
    directory.mkdir(exist_ok=True)
    return OwnProcess(
        name="core",
        argv=argv,
        directory=directory,
        pid_file=tmp_path / "state" / "core.pid",
        log_file=tmp_path / "state" / "core.log",
    )


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-u", "-c", text)


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    """Whatever a test started is ended, however the test went."""
    found = Supervisor(grace=5)
    yield found
    await found.stop(app(tmp_path, *SLEEPER))


async def until(claim: Callable[[], bool]) -> None:
    """Wait for a process of another program; there is nobody to wake us."""
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110  (see above)
            await asyncio.sleep(0.005)


def running(service: OwnProcess) -> list[int]:
    """Whoever works in its directory: known from the fork on, while the environment shows only a moment after exec."""
    found = []
    for each in everyone():
        try:
            if Path(f"/proc/{each.pid}/cwd").readlink() == service.directory.resolve():
                found.append(each.pid)
        except OSError:
            continue
    return found


def zombies() -> list[str]:
    """Children of ours that ended and that nobody has reaped."""
    us = f") Z {os.getpid()} "
    return [each for each in (stat_of(path) for path in Path("/proc").glob("[0-9]*")) if us in each]


def open_files(descriptors: Path) -> list[str]:
    try:
        return sorted(str(each.readlink()) for each in descriptors.iterdir())
    except FileNotFoundError:  # closed while we looked
        return []


def stat_of(process: Path) -> str:
    try:
        return (process / "stat").read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.req("DB-058")
async def test_a_started_process_is_found_again_by_another_one_of_us(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    assert not (await supervisor.state(service)).active
    await supervisor.start(service)
    state = await Supervisor().state(service)
    assert state.active
    assert [state.pid] == running(service)
    assert state.pid is not None
    assert os.getsid(state.pid) == state.pid
    assert Path(f"/proc/{state.pid}/cwd").resolve() == service.directory.resolve()


async def test_starting_twice_leaves_one_process(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    await supervisor.start(service)
    await supervisor.start(service)
    await asyncio.gather(*(Supervisor().start(service) for _ in range(4)))
    assert len(running(service)) == 1


async def test_many_starts_at_once_leave_one_process(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    await asyncio.gather(*(Supervisor().start(service) for _ in range(8)))
    assert len(running(service)) == 1


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1, "started": 1, "boot": "another"}', None])
async def test_a_pid_file_lost_in_a_crash_does_not_make_a_second_process(
    tmp_path: Path, supervisor: Supervisor, left: str | None
) -> None:
    service = app(tmp_path, *SLEEPER)
    await supervisor.start(service)
    first = (await supervisor.state(service)).pid
    if left is None:
        service.pid_file.unlink()
    else:
        service.pid_file.write_text(left)
    again = Supervisor()
    await again.start(service)
    assert running(service) == [first]
    assert (await again.state(service)).pid == first
    await again.stop(service)
    assert running(service) == []


@pytest.mark.req("DB-054")
async def test_stopping_leaves_no_process_and_may_be_repeated(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    await supervisor.stop(service)
    await supervisor.start(service)
    await supervisor.stop(service)
    assert running(service) == []
    assert not service.pid_file.exists()
    await supervisor.stop(service)
    assert (await supervisor.state(service)).detail == "ended by SIGTERM"


@pytest.mark.req("DB-054")
async def test_stopping_ends_the_workers_too(tmp_path: Path, supervisor: Supervisor) -> None:
    text = """
import os, signal, time
if os.fork() == 0:
    os.setpgid(0, 0)                 # in a group of its own
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("worker", flush=True)
    time.sleep(600)
os.wait()
"""
    supervisor = Supervisor(grace=0.3)
    service = app(tmp_path, *script(text))
    await supervisor.start(service)
    await until(lambda: "worker" in service.log_file.read_text())
    assert len(running(service)) == 2
    await supervisor.stop(service)
    assert running(service) == []


async def test_workers_that_outlived_their_parent_are_ended_before_a_new_start(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    text = "import os, time\nos.fork()\nprint('up', flush=True)\ntime.sleep(600)"
    service = app(tmp_path, *script(text))
    await supervisor.start(service)
    await until(lambda: service.log_file.read_text().count("up") == 2)
    pid = (await supervisor.state(service)).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: look(pid) is None)
    state = await supervisor.state(service)
    assert (state.active, state.detail) == (False, "ended by SIGKILL")
    orphan = running(service)
    assert len(orphan) == 1
    await supervisor.start(service)
    await until(lambda: service.log_file.read_text().count("up") == 4)
    assert orphan[0] not in running(service)
    assert len(running(service)) == 2


async def test_a_daemon_that_left_the_session_is_ended_with_the_service(tmp_path: Path, supervisor: Supervisor) -> None:
    text = "import os, time\nif os.fork() == 0: os.setsid()\nprint('up', flush=True)\ntime.sleep(600)"
    service = app(tmp_path, *script(text))
    await supervisor.start(service)
    await until(lambda: service.log_file.read_text().count("up") == 2)
    await supervisor.stop(service)
    assert running(service) == []


async def test_what_does_not_end_when_asked_is_killed_after_the_grace(tmp_path: Path, supervisor: Supervisor) -> None:
    text = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf')\ntime.sleep(600)"
    service = app(tmp_path, *script(text))
    await supervisor.start(service)
    await until(lambda: "deaf" in service.log_file.read_text())
    begin = time.monotonic()
    await Supervisor(grace=0.2).stop(service)
    assert 0.2 <= time.monotonic() - begin < 3
    assert running(service) == []


async def test_an_ended_process_is_reaped_and_its_status_told(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *script("import sys; print('no music'); sys.exit(3)"))
    await supervisor.start(service)
    async with asyncio.timeout(10):
        while (state := await supervisor.state(service)).active:  # noqa: ASYNC110  (a process wakes nobody)
            await asyncio.sleep(0.005)
    assert (state.pid, state.detail) == (None, "ended with exit status 3")
    assert zombies() == []
    assert await supervisor.last_log(service, 5) == ["no music"]


async def test_a_stranger_with_the_same_pid_is_neither_the_service_nor_stopped(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    service = app(tmp_path, *SLEEPER)
    stranger = await asyncio.create_subprocess_exec(*SLEEPER, start_new_session=True)
    try:
        found = look(stranger.pid)
        assert found is not None
        service.pid_file.parent.mkdir()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        for mark in (
            {"pid": stranger.pid, "started": found.started - 1, "boot": boot},
            {"pid": stranger.pid, "started": found.started, "boot": "another boot"},
        ):
            service.pid_file.write_bytes(msgspec.json.encode(mark))
            assert not (await supervisor.state(service)).active
            await supervisor.stop(service)
            assert look(stranger.pid) == found
    finally:
        stranger.kill()
        await stranger.wait()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("/nowhere/python", "-m", "app"), "cannot start core: /nowhere/python: it is not there"),
        (("./not-executable",), "cannot start core: ./not-executable: permission denied"),
        (("./bad-first-line",), "cannot start core: ./bad-first-line: it is not there, or what its first line names"),
        (("./no-program",), "cannot start core: ./no-program: exec format error"),
    ],
)
async def test_a_program_that_cannot_run_is_told_at_once(
    tmp_path: Path, supervisor: Supervisor, argv: tuple[str, ...], told: str
) -> None:
    service = app(tmp_path, *argv)
    for name, text, mode in (
        ("not-executable", "#!/bin/sh\n", 0o644),
        ("bad-first-line", "#!/nowhere/sh\n", 0o755),
        ("no-program", "nothing\n", 0o755),
    ):
        (service.directory / name).write_text(text)
        (service.directory / name).chmod(mode)
    with pytest.raises(EffectError) as caught:
        await supervisor.start(service)
    assert str(caught.value).startswith(told)
    assert not (await supervisor.state(service)).active


async def test_a_directory_that_is_not_there_is_told(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    service.directory.rmdir()
    service.directory.symlink_to("nowhere")
    with pytest.raises(EffectError, match=r"the directory .*app is not there"):
        await supervisor.start(service)
    service.directory.unlink()


async def test_a_link_to_another_release_is_followed_anew_at_each_start(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *script("import os, time; print(os.getcwd()); time.sleep(600)"))
    service.directory.rmdir()
    for release in ("1.0.0", "1.1.0"):
        (tmp_path / release).mkdir()
        service.directory.unlink(missing_ok=True)
        service.directory.symlink_to(release)
        await supervisor.start(service)
        await until(lambda release=release: release in service.log_file.read_text())  # type: ignore[misc]  # a default
        await supervisor.stop(service)


async def test_the_log_is_appended_to_and_turned_over_when_it_is_large(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *script("import sys; print('out'); print('\\33[1merr', file=sys.stderr)"))
    service.log_file.parent.mkdir()
    service.log_file.write_text("before\n")
    await supervisor.start(service)
    await until(lambda: "err" in service.log_file.read_text())
    await supervisor.stop(service)
    assert await supervisor.last_log(service, 10) == ["before", "out", "err"]
    assert await supervisor.last_log(service, 1) == ["err"]
    service.log_file.write_bytes(b"x" * 1_048_577)
    await supervisor.start(service)
    await until(lambda: service.log_file.read_text().split() == ["out", "\33[1merr"])
    assert (service.log_file.parent / "core.log.1").stat().st_size == 1_048_577


async def test_our_own_secrets_do_not_reach_the_app(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    service = app(tmp_path, *SLEEPER)
    await supervisor.start(service)
    pid = (await supervisor.state(service)).pid
    await until(lambda: b"DUNEBUGGER_SERVICE=" in Path(f"/proc/{pid}/environ").read_bytes())
    assert b"ghp_secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    # Nothing of ours stays open in it but its lock.
    wanted = ["/dev/null", *[str(service.log_file)] * 2, str(service.pid_file.with_name("core.pid.lock"))]
    await until(lambda: open_files(Path(f"/proc/{pid}/fd")) == sorted(wanted))


async def test_the_app_survives_our_sudden_death(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    us = f"""
import asyncio, os, signal, msgspec
from pathlib import Path
from dunebugger_updater.effects.supervisor import Supervisor
from dunebugger_updater.model.service import OwnProcess
service = OwnProcess("core", ("sleep", "600"), Path({str(service.directory)!r}), Path({str(service.pid_file)!r}),
                     Path({str(service.log_file)!r}))
async def main():
    await Supervisor().start(service)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    root = str(Path(__file__).parents[2])
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", us, env={**os.environ, "PYTHONPATH": root})
    assert await died.wait() == -signal.SIGKILL
    state = await supervisor.state(service)
    assert state.active
    assert [state.pid] == running(service)
    await supervisor.start(service)
    assert len(running(service)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_as_root_the_app_runs_as_the_owner_of_its_directory() -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = app(Path(folder), *SLEEPER)
        Path(folder).chmod(0o755)
        os.chown(service.directory, 65534, 65534)
        supervisor = Supervisor()
        await supervisor.start(service)
        status = Path(f"/proc/{(await supervisor.state(service)).pid}/status").read_text()
        await supervisor.stop(service)
        assert "Uid:\t65534\t65534\t65534\t65534\n" in status
        assert "Gid:\t65534\t65534\t65534\t65534\n" in status


async def test_a_lock_that_another_program_holds_is_told(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    service.pid_file.parent.mkdir()
    lock = service.pid_file.with_name("core.pid.lock")
    holder = await asyncio.create_subprocess_exec("flock", "-x", lock, *SLEEPER, start_new_session=True)
    try:
        await until(lambda: len([each for each in everyone() if each.session == holder.pid]) == 2)
        with pytest.raises(EffectError, match="another program holds"):
            await Supervisor(lock_within=0.1).start(service)
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        await holder.wait()


async def test_what_a_power_cut_ended_is_told_from_what_was_stopped(tmp_path: Path, supervisor: Supervisor) -> None:
    service = app(tmp_path, *SLEEPER)
    assert not await supervisor.interrupted(service)
    await supervisor.start(service)
    state = await supervisor.state(service)
    assert not await supervisor.interrupted(service), "it runs"
    assert state.pid is not None
    os.killpg(state.pid, signal.SIGKILL)
    await until(lambda: not running(service))
    assert await supervisor.interrupted(service)
    await supervisor.start(service)
    await supervisor.stop(service)
    assert not await supervisor.interrupted(service), "somebody wanted it to stop"


async def test_a_disk_with_no_room_for_the_pid_file_does_not_keep_it_from_running(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    service = app(tmp_path, *SLEEPER)
    in_the_way = service.pid_file.with_name(f".{service.pid_file.name}.{os.getpid()}")
    in_the_way.mkdir(parents=True)
    await supervisor.start(service)
    assert not service.pid_file.exists()
    assert (await Supervisor().state(service)).active
    await supervisor.start(service)
    assert len(running(service)) == 1
    await supervisor.stop(service)
    assert running(service) == []
    in_the_way.rmdir()
