"""A device's packages in words: how many wait, which of them are security fixes, and what else a person should know."""

from datetime import datetime

import msgspec

from dunebugger_updater.model.packages import Inventory, label
from dunebugger_updater.model.views import Status

_SHOWN = 100


class Looked(msgspec.Struct, frozen=True):
    """What was seen of a device's packages, and what to call the whole of them."""

    inventory: Inventory
    current: str
    """``label`` of what was installed then: while it is the same, so is the rest."""
    latest: str
    """``label`` of what would be installed after an upgrade of everything that is ready."""


def looked(inventory: Inventory, installed: dict[str, str], release: str) -> Looked:
    """Put together what was seen."""
    after = installed | {each.name: each.candidate for each in inventory.ready}
    after |= {each.name: each.after for each in inventory.new if each.after is not None}
    return Looked(inventory, label(release, installed), label(release, after))


def in_words(inventory: Inventory, problem: str | None, since: datetime | None) -> tuple[Status, str]:
    """Say how the packages stand.  ``problem``: why the lists could not be refreshed, ``since`` when."""
    if inventory.problem is not None and not inventory.packages:
        return "unknown", f"unknown: {problem or inventory.problem}"
    said = _counted(inventory)
    if problem is not None:
        old = f"; the lists of {_moment(inventory.checked_at)} say: {said}"
        return "unknown", f"unknown{f' since {_moment(since)}' if since else ''}: {problem}{old}"
    return ("update_available" if inventory.ready else "up_to_date"), said


def _counted(inventory: Inventory) -> str:
    ready, waiting = inventory.ready, len(inventory.packages) - len(inventory.ready)
    secure = sum(each.security for each in ready)
    said = "up to date"
    if ready:
        said = f"{_packages(len(ready))} can be updated"
        if inventory.security_known:
            said += f", {secure or 'none'} of them {'a security fix' if secure == 1 else 'security fixes'}"
    if waiting:
        kept = len(inventory.security) - secure
        said += f"; {waiting} kept back" + (f", {kept} of them with a security fix" if kept else "")
    if not inventory.security_known:
        said += "; security fixes cannot be told apart here"
    if inventory.broken:
        said += f"; {len(inventory.broken)} half done"
    if inventory.reboot_required:
        said += "; a reboot is needed"
    return said


def _packages(count: int) -> str:
    return "1 package" if count == 1 else f"{count} packages"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "an unknown time"


def notes(inventory: Inventory) -> str | None:
    """List what would be upgraded, as Markdown."""
    lines = [
        f"- **{each.name}** {each.installed} → {each.candidate}{' (security)' if each.security else ''}"
        for each in sorted(inventory.ready, key=lambda each: (not each.security, each.name))
    ]
    more = len(lines) - _SHOWN
    return "\n".join([*lines[:_SHOWN], *([f"- and {more} more"] if more > 0 else [])]) or None


def warnings(inventory: Inventory) -> tuple[str, ...]:
    """Say what the owner should know besides."""
    said = list(inventory.broken)
    if inventory.security_unknown:
        said.append(f"security fixes cannot be told apart here: {inventory.security_unknown}")
    if inventory.reboot_required:
        by = f" by {', '.join(inventory.reboot_packages)}" if inventory.reboot_packages else ""
        said.append(f"a reboot is needed{by}: until then the old version runs on")
    if inventory.stale_services:
        said.append(f"these services still run replaced files, a restart helps: {', '.join(inventory.stale_services)}")
    return tuple(said)
