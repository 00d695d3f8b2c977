"""The page of system updates, and the confirmation of an action before it is queued."""

import asyncio
import hashlib

from aiohttp import web

from dunebugger_updater.model.actions import ActionType
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.wire import Declined, DeviceView, LookAtPackages, PackagesSeen
from panel import asking, package_rows, present, present_actions, present_packages
from panel.asking import Looked, Wish
from panel.frame import Visit

_SHOWN = 5
"""Actions below the list."""
_LONGEST = 100
"""Letters of a search."""


def card(visit: Visit, device: DeviceView, seen: Looked) -> present_packages.Updates | None:
    """The card of system updates; ``None`` where there is no apt."""
    if not seen.has_apt:
        return None
    halted = present_packages.blocked(device, seen.actions, visit.who.role, visit.places, visit.words)
    return present_packages.updates(seen.inventory, halted, visit.places, visit.words)


async def packages(visit: Visit) -> web.StreamResponse:
    """Everything that is pending, with what can be done about it (HC-21…27, HC-83)."""
    device = await visit.device()
    seen = await asking.looked(visit, device)
    if not seen.has_apt:
        return visit.sorry(404, visit.words.packages_no_apt)
    query = visit.request.query
    show: package_rows.Show = next((each for each in package_rows.SHOWS if each == query.get("show")), "all")
    search = query.get("q", "").strip()[:_LONGEST]
    inventory = seen.inventory or Inventory()
    halted = present_packages.blocked(device, seen.actions, visit.who.role, visit.places, visit.words)
    return visit.page(
        "packages.html",
        device=device,
        updates=present_packages.updates(seen.inventory, halted, visit.places, visit.words),
        inventory=seen.inventory,
        why=seen.why,
        reboot=present_packages.reboot_why(inventory, visit.words),
        rows=package_rows.rows(inventory, show, search, visit.words),
        counts=package_rows.counts(inventory),
        shows=package_rows.SHOWS,
        show=show,
        search=search,
        halted=halted,
        actions=seen.actions[:_SHOWN],
        sign=_sign(inventory, show, search),
        components=[each.name for each in device.components if present.is_system(each)],
    )


def _sign(inventory: Inventory, *chosen: str) -> str:
    # The list is only exchanged in a page that lives when it is another one: ticks and the place in it stay.
    return hashlib.sha256(to_json((inventory.packages, chosen))).hexdigest()[:16]


async def confirm(visit: Visit, refused: Declined | None = None) -> web.StreamResponse:
    """What an action would do, and the way to queue it (HC-28…30).  ``refused``: it was tried, and this is why not."""
    device = await visit.device()
    wanted = await asking.wish(visit)
    if wanted is None or (wanted.kind is ActionType.APT_UPGRADE_PACKAGES and not wanted.parameters.packages):
        return visit.sorry(400, visit.words.nothing_chosen, back(visit, wanted))
    answer, inventory = await asyncio.gather(asking.planned(visit, device, wanted), _inventory(visit, device, wanted))
    plan = None if isinstance(answer, Declined) else answer
    problem = refused or (answer if isinstance(answer, Declined) else None)
    rows = present_actions.changes(plan, present_actions.security_names(plan, inventory), visit.words) if plan else ()
    return visit.page(
        "confirm.html",
        status=409 if problem else 200,
        device=device,
        wanted=wanted,
        title=present_actions.kind_title(wanted.kind, wanted.parameters, visit.words),
        plan=plan,
        problem=visit.said(problem.message) if problem else "",
        rows=rows,
        security=sum(each.security for each in rows),
        security_known=inventory is None or inventory.security_known,
        download=present_actions.download(plan) if plan else None,
        warning=_warning(wanted.kind, visit),
        nothing=_nothing(wanted.kind, visit) if plan and not rows else "",
        has_windows=bool(visit.panel.windows),
        back=back(visit, wanted),
    )


def back(visit: Visit, wanted: Wish | None) -> str:
    """Where somebody came from who wants this."""
    return visit.places.packages if wanted is None or wanted.kind.is_apt else visit.places.settings


async def _inventory(visit: Visit, device: DeviceView, wanted: Wish) -> Inventory | None:
    if not wanted.kind.is_apt or wanted.kind is ActionType.APT_UPDATE:
        return None
    reply = await visit.look(device.id, LookAtPackages(remembered=True))
    return reply.inventory if isinstance(reply, PackagesSeen) else None


def _warning(kind: ActionType, visit: Visit) -> str:
    if kind is ActionType.APT_UPDATE:
        return visit.words.confirm_warning_list
    return visit.words.confirm_warning if kind.is_apt else visit.words.confirm_warning_other


def _nothing(kind: ActionType, visit: Visit) -> str:
    if not kind.is_apt or kind is ActionType.APT_UPDATE:
        return ""
    security = kind is ActionType.APT_UPGRADE_SECURITY
    return visit.words.confirm_no_security if security else visit.words.confirm_nothing
