"""What was built into this program, and where a frozen one keeps its data.  The only user of ``sys._MEIPASS``."""

import sys
from pathlib import Path


def root() -> Path:
    """The directory that holds ``dunebugger_updater/`` and ``panel/``, frozen or not."""
    unpacked = getattr(sys, "_MEIPASS", None)
    return Path(unpacked) if unpacked else Path(__file__).resolve().parents[1]


def frozen() -> bool:
    """Whether this program was built, and carries its own Python."""
    return hasattr(sys, "_MEIPASS")


def version() -> str | None:
    """The version that was built in; ``None`` from a checkout."""
    return _built_in("VERSION")


def commit() -> str:
    """The commit that this program was built from; ``dev`` from a checkout (RM-013)."""
    return _built_in("COMMIT") or "dev"


def _built_in(name: str) -> str | None:
    try:
        return (root() / "dunebugger_updater" / name).read_text().strip() or None
    except OSError:
        return None


def pinned_keys() -> bytes:
    """The keys document that was built into this program (see ``trust/rotation.py``); nothing in a checkout."""
    try:
        return (root() / "dunebugger_updater" / "trust" / "pinned.json").read_bytes()
    except FileNotFoundError:
        return b""
