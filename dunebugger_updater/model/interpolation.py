"""Variables in compose files (``${TAG:-1.2}``), filled in so that each piece still knows where it was written."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from dunebugger_updater.model.env_file import Entry

Place: TypeAlias = Literal["compose", "env", "environment"]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USE = re.compile(r"\$(?:\$|\{?([A-Za-z_][A-Za-z0-9_]*))")


class Piece(msgspec.Struct, frozen=True):
    """A run of characters of the filled-in text, all from one place."""

    text: str
    file: Place
    start: int
    """Where it is written in that file, in characters; 0 for the process environment, which is no file."""
    variable: str | None = None
    trouble: str | None = None
    """Why compose would not know what to put here, as a sentence."""


def variables(text: str) -> frozenset[str]:
    """The names of all variables that ``text`` mentions, in defaults too."""
    return frozenset(name for name in _USE.findall(text) if name)


def fill_in(text: str, start: int, file: Mapping[str, Entry], environment: Mapping[str, str]) -> Sequence[Piece]:
    """What compose would read ``text`` as, in pieces.  ``start`` is where ``text`` stands in the compose file.

    The process environment wins over the ``.env`` file, as in compose.  A piece with ``trouble`` spoils the whole.
    """
    pieces: list[Piece] = []
    at = 0
    while at < len(text):
        dollar = text.find("$", at)
        if dollar != at:
            end = len(text) if dollar < 0 else dollar
            pieces.append(Piece(text[at:end], "compose", start + at))
            at = end
            continue
        if text.startswith("$$", at):
            pieces.append(Piece("$", "compose", start + at))
            at += 2
            continue
        braced = text.startswith("${", at)
        name = _NAME.match(text, at + (2 if braced else 1))
        if name is None:
            return [_trouble(f"{text!r} is no valid use of variables")]
        last = _closing(text, at) if braced else name.end()
        if last is None:
            return [_trouble(f"{text!r} has no closing brace")]
        rest = text[name.end() : last] if braced else ""
        pieces += _variable(name[0], rest, start + name.end(), file, environment)
        at = last + 1 if braced else last
    return pieces


def _variable(
    name: str, rest: str, start: int, file: Mapping[str, Entry], environment: Mapping[str, str]
) -> Sequence[Piece]:
    operator = re.match(r":?[-?+]|", rest)
    word = operator[0] if operator else ""
    if rest and not word:
        return (_trouble(f"'${{{name}{rest}}}' is no valid use of a variable"),)
    value = _value(name, file, environment)
    missing = value is None or (word.startswith(":") and not value.text)
    if word.endswith("+"):
        return () if missing else fill_in(rest[len(word) :], start + len(word), file, environment)
    if value is not None and not missing:
        return (value,)
    if word.endswith("-"):
        return fill_in(rest[len(word) :], start + len(word), file, environment)
    return (_trouble(f"the variable {name} is set nowhere"),)


def _value(name: str, file: Mapping[str, Entry], environment: Mapping[str, str]) -> Piece | None:
    if name in environment:
        return Piece(environment[name], "environment", 0, name)
    if name in file:
        entry = file[name]
        return Piece(entry.value, "env", entry.start, name)
    return None


def _trouble(why: str) -> Piece:
    return Piece("", "compose", 0, trouble=why)


def _closing(text: str, opening: int) -> int | None:
    depth = 0
    for at in range(opening, len(text)):
        if text.startswith("${", at):
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return None
