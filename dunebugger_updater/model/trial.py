"""The trial of a new version of the updater itself, as the launcher reads and writes it: ``key=value`` lines.

The launcher is a short shell script, so both sides keep to one word a line, and what cannot be read is no trial.
"""

from pathlib import Path

import msgspec

FACTORY = "factory"
"""What the version that the package brought is called, where a slot is meant."""
PROGRAM = "dunebugger-updater"
"""The executable in a slot."""
SLOTS, CURRENT, TRIAL, FAILED = "slots", "current", "trial", "trial.failed"
TRIES = 3
"""Starts that a version on trial has."""
LIMIT = 200
"""Seconds that it has in all, from its first start: with what stopping and starting take, less than four minutes."""


class Trial(msgspec.Struct, frozen=True):
    """A version that is not known to be good yet."""

    to: str
    """A slot's name."""
    former: str
    mark: str
    """Tells one attempt from another at the same version."""
    tries: int = TRIES
    """Starts that are left."""


class Failed(msgspec.Struct, frozen=True):
    """A trial that the launcher ended."""

    to: str
    mark: str
    why: str
    when: str = ""


def written(trial: Trial) -> bytes:
    """Spell a trial as the launcher reads it."""
    lines = (f"to={trial.to}", f"from={trial.former}", f"mark={trial.mark}", f"tries={trial.tries}", f"limit={LIMIT}")
    return ("\n".join(lines) + "\n").encode()


def trial(content: bytes | None) -> Trial | None:
    """Read a trial; ``None`` when there is none, or nothing that the launcher would believe."""
    said = _lines(content)
    to, former, tries = said.get("to", ""), said.get("from", ""), said.get("tries", "")
    if not (to and former and len(tries) == 1 and tries in "0123456789"):
        return None
    return Trial(to, former, said.get("mark", ""), int(tries))


def failed(content: bytes | None) -> Failed | None:
    """Read how the launcher ended a trial."""
    said = _lines(content)
    if not said.get("to") or not said.get("why"):
        return None
    return Failed(said["to"], said.get("mark", ""), said["why"], said.get("when", ""))


def slot_name(version: str, sha256: str) -> str:
    """Name the slot of one artifact: the same content has the same name, and another never has."""
    return f"{version}-{sha256[:12]}"


def version_in(slot: str) -> str:
    """Answer the version in a slot's name."""
    return slot.rpartition("-")[0] or slot


def place(home: Path, factory: Path, slot: str) -> Path:
    """Answer the directory of a slot."""
    return factory if slot == FACTORY else home / SLOTS / slot


def _lines(content: bytes | None) -> dict[str, str]:
    whole = (content or b"").decode(errors="replace").split("\n")[:-1]  # a last line without its end was torn off
    return {key: text for key, equals, text in (line.partition("=") for line in whole) if equals}
