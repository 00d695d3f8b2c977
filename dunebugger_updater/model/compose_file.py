"""Changing the tag of one service's image: one place in one file, every other character as the owner wrote it.

The tag may stand in the compose file, in the default of a variable there (``${TAG:-1.2}``), or in ``.env``.
"""

from collections.abc import Mapping, Sequence

import msgspec

from dunebugger_updater.model.compose_nodes import ImageScalar, Refusal, find_image, only_difference
from dunebugger_updater.model.env_file import entries
from dunebugger_updater.model.image_reference import ImageName, image_name, is_tag, same_repository
from dunebugger_updater.model.interpolation import Piece, Place, fill_in


class ProjectText(msgspec.Struct, frozen=True):
    """All that compose fills a service's image in from."""

    compose: str
    env: str | None = None
    """The ``.env`` beside it."""
    environment: Mapping[str, str] = {}
    """What compose gets from its process: it wins over ``.env``."""


class Edit(msgspec.Struct, frozen=True):
    """One replacement in one file."""

    file: Place
    start: int
    end: int
    """In characters of the text, a byte order mark included."""
    old: str
    new: str

    def on(self, text: str) -> str:
        """``text`` with the replacement made."""
        return text[: self.start] + self.new + text[self.end :]


class Spelling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the owner wrote the place that names the image: what the way back has to put there again."""

    text: str
    """The whole image as written between its quotes, or the whole value of ``variable``."""
    variable: str | None = None
    """The variable in ``.env``; ``None`` when the place is the service's ``image`` in the compose file."""


class ComposeEdit(msgspec.Struct, frozen=True):
    """An edit that was proven by parsing its result."""

    edit: Edit
    result: ProjectText
    """The texts as they are afterwards; only the one that ``edit.file`` names can differ from before."""
    was: Spelling
    image: str
    """What compose reads as the service's image afterwards."""

    @property
    def changes(self) -> bool:
        """False when everything already stands as wanted."""
        return self.edit.old != self.edit.new


class _Reading(msgspec.Struct, frozen=True):
    """What the texts say about one service."""

    scalar: ImageScalar
    pieces: Sequence[Piece]
    name: ImageName
    image: str


