"""What every page has around it: the template, the device it is about, who looks, and what was just done."""

from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from aiohttp import web
from markupsafe import Markup

from dunebugger_updater import bundled
from dunebugger_updater.model.access import Role, Who
from dunebugger_updater.model.wire import AnyReply, AnyRequest, Declined, DeviceView
from panel import present, present_actions, present_runs, spans
from panel.doors import Desk, Panel
from panel.markdown import rendered
from panel.places import Places
from panel.words import Words

if TYPE_CHECKING:
    import jinja2

NOBODY = Who("", Role.VIEWER)
_DONE = (
    "maintenance_on", "maintenance_off", "revoked", "tested", "checked", "cancelled", "held", "released",
    "queued", "queued_approved", "approved", "rejected",
)  # fmt: skip
"""What ``?done=`` may say: a word of ours, never a text of the address."""


class Visit:
    """One request to a page: whose, of which device, and how to answer it."""

    def __init__(self, panel: Panel, desk: Desk, request: web.Request) -> None:
        self.panel = panel
        self.desk = desk
        self.request = request
        self.words = panel.words
        self.who = desk.who(request) or NOBODY
        named = request.match_info.get("device")
        self.places = Places(f"/devices/{named}" if named else "")

    async def device(self) -> DeviceView:
        """The device that is meant; nobody has to name it where there is only one."""
        named = self.request.match_info.get("device")
        found = await self.panel.fleet.device(named) if named else next(iter(await self.panel.fleet.devices()), None)
        if found is None:
            raise web.HTTPNotFound(text=self.words.no_device)
        return found

    async def ask(self, device: str, wanted: AnyRequest, action: str, detail: str = "") -> AnyReply:
        """Ask for something in the visitor's name.  It is written down first: what cannot be is not done."""
        await self.note(action, detail)
        return await self.panel.fleet.ask(device, wanted, self.who.name)

    async def look(self, device: str, wanted: AnyRequest) -> AnyReply:
        """Ask for what changes nothing: a look, or a plan."""
        return await self.panel.fleet.ask(device, wanted, self.who.name)

    async def note(self, action: str, detail: str) -> None:
        """Remember who did what."""
        await self.panel.accounts.note(self.who.name, action, detail, self.desk.address(self.request))

    async def form(self, name: str) -> str:
        """One field of what was sent; empty when it was not."""
        value = (await self.request.post()).get(name)
        return value.strip() if isinstance(value, str) else ""

    async def secret(self, name: str) -> str:
        """The same for a password, whose blanks may be meant."""
        value = (await self.request.post()).get(name)
        return value if isinstance(value, str) else ""

    @property
    def rights(self) -> dict[str, bool]:
        """What the visitor may, for templates."""
        return {"operate": self.who.role >= Role.OPERATOR, "own": self.who.role >= Role.OWNER}

    def page(self, template: str, status: int = 200, **shown: Any) -> web.Response:
        """Answer a page."""
        done = self.request.query.get("done", "")
        text = (
            _templates()
            .get_template(template)
            .render(
                w=self.words,
                places=self.places,
                who=self.who,
                may=self.rights,
                now=self.panel.now(),
                here=self.request.path,
                flash=getattr(self.words, f"done_{done}") if done in _DONE else "",
                when=partial(_when, self.panel.now(), self.words),
                since=partial(_since, self.panel.now()),
                span=partial(spans.span, words=self.words),
                size=partial(spans.size, words=self.words),
                tone=present_runs.tone,
                outcome=partial(present_runs.outcome, words=self.words),
                run_title=partial(present_runs.title, words=self.words),
                act_title=partial(present_actions.title, words=self.words),
                act_status=partial(present_actions.status, words=self.words),
                act_sentence=partial(present_actions.sentence, words=self.words),
                act_brief=partial(present_actions.brief, words=self.words),
                act_tone=present_actions.tone,
                act_output=present_actions.output,
                policy=partial(present.policy, words=self.words),
                markdown=rendered,
                said=self.said,
                sentence=spans.sentence,
                **shown,
            )
        )
        # What is on it is true now, and for this visitor: nobody keeps a copy.
        return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})

    def said(self, text: str) -> str:
        """A sentence of the device's as a page says it; the name of what the page is about stays as it is."""
        return spans.sentence(text, self.request.match_info.get("name", ""))

    def sorry(self, status: int, sentence: str, back: str = "", title: str = "") -> web.Response:
        """Answer with a sentence that says why not."""
        return self.page("sorry.html", status, title=title or self.words.error, told=self.said(sentence), back=back)

    def declined(self, reply: Declined, back: str) -> web.Response:
        """Answer what the device would not do."""
        status = 404 if reply.code == "component_not_found" else 409
        return self.sorry(status, reply.message, back, self.words.declined)


def go(place: str, done: str = "") -> web.Response:
    """Send the browser on, so that loading the page again sends nothing twice."""
    mark = "&" if "?" in place else "?"
    return web.Response(status=303, headers={"Location": f"{place}{mark}done={done}" if done else place})


def _when(now: datetime, words: Words, moment: datetime | None, style: str = "relative") -> Markup:
    """A moment that the script turns into the viewer's zone; without it, it reads well all the same."""
    if moment is None:
        return Markup()
    forms = {"clock": f"{moment:%H:%M:%S}", "full": f"{moment:%Y-%m-%d %H:%M} UTC", "month": f"{moment:%B %Y}"}
    text = forms.get(style) or spans.relative(moment, now, words)
    return _time(moment, style, text)


def _since(now: datetime, moment: datetime | None) -> Markup:
    return Markup() if moment is None else _time(moment, "since", spans.weekday(moment, now))


def _time(moment: datetime, style: str, text: str) -> Markup:
    form = Markup('<time datetime="{}" data-style="{}" title="{}">{}</time>')
    return form.format(f"{moment:%Y-%m-%dT%H:%M:%SZ}", style, f"{moment:%Y-%m-%d %H:%M:%S} UTC", text)


@lru_cache(maxsize=1)
def _templates() -> "jinja2.Environment":
    import jinja2  # noqa: PLC0415  (memory that only a look at the panel needs)

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(bundled.root() / "panel" / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
