"""What the overview and a component's page show: views in, words and numbers out.  Pure."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.model.wire import DeviceHealth, DeviceView
from panel import charts
from panel.places import Places
from panel.spans import sentence, size, span, typical
from panel.words import Words

Tone: TypeAlias = Literal["good", "news", "unsure", "busy", "bad", "quiet"]
"""How something is to be seen; a colour, an icon and a word go with each."""

_TIGHT, _FULL = 80.0, 92.0
_WARM, _HOT = 70.0, 80.0
_TONES: dict[str, Tone] = {
    "up_to_date": "good",
    "update_available": "news",
    "unknown": "unsure",
    "not_installed": "quiet",
    "not_compared": "unsure",
    "busy": "busy",
}


class Button(msgspec.Struct, frozen=True):
    """The one obvious thing to do."""

    label: str
    link: str = ""
    post: str = ""
    """Where a form goes, when it is no link."""
    reason: str = ""
    """Why it cannot be pressed; then it is neither."""


class Card(msgspec.Struct, frozen=True):
    """One component."""

    view: ComponentView
    kind: str
    installed: str
    offer: str
    tone: Tone
    word: str
    sentence: str
    """The state in words, without the time that belongs to it."""
    since: datetime | None
    """Since when it is unknown."""
    because: str
    checked: datetime | None
    """Said in the sentence: when that was found out."""
    button: Button
    link: str


def cards(device: DeviceView, role: Role, places: Places, words: Words) -> tuple[Card, ...]:
    """Answer the cards in the order in which they matter: running, on offer, not well, the rest; then by name."""
    made = [card(each, device, role, places, words) for each in device.components if not is_system(each)]
    rank = {"busy": 0, "news": 1, "unsure": 2, "bad": 2, "quiet": 3, "good": 4}
    return tuple(sorted(made, key=lambda one: (rank[one.tone], one.view.name.casefold())))


def card(view: ComponentView, device: DeviceView, role: Role, places: Places, words: Words) -> Card:
    """Answer one component as a card."""
    run = next((each for each in device.running if each.component == view.name), None)
    known = view.status == "up_to_date"
    unknown = view.status == "unknown" and view.problem is not None
    tone, word = _TONES[view.status], str(getattr(words, view.status))
    if run:
        tone, word = "busy", words.running
    elif view.untrusted:
        tone, word = "bad", words.not_trusted
    offer = view.latest if view.latest and view.latest != view.current else None
    return Card(
        view=view,
        kind=kind(view, words),
        installed=view.current
        or (words.nothing_installed if view.status == "not_installed" else words.installed_unknown),
        offer=offer or (words.no_offer_unknown if view.latest is None and not known else words.no_offer),
        tone=tone,
        word=word,
        sentence=sentence(run.message if run else _sentence(view, words), view.name),
        since=view.problem_since if unknown and not run else None,
        because=(view.problem or "").replace("`", "") if unknown else "",
        checked=view.last_checked if known and not run else None,
        button=_button(view, device, role, places, words),
        link=places.component(view.name),
    )


def is_system(view: ComponentView) -> bool:
    """Whether it is the device's packages as a whole: they have a card and a page of their own."""
    return view.type == "apt" and not view.has_releases


def kind(view: ComponentView, words: Words) -> str:
    """Answer its type in words."""
    said = {
        "python_app": words.kind_python_app,
        "container": words.kind_container,
        "apt": words.kind_apt,
        "updater": words.kind_updater,
    }
    return said.get(view.type, view.type)


def policy(word: str, words: Words) -> str:
    """Answer a policy in words."""
    said = {"ask": words.policy_ask, "auto": words.policy_auto, "never": words.policy_never}
    return said.get(word, word)


def without_quarantine(view: ComponentView) -> ComponentView:
    """Answer the component without the clause about its quarantine, for a page that tells it in a place of its own."""
    clause = rf"; {re.escape(', '.join(view.quarantined))} [^;]*"
    return replace(view, message=re.sub(clause, "", view.message)) if view.quarantined else view


def _sentence(view: ComponentView, words: Words) -> str:
    if is_system(view):
        return view.message
    if view.status == "update_available" and view.latest:
        return words.is_available.format(version=view.latest)
    if view.status == "up_to_date":
        more = view.message.removeprefix("up to date").lstrip("; ")
        said = words.up_to_date_checked if view.last_checked else words.up_to_date_sentence
        return f"{more}; {said}" if more else said
    if view.status == "unknown" and view.problem:
        return words.unknown_since if view.problem_since else words.unknown_for_now.format(why=view.problem)
    return view.message


