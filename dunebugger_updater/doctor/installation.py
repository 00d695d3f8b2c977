"""Is the program itself installed as it has to be: its files, and the service that starts it again whatever happens?

From a checkout nothing is asked: whoever works there knows how it is started.
"""

import os
import shutil
import stat
from pathlib import Path

from dunebugger_updater import __version__, bundled
from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.effects.commands import run
from dunebugger_updater.ports import EffectError
from dunebugger_updater.wiring import House

LIB = Path("/usr/lib/dunebugger-updater")
UNIT = "dunebugger-updater.service"
_LIMIT = 20.0
_AGAIN = "install it again: the package with apt-get install --reinstall dunebugger-updater, else the single file"
_WANTED = {"Type": "notify", "Restart": "always", "KillMode": "process"}
"""Without them it would be started too early, not again, or would take apps with it at a stop."""


async def look(house: House) -> Findings:
    """Look at the files and at the service."""
    del house
    if not bundled.frozen():
        return ()
    here = bundled.root().parent
    if not (LIB / "launch").exists():
        words = f"not installed: this is {__version__} from {here}, for trying"
        return (warning("installation", words, "install it as a service", ["sudo FILE install"]),)
    return (_files(here), await _service())


def _files(here: Path) -> Finding:
    name = "installation.files"
    if untrusted := [path for path in (LIB, LIB / "launch", LIB / "factory", here) if _others_can_change(path)]:
        commands = [f"chown -R root:root {path} && chmod -R go-w {path}" for path in untrusted]
        words = f"others than root can change {', '.join(map(str, untrusted))}, which runs as root"
        return problem(name, words, "take that right from them", commands)
    if not os.access(LIB / "launch", os.X_OK):
        return problem(name, f"cannot start {LIB / 'launch'}: it is not executable", _AGAIN)
    if not os.access(LIB / "factory" / "dunebugger-updater", os.X_OK):
        words = f"the version to fall back to is not there: {LIB / 'factory'}"
        return problem(name, words, _AGAIN)
    return fine(name, f"{__version__} runs from {here}")


def _others_can_change(path: Path) -> bool:
    try:
        there = path.stat()
    except OSError:
        return False
    return there.st_uid != 0 or bool(there.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _has_systemd() -> bool:
    return shutil.which("systemctl") is not None and Path("/run/systemd/system").is_dir()


async def _service() -> Finding:
    name = "installation.service"
    status = [f"systemctl status {UNIT}", f"journalctl -u {UNIT} -e"]
    if not _has_systemd():
        return warning(name, "there is no systemd here to start the agent", f"start {LIB / 'launch'} at boot")
    what = ("LoadState", "UnitFileState", "ActiveState", "WatchdogUSec", "StartLimitIntervalUSec", *_WANTED)
    try:
        done = await run(["systemctl", "show", UNIT, f"--property={','.join(what)}"], limit=_LIMIT)
    except EffectError as error:
        return problem(name, str(error), "", status)
    said = dict(line.partition("=")[::2] for line in done.out.splitlines())
    if said.get("LoadState") != "loaded":
        return problem(name, f"{UNIT} is {said.get('LoadState') or 'not known'}", _AGAIN, status)
    if wrong := [f"{key}={said.get(key)}" for key, value in _WANTED.items() if said.get(key) != value]:
        words = f"{UNIT} does not say what it has to: {', '.join(wrong)}"
        return problem(name, words, f"take the override away: systemctl revert {UNIT}", [f"systemctl cat {UNIT}"])
    if said.get("WatchdogUSec") in {"0", "infinity", None}:
        return warning(name, f"{UNIT} has no watchdog: an agent that hangs would stay so", _AGAIN)
    if said.get("StartLimitIntervalUSec") != "0":
        words = f"{UNIT} has a start limit: systemd gives up after some failed starts"
        return warning(name, words, f"take the override away: systemctl revert {UNIT}", [f"systemctl cat {UNIT}"])
    if said.get("UnitFileState") != "enabled":
        words = f"{UNIT} is {said.get('UnitFileState')}: after a boot nobody finishes what a power cut left open"
        return problem(name, words, "let it start at boot", [f"systemctl enable {UNIT}"])
    if said.get("ActiveState") != "active":
        return warning(name, f"{UNIT} is {said.get('ActiveState')}", "start it", [f"systemctl start {UNIT}", *status])
    return fine(name, f"{UNIT} runs, starts at boot and is started again whatever happens")
