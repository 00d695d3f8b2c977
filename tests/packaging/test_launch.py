"""The launcher starts something that works, whatever it finds."""

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from doubles.launching import LAUNCH, SCRIPT, SPEAKS, Place

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_it_is_short_and_clean() -> None:
    assert len(LAUNCH.read_text().splitlines()) <= 60
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not here: CI has it")
    done = subprocess.run(["shellcheck", str(LAUNCH)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_fresh_device_runs_the_factory_and_with_words_any_command(place: Place) -> None:
    assert (place.start().slot, place.start().words) == ("factory", "agent")
    told = place.start("update", "core", "--version", "1 2")
    assert (told.code, told.slot, told.words) == (0, "factory", "update core --version 1 2")


def test_the_version_in_use_runs_and_nothing_is_counted_without_a_trial(place: Place) -> None:
    place.program("1.0.0-abc")
    place.use("1.0.0-abc")
    for _ in range(5):
        assert place.start().slot == "1.0.0-abc"
    assert sorted(each.name for each in place.home.iterdir()) == ["current", "slots"]


def test_each_start_on_trial_costs_a_try_and_after_the_last_the_former_version_runs_for_good(place: Place) -> None:
    place.begin_trial()
    for left in "210":
        assert place.start().slot == "new"
        assert place.says("trial")["tries"] == left
    told = place.start()
    assert (told.slot, place.current) == ("old", "old")
    assert "going back to old" in told.said
    failed = place.says("trial.failed")
    assert (failed["to"], failed["mark"]) == ("new", "mark")
    assert "all its tries are used" in failed["why"]
    assert place.start().slot == "old"


def test_a_command_costs_no_try(place: Place) -> None:
    place.begin_trial()
    for _ in range(5):
        assert place.start("status").slot == "new"
    assert place.says("trial")["tries"] == "3"


def test_a_trial_of_another_version_than_the_one_in_use_says_nothing(place: Place) -> None:
    """The power went between writing the trial and moving the link."""
    place.begin_trial()
    place.use("old")
    assert place.start().slot == "old"
    assert place.says("trial")["tries"] == "3"


def test_a_trial_may_come_from_and_go_back_to_the_factory(place: Place) -> None:
    place.begin_trial(former="factory", tries=0)
    assert (place.start().slot, place.current) == ("factory", "factory")
    assert not (place.home / "current").is_symlink()


ELF = b"\x7fELF\x02\x01\x01" + bytes(9)
WHOLE = ELF + b"\x03\x00\x3e\x00" + bytes(44)
OTHER = ELF + b"\x03\x00\xb7\x00" + bytes(44)


@pytest.mark.parametrize(
    "bad", ["", "garbage", "\x7fELF", OTHER, ELF, SPEAKS], ids=["empty", "text", "header", "foreign", "cut", "script"]
)
def test_what_is_no_program_for_this_device_is_never_run_and_costs_no_time(place: Place, bad: str | bytes) -> None:
    """A shell would read such a file as a script, with our rights."""
    place.begin_trial()
    shutil.copy("/bin/true", place.at("factory"))
    shutil.copy("/bin/echo", place.at("old"))
    place.program("new", bad)
    told = place.start()
    assert (place.current, told.words) == ("old", ""), told
    assert "cannot be run on this device" in place.says("trial.failed")["why"]


def test_a_version_that_may_not_be_run_or_is_not_there_is_left_at_once(place: Place) -> None:
    place.begin_trial()
    place.program("new", mode=0o644)
    assert (place.start().slot, place.current) == ("old", "old")
    place.begin_trial()
    shutil.rmtree(place.at("new").parent)
    assert (place.start().slot, place.current) == ("old", "old")


def test_with_both_versions_damaged_the_factory_runs(place: Place) -> None:
    place.begin_trial(tries=0)
    shutil.rmtree(place.at("old").parent)
    told = place.start()
    assert (told.slot, place.current) == ("factory", "factory")
    place.use("gone")
    assert place.start().slot == "factory"
    assert place.start("status").slot == "factory"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "to=new",
        "to=new\nfrom=old\ntries=3",
        "to=new\nfrom=old\ntries=x\n",
        "\0\0\0",
        "to=\nfrom=\ntries=1\n",
        "=\n",
    ],
)
def test_a_trial_that_cannot_be_read_leaves_the_factory_until_somebody_who_knows_more_decides(
    place: Place, content: str
) -> None:
    place.begin_trial()
    (place.home / "trial").write_text(content)
    told = place.start()
    assert (told.slot, place.current) == ("factory", "new")
    assert "cannot read the trial" in told.said


