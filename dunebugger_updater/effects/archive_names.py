"""What the members of an archive may be called, and where they go: names that mean one thing on every file system."""

import unicodedata
from collections.abc import Iterator

import msgspec

from dunebugger_updater.effects.archive_stream import Limits, Refused
from dunebugger_updater.model.record import RECORD_NAME

OURS = (RECORD_NAME, ".venv", ".carried.json", ".shipped")
"""Names in a release's root that we write ourselves."""

_COMPONENT = 255
"""Bytes of one component: what Linux's file systems take."""
_UNSEEN = {"Cc": "a control character", "Cf": "an invisible character", "Zl": "a line break", "Zp": "a line break"}


def shown(raw: bytes) -> str:
    """A name as a sentence may hold it: quoted, plain ASCII, not endless."""
    text = ascii(raw.decode("utf-8", "backslashreplace"))
    return text if len(text) <= 80 else f"{text[:77]}…'"  # noqa: PLR2004  (what still reads well)


class Place(msgspec.Struct):
    """One name in the tree that the archive describes."""

    spelling: str
    directory: bool
    listed: bool
    """False while it is known only as part of another name."""


class Tree:
    """The members' names so far, each checked against all before it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places: dict[str, Place] = {}
        self._dotted: bool | None = None
        """Whether names begin with ``./``, as ``tar -C app .`` writes them: all of them or none."""

    def add(self, raw: bytes, *, directory: bool) -> str:
        """Check one member's name.  The answer is its path, without ``./`` and the slash behind a directory."""
        parts = self._parts(raw, directory=directory)
        if self._dotted not in (None, parts[0] == "."):
            raise Refused(f"member {shown(raw)}: some names begin with ./ and some do not")
        self._dotted = parts[0] == "."
        path = "/".join(parts[1:] if self._dotted else parts)
        if not path and not directory:
            raise Refused(f"member {shown(raw)} is called like the root, but is a file")
        self._place(raw, path, directory=directory)
        return path

    def top(self) -> str:
        """The one directory that everything lies under, with its slash; empty when there is none.

        The rule: the archive has exactly one name at its root, and that is a directory.  Its members' paths lose it.
        """
        names = {place.spelling.partition("/")[0] for place in self._places.values() if place.spelling}
        if len(names) != 1:
            return ""
        name = names.pop()
        return f"{name}/" if self._places[_twin(name)].directory else ""

    def directories(self) -> Iterator[str]:
        """Every directory but the root, parents first; those too that are only parts of a name."""
        return iter(sorted(place.spelling for place in self._places.values() if place.directory and place.spelling))

    def _parts(self, raw: bytes, *, directory: bool) -> list[str]:
        where = f"member {shown(raw)}"
        if len(raw) > self._limits.path:
            raise Refused(f"{where}: its name is longer than {self._limits.path} bytes")
        name = _text(raw)
        if name.startswith("/"):
            raise Refused(f"{where}: its name is absolute")
        parts = (name.removesuffix("/") if directory else name).split("/")
        if ".." in parts:
            raise Refused(f"{where}: its name leads out of the release with ..")
        if "." in parts[1:]:
            raise Refused(f"{where}: its name holds a lone dot")
        if "" in parts:
            raise Refused(f"{where}: a part of its name is empty")
        if len(parts) > self._limits.depth:
            raise Refused(f"{where}: it lies more than {self._limits.depth} directories deep")
        if any(len(part.encode()) > _COMPONENT for part in parts):
            raise Refused(f"{where}: a part of its name is longer than {_COMPONENT} bytes")
        return parts

    def _place(self, raw: bytes, path: str, *, directory: bool) -> None:
        listed = True
        while True:
            known = self._places.get(_twin(path))
            if known is None:
                self._places[_twin(path)] = Place(path, directory, listed)
                if len(self._places) > self._limits.members:
                    raise Refused(f"it has more than {self._limits.members} members")
            else:
                self._meet(raw, known, path, directory=directory, listed=listed)
                known.listed |= listed
            if known is not None or "/" not in path:
                return
            path, directory, listed = path.rpartition("/")[0], True, False

    @staticmethod
    def _meet(raw: bytes, known: Place, path: str, *, directory: bool, listed: bool) -> None:
        where = f"member {shown(raw)}"
        if known.spelling != path:
            raise Refused(
                f"{where}: {shown(path.encode())} and {shown(known.spelling.encode())} are one name to some systems",
            )
        if known.directory is not directory:
            raise Refused(f"{where}: {shown(path.encode())} is a file and a directory at once")
        if known.listed and listed:
            raise Refused(f"{where} is there twice")


def _text(raw: bytes) -> str:
    where = f"member {shown(raw)}"
    if not raw:
        raise Refused("a member has no name")
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise Refused(f"{where}: its name is not UTF-8") from None
    for character in name:
        if unseen := _UNSEEN.get(unicodedata.category(character)):
            raise Refused(f"{where}: its name holds {unseen}")
    if "\\" in name:
        raise Refused(f"{where}: its name holds a backslash")
    return name


def _twin(path: str) -> str:
    """The same for names that differ in case or in how accents are composed: one file to some systems."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
