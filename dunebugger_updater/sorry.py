"""How a command says no: a sentence on standard error, with ``--json`` the one document too, and the exit status."""

import sys

from dunebugger_updater import show
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.updates import Refusal

STATUS = {
    Outcome.UPDATED: 0,
    Outcome.NOTHING_TO_DO: 0,
    Outcome.PLANNED: 0,
    Outcome.FAILED: 1,
    Outcome.REFUSED: 3,
    Outcome.ROLLED_BACK: 4,
    Outcome.STUCK: 5,
}
"""Exit status by outcome; 2 is usage and configuration."""

_CODES = {1: "FAILED", 2: "USAGE", 3: "REFUSED", 4: "ROLLED_BACK", 5: "STUCK"}
"""By exit status; spelled as in the HTTP interface's errors."""


def sorry(message: str, status: int, *, as_json: bool) -> int:
    """Say ``message``, and answer the exit ``status``."""
    print(f"dunebugger-updater: {message}", file=sys.stderr)
    if as_json:
        show.as_json({"error": {"code": _CODES[status], "message": message}})
    return status


def refused(name: str, refusal: Refusal, *, as_json: bool, dry_run: bool = False) -> int:
    """Answer a refusal, and the exit status of its outcome; "nothing to do" is one that is good news."""
    good = refusal.outcome is Outcome.NOTHING_TO_DO
    if as_json:
        show.as_json(
            {
                "component": name,
                "success": good,
                "outcome": refusal.outcome,
                "message": refusal.message,
                "dry_run": dry_run,
                "run": None,
            }
        )
    else:
        print(refusal.message, file=sys.stdout if good else sys.stderr)
    return STATUS[refusal.outcome]
