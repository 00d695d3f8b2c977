"""The envelope on the WebSocket, and what stands in it (DB-022…035)."""

from http import HTTPStatus
from typing import Annotated, TypeAlias

import msgspec

from dunebugger_updater.api.bodies import ErrorWords
from dunebugger_updater.api.doors import Problem
from dunebugger_updater.fleet import FromDevice
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.model.views import RunView
from dunebugger_updater.model.wire import ActionChanged, CheckEnded, Declined, Ended, Notified, Progressed

SOURCE = "controller"
OURS = frozenset({"updater", "actions"})
"""Whom a subject may name for us to feel meant: other programs may share a socket's conventions."""

Id: TypeAlias = Annotated[str, msgspec.Meta(max_length=200)] | int


class Envelope(msgspec.Struct, frozen=True):
    """What comes in.  Fields that we do not know are other programs' business."""

    subject: Annotated[str, msgspec.Meta(max_length=200)]
    source: str = ""
    body: msgspec.Raw = msgspec.Raw(b"{}")
    id: Id | None = None


class Numbered(msgspec.Struct, frozen=True):
    """As much of a bad frame as is needed to answer it."""

    id: Id | None = None


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes out."""

    subject: str
    source: str
    body: object
    device: str | None = None
    """Whose news it is."""
    re: Id | None = None
    """The ``id`` of what it answers."""


class UpdateResult(msgspec.Struct, frozen=True):
    """An update that did not even begin (DB-035); one that did is told as its whole run."""

    component: str
    success: bool
    message: str
    dry_run: bool
    run: str
    outcome: str
    code: str


def opened(text: str) -> Envelope | Problem:
    """Read one frame."""
    try:
        return msgspec.json.decode(text, type=Envelope)
    except (msgspec.MsgspecError, ValueError) as error:
        return Problem(HTTPStatus.BAD_REQUEST, "bad_frame", f"cannot read this frame: {str(error)[:300]}")
    except RecursionError:
        return Problem(HTTPStatus.BAD_REQUEST, "bad_frame", "cannot read this frame: it is nested too deeply")


def id_of(text: str) -> Id | None:
    """The id of a frame that is bad otherwise, if it has one."""
    try:
        return msgspec.json.decode(text, type=Numbered).id
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def told(subject: str, body: object, re: Id | None = None, device: str | None = None) -> str:
    """One frame, as text."""
    return to_json(Frame(subject, SOURCE, body, device, re)).decode()


def error(problem: Problem, re: Id | None) -> str:
    """Say why something is not served."""
    return told("error", ErrorWords(problem.code, problem.message), re)


def news(heard: FromDevice, re: Id | None) -> str:
    """What happened on a device."""
    match heard.news:
        case Progressed():
            return told("update_progress", msgspec.structs.asdict(heard.news), re, heard.device)
        case Ended(view=view):
            return told("update_result", view, re, heard.device)
        case CheckEnded(components=components):
            return told("update_check_result", {"components": components}, re, heard.device)
        case Notified():
            return told("notification", msgspec.structs.asdict(heard.news), None, heard.device)
        case ActionChanged(action=action):
            return told("action", action, re, heard.device)


def not_begun(component: str, declined: Declined, *, dry_run: bool) -> UpdateResult:
    """An update that is not made: nothing to do, refused, or failed while it was planned."""
    outcome = str(declined.outcome or "refused")
    return UpdateResult(component, outcome == "nothing_to_do", declined.message, dry_run, "", outcome, declined.code)


def run_of(heard: FromDevice) -> str | None:
    """The run that news is about, when somebody may have asked for it."""
    match heard.news:
        case Progressed(run=run):
            return run
        case Ended(view=RunView(run=run)):
            return run
        case _:
            return None
