"""A compose project's ``.env``: which variables it sets, and where in the text each value stands."""

import re
from collections.abc import Mapping

import msgspec

_ENTRY = re.compile(
    r"""
    [ \t]* (?: (?:export[ \t]+)? (?P<name>[A-Za-z_][A-Za-z0-9_.-]*) [ \t]* [=:] [ \t]*
        (?: '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<bare>[^\r\n]*?) )
        (?P<after> [ \t]+\#[^\r\n]* | [ \t]* )
    | [^\r\n]*? )
    (?: \r?\n | \r | \Z )
    """,
    re.VERBOSE | re.DOTALL,
)
"""One line, or several when a quoted value holds line breaks.  What is no assignment is skipped as both composes do."""


class Entry(msgspec.Struct, frozen=True):
    """One assignment."""

    name: str
    value: str
    """As written between the quotes, when there are any.  No image has ``$`` or a backslash, so they are left alone."""
    start: int
    end: int
    """Where ``value`` stands, in characters."""


def entries(text: str) -> Mapping[str, Entry]:
    """Every variable that ``text`` sets.  Set twice, the last one counts, as in both composes."""
    found: dict[str, Entry] = {}
    position = 1 if text.startswith("\ufeff") else 0
    while position < len(text):
        line = _ENTRY.match(text, position)
        if line is None or line.end() == position:  # pragma: no cover  (the pattern takes any line)
            break
        if line["name"] is not None:
            group = next(each for each in ("single", "double", "bare") if line[each] is not None)
            value = line[group]
            found[line["name"]] = Entry(line["name"], value, line.start(group), line.end(group))
        position = line.end()
    return found
