"""Virtual environments: can this device make them, and are those in use still alive?

An upgrade of the device's Python, 3.11 to 3.13, breaks every environment made with the old one, and the app is only
found dead at its next start.
"""

import asyncio
import os
import re
import shlex
import shutil
from pathlib import Path

from dunebugger_updater.doctor.finding import Findings, fine, problem, warning
from dunebugger_updater.effects.commands import run
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.wiring import House

_LIMIT = 20.0


async def look_at_python(house: House) -> Findings:
    """Whether a Python app can get its environment here."""
    apps = [each.name for each in house.settings.components if each.type == "python_app"]
    if not apps:
        return ()
    system = Path("/usr/bin/python3")
    python = str(system) if await house.device.files.exists(system) else shutil.which("python3")
    install = ["apt-get install python3 python3-venv"]
    if python is None:
        return (problem("python", f"there is no Python on this device for {', '.join(apps)}", "install it", install),)
    try:
        done = await run([python, "-I", "-c", "import ensurepip, venv"], limit=_LIMIT)
    except EffectError as error:
        return (problem("python", str(error), "install it again", install),)
    if done.code != 0:
        words = f"{python} cannot make virtual environments with pip: {done.last_words}"
        return (problem("python", words, "install python3-venv", install),)
    return (fine("python", f"{python} can make virtual environments"),)


async def look_at_environment(name: str, live: Path, ours: bool, device: Device) -> Findings:  # noqa: FBT001  (whose it is)
    """Whether the environment in the directory in use works.  ``ours``: we made it, so it must say that it is whole."""
    finding = f"{name}.environment"
    venv = live / ".venv"
    trouble = await asyncio.to_thread(_trouble, venv)
    if trouble is None and (not ours or await device.python.complete(live)):
        return (fine(finding, f"the virtual environment {venv} is whole"),)
    if trouble is None and not (live / "requirements.txt").exists() and not venv.exists():
        return (fine(finding, f"{live} has no virtual environment and asks for none"),)
    if trouble is None:
        words = f"the virtual environment {venv} was not finished by us, or its requirements were edited since"
        return (warning(finding, words, "if it does not work, make it anew", _anew(live)),)
    return (problem(finding, trouble, "make it anew", _anew(live)),)


def _trouble(venv: Path) -> str | None:
    """Say why the environment cannot work; ``None`` when it can, or when there is none."""
    if not venv.exists():
        return None
    python = venv / "bin" / "python"
    try:
        real = python.resolve(strict=True)
    except (OSError, RuntimeError):
        target = python.readlink() if python.is_symlink() else "nothing"
        return f"the virtual environment {venv} is broken: its python leads to {target}, which is not there"
    if not os.access(real, os.X_OK):
        return f"the virtual environment {venv} is broken: {real} cannot be run"
    has = re.fullmatch(r"python(\d+\.\d+)", real.name)
    made_for = [
        match[1] for each in venv.glob("lib/python*") if (match := re.fullmatch(r"python(\d+\.\d+)", each.name))
    ]
    if has and made_for and has[1] not in made_for:
        return (
            f"the virtual environment {venv} was made for Python {made_for[0]}, and this device has {has[1]} now: "
            "its packages are not found any more"
        )
    return None


def _anew(live: Path) -> list[str]:
    venv, requirements = shlex.quote(str(live / ".venv")), shlex.quote(str(live / "requirements.txt"))
    try:
        owner = live.owner()
    except (OSError, KeyError):
        owner = "root"
    who = "" if owner == "root" else f"sudo -u {shlex.quote(owner)} "
    return [
        f"{who}python3 -m venv --clear {venv}",
        f"test ! -f {requirements} || {who}{venv}/bin/pip install -r {requirements}",
    ]
