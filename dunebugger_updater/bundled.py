"""What was built into this program, and where a frozen one keeps its data.  The only user of ``sys._MEIPASS``."""

import sys
from pathlib import Path


def root() -> Path:
    """The directory that holds ``dunebugger_updater/`` and ``panel/``, frozen or not."""
    frozen = getattr(sys, "_MEIPASS", None)
    return Path(frozen) if frozen else Path(__file__).resolve().parents[1]


def commit() -> str:
    """The commit that this program was built from; ``dev`` from a checkout (RM-013)."""
    try:
        return (root() / "dunebugger_updater" / "COMMIT").read_text().strip() or "dev"
    except OSError:
        return "dev"


def pinned_keys() -> bytes:
    """The keys document that was built into this program (see ``trust/rotation.py``); nothing in a checkout."""
    try:
        return (root() / "dunebugger_updater" / "trust" / "pinned.json").read_bytes()
    except FileNotFoundError:
        return b""
