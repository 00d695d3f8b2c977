"""Every service of the device at one glance: what is compared before and after packages were replaced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from dunebugger_updater.effects import commands
from dunebugger_updater.model.service import UnitState
from dunebugger_updater.ports import EffectError

_LIMIT = 30.0
_PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts"


async def all_units() -> Mapping[str, UnitState]:
    """Ask systemd about all services that it has loaded."""
    if not Path("/run/systemd/system").is_dir():
        return {}
    argv = ("systemctl", "show", "--no-pager", "--all", "--property", _PROPERTIES, "--", "*.service")
    done = await commands.run(argv, limit=_LIMIT)
    if done.code != 0:
        raise EffectError(f"cannot ask systemd how the services are: {done.last_words}")
    return read(done.out)


def read(text: str) -> Mapping[str, UnitState]:
    """Parse blocks of ``systemctl show``."""
    found: dict[str, UnitState] = {}
    for block in text.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if said.get("Id") and said.get("LoadState") == "loaded":
            restarts = said.get("NRestarts", "")
            found[said["Id"]] = UnitState(
                _word(said.get("ActiveState", ""), said.get("SubState", "")),
                int(restarts) if restarts.isdecimal() else 0,
                said.get("UnitFileState") == "enabled",
            )
    return found


def _word(active: str, sub: str) -> Literal["running", "stopped", "failed", "restarting", "changing"]:
    match active, sub:
        case "failed", _:
            return "failed"
        case _, "auto-restart":
            return "restarting"
        case "active", "running":
            return "running"
        case (("active" | "inactive"), _):  # "active (exited)" is what is over
            return "stopped"
        case _:
            return "changing"
