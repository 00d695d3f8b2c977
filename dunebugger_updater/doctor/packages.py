"""The device's packages: whether they can be changed and taken back, how old the lists are, and what waits."""

import asyncio
import shutil
from datetime import timedelta

from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.settings import Component
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services.packages_words import in_words
from dunebugger_updater.wiring import House

OLD = timedelta(days=7)
"""Lists of this age are told: a daily check has failed for a week then."""
_SHOWN = 5


async def look(house: House, component: Component) -> Findings:
    """Whether packages can be changed, whether what is known can be believed, and what a person has to do besides."""
    able, known = await asyncio.gather(_able(house, component.name), _known(house, component))
    return (*able, *known)


async def _able(house: House, name: str) -> Findings:
    try:
        await house.device.installer.ready()
        broken = await house.device.packages.broken()
    except EffectError as error:
        return (warning(name, f"{name}: {error}"),)
    if broken:
        words = f"dpkg has left something half done: {'; '.join(broken[:3])}"
        return (problem(name, words, "the next upgrade finishes it first", ["dpkg --configure -a"]),)
    if shutil.which("dpkg-repack") is None:
        words = "dpkg-repack is not installed: packages whose installed version left the archive cannot be taken back"
        return (warning(f"{name}.repack", words, "install it once", ["apt-get install dpkg-repack"]),)
    return (fine(name, f"{name}: packages can be changed, and taken back"),)


async def _known(house: House, component: Component) -> Findings:
    name = component.name
    try:
        inventory = await house.device.packages.inventory()
    except EffectError as error:
        return (
            problem(
                f"{name}.lists",
                f"{name}: {error}",
                "nothing can be said about updates until apt can read its files",
                ["apt-cache policy", "apt-get update"],
            ),
        )
    heard = await house.watch.heard(component)
    return [*_lists(name, inventory, heard.problem, house), *_waiting(name, inventory)]


def _lists(name: str, inventory: Inventory, trouble: str | None, house: House) -> list[Finding]:
    which, update = f"{name}.lists", ["apt-get update", f"dunebugger-updater check {name} --force"]
    if inventory.problem is not None:
        return [warning(which, f"{name}: {inventory.problem}", "fetch them", update)]
    if trouble is not None:
        return [warning(which, f"{name}: {trouble}", "what was fetched before is still shown", update)]
    at = inventory.checked_at
    if at is None or house.device.clock.now() - at > OLD:
        age = f"of {at:%Y-%m-%d %H:%M} UTC" if at else "of an unknown time"
        return [warning(which, f"{name}: the package lists are {age}", "newer versions are not known", update)]
    return [fine(which, f"{name}: the package lists are of {at:%Y-%m-%d %H:%M} UTC")]


def _waiting(name: str, inventory: Inventory) -> list[Finding]:
    found = []
    if inventory.security_unknown is not None:
        found.append(
            warning(
                f"{name}.security",
                f"{name}: security fixes cannot be told apart: {inventory.security_unknown}",
                "upgrade everything from time to time; where it is Debian, add its security archive",
                ["apt-cache policy"],
            )
        )
    said = f"{name}: {in_words(inventory, None, None)[1]}"
    upgrade = ["dunebugger-updater action apt_upgrade_security --yes"]
    if any(each.security for each in inventory.ready):
        found.append(warning(f"{name}.pending", said, "take the security fixes", upgrade))
    elif inventory.problem is None:
        found.append(fine(f"{name}.pending", said))
    if inventory.reboot_required:
        by = f" by {', '.join(inventory.reboot_packages[:_SHOWN])}" if inventory.reboot_packages else ""
        words = f"{name}: a reboot is needed{by}: the former version runs on"
        found.append(warning(f"{name}.reboot", words, "reboot at a good moment", ["systemctl reboot"]))
    if inventory.stale_services:
        units = inventory.stale_services[:_SHOWN]
        words = f"{name}: {', '.join(units)} still run files that were replaced"
        restart = [f"systemctl restart {unit}" for unit in units]
        found.append(warning(f"{name}.services", words, "restart them at a good moment", restart))
    return found