def test_whatever_lies_in_the_trial_something_that_works_is_started(place: Place) -> None:
    chance = random.Random(1)
    words = [b"to=new\n", b"from=old\n", b"tries=1\n", b"limit=08\n", b"since=08\n", b"limit=9999999999999999999999\n"]
    words += [
        b"since=99999999999999999999\n",
        b"since=-1\n",
        b"limit=$(exit 1)\n",
        b"tries=a[$(exit 1)]\n",
        b"mark=*\n",
    ]
    for _ in range(60):
        place.begin_trial()
        drawn = b"".join(chance.sample(words, chance.randrange(1, len(words))))
        (place.home / "trial").write_bytes(drawn + chance.randbytes(chance.randrange(4)))
        told = place.start()
        assert told.slot in {"new", "old", "factory"}, (drawn, told)
        assert told.words == "agent"


@pytest.mark.parametrize("broken", ["sync", "mv", "ln", "date", "rm"])
def test_on_a_disk_that_takes_nothing_the_former_version_runs(place: Place, broken: str) -> None:
    tools = place.root / "tools"
    tools.mkdir()
    (tools / broken).write_text("#!/bin/sh\necho no space left on device >&2\nexit 1\n")
    (tools / broken).chmod(0o755)
    for tries in (3, 0):
        place.begin_trial(tries=tries)
        told = place.start(environ={"PATH": f"{tools}:/usr/bin:/bin"})
        counted = tries == 3 and broken not in {"sync", "mv"}
        assert told.slot == ("new" if counted else "old"), told.said
    assert "old" in told.said


def test_a_trial_that_lasts_too_long_is_over_although_the_new_version_lives(place: Place) -> None:
    place.begin_trial(limit=1)
    place.program("new", f"{SCRIPT}exec sleep 30\n")
    began = time.monotonic()
    done = place.start()
    assert done.code == -signal.SIGKILL
    assert time.monotonic() - began < 10
    assert (place.start().slot, place.current) == ("old", "old")
    assert "within 1 seconds" in place.says("trial.failed")["why"]


def test_nobody_is_ended_once_the_trial_is_over(place: Place) -> None:
    place.begin_trial(limit=1)
    place.program("new", f'{SCRIPT}rm "{place.home}/trial"\nexec sleep 2\n')
    assert place.start().code == 0


def test_a_trial_that_began_before_this_boot_has_its_time_again(place: Place) -> None:
    place.begin_trial(since=999_999_999)
    assert place.start().slot == "new"
    assert int(place.says("trial")["since"]) < 999_999_999


@pytest.mark.slow
@pytest.mark.parametrize("tries", [3, 0])
@pytest.mark.parametrize("fault", ["signal=KILL", "error=ENOSPC", "error=EIO", "error=EROFS"])
def test_killed_or_refused_at_any_system_call_the_next_start_still_starts_old_or_new(
    tmp_path: Path, fault: str, tries: int
) -> None:
    calls = "write,openat,rename,renameat,renameat2,symlink,symlinkat,unlink,unlinkat,fsync,fdatasync"
    seen = 0
    for number in range(1, 60):
        place = Place(tmp_path / f"{number}")
        place.begin_trial(tries=tries, limit=2)  # strace waits for whoever watches over the time
        inject = f"inject={calls}:{fault}:when={number}"
        trace = place.root / "trace"
        told = place.start(before=("strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={calls}", "-e", inject))
        hit = "(INJECTED)" in trace.read_text() or "SIGKILL" in trace.read_text()
        seen += hit
        then = place.start()
        assert then.slot in {"old", "new", "factory"}, (number, told, then)
        assert then.words == "agent"
        assert then.slot == "old" or tries, (number, told, then)
        shutil.rmtree(place.root)
        if not hit:
            break
    assert seen >= 5, "each process of it was hit at each of its calls"
