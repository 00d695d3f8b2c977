"""The configuration, the state directory with its lock, and with whose rights we run."""

import os
import shlex
import stat
from pathlib import Path

from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.effects.lock import DeviceLock
from dunebugger_updater.wiring import House

_FOR_OTHERS = stat.S_IRGRP | stat.S_IROTH


async def look(house: House) -> Findings:
    """Which file counts, what it holds that others should not read, and with whose rights we run."""
    file = house.settings.file
    where = f"configuration read from {file}" if file else "no configuration file: the defaults count"
    found = [fine("configuration.file", where)]
    if not house.settings.components:
        found.append(
            warning("configuration.components", f"no components are configured in {file}", "add [Component NAME]")
        )
    secrets = {"notifications": file if house.settings.notifications.urls else None}
    secrets["token"] = house.settings.updater.github_token_file
    for name, path in secrets.items():
        if path is not None:
            found.append(_readable_by_others(f"configuration.{name}", path))
    return (*found, _rights(house))


def _readable_by_others(name: str, path: Path) -> Finding:
    quoted = shlex.quote(str(path))
    try:
        mode = path.stat().st_mode
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        return problem(name, f"cannot look at {path}: {words}", "check that it is there", [f"ls -l {quoted}"])
    if mode & _FOR_OTHERS:
        what = "the token" if name.endswith("token") else "the passwords in the notification addresses"
        return warning(name, f"others on this device can read {what} in {path}", "keep it", [f"chmod 600 {quoted}"])
    return fine(name, f"{path} is readable by its owner only")


def _rights(house: House) -> Finding:
    if os.geteuid() == 0:
        return fine("rights", "running as root")
    units = [each.name for each in house.settings.components if each.type == "python_app" and each.runner == "systemd"]
    others = [each.name for each in house.settings.components if each.type == "apt"]
    if not units and not others:
        return fine("rights", "not running as root, and no configured component needs it")
    what = [f"start or stop {', '.join(units)}"] if units else []
    what += ["upgrade packages"] if others else []
    return warning(
        "rights",
        f"not running as root: this user cannot {' nor '.join(what)}",
        "run it as root",
        ["sudo dunebugger-updater doctor"],
    )


async def look_at_state(house: House) -> Findings:
    """Whether we can keep our journal, and who is changing the device now."""
    path = house.settings.updater.state_path
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    name, quoted = "state.writable", shlex.quote(str(path))
    if there == path and not path.is_dir():
        found = problem(name, f"statePath {path} is not a directory", "choose another statePath", [f"ls -ld {quoted}"])
    elif not os.access(there, os.W_OK | os.X_OK):
        found = problem(
            name,
            f"cannot write below {there} (statePath is {path})",
            "run it as root, or give the directory to this user",
            [f"sudo install -d -o {os.geteuid()} {quoted}"],
        )
    else:
        found = fine(name, f"statePath {path} " + ("can be written" if there == path else "will be made when needed"))
    holder = DeviceLock(path / "lock").holder()
    if holder is None:
        return (found, fine("state.lock", "nobody is changing this device now"))
    return (
        found,
        warning(
            "state.lock",
            f"another dunebugger-updater (process {holder}) is changing this device now",
            "wait until it has ended",
            [f"ps -fp {holder}"] if holder.isdigit() else [],
        ),
    )
