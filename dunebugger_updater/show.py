"""How things look on a terminal: progress as it happens, and answers in words."""

import json
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

from dunebugger_updater import __version__
from dunebugger_updater.bundled import commit
from dunebugger_updater.engine import Heard, Progress
from dunebugger_updater.model.codec import to_builtins
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import (
    Answered,
    BackFailed,
    Began,
    Closed,
    Committed,
    Finished,
    Opened,
    Outcome,
    Restarted,
    Tidied,
    TurnedBack,
    Undone,
)

_OFTEN = 0.1
"""Seconds between two changes of the live line: a terminal over SSH has better things to do."""
_BAR = 20


def as_json(value: object) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(to_builtins(value), indent=2, ensure_ascii=False))


def as_json_line(value: object) -> None:
    """Print one line of JSON, and let it out at once."""
    print(json.dumps(to_builtins(value), ensure_ascii=False), flush=True)


def version(*, as_json: bool) -> int:
    """Say which program this is (RM-012…016)."""
    told = {
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system().lower()}-{platform.machine()}",
    }
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        print("dunebugger-updater {version} (commit {commit}, Python {python}, {platform})".format(**told))
    return 0


class Lines:
    """Tells a run as JSON lines, for programs: events as they are recorded, progress at most ten times a second."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._last = 0.0

    def __call__(self, heard: Heard) -> None:
        if isinstance(heard, Progress):
            now = time.monotonic()
            if now - self._last < _OFTEN:
                return
            self._last = now
            told = {"event": "progress", **to_builtins(heard)}
        elif isinstance(heard, Opened):
            told = {"event": "opened", "run": heard.run, "plan_hash": heard.plan.hash, "plan": brief(heard.plan)}
        else:
            told = to_builtins(heard)
            told.pop("way_back", None)  # it is in the journal; here it would only be noise
        print(json.dumps(told, ensure_ascii=False), file=self._out, flush=True)


def brief(plan: Plan) -> dict[str, object]:
    """Answer a plan in words, without what only we need."""
    return {
        "component": plan.component,
        "verb": plan.verb,
        "from": plan.from_version,
        "to": plan.to_version,
        "before": [check.title for check in plan.before],
        "steps": [step.title for step in plan.steps],
        "after": [check.title for check in plan.after],
        "notes": list(plan.notes),
    }


class Live:
    """Tells a run on a terminal: one line for each step, the last one moving."""

    def __init__(self, out: TextIO = sys.stderr, indent: str = "  ") -> None:
        self._out = out
        self._indent = indent
        self._terminal = out.isatty()
        self._plan: Plan | None = None
        self._began = 0.0
        self._last = 0.0
        self._open = False
        self._objections: tuple[str, ...] = ()

    def __call__(self, heard: Heard) -> None:  # noqa: C901, PLR0912  (one line for each thing that can be heard)
        match heard:
            case Opened(plan=plan):
                self._plan = plan
            case Restarted():
                self._line("↻", "found unfinished; going on")
            case Answered(side="health", objections=objections):
                for objection in objections:
                    self._line("!", f"already before the update: {objection}")
            case Answered(side=side, objections=objections):
                words = {"before": "checks before", "switch": "still a good moment", "after": "checks after"}
                label = words.get(side, "checks after going back")
                if not objections and side != "switch":
                    self._line("✓", label)
                for objection in objections:
                    self._line("✗", objection)
                self._objections = objections
            case Began(step=step):
                self._began = time.monotonic()
                self._moving(f"… {self._title(step)}")
            case Progress(step=step, message=message, done=done):
                self._progress(step, message, done)
            case Finished(step=step):
                took = time.monotonic() - self._began
                self._line("✓", self._title(step) + (f"  ({took:.1f} s)" if took >= _OFTEN else ""))
            case TurnedBack(reason=reason, evidence=evidence):
                if reason != "; ".join(self._objections):  # what was just said is not said again
                    self._line("✗", reason)
                for line in evidence[-10:]:
                    self._line(" ", f"| {line}")
                self._line("↩", "going back")
            case Undone(step=step):
                self._line("↩", f"undone: {self._title(step)}")
            case BackFailed(reason=reason):
                self._line("!", f"going back did not work yet: {reason}")
            case Committed():
                self._line("✓", "it counts")
            case Tidied(problem=problem):
                if problem:
                    self._line("!", f"not cleared up: {problem}")
            case Closed():
                self._clear()

    def _title(self, number: int) -> str:
        return self._plan.steps[number].title if self._plan and number < len(self._plan.steps) else f"step {number}"

    def _progress(self, step: int, message: str, done: float | None) -> None:
        now = time.monotonic()
        if not self._terminal or now - self._last < _OFTEN:
            return
        self._last = now
        share = bar = ""
        if done is not None:
            done = min(max(done, 0.0), 1.0)
            full = round(done * _BAR)
            share, bar = f"{done:4.0%} ", f" [{'#' * full}{'.' * (_BAR - full)}]"
        self._moving(f"… {share}{self._title(step)}{bar} {message}")  # a narrow terminal cuts the end off

    def _moving(self, text: str) -> None:
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{(self._indent + text)[:width]}", end="", file=self._out, flush=True)
            self._open = True

    def _clear(self) -> None:
        if self._open:
            print("\r\x1b[K", end="", file=self._out, flush=True)
            self._open = False

    def _line(self, sign: str, text: str) -> None:
        self._clear()
        print(f"{self._indent}{sign} {text}", file=self._out, flush=True)


def plan_in_words(plan: Plan) -> Iterable[str]:
    """Say a plan to somebody who has to say yes."""
    yield f"{plan.verb} {plan.component}: {plan.from_version or 'unknown version'} -> {plan.to_version}"
    for note in plan.notes:
        yield f"  note: {note}"
    for check in plan.before:
        yield f"  first: {check.title}"
    live = False
    for number, step in enumerate(plan.steps, 1):
        if step.live and not live:
            live = True
            yield "  -- from here the component is touched; any failure puts it back --"
        yield f"  {number:2}. {step.title}"
    for check in plan.after:
        yield f"  then: {check.title}"


def table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Lay out rows in columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def ending(outcome: str) -> str:
    """Answer the sign of an outcome."""
    good = {Outcome.UPDATED, Outcome.NOTHING_TO_DO, Outcome.PLANNED}
    return "✓" if outcome in good else "↩" if outcome == Outcome.ROLLED_BACK else "✗"
