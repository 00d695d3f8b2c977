"""Where the test bed keeps what it makes, who owns what is running, and how it waits.

Everything made lies under one cache folder, safe to delete.  Several test sessions may run at once: what takes long
is made under a lock, and what runs carries its session's token, so that a later one can clear away what was left.
"""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
LABEL = "dunebugger-updater-bed"


class MissingError(Exception):
    """A part of the bed is not to be had here.  The text is one sentence that says why."""


def required() -> bool:
    """Whether missing parts are to be made, and to fail the tests when that is impossible (as in CI)."""
    return os.environ.get("REQUIRE_DEVICE", "") not in ("", "0")


def only_if_required(what: str) -> None:
    """Hold the everyday run back from what costs minutes, downloads or a daemon."""
    if not required():
        raise MissingError(f"{what}: REQUIRE_DEVICE=1 makes it")


def cache() -> Path:
    """The folder for everything that the bed makes."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "dunebugger-updater-bed"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one session at a time make the thing of that name."""
    with (cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def environment() -> dict[str, str]:
    """What programs of the bed run with: messages in English, and a Docker configuration of the bed's own."""
    configuration = cache() / "docker-config"
    configuration.mkdir(exist_ok=True)
    return os.environ | {
        "LC_ALL": "C.UTF-8",
        "DOCKER_CONFIG": str(configuration),
        "DOCKER_CLI_HINTS": "false",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def run(
    words: Sequence[str | Path],
    *,
    limit: float = 60,
    more: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, output kept apart.  A program that is not there is a ``MissingError``."""
    try:
        return subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            timeout=limit,
            cwd=directory,
            env=environment() | dict(more or {}),
            input="",  # nobody is there to answer
        )
    except FileNotFoundError:
        raise MissingError(f"cannot find the program {words[0]}: install it") from None


def must(
    words: Sequence[str | Path],
    *,
    limit: float = 60,
    more: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str:
    """Run a program that has to succeed, and answer what it printed, stripped."""
    done = run(words, limit=limit, more=more, directory=directory)
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip()[-1500:]
        raise MissingError(f"cannot run {' '.join(map(str, words[:4]))} …: exit code {done.returncode}: {told}")
    return done.stdout.strip()


def wait_for(happened: Callable[[], bool], limit: float, what: str, *, often: float = 0.1) -> None:
    """Ask every ``often`` seconds until it happened; after ``limit`` seconds say what did not."""
    end = time.monotonic() + limit
    while not happened():
        if time.monotonic() > end:
            raise MissingError(f"waited {limit:g} s, but {what}")
        time.sleep(often)


def _born(pid: int) -> str | None:
    """When the process started, in ticks since boot: with the pid, a name that is never used twice."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] == "Z" else words[19]  # a zombie has ended, whether or not somebody asked how


def token(pid: int | None = None) -> str:
    """The name of a process that no later process can have; this one's without ``pid``."""
    pid = os.getpid() if pid is None else pid
    return f"{pid}.{_born(pid)}"


def alive(name: str) -> bool:
    """Whether the process of that token still runs."""
    pid = name.partition(".")[0]
    return pid.isdigit() and _born(int(pid)) is not None and token(int(pid)) == name


class Process:
    """A daemon of the bed: written down while it lives, so that it can be ended even if this session is killed."""

    def __init__(self, name: str, words: Sequence[str | Path]) -> None:
        with (cache() / f"{name}.log").open("ab") as log:
            self._popen = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(), start_new_session=True
            )
        self._note = _notes() / token(self._popen.pid)
        self._note.write_text(json.dumps({"name": name, "owner": token()}))

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def end(self) -> None:
        """Ask it to end, wait for it, and forget it."""
        self._popen.terminate()
        self._popen.wait(20)
        self._note.unlink(missing_ok=True)

    def leave(self) -> None:
        """Let it live on after this session, as the engine does."""
        self._popen.returncode = 0  # no warning about a child that still runs: that is meant


def _notes() -> Path:
    folder = cache() / "processes"
    folder.mkdir(exist_ok=True)
    return folder


def end_left_over_processes(keep: Sequence[str]) -> None:
    """End what sessions that are no more left running, except the names in ``keep``."""
    for note in _notes().iterdir():
        told = json.loads(note.read_text() or "{}")
        if not alive(note.name):
            note.unlink(missing_ok=True)
        elif told.get("name") not in keep and not alive(told.get("owner", "")):
            os.kill(int(note.name.partition(".")[0]), signal.SIGTERM)
