"""The program itself as something that is updated: where it runs from, whether it is well, and how it makes way."""

from pathlib import Path
from typing import Protocol

import msgspec

from dunebugger_updater.ports.basics import EffectError


class UnreachableError(EffectError):
    """The network is down, or the other end is: nobody's fault here, and perhaps over soon."""


class Tried(msgspec.Struct, frozen=True):
    """What a version says of itself when it is tried out."""

    version: str
    architecture: str
    problems: tuple[str, ...] = ()


class Itself(Protocol):
    """The updater's own process, and other versions of it on this device."""

    @property
    def version(self) -> str:
        """Of the code that runs."""

    @property
    def architecture(self) -> str:
        """What it was built for, in Debian's words."""

    @property
    def home(self) -> Path | None:
        """Where the launcher keeps slots, link and trial; ``None`` when no launcher started us: then nothing of it."""

    @property
    def factory(self) -> Path:
        """The version that the package brought."""

    @property
    def slot(self) -> str:
        """Where this process was started from: a slot's name, or ``factory``."""

    @property
    def running_for(self) -> float:
        """Seconds since this process began."""

    async def try_out(self, program: Path, limit: float) -> Tried:
        """Have another version look at itself and at this device's state, offline; it changes nothing."""

    async def leave(self) -> None:
        """End this process cleanly, so that the launcher starts the version in use.  It does not come back."""

    async def answers(self) -> None:
        """Ask our own panel, API and socket.  ``EffectError`` when one of them does not answer as it should."""

    async def ask_for_releases(self, repository: str) -> None:
        """Fetch the list of releases as the next check will.  ``UnreachableError`` when it is the network's fault."""
