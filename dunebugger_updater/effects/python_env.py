"""The port ``Python``: a virtual environment inside a release, made beside the running version (DB-056, DB-081).

Environments cannot be moved, so it is made at its final path, and a last file says that it is whole.  Everything here
runs with the rights of whoever owns the release: installing a package runs that package's code.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec

from dunebugger_updater.effects import commands
from dunebugger_updater.effects.durable import sync_tree, write_whole
from dunebugger_updater.effects.owners import identity_of, owner_of
from dunebugger_updater.effects.pip_words import why_pip_failed
from dunebugger_updater.effects.removal import remove
from dunebugger_updater.ports import EffectError, Report

VENV = ".venv"
WHEELS = "wheels"
COMPLETE = ".complete"
"""In the environment: written last, when all else is on the disk."""
_SYSTEM_PYTHON = Path("/usr/bin/python3")
_LAST_LINES = 5


class _Complete(msgspec.Struct, frozen=True):
    """What the environment was made from."""

    python: str
    """``3.11``: an upgrade of the device's Python breaks every environment."""
    requirements: str | None
    sha256: str
    """Of the requirements file."""


class Venvs:
    """Makes virtual environments with ``python``: the device's, never ours, which may be frozen into one file."""

    def __init__(self, python: Path | None = None) -> None:
        self._python = python

    async def build(self, release: Path, requirements: str | None, *, limit: float, report: Report) -> None:
        """Make ``release/.venv`` complete within ``limit`` seconds.  Complete already is fine; a part is made anew."""
        cannot = f"cannot build the virtual environment of {release}"
        asked = None if requirements is None else _inside(release, requirements, cannot)
        if await asyncio.to_thread(_is_complete, release, requirements):
            return
        venv = release / VENV
        await asyncio.to_thread(remove, venv)
        wheels = sorted((release / WHEELS).glob("*.whl"))
        needs_pip = asked is not None or bool(wheels)
        clock = asyncio.get_running_loop().time
        deadline = clock() + limit
        report("making a virtual environment")
        # Bringing pip in takes most of the time, on a small device many seconds.
        made = await _run(
            (str(self._interpreter(cannot)), "-m", "venv", *(() if needs_pip else ("--without-pip",)), str(venv)),
            release,
            limit,
            cannot,
            report,
        )
        if made.code != 0:
            raise EffectError(f"{cannot}: {_why_no_venv(made)}")
        if needs_pip:
            argv = (str(venv / "bin" / "python"), "-m", "pip", *_pip_arguments(release, requirements, wheels))
            done = await _run(argv, release, max(1.0, deadline - clock()), cannot, report)
            if done.code != 0:
                raise EffectError(f"{cannot}: {why_pip_failed(done.out + done.err, offline=bool(wheels))}")
        await _compile(release, max(1.0, deadline - clock()), report)
        await asyncio.to_thread(_finish, release, requirements)

    async def complete(self, release: Path) -> bool:
        """Whether the environment was finished, from the requirements that are there, for the Python that is there."""
        return await asyncio.to_thread(_is_complete, release)

    async def run(self, release: Path, script: str, *, limit: float, report: Report) -> None:
        """Run a Python file of the release with its environment and in its directory (DB-057, DB-092)."""
        cannot = f"cannot run {script} of {release}"
        if not script.endswith(".py"):
            raise EffectError(f"{cannot}: only Python files are run")
        file = _inside(release, script, cannot)
        python = release / VENV / "bin" / "python"
        if not python.exists():
            raise EffectError(f"{cannot}: the release has no virtual environment")
        done = await _run((str(python), "-u", str(file)), release, limit, cannot, report)
        if done.code != 0:
            said = [line.strip() for line in commands.plain(done.err or done.out).splitlines() if line.strip()]
            words = " / ".join(said[-_LAST_LINES:]) or "it said nothing"
            raise EffectError(f"{cannot}: it ended with exit status {done.code}: {words[:1000]}")

    def _interpreter(self, cannot: str) -> Path:
        found = shutil.which("python3")
        candidates = [self._python] if self._python else [_SYSTEM_PYTHON, *([Path(found)] if found else [])]
        for each in candidates:
            if each.exists():
                return each
        raise EffectError(f"{cannot}: there is no Python on this device; install python3 and python3-venv")