def _button(view: ComponentView, device: DeviceView, role: Role, places: Places, words: Words) -> Button:
    run = next(iter(device.running), None)
    label = _label(view, words)
    if run is not None and run.component == view.name:
        return Button(words.show_progress, link=places.run(run.run))
    if not device.online:
        return Button(label, reason=words.why_offline)
    if role < Role.OPERATOR:
        return Button(label, reason=words.why_viewer)
    if run is not None:
        return Button(label, reason=words.why_other.format(component=run.component))
    if is_system(view):
        return Button(words.apt_button, link=places.packages)
    if view.status == "busy":
        return Button(label, reason=sentence(view.message or words.why_busy, view.name))
    if view.status == "unknown":
        return Button(words.check_again, post=places.check)
    if view.latest and view.status in {"update_available", "not_installed"}:
        return Button(label, link=places.plan(view.name))
    reasons = {
        "up_to_date": words.why_current,
        "not_compared": words.why_not_compared,
    }
    return Button(label, reason=reasons.get(view.status, words.why_nothing))


def _label(view: ComponentView, words: Words) -> str:
    if view.latest and view.update_available:
        return words.update_to.format(version=view.latest)
    if view.latest and view.status == "not_installed":
        return words.install.format(version=view.latest)
    return words.update


class Summary(msgspec.Struct, frozen=True):
    """The overview in one line."""

    tone: Tone
    sentences: tuple[str, ...]


def summary(device: DeviceView, words: Words) -> Summary:
    """Answer what somebody wants to know who has one second."""
    if not device.components:
        return Summary("quiet", (words.nothing_here,))
    waiting = sum(each.update_available for each in device.components if not is_system(each))
    unknown = sum(each.status in {"unknown", "not_compared"} for each in device.components)
    said = []
    if waiting:
        said.append(words.summary_updates_one if waiting == 1 else words.summary_updates.format(count=waiting))
    if unknown:
        said.append(words.summary_unknown_one if unknown == 1 else words.summary_unknown.format(count=unknown))
    if not said:
        return Summary("good", (words.summary_none,))
    return Summary("news" if waiting else "unsure", tuple(said))


def health(seen: DeviceHealth, words: Words) -> tuple[charts.Ring, ...]:
    """Answer how the machine is doing, as rings."""
    disk = charts.share(seen.disk_total - seen.disk_free, seen.disk_total)
    memory = charts.share(seen.memory_total - seen.memory_available, seen.memory_total)
    return (
        _used(words.disk, disk, seen.disk_free, seen.disk_total, words),
        _used(words.memory, memory, seen.memory_available, seen.memory_total, words),
        _warmth(seen.temperature, words),
        charts.Ring(words.clock, 100, words.clock_good, words.clock_believed, "good")
        if seen.clock is None
        else charts.Ring(words.clock, 100, words.clock_bad, seen.clock, "bad"),
    )


def _used(label: str, used: float, free: int, total: int, words: Words) -> charts.Ring:
    tone: Tone = "bad" if used >= _FULL else "unsure" if used >= _TIGHT else "good"
    told = words.free_of.format(free=size(free, words), total=size(total, words))
    return charts.Ring(label, used, f"{used:.0f}%", told, tone)


def _warmth(degrees: float | None, words: Words) -> charts.Ring:
    if degrees is None:
        return charts.Ring(words.temperature, 0, "–", words.no_sensor, "quiet")  # noqa: RUF001  (a dash for a person)
    said: tuple[Tone, str] = ("good", words.temperature_good)
    if degrees >= _WARM:
        said = ("bad", words.temperature_high) if degrees >= _HOT else ("unsure", words.temperature_warm)
    return charts.Ring(words.temperature, charts.share(degrees, 100), f"{degrees:.0f}°", said[1], said[0])


class Expected(msgspec.Struct, frozen=True):
    """What past runs say about the next one, in words."""

    seconds: str | None
    downtime: str | None


def expected(past: Sequence[RunView], verb: str, words: Words) -> Expected:
    """Answer what a run usually takes, from those that went well."""
    same = [run for run in past if run.success and run.verb == verb]
    took = typical([run.seconds for run in same if run.seconds is not None])
    down = typical([run.downtime_seconds for run in same if run.downtime_seconds is not None])
    return Expected(
        None if took is None else span(took, words),
        None if down is None else span(down, words),
    )


def can_go_back(past: Sequence[RunView]) -> bool:
    """Whether a run of this component changed something that could be put back."""
    return any((run.success and run.outcome in {"updated", "rolled_back"}) or run.outcome == "stuck" for run in past)
