"""Which updater is tried: this checkout's, or with ``UPDATER=frozen`` the program as it is shipped.

The tests name the checkout's, ``python -m dunebugger_updater``; here it becomes the other one.
"""

import os
import sys
from collections.abc import Sequence

from device.bed import frozen, place

PYTHON = "/opt/updater/bin/python"
"""The Python of a device that has this checkout."""
COMMAND = "/usr/bin/dunebugger-updater"
_MODULES = ("dunebugger_updater", "dunebugger_updater.cli")


def is_frozen() -> bool:
    """Whether the shipped program is to be tried."""
    return os.environ.get("UPDATER", "") == "frozen"


def on_this_machine() -> tuple[str, ...]:
    """The updater's words on the machine of the tests."""
    return (str(frozen.built().program),) if is_frozen() else (sys.executable, "-m", "dunebugger_updater")


def on_a_device(*words: str) -> Sequence[str]:
    """Turn the words for a device into those that start the updater which is tried."""
    if is_frozen() and words[:2] == (PYTHON, "-m") and words[2] in _MODULES:
        return (COMMAND, *words[3:])
    return words


def volumes() -> list[str]:
    """What ``docker run`` needs, so that a device has the shipped program where an installed one lies; no service."""
    if not is_frozen():
        return []
    lib, packaging = "/usr/lib/dunebugger-updater", place.CHECKOUT / "packaging"
    pairs = {frozen.built().folder: f"{lib}/factory", packaging / "launch": f"{lib}/launch"}
    pairs |= {packaging / "command": COMMAND}
    return [word for there, here in pairs.items() for word in ("--volume", f"{there}:{here}:ro")]
