"""The pages that only show.  Each is a plain function: ask the fleet, present it, answer."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.model.wire import Declined, DeviceView, Planned, RollBack, Update
from dunebugger_updater.story import Story
from panel import asking, pages_packages, present, present_actions, present_log, present_packages, present_runs
from panel.charts import HEIGHT, WIDTH
from panel.frame import Visit
from panel.spans import span, window

PAST = 200
"""Runs of one component that are looked at to say what is usual."""
_TOLD = 8
"""Stories that are read for the usual times of steps: they are the costly part."""
_SHOWN, _MOST = 50, 1000
_GOOD = frozenset({"updated", "nothing_to_do"})


async def overview(visit: Visit) -> web.StreamResponse:
    """Every component as a card, and how the device is doing."""
    device = await visit.device()
    seen = await asking.looked(visit, device)
    summary = present_packages.with_packages(present.summary(device, visit.words), seen.inventory, visit.words)
    return visit.page(
        "overview.html",
        device=device,
        cards=present.cards(device, visit.who.role, visit.places, visit.words),
        summary=summary,
        updates=pages_packages.card(visit, device, seen),
        inventory=seen.inventory,
        why=seen.why,
        reboot=present_packages.reboot_why(seen.inventory or Inventory(), visit.words),
        waiting=present_actions.waiting(seen.actions),
        health=present.health(device.health, visit.words) if device.health else (),
    )


async def component(visit: Visit) -> web.StreamResponse:
    """One component: what is new, what happened, what can be done."""
    device = await visit.device()
    view = _component(visit, device)
    past = await visit.panel.fleet.history(device.id, view.name, PAST)
    held = visit.panel.holds is not None and view.name in await visit.panel.holds.held()
    return visit.page(
        "component.html",
        device=device,
        card=present.card(present.without_quarantine(view), device, visit.who.role, visit.places, visit.words),
        past=past[:5],
        kept=view.kept,
        can_go_back=present.can_go_back(past) and not device.running,
        usual=present.expected(past, "update", visit.words),
        can_hold=visit.panel.holds is not None,
        held=held,
    )


async def plan(visit: Visit) -> web.StreamResponse:
    """What an update or rollback would do (DB-033)."""
    device = await visit.device()
    view = _component(visit, device)
    back = visit.request.query.get("verb") == "rollback"
    version = visit.request.query.get("to") or visit.request.query.get("version") or None
    asked = RollBack(view.name, dry_run=True, to=version) if back else Update(view.name, dry_run=True, version=version)
    reply = await visit.panel.fleet.ask(device.id, asked, visit.who.name)
    if not isinstance(reply, Planned):
        message = reply.message if isinstance(reply, Declined) else visit.words.plan_refused
        return visit.sorry(409, message, visit.places.component(view.name), visit.words.plan_refused)
    past = await visit.panel.fleet.history(device.id, view.name, PAST)
    sizes = [step.size for step in reply.view.steps if step.size is not None]
    return visit.page(
        "plan.html",
        device=device,
        view=view,
        planned=reply,
        back=back,
        to=version,
        careful=not back and reply.view.to_version in view.quarantined,
        usual=present.expected(past, "rollback" if back else "update", visit.words),
        download=sum(sizes) if sizes else None,
        touches=next((step.number for step in reply.view.steps if step.live), None),
        running=next(iter(device.running), None),
    )


async def run(visit: Visit) -> web.StreamResponse:
    """One run: live while it is open, the whole story afterwards."""
    device = await visit.device()
    wanted = visit.request.match_info["id"]
    story = await visit.panel.fleet.run(device.id, wanted)
    if story is None or not story.told:
        raise web.HTTPNotFound(text=visit.words.no_run.format(run=wanted))
    name = story.opened.plan.component
    past = await visit.panel.fleet.history(device.id, name, _MOST)
    view = next((each for each in past if each.run == wanted), None)
    if view is None:
        raise web.HTTPNotFound(text=visit.words.no_run.format(run=wanted))
    usual = present_runs.usual_times(await _stories(visit, device.id, view, past))
    rows = present_runs.rows(story, usual, visit.words)
    return visit.page(
        "run.html",
        device=device,
        run=view,
        rows=rows,
        open=story.closed is None,
        phase=present_runs.phase(story, visit.words),
        share=round(present_runs.share_done(rows), 3),
        log=present_log.log(story, visit.words),
        failure=present_runs.failure(story, visit.words),
        usual=present.expected(past, view.verb, visit.words),
    )


async def history(visit: Visit) -> web.StreamResponse:
    """Everything that happened here, newest first."""
    device = await visit.device()
    query = visit.request.query
    name, ended = query.get("component", ""), query.get("outcome", "")
    limit = _limit(query.get("limit", ""))
    asked = _MOST if ended else limit + 1  # one more tells whether there is one more
    runs = await visit.panel.fleet.history(device.id, name or None, asked)
    fitting = [each for each in runs if not ended or _fits(each, ended)]
    shown, whole = fitting[:limit], len(fitting) <= limit and (not ended or len(runs) < _MOST)
    bars = present_runs.durations(shown, visit.words)
    return visit.page(
        "history.html",
        device=device,
        runs=shown,
        months=present_runs.months(shown),
        names=sorted({each.name for each in device.components} | ({name} if name else set())),
        chosen=name,
        ended=ended,
        limit=limit,
        more=len(fitting) > limit and limit < _MOST,
        whole=whole,
        bars=bars,
        top=span(bars.top, visit.words) if bars else "",
        chart=(WIDTH, HEIGHT),
    )


async def settings(visit: Visit, made: tuple[str, str] | None = None, problem: str = "") -> web.StreamResponse:
    """What can be switched here; ``made`` is a new token's name and secret, shown this once."""
    device = await visit.device()
    panel = visit.panel
    own = visit.rights["own"]
    return visit.page(
        "settings.html",
        status=400 if problem else 200,
        device=device,
        made=made,
        problem=problem,
        windows=None if panel.windows is None else [window(each, visit.words) for each in panel.windows],
        held=await panel.holds.held() if panel.holds else (),
        tokens=await panel.accounts.tokens() if own else (),
        has_notifications=panel.notifications is not None,
        has_diagnostics=panel.diagnostics is not None,
    )


def _component(visit: Visit, device: DeviceView) -> ComponentView:
    name = visit.request.match_info["name"]
    found = next((each for each in device.components if each.name == name), None)
    if found is None:
        raise web.HTTPNotFound(text=visit.words.no_component.format(name=name))
    return found


async def _stories(visit: Visit, device: str, view: RunView, past: Sequence[RunView]) -> list[Story]:
    same = [each.run for each in past if each.success and each.verb == view.verb and each.run != view.run]
    read = await asyncio.gather(*(visit.panel.fleet.run(device, each) for each in same[:_TOLD]))
    return [story for story in read if story is not None]


def _fits(run: RunView, ended: str) -> bool:
    good = run.success or run.outcome in _GOOD
    if ended in {"good", "bad"}:
        return run.outcome != "running" and good == (ended == "good")
    return run.outcome == ended


def _limit(text: str) -> int:
    return min(max(int(text), 1), _MOST) if text.isascii() and text.isdigit() and len(text) < 6 else _SHOWN  # noqa: PLR2004  (no number of ours has more digits)