def text_of(content: bytes, file: str) -> str | Refusal:
    """The text of a compose file or ``.env``, a byte order mark kept.  ``file`` is for the sentence."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        return Refusal(f"cannot read {file}: byte {error.start} is not UTF-8")


def image_of(text: ProjectText, service: str) -> str | None:
    """The image that compose reads for ``service``; ``None`` when that is not clear from these files."""
    reading = _read(text, service)
    return None if isinstance(reading, Refusal) else reading.image


def current_tag(text: ProjectText, service: str) -> str | None:
    """The tag that the files give to ``service``; ``None`` when they give none, or a digest only."""
    reading = _read(text, service)
    return None if isinstance(reading, Refusal) else reading.name.tag


def edit_tag(
    text: ProjectText, service: str, repository: str | None, tag: str, digest: str | None = None
) -> ComposeEdit | Refusal:
    """Give ``service`` the image ``tag``; safe to repeat.

    ``repository``, when given, is the one that it must already have: a tag may change, what is run may not.
    ``digest`` is written behind the tag where the owner had pinned one there; without it the pin is dropped, for it
    would win over the tag.
    """
    reading = _read(text, service)
    if isinstance(reading, Refusal):
        return reading
    name = reading.name
    if not is_tag(tag):
        return Refusal(f"cannot give {service} the tag {tag!r}: no image can have it")
    if repository is not None and not same_repository(repository, name.repository):
        return Refusal(f"the compose file runs {service} from {name.repository}, not from {repository}")
    pin = f"@{digest}" if digest and name.digest else ""
    # A tag alone is replaced; behind a repository without one, or before a digest, the rest is written anew.
    start = len(name.repository) + (1 if name.tag else 0)
    return _rewrite(text, service, reading, start, ("" if name.tag else ":") + tag + pin)


def put_back(text: ProjectText, service: str, was: Spelling) -> ComposeEdit | Refusal:
    """Write the place again as it ``was``, whatever else the owner changed meanwhile; safe to repeat."""
    scalar = find_image(text.compose, service)
    if isinstance(scalar, Refusal):
        return scalar
    if was.variable is None:
        edit = Edit("compose", scalar.start, scalar.end, scalar.text, was.text)
        if scalar.shared_with and edit.old != edit.new:
            return Refusal(_shared(service, scalar.shared_with))
        done = _proven(text, service, edit, Spelling(scalar.text))
        return done if isinstance(done, Refusal) else _as_spelled(done, service, was)
    entry = entries(text.env or "").get(was.variable)
    if entry is None:
        return Refusal(f"cannot put {was.variable}={was.text} back: it is no longer in the .env file")
    edit = Edit("env", entry.start, entry.end, entry.value, was.text)
    done = _proven(text, service, edit, Spelling(entry.value, was.variable))
    return done if isinstance(done, Refusal) else _as_spelled(done, service, was)


def _as_spelled(done: ComposeEdit, service: str, was: Spelling) -> ComposeEdit | Refusal:
    """``done``, when the place reads to the letter as it ``was``: not cut short by a comment or a quote."""
    if was.variable is None:
        scalar = find_image(done.result.compose, service)
        now = None if isinstance(scalar, Refusal) else scalar.text
    else:
        entry = entries(done.result.env or "").get(was.variable)
        now = entry.value if entry else None
    return done if now == was.text else Refusal(f"cannot write {was.text!r} as the image of {service}")


def _read(text: ProjectText, service: str) -> _Reading | Refusal:
    scalar = find_image(text.compose, service)
    if isinstance(scalar, Refusal):
        return scalar
    pieces = fill_in(scalar.text, scalar.start, entries(text.env or ""), text.environment)
    if trouble := next((piece.trouble for piece in pieces if piece.trouble), None):
        return Refusal(f"cannot tell the image of {service} from {scalar.text!r}: {trouble}")
    image = "".join(piece.text for piece in pieces)
    name = image_name(image)
    if name is None:
        return Refusal(f"the image of {service} in the compose file, {scalar.text!r}, names no image")
    return _Reading(scalar, [piece for piece in pieces if piece.text], name, image)


def _rewrite(text: ProjectText, service: str, reading: _Reading, start: int, new: str) -> ComposeEdit | Refusal:
    """Let the image read ``new`` from its character ``start`` on, where that stands in one place."""
    found = _only_piece(reading, start)
    if isinstance(found, Refusal):
        return found
    piece, offset = found
    if objection := _objection(piece, reading.scalar, service):
        return Refusal(objection)
    old = reading.image[start:]
    first = piece.start + start - offset
    was = Spelling(reading.scalar.text)
    if piece.file == "env" and piece.variable:
        was = Spelling(entries(text.env or "")[piece.variable].value, piece.variable)
    done = _proven(text, service, Edit(piece.file, first, first + len(old), old, new), was)
    if isinstance(done, ComposeEdit) and done.image != reading.image[:start] + new:
        return Refusal(f"the tag of {service} in {reading.scalar.text!r} cannot be changed in one place")
    return done


def _only_piece(reading: _Reading, start: int) -> tuple[Piece, int] | Refusal:
    """The one place where the image from ``start`` on is written, and which part of the image begins there."""
    start = min(start, len(reading.image) - 1)  # nothing to replace: it goes behind the last character
    offset = 0
    for piece in reading.pieces:
        if start < offset + len(piece.text):
            if piece is reading.pieces[-1]:
                return piece, offset
            break
        offset += len(piece.text)
    return Refusal(f"the tag in {reading.scalar.text!r} is put together from several places")


def _objection(piece: Piece, scalar: ImageScalar, service: str) -> str | None:
    if piece.file == "environment":
        return (
            f"the tag of {service} comes from the variable {piece.variable} of the updater's own environment, "
            "which wins over every file: take it out there"
        )
    if piece.file == "env" and piece.variable in scalar.elsewhere:
        return f"the variable {piece.variable} gives {service} its tag, but the compose file uses it elsewhere too"
    if piece.file == "compose" and scalar.shared_with:
        return _shared(service, scalar.shared_with)
    return None


def _shared(service: str, other: str) -> str:
    return f"{service} and {other} take their image from the same line of the compose file: give each its own"


def _proven(text: ProjectText, service: str, edit: Edit, was: Spelling) -> ComposeEdit | Refusal:
    """The edit, when parsing its result shows that it changed that one place and nothing else."""
    result = text
    alone = True
    if edit.old != edit.new and edit.file == "compose":
        result = ProjectText(edit.on(text.compose), text.env, text.environment)
        alone = only_difference(text.compose, result.compose, edit.start)
    elif edit.old != edit.new:
        result = ProjectText(text.compose, edit.on(text.env or ""), text.environment)
        alone = _values_but(text.env, was.variable) == _values_but(result.env, was.variable)
    after = _read(result, service)
    if isinstance(after, Refusal):
        return after
    if not alone:
        return Refusal(f"changing the image of {service} in one place would change more of the file than that")
    return ComposeEdit(edit, result, was, after.image)


def _values_but(env: str | None, variable: str | None) -> Mapping[str, str]:
    return {name: entry.value for name, entry in entries(env or "").items() if name != variable}
