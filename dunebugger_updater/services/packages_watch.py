"""Watching a device's own packages: fetch the archives' lists, look what they mean for what is installed, remember it.

apt is asked again whenever something else is installed than was remembered, whoever changed it.
"""

from datetime import datetime

import msgspec

from dunebugger_updater.model.packages import label
from dunebugger_updater.model.settings import Component
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.services import packages_words
from dunebugger_updater.services.packages_words import Looked, looked

JOB = "check"
"""The last part of the name of the unit that fetches the lists."""


async def refresh(device: Device) -> str | None:
    """Fetch the archives' lists; answer why that did not work."""
    try:
        await device.installer.refresh(JOB, device.report)
    except EffectError as error:
        return str(error)
    return None


async def look(device: Device) -> Looked:
    """Look at everything: takes apt some seconds on a small board."""
    inventory = await device.packages.inventory()
    return looked(inventory, await _versions(device), await device.packages.release())


async def is_still(seen: Looked, device: Device) -> bool:
    """Whether what was remembered is about what is installed now: a quick question."""
    return seen.current == label(await device.packages.release(), await _versions(device))


async def _versions(device: Device) -> dict[str, str]:
    return {name: each.version for name, each in (await device.packages.installed()).items()}


class Problem(msgspec.Struct, frozen=True):
    """What did not work, and since when."""

    words: str
    since: datetime | None = None


def view(
    component: Component,
    seen: Looked | None,
    *,
    trouble: str | None,
    problem: Problem | None,
    asked_at: datetime | None,
    policy: str,
    bad: frozenset[str],
    kept: tuple[str, ...],
) -> ComponentView:
    """Say how the packages stand.  ``trouble``: why they cannot be looked at; ``problem``: why the lists are old."""
    if seen is None:
        return ComponentView(
            name=component.name,
            type=component.type,
            has_releases=False,
            current=None,
            status="unknown",
            message=f"unknown: {trouble}" if trouble else "not checked yet",
            policy=policy,
            problem=trouble,
        )
    inventory = seen.inventory
    status, message = packages_words.in_words(
        inventory, problem.words if problem else None, problem.since if problem else None
    )
    if seen.latest in bad and status == "update_available":
        message += "; just this set failed here or was taken back, and is only taken by name"
    moments = [each for each in (asked_at, inventory.checked_at) if each is not None]
    return ComponentView(
        name=component.name,
        type=component.type,
        has_releases=False,
        current=seen.current,
        detail="of all installed packages",
        latest=seen.latest,
        update_available=bool(inventory.ready),
        release_notes=packages_words.notes(inventory),
        last_checked=max(moments, default=None),
        status=status,
        message=message,
        policy=policy,
        quarantined=tuple(sorted(bad)),
        kept=kept,
        warnings=packages_words.warnings(inventory),
        problem=problem.words if problem else None,
        problem_since=problem.since if problem else None,
    )
