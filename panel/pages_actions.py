"""The queue and the history of actions, and one action: live while it lasts, with its output afterwards (HC-70)."""

import asyncio

from aiohttp import web

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.actions import ActionView
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.wire import Declined, DeviceView, LookAtPackages, PackagesSeen
from dunebugger_updater.story import Story
from panel import asking, present_actions, present_log, present_packages, present_runs
from panel.frame import Visit

_SHOWN, _MOST = 50, 1000
_STATUSES = ("waiting", "active", "good", "bad")
_KINDS = ("packages", "services")


async def actions(visit: Visit) -> web.StreamResponse:
    """What waits for approval, and everything that was asked for, newest first."""
    device = await visit.device()
    query = visit.request.query
    wanted = next((each for each in _STATUSES if each == query.get("status")), "")
    kind = next((each for each in _KINDS if each == query.get("kind")), "")
    whole = query.get("all") == "yes"
    limit = _MOST if wanted or kind or whole else _SHOWN + 1
    found = await asking.recent(visit, device, limit)
    waiting = present_actions.waiting(found)
    filtered = bool(wanted or kind)
    fitting = [each for each in found if present_actions.fits(each, wanted, kind) and (filtered or each not in waiting)]
    shown = fitting if whole else fitting[:_SHOWN]
    return visit.page(
        "actions.html",
        device=device,
        waiting=waiting,
        actions=shown,
        more=len(fitting) > len(shown),
        stands=wanted,
        kind=kind,
        filtered=filtered,
    )


async def action(visit: Visit, refused: Declined | None = None) -> web.StreamResponse:
    """One action.  ``refused``: somebody decided, and this is why it did not count."""
    device = await visit.device()
    name = visit.request.match_info["id"]
    found = await asking.one(visit, device, name)
    if found is None:
        raise web.HTTPNotFound(text=visit.words.no_action.format(action=name))
    story, inventory = await asyncio.gather(_story(visit, device, found), _inventory(visit, device, found))
    rows = present_runs.rows(story, {}, visit.words) if story else ()
    return visit.page(
        "action.html",
        status=409 if refused else 200,
        device=device,
        action=found,
        open=found.status.is_active,
        works=found.status in present_actions.UNDER_WAY,
        problem=visit.said(refused.message) if refused else "",
        changed=_changed(visit, found, refused),
        lines=present_actions.output(found),
        rows=present_actions.changes(found, present_actions.security_names(found, inventory), visit.words),
        security_known=inventory is None or inventory.security_known,
        download=present_actions.download(found),
        why_not=present_actions.why_not_decide(visit.who.role, visit.words),
        phase=present_runs.phase(story, visit.words) if story and story.closed is None else "",
        share=round(present_runs.share_done(rows), 3),
        log=present_log.log(story, visit.words) if story else (),
        look_again=_look_again(visit, found),
    )


async def _story(visit: Visit, device: DeviceView, found: ActionView) -> Story | None:
    if found.run is None or found.status not in present_actions.UNDER_WAY:
        return None
    story = await visit.panel.fleet.run(device.id, found.run)
    return story if story is not None and story.told else None


async def _inventory(visit: Visit, device: DeviceView, found: ActionView) -> Inventory | None:
    """Which packages carry security fixes is known while they are pending."""
    if not found.changes or not found.status.is_active or not present_packages.has_apt(device):
        return None
    reply = await visit.look(device.id, LookAtPackages(remembered=True))
    return reply.inventory if isinstance(reply, PackagesSeen) else None


def _changed(visit: Visit, found: ActionView, refused: Declined | None) -> str:
    """What somebody needs to know besides the refusal: whether what they see now is still to be decided."""
    if refused is None or refused.code != "plan_changed":
        return ""
    return visit.words.plan_changed if found.status.is_active else visit.words.plan_changed_gone


def _look_again(visit: Visit, found: ActionView) -> bool:
    """Whether asking for it anew makes sense: it ended without being done."""
    undone = not found.status.is_active and not (found.result and found.result.success)
    return undone and visit.who.role >= Role.OPERATOR
