"""What forms do: ask the device, then send the browser on.  Each works without any script."""

from aiohttp import web

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.wire import CancelRun, CheckNow, Declined, RollBack, SetMaintenance, Started, Update
from panel import pages
from panel.frame import Visit, go

_MOST_MINUTES = 43_200


async def check(visit: Visit) -> web.StreamResponse:
    """Look for new releases now."""
    device = await visit.device()
    name = await visit.form("component")
    asked = CheckNow(force=True, components=(name,) if name else ())
    reply = await visit.ask(device.id, asked, "check", name)
    back = visit.places.component(name) if name else visit.places.home
    return visit.declined(reply, visit.places.home) if isinstance(reply, Declined) else go(back, "checked")


async def update(visit: Visit) -> web.StreamResponse:
    """Start the update whose plan was shown: to that version, whatever is on offer by now."""
    device = await visit.device()
    name, version = visit.request.match_info["name"], await visit.form("version") or None
    wanted = Update(name, version=version, by_owner=visit.who.role >= Role.OWNER)
    reply = await visit.ask(device.id, wanted, "update", f"{name} {version or ''}".strip())
    return _begun(visit, name, reply)


async def rollback(visit: Visit) -> web.StreamResponse:
    """Take a component back."""
    device = await visit.device()
    name, to = visit.request.match_info["name"], await visit.form("to") or None
    wanted = RollBack(name, to=to, by_owner=visit.who.role >= Role.OWNER)
    reply = await visit.ask(device.id, wanted, "rollback", f"{name} {to or ''}".strip())
    return _begun(visit, name, reply)


def _begun(visit: Visit, name: str, reply: object) -> web.StreamResponse:
    if isinstance(reply, Started):
        return go(visit.places.run(reply.run))
    declined = reply if isinstance(reply, Declined) else Declined("refused", visit.words.plan_refused)
    return visit.declined(declined, visit.places.component(name))


async def cancel(visit: Visit) -> web.StreamResponse:
    """Stop a run, as far as it still can be stopped."""
    device = await visit.device()
    run = visit.request.match_info["id"]
    reply = await visit.ask(device.id, CancelRun(run), "cancel", run)
    back = visit.places.run(run)
    return visit.declined(reply, back) if isinstance(reply, Declined) else go(back, "cancelled")


async def hold(visit: Visit) -> web.StreamResponse:
    """Hold a component, or let it go."""
    device = await visit.device()
    name = visit.request.match_info["name"]
    if visit.panel.holds is None:
        return visit.sorry(501, visit.words.later, visit.places.component(name))
    if all(each.name != name for each in device.components):
        raise web.HTTPNotFound(text=visit.words.no_component.format(name=name))
    on = await visit.form("on") == "yes"
    await visit.note("hold" if on else "release", name)
    await visit.panel.holds.set(name, on=on)
    return go(visit.places.component(name), "held" if on else "released")


async def maintenance(visit: Visit) -> web.StreamResponse:
    """Switch maintenance mode."""
    device = await visit.device()
    on, said = await visit.form("on") == "yes", await visit.form("minutes")
    minutes = int(said) if said.isascii() and said.isdigit() and 0 < int(said) <= _MOST_MINUTES else None
    words = ("on" if on else "off") + (f" for {minutes} minutes" if on and minutes else "")
    reply = await visit.ask(device.id, SetMaintenance(on, minutes if on else None), "maintenance", words)
    if isinstance(reply, Declined):
        return visit.declined(reply, visit.places.settings)
    return go(visit.places.settings, "maintenance_on" if on else "maintenance_off")


async def make_token(visit: Visit) -> web.StreamResponse:
    """Make a token; its page is the only place where the secret is ever shown."""
    name, word = await visit.form("name"), await visit.form("role")
    role = next((each for each in Role if each.word == word), None)
    if not name:
        return await pages.settings(visit, problem=visit.words.no_name)
    if role is None:
        return await pages.settings(visit, problem=visit.words.no_role)
    try:
        secret, view = await visit.panel.accounts.create_token(name, role, visit.who.name)
    except ValueError as error:  # the sentence of why this name will not do
        return await pages.settings(visit, problem=str(error))
    return await pages.settings(visit, made=(view.name, secret))


async def revoke_token(visit: Visit) -> web.StreamResponse:
    """Revoke a token.  One that is gone already is as revoked as one can be."""
    await visit.panel.accounts.revoke(visit.request.match_info["id"], visit.who.name)
    return go(visit.places.settings, "revoked")


async def send_test(visit: Visit) -> web.StreamResponse:
    """Send a test notification."""
    if visit.panel.notifications is None:
        return visit.sorry(501, visit.words.later, visit.places.settings)
    problem = await visit.panel.notifications.send_test()
    return visit.sorry(502, problem, visit.places.settings) if problem else go(visit.places.settings, "tested")


async def diagnostics(visit: Visit) -> web.StreamResponse:
    """Hand out the diagnostics as a file."""
    if visit.panel.diagnostics is None:
        return visit.sorry(501, visit.words.later, visit.places.settings)
    content = await visit.panel.diagnostics.diagnostics()
    name = f"dunebugger-updater-{visit.panel.now():%Y%m%dT%H%M%SZ}.txt"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return web.Response(body=content, content_type="text/plain", charset="utf-8", headers=headers)


async def sign_out(visit: Visit) -> web.StreamResponse:
    """Leave."""
    response = go("/login")
    await visit.desk.sign_out(visit.request, response)
    return response
