"""What forms do to the action queue: ask for something, say yes or no to it.  Each works without any script."""

from aiohttp import web

from dunebugger_updater.model.actions import ActionStatus
from dunebugger_updater.model.wire import ActionSeen, DecideAction, Declined
from panel import asking, pages_actions, pages_packages
from panel.frame import Visit, go


async def queue(visit: Visit) -> web.StreamResponse:
    """Queue the action that was shown: with that plan, or not at all.  Refused, everything chosen is still there."""
    device = await visit.device()
    wanted = await asking.wish(visit)
    if wanted is None:
        return visit.sorry(400, visit.words.nothing_chosen, visit.places.packages)
    request = wanted.request(visit.who.role, plan_hash=await visit.form("plan_hash") or None)
    detail = " ".join([wanted.kind.value, *wanted.parameters.packages, wanted.parameters.service or ""]).strip()
    reply = await visit.ask(device.id, request, "queue action", detail)
    if not isinstance(reply, ActionSeen):
        refused = reply if isinstance(reply, Declined) else Declined("refused", visit.words.plan_refused)
        return await pages_packages.confirm(visit, refused)
    done = {ActionStatus.PENDING_APPROVAL: "queued", ActionStatus.APPROVED: "queued_approved"}
    return go(visit.places.action(reply.action.action_id), done.get(reply.action.status, ""))


async def decide(visit: Visit) -> web.StreamResponse:
    """Approve or reject one.  The hash of what was shown goes along: nothing else is approved by it."""
    device = await visit.device()
    name, approve = visit.request.match_info["id"], await visit.form("verdict") == "approve"
    if not approve and await visit.form("verdict") != "reject":
        return visit.sorry(400, visit.words.error, visit.places.action(name))
    asked = DecideAction(name, approve, await visit.form("plan_hash") or None)
    reply = await visit.ask(device.id, asked, "approve action" if approve else "reject action", name)
    if not isinstance(reply, ActionSeen):
        refused = reply if isinstance(reply, Declined) else Declined("refused", visit.words.error)
        return await pages_actions.action(visit, refused)
    done = {ActionStatus.APPROVED: "approved", ActionStatus.REJECTED: "rejected"}
    return go(visit.places.action(name), done.get(reply.action.status, ""))
