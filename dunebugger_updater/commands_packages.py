"""``packages``: what is pending on this device, and what else its packages need.  Only reads, so it needs no agent."""

import argparse
from collections.abc import Iterable

import msgspec

from dunebugger_updater import show
from dunebugger_updater.model.packages import Inventory, Pending
from dunebugger_updater.model.packages_view import PackagesView, packages_view
from dunebugger_updater.sorry import sorry
from dunebugger_updater.wiring import House

_KIB = 1024
_REASON = 110


async def packages(house: House, arguments: argparse.Namespace) -> int:
    """List what is pending, as the lists on this device say."""
    component = next((each for each in house.settings.components if each.type == "apt"), None)
    if component is None:
        words = "cannot look at packages: no component of type apt is configured, and this device has no apt-get"
        return sorry(words, 2, as_json=arguments.json)
    inventory = await house.device.packages.inventory()
    heard = await house.watch.heard(component)
    if heard.problem is not None:
        inventory = msgspec.structs.replace(inventory, problem=heard.problem)
    view = packages_view(inventory, security_only=arguments.security)
    if arguments.json:
        show.as_json(view)
    else:
        print(*in_words(view, inventory), sep="\n")
    return 0


def in_words(view: PackagesView, inventory: Inventory) -> Iterable[str]:
    """Say it to a person: what would come, what would not and why, and what else there is."""
    ready = [each for each in view.packages if each in inventory.ready]
    kept = [each for each in view.packages if each not in inventory.ready]
    if ready:
        rows = [("PACKAGE", "INSTALLED", "AVAILABLE", "SECURITY", "SIZE", "FROM")]
        rows += [
            (each.name, each.installed, each.candidate, _security(each), _size(each.size), _plain(each.origins))
            for each in ready
        ]
        yield from show.table(rows)
        yield ""
    if kept:
        yield "Kept back:"
        for each in kept:
            marked = " (security)" if each.security else ""
            why = _plain([each.kept_back or ""])[:_REASON]
            yield f"  {each.name} {each.installed} -> {each.candidate}{marked}: {why}"
        yield ""
    security = f"{view.security} with a security fix" if view.security_known else "security unknown"
    yield f"{view.total} pending, {security}; {view.ready} can be upgraded" + (
        f", {_size(sum(each.size or 0 for each in inventory.ready))} to download" if view.ready else ""
    )
    if view.security_unknown:
        yield f"security fixes cannot be told apart here: {view.security_unknown}"
    checked = f"{view.checked_at:%Y-%m-%d %H:%M} UTC" if view.checked_at else "never, or unknown"
    yield f"lists last fetched: {checked}"
    if view.problem:
        yield f"! {view.problem}"
    for sentence in view.broken:
        yield f"! {sentence}"
    if view.reboot_required:
        yield "! a reboot is needed" + (f" by {', '.join(view.reboot_packages)}" if view.reboot_packages else "")
    if view.stale_services:
        yield f"! still running replaced files, restart them: {', '.join(view.stale_services)}"


def _security(each: Pending) -> str:
    if not each.security:
        return ""
    return f"yes, {each.security_version}" if each.security_version else "yes"


def _size(size: int | None) -> str:
    if size is None:
        return "?"
    return f"{size / _KIB**2:.1f} MiB" if size >= _KIB**2 else f"{max(1, round(size / _KIB))} KiB"


def _plain(words: Iterable[str]) -> str:
    """What an archive says of itself, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in ", ".join(words))