def _inside(release: Path, relative: str, cannot: str) -> Path:
    """A file of the release itself: no path and no link may lead out of it."""
    file, root = Path(os.path.realpath(release / relative)), Path(os.path.realpath(release))
    if Path(relative).is_absolute() or not file.is_relative_to(root):
        raise EffectError(f"{cannot}: {relative} leads out of the release")
    if not file.is_file():
        raise EffectError(f"{cannot}: {relative} is not in the release")
    return file


def _pip_arguments(release: Path, requirements: str | None, wheels: list[Path]) -> list[str]:
    argv = ["install", "--no-input", "--disable-pip-version-check", "--no-color", "--progress-bar", "off"]
    # With wheels in the release the network is not asked: what was released is what is installed.
    argv += ["--no-index", "--find-links", str(release / WHEELS)] if wheels else ["--prefer-binary"]
    return argv + (["-r", requirements] if requirements is not None else [str(wheel) for wheel in wheels])


async def _compile(release: Path, limit: float, report: Report) -> None:
    """Compile the release's own modules now, while the old one runs: its first start would do it while nobody answers.

    Nothing depends on it: what cannot be compiled is left to whoever imports it, if anybody does.
    """
    venv = release / VENV
    # Isolated: a module of the release that is called like one of Python's must not be run instead of it.
    argv = (str(venv / "bin" / "python"), "-I", "-m", "compileall", "-qq", "-x", re.escape(f"{venv}/"), str(release))
    report("compiling the release")
    with contextlib.suppress(EffectError):
        await _run(argv, release, limit, f"cannot compile {release}", report)


async def _run(argv: tuple[str, ...], release: Path, limit: float, cannot: str, report: Report) -> commands.Finished:
    try:
        owner = owner_of(release)
        environment = {**identity_of(owner), "PYTHONUNBUFFERED": "1"}
        return await commands.run(
            argv, limit=limit, directory=release, environment=environment, owner=owner, hear=report
        )
    except OSError as error:
        raise EffectError(f"{cannot}: {(error.strerror or str(error)).lower()}") from None
    except EffectError as error:
        raise EffectError(f"{cannot}: {error}") from None


def _why_no_venv(made: commands.Finished) -> str:
    if "ensurepip" in made.out + made.err:
        return "this device's Python cannot make one; install python3-venv"
    return made.last_words


def _finish(release: Path, requirements: str | None) -> None:
    venv = release / VENV
    sync_tree(venv)
    write_whole(venv / COMPLETE, msgspec.json.encode(_made_from(release, requirements)))


def _made_from(release: Path, requirements: str | None) -> _Complete:
    content = (release / requirements).read_bytes() if requirements is not None else b""
    config = (release / VENV / "pyvenv.cfg").read_text(errors="replace")
    version = re.search(r"^version\s*=\s*(\d+\.\d+)", config, re.MULTILINE)
    return _Complete(version[1] if version else "", requirements, hashlib.sha256(content).hexdigest())


_ANY = object()


def _is_complete(release: Path, requirements: object = _ANY) -> bool:
    """Whether it is whole, and made from ``requirements`` when that is asked."""
    venv = release / VENV
    try:
        said = msgspec.json.decode((venv / COMPLETE).read_bytes(), type=_Complete)
        python = (venv / "bin" / "python").resolve(strict=True)
        now = _made_from(release, said.requirements)
    except (OSError, RuntimeError, msgspec.DecodeError):
        return False
    # /usr/bin/python3 leads to another version after an upgrade; a name without a version tells nothing.
    named = re.fullmatch(r"python(\d+\.\d+)", python.name)
    fits = named is None or named[1] == said.python
    return fits and said == now and (requirements is _ANY or said.requirements == requirements)
