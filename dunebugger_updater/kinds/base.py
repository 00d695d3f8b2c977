"""What every kind of component has in common."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from dunebugger_updater.checks import AnyCheck, BackupExists, ClockSane, DiskSpace, NotBusy
from dunebugger_updater.manifest import Guidance
from dunebugger_updater.manifest import words as said
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.offer import Offer
from dunebugger_updater.ports import EffectError

QUICK = 2.0
"""Seconds for a look at how a component is doing, as opposed to waiting for it to become well."""

PATIENT = 60.0
"""Seconds for a component to become well, where its manifest names no other limit."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,100}")


class Installed(msgspec.Struct, frozen=True):
    """What is on the device of a component."""

    version: str | None = None
    """``None`` when it is not there or does not say."""
    present: bool = True
    """Whether anything of it is there."""
    detail: str = ""
    """Where the version was read, or what is known instead of one."""


class Artifact(msgspec.Struct, frozen=True):
    """The file of a release that goes onto the device."""

    name: str
    url: str
    size: int | None
    sha256: str | None
    """``None`` only when nothing vouches for it and the owner allowed that."""


class Wish(msgspec.Struct, frozen=True):
    """What shall become of a component, and what its release says about how."""

    component: Component
    updater: Updater
    offer: Offer
    guidance: Guidance | None
    now: datetime

    @property
    def stamp(self) -> str:
        """The time, for names of backups: sorts by age."""
        return self.now.strftime("%Y%m%dT%H%M%SZ")


def safe_name(version: str) -> str:
    """Answer ``version`` as the name of a file.  ``EffectError`` when a publisher's version could lead elsewhere."""
    name = version.replace("/", "-")
    if not _NAME.fullmatch(name) or ".." in name:
        raise EffectError(f"cannot use version {version[:80]!r} as the name of a directory")
    return name


def backups(updater: Updater, component: str) -> tuple[Path, str]:
    """Answer where a component's backups lie, and how their names begin."""
    return updater.backup_path, f"{component}."


def conditions(component: Component) -> tuple[AnyCheck, ...]:
    """Whether now is a good moment, whatever the kind."""
    busy = (NotBusy(component.busy_file),) if component.busy_file else ()
    return (ClockSane(), *busy)


def busy(component: Component) -> tuple[AnyCheck, ...]:
    """What is asked once more right before the switch: a show may have begun during a long download."""
    return (NotBusy(component.busy_file),) if component.busy_file else ()


def wanted_before(wish: Wish, place: Path) -> Sequence[AnyCheck]:
    """The manifest's questions about the device that mean the same for every kind."""
    checks: list[AnyCheck] = []
    for check in wish.guidance.pre_checks if wish.guidance else ():
        if isinstance(check, said.DiskSpace):
            checks.append(DiskSpace(place, check.minimum_mb))
        elif isinstance(check, said.BackupExists):
            directory, prefix = backups(wish.updater, wish.component.name)
            checks.append(BackupExists(directory, prefix, check.max_age_hours))
    return checks


def notes(wish: Wish) -> tuple[str, ...]:
    """What the owner should know before saying yes."""
    breaking = (
        ("the publisher marks this release as breaking: read its notes",)
        if (wish.guidance and wish.guidance.breaking)
        else ()
    )
    down = (f"this goes back to the older {wish.offer.version}",) if wish.offer.downgrade else ()
    return (*wish.offer.warnings, *(wish.guidance.warnings if wish.guidance else ()), *breaking, *down)
