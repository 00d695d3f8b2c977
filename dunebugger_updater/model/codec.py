"""JSON in and out.  The only place that knows how a ``Path`` is spelled on the wire."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def _spell(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"no spelling for {type(value).__name__}")


def _read(kind: type, value: object) -> Any:
    # Path("") and Path(3) would both be mistakes that surface much later, far from their cause.
    if issubclass(kind, Path) and isinstance(value, str) and value and "\0" not in value:
        return kind(value)
    raise ValueError(f"expected a {kind.__name__.lower()}, got {value!r}")


def to_json(value: object) -> bytes:
    """One JSON document, no line breaks."""
    return msgspec.json.encode(value, enc_hook=_spell)


def to_builtins(value: object) -> Any:
    """The same as plain dicts, lists and strings, for printing."""
    return msgspec.to_builtins(value, enc_hook=_spell)


def from_json(text: str | bytes, kind: type[T]) -> T:
    """Parse ``text`` as a ``kind``.  Raises ``msgspec.ValidationError`` with the path of the offending field."""
    return msgspec.json.decode(text, type=kind, dec_hook=_read)


def from_builtins(value: object, kind: type[T]) -> T:
    """The same from plain Python values; strict: no number is read from a string."""
    return msgspec.convert(value, kind, dec_hook=_read)
