"""INI text with the line of every key, for errors that point at it.

``configparser`` forgets lines, and refuses a whole file for a duplicate in a section that is another program's.  The
grammar is its grammar: ``key = value`` or ``key: value``, deeper indented lines continue a value, ``;`` and ``#``
start a comment at the beginning of a line or after white space, nothing is interpolated, keys keep their case.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")

_COMMENT = re.compile(r"(?:^|(?<=\s))[;#]")


class ConfigError(ValueError):
    """The configuration cannot be used.  The text is one sentence; what it is made of is in the attributes."""

    def __init__(
        self,
        expected: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        section: str | None = None,
        key: str | None = None,
        found: str | None = None,
    ) -> None:
        self.file, self.line, self.section, self.key = file, line, section, key
        self.expected, self.found = expected, found
        place = f"line {line}" if line is not None else ""
        name = " ".join(each for each in (f"[{section}]" if section else "", key or "") if each)
        where = ", ".join(each for each in (str(file or "the settings"), place, name) if each)
        standing = f", but it says {_shown(found)!r}" if found is not None else ""
        super().__init__(f"cannot use {where}: {expected}{standing}")


def _shown(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"  # noqa: PLR2004  (a line of a terminal)


class Entry(msgspec.Struct, frozen=True):
    """One key as it stands in the file."""

    line: int | None
    value: str
    """Lines of a longer value are separated by a line break, white space around each is gone."""
    comment: str = ""
    """What followed the value on its first line, behind ``;`` or ``#``."""


class Section:
    """One section being read: hand out each key once, then complain about what nobody asked for."""

    def __init__(self, name: str, entries: dict[str, Entry], file: Path | None, line: int | None = None) -> None:
        self.name, self.file, self.line, self.entries = name, file, line, entries
        self._known: set[str] = set()

    def take(self, key: str, read: Callable[[str], T], default: T) -> T:
        """What ``read`` makes of the key's value; ``default`` when the key is not there or empty.

        ``read`` raises ``ValueError`` saying what it expected ("expected a whole number").
        """
        self._known.add(key)
        entry = self.entries.get(key)
        if entry is None or not entry.value:
            return default
        try:
            return read(entry.value)
        except ValueError as error:
            raise self.wrong(key, str(error)) from None

    def has(self, key: str) -> bool:
        """Whether the key is there with a value."""
        entry = self.entries.get(key)
        return entry is not None and bool(entry.value)

    def wrong(self, key: str | None, expected: str, *, found: bool = True) -> ConfigError:
        """An error at ``key``, or at the section's head when the key is not there."""
        entry = self.entries.get(key or "")
        return ConfigError(
            expected,
            file=self.file,
            line=entry.line if entry else self.line,
            section=self.name,
            key=key,
            found=entry.value if entry and found and key not in SECRET else None,
        )

    def only(self, keys: Iterable[str], why: str) -> None:
        """Refuse those of ``keys`` that have a value: known, but not here."""
        for key in keys:
            self._known.add(key)
            if self.has(key):
                raise self.wrong(key, why, found=False)

    def done(self) -> None:
        """Refuse what nobody asked for."""
        for key in self.entries:
            if key not in self._known:
                near = nearest(key, self._known)
                raise self.wrong(key, f"there is no such key{near}", found=False)


SECRET = frozenset({"urls"})
"""Keys whose values hold passwords: an error must not put them into a log."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` for the known word most like ``word``, whatever its case; empty when none is."""
    spelled = {each.lower(): each for each in known}
    import difflib  # noqa: PLC0415  (only who mistyped needs it)

    close = difflib.get_close_matches(word.lower(), list(spelled), n=1, cutoff=0.6)
    return f" (did you mean {spelled[close[0]]!r}?)" if close else ""


def parse(
    text: str, file: Path | None, ours: Callable[[str], bool], meant: Callable[[str], str | None]
) -> dict[str, Section]:
    """The sections that are ``ours``, by name.  ``ConfigError`` for what is no INI, a duplicate section or key.

    ``meant`` names the section of ours that one with another name was probably to be: not read, it would do nothing.
    """
    reader = _Reader(file, ours, meant)
    # Not ``splitlines``: it also breaks lines at characters that no editor shows as an end of line.
    for number, line in enumerate(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), start=1):
        reader.line(number, line)
    return reader.sections


_Place = Literal["nowhere", "ours", "others"]


class _Reader:
    """Where the reading stands: which section, which key, how deep it was indented."""

    def __init__(self, file: Path | None, ours: Callable[[str], bool], meant: Callable[[str], str | None]) -> None:
        self.sections: dict[str, Section] = {}
        self._file, self._ours, self._meant = file, ours, meant
        self._place: _Place = "nowhere"
        self._section: Section | None = None
        self._key: str | None = None
        self._indent = 0

    def line(self, number: int, line: str) -> None:
        value, comment = _without_comment(line)
        if not value.strip():
            return
        indent = len(line) - len(line.lstrip())
        if self._key is not None and indent > self._indent:
            self._continue(value.strip())
        elif value.strip().startswith("["):
            self._head(number, value.strip())
        else:
            self._entry(number, value.strip(), comment, indent)

    def _continue(self, value: str) -> None:
        if self._section is not None and self._key is not None:
            entry = self._section.entries[self._key]
            joined = f"{entry.value}\n{value}" if entry.value else value
            self._section.entries[self._key] = Entry(entry.line, joined, entry.comment)

    def _head(self, number: int, text: str) -> None:
        self._key = None
        name = text[1:-1].strip()
        if not text.endswith("]") or not name:
            raise ConfigError("expected a section like [Updater]", file=self._file, line=number, found=text)
        if not self._ours(name):
            if (meant := self._meant(name)) is not None:
                told = f"there is no such section (did you mean [{meant}]?)"
                raise ConfigError(told, file=self._file, line=number, section=name)
            self._place, self._section = "others", None
            return
        # "[Component  core]" is the same as "[Component core]".
        name = " ".join(name.split())
        if name in self.sections:
            first = self.sections[name].line
            raise ConfigError(
                f"this section is there already, at line {first}", file=self._file, line=number, section=name
            )
        self._place, self._section = "ours", Section(name, {}, self._file, number)
        self.sections[name] = self._section

    def _entry(self, number: int, text: str, comment: str, indent: int) -> None:
        found = re.match(r"([^=:]*?)\s*[=:]\s*(.*)$", text, re.DOTALL)
        self._key, self._indent = (found[1] if found else text), indent
        if self._place == "others":
            return
        if self._section is None:
            raise ConfigError("expected a section like [Updater] first", file=self._file, line=number, found=text)
        name = self._section.name
        if found is None or not found[1]:
            raise ConfigError("expected key = value", file=self._file, line=number, section=name, found=text)
        if earlier := self._section.entries.get(found[1]):
            told = f"this key is there already, at line {earlier.line}"
            raise ConfigError(told, file=self._file, line=number, section=name, key=found[1])
        self._section.entries[found[1]] = Entry(number, found[2], comment)


def _without_comment(line: str) -> tuple[str, str]:
    found = _COMMENT.search(line)
    return (line[: found.start()], line[found.end() :].strip()) if found else (line, "")
