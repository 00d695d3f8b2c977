"""What is wrong with a manifest, and where: line, column, field, sentence."""

from collections.abc import Iterable

import msgspec

MOST = 20
"""So many complaints help a publisher; more would only hide the first."""

SHOWN = 60
"""Characters of a stranger's text that are shown back."""

LONGEST = 200
"""Characters of a field's path that are shown."""


class Complaint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is wrong, at one place."""

    line: int
    """Counted from 1."""
    column: int
    """Counted from 1, in characters."""
    field: str
    """``update_steps[0].url``; empty for the manifest as a whole."""
    message: str
    """Lower case, "cannot …", and what to do."""

    @property
    def sentence(self) -> str:
        """The whole of it in one line for a person."""
        where = f", {self.field}" if self.field else ""
        return f"line {self.line}, column {self.column}{where}: {self.message}"


class Complaints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a manifest is not taken: between one and twenty complaints, in the order of the file."""

    found: tuple[Complaint, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """One line for each."""
        return tuple(complaint.sentence for complaint in self.found)


def gathered(found: Iterable[Complaint]) -> Complaints:
    """The first twenty in the order of the file, each said once."""
    unique = dict.fromkeys(_clean(one) for one in sorted(found, key=lambda one: (one.line, one.column)))
    return Complaints(tuple(unique)[:MOST])


def _clean(complaint: Complaint) -> Complaint:
    # A key is a stranger's text too, and fields are made of keys.
    field = complaint.field if len(complaint.field) <= LONGEST else f"{complaint.field[:LONGEST]}…"
    return Complaint(complaint.line, complaint.column, _printable(field), _printable(complaint.message))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shown(text: object) -> str:
    """A stranger's value, cut short and with nothing in it that a terminal would obey."""
    spelled = ascii(text) if not isinstance(text, bool) else str(text).lower()
    return spelled if len(spelled) <= SHOWN else f"{spelled[:SHOWN]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``": did you mean 'x'?"``, or nothing when no known word is near."""
    import difflib  # noqa: PLC0415  (only who mistyped needs it)

    near = difflib.get_close_matches(word[:SHOWN], sorted(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""
