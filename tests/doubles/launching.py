"""A made-up place for the launcher: a factory, slots and a trial in a folder, and programs that say who they are."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dunebugger_updater.model.trial import Trial, written

LAUNCH = Path(__file__).parents[2] / "packaging" / "launch"
SCRIPT = "#!/bin/sh\n# stands in for a program\n"
"""How all of them begin: the launcher runs only what is of the factory's kind."""
SPEAKS = f'{SCRIPT}echo "$DUNEBUGGER_UPDATER_SLOT:$*"\n'


@dataclass
class Started:
    """What a start of the launcher came to."""

    code: int
    slot: str
    words: str
    said: str


class Place:
    """One device's launcher, its factory and its slots."""

    def __init__(self, root: Path) -> None:
        self.root, self.home, self.factory = root, root / "home", root / "factory"
        self.home.mkdir(parents=True)
        self.program("factory")

    def at(self, slot: str) -> Path:
        return (self.factory if slot == "factory" else self.home / "slots" / slot) / "dunebugger-updater"

    def program(self, slot: str, content: str | bytes = SPEAKS, mode: int = 0o755) -> None:
        file = self.at(slot)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)

    def use(self, slot: str) -> None:
        link = self.home / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(self.home / "slots" / slot)

    def begin_trial(self, to: str = "new", former: str = "old", **more: object) -> None:
        """A good old version, a new one on trial, and the link already on it."""
        self.program("old")
        self.program("new")
        self.use(to)
        text = written(Trial(to, former, "mark")).decode()
        for key, value in more.items():
            text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"{key}="))
            text += f"{key}={value}\n"
        (self.home / "trial").write_text(text)

    @property
    def current(self) -> str:
        link = self.home / "current"
        return link.readlink().name if link.is_symlink() else "factory"

    def says(self, name: str) -> dict[str, str]:
        """The lines of ``trial`` or ``trial.failed``."""
        file = self.home / name
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines)

    def environment(self, **more: str) -> dict[str, str]:
        own = {"DUNEBUGGER_UPDATER_SLOTS": str(self.home), "DUNEBUGGER_UPDATER_FACTORY": str(self.factory)}
        return {"PATH": os.environ["PATH"], **own, **more}

    def start(self, *words: str, before: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> Started:
        """Call the launcher, as systemd does without words.  ``before``: what calls it."""
        # What watches over a trial's time holds our pipes open for longer than the program lives.
        out, err = self.root / "out", self.root / "err"
        with out.open("w") as heard, err.open("w") as told:
            done = subprocess.run(
                [*before, str(LAUNCH), *words],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=heard,
                stderr=told,
                timeout=30,
                env=self.environment(**(environ or {})),
            )
        slot, _, said = out.read_text().strip().partition(":")
        return Started(done.returncode, slot, said, err.read_text())
