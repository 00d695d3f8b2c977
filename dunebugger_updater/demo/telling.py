"""Who tells the story: in words on a terminal, or as JSON lines for programs.  Both tell the same."""

import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TextIO, TypeAlias, cast

from dunebugger_updater import show
from dunebugger_updater.engine import Hear, Heard

Fact: TypeAlias = str | int | float | bool | Sequence[str] | None

_WIDEST = 76
_NARROWEST = 30


class Teller(Protocol):
    """Tells scenes as they come, and lends an ear to a run."""

    def scene(self, name: str, title: str, *lines: str, **facts: Fact) -> None:
        """Tell one scene: a title (empty: it belongs to the scene before), lines, and what was measured."""

    def ear(self, root: Path) -> Hear:
        """Answer who tells the events of one run.  People see paths as they are below ``root``."""


class InWords:
    """On a terminal."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._number = 0

    def scene(self, name: str, title: str, *lines: str, **facts: Fact) -> None:  # noqa: ARG002  (facts are for programs)
        if title:
            print(f"\n{title}" if self._number else title)
            self._number += 1
        width = max(min(shutil.get_terminal_size().columns - 1, _WIDEST), _NARROWEST)
        for line in lines:
            inner = line[: len(line) - len(line.lstrip())] + "  "
            print(textwrap.fill(line, width, initial_indent="  ", subsequent_indent=inner, break_on_hyphens=False))
        sys.stdout.flush()

    def ear(self, root: Path) -> Hear:
        return careful(show.Live(cast("TextIO", _Below(root, sys.stdout)), indent="    "), self._gone)


class AsLines:
    """One JSON object a line: ``scene`` for what is told, ``event`` for what a run records."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone

    def scene(self, name: str, title: str, *lines: str, **facts: Fact) -> None:
        show.as_json_line({"scene": name, "title": title, "text": lines, **facts})

    def ear(self, root: Path) -> Hear:  # noqa: ARG002  (programs see whole paths)
        return careful(show.Lines(sys.stdout), self._gone)


class _Below:
    """A terminal on which paths are shown as they are below ``root``: a phone's lines are short."""

    def __init__(self, root: Path, out: TextIO) -> None:
        self._root = f"{root}/"
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text.replace(self._root, ""))

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()


def careful(hear: Hear, gone: Callable[[], None]) -> Hear:
    """Answer an ear that cannot break a run: when whoever reads us has gone (head, less), it calls ``gone``."""

    def hear_carefully(heard: Heard) -> None:
        try:
            hear(heard)
        except OSError:  # a broken pipe, or a terminal that was closed
            gone()

    return hear_carefully
