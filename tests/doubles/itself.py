"""The updater's own process in a made-up world, with the launcher that starts it and systemd that starts that again.

A version may be unfit (its self-test says so), broken (it ends at once), deaf (it serves nothing) or blind (it cannot
look for releases).
"""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dunebugger_updater.model.trial import (
    CURRENT,
    FACTORY,
    FAILED,
    PROGRAM,
    TRIAL,
    Trial,
    place,
    trial,
    written,
)
from dunebugger_updater.ports import EffectError, Tried, UnreachableError

if TYPE_CHECKING:
    from doubles.clock import Clock
    from doubles.world import Disk, Power

HOME, PACKAGE = Path("/var/lib/updater"), Path("/usr/lib/updater/factory")


class LeftError(BaseException):
    """The process has made way.  As after a power cut, nothing of it goes on."""


class Itself:
    """One that was started from the factory."""

    architecture = "amd64"

    def __init__(self, power: "Power", disk: "Disk", clock: "Clock") -> None:
        self.power, self.disk, self.clock = power, disk, clock
        self.began = clock.up()
        self.home: Path | None = HOME
        self.factory = PACKAGE
        self.slot, self.version = FACTORY, "1.0.0"
        self.unfit: set[str] = set()
        self.broken: set[str] = set()
        self.deaf: set[str] = set()
        self.blind: set[str] = set()
        self.offline = False
        disk.put(PACKAGE / PROGRAM, b"1.0.0")
        disk.put(PACKAGE / "_internal/dunebugger_updater/VERSION", b"1.0.0\n")

    def _program(self, slot: str) -> bytes | None:
        content = self.disk.nodes.get(self.disk.real(place(HOME, PACKAGE, slot)) / PROGRAM)
        return content if isinstance(content, bytes) else None

    @property
    def in_use(self) -> str:
        target = self.disk.at(HOME / CURRENT)
        return target.name if isinstance(target, Path) else FACTORY

    @property
    def running_for(self) -> float:
        return self.clock.up() - self.began

    async def try_out(self, program: Path, limit: float) -> Tried:
        content = self.disk.nodes.get(self.disk.real(program.parent) / program.name)
        if not isinstance(content, bytes):
            raise EffectError(f"cannot run {program}: no such file")
        version = content.decode()
        return Tried(version, self.architecture, ("cannot read journals",) if version in self.unfit else ())

    async def leave(self) -> NoReturn:
        self.power.instant("leave")
        raise LeftError

    async def answers(self) -> None:
        if self.version in self.deaf:
            raise EffectError("the updater does not answer at its socket: connection refused")

    async def ask_for_releases(self, repository: str) -> None:
        if self.offline:
            raise UnreachableError("cannot reach api.github.com: name not resolved (is there a network?)")
        if self.version in self.blind:
            raise EffectError("cannot reach api.github.com: its certificate is not valid")

    def start(self) -> None:
        """Start whatever the launcher starts, again and again, until something stays up."""
        for _ in range(12):
            slot = self._chosen()
            content = self._program(slot)
            if content is not None and (version := content.decode()) not in self.broken:
                self.slot, self.version, self.began = slot, version, self.clock.up()
                return
        raise AssertionError("bricked: nothing that is started stays up")

    def _chosen(self) -> str:
        """Decide as ``packaging/launch`` does."""
        slot = self._counted(self.in_use)
        return slot if self._program(slot) is not None else FACTORY

    def _counted(self, slot: str) -> str:
        content = self.disk.at(HOME / TRIAL)
        if content is None:
            return slot
        there = trial(content if isinstance(content, bytes) else None)
        if there is None:
            return FACTORY
        if there.to != slot:
            return slot
        if there.tries and self._program(slot) is not None:
            left = Trial(there.to, there.former, there.mark, there.tries - 1)
            return slot if self._keep(TRIAL, written(left)) else there.former
        former = there.former if self._program(there.former) is not None else FACTORY
        self._keep(FAILED, f"to={slot}\nmark={there.mark}\nwhy=did not stay up\nwhen=now\n".encode())
        self._point(former)
        return former

    def _keep(self, name: str, content: bytes) -> bool:
        try:
            self.power.instant(f"launcher writes {name}")
            self.disk.put(HOME / name, content)
            self.power.instant(f"launcher writes {name}")
        except EffectError:
            return False
        return True

    def _point(self, slot: str) -> None:
        try:
            self.power.instant("launcher points back")
            self.disk.drop(HOME / CURRENT)
            if slot != FACTORY:
                self.disk.put(HOME / CURRENT, place(HOME, PACKAGE, slot))
            self.power.instant("launcher points back")
        except EffectError:
            return
