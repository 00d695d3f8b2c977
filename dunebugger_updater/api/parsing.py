"""Requests become types here, once.  What does not fit is a problem with a sentence, never an exception further in."""

from http import HTTPStatus
from typing import TypeVar

import msgspec

from dunebugger_updater.api.doors import Problem
from dunebugger_updater.model.codec import from_json

T = TypeVar("T", bound=msgspec.Struct)


def body(content: bytes | str, kind: type[T], code: str = "bad_body") -> T | Problem:
    """Parse JSON; nothing at all stands for ``{}``."""
    try:
        return from_json(content or b"{}", kind)
    except (msgspec.MsgspecError, ValueError) as error:
        return Problem(HTTPStatus.BAD_REQUEST, code, sentence(error))


def query(pairs: dict[str, str], kind: type[T]) -> T | Problem:
    """Parse what stands behind the question mark; numbers are written as text there."""
    try:
        return msgspec.convert(pairs, kind, strict=False)
    except (msgspec.MsgspecError, ValueError) as error:
        return Problem(HTTPStatus.BAD_REQUEST, "bad_query", sentence(error))


def sentence(error: Exception) -> str:
    """What is wrong, with the place where it is: msgspec's errors are good enough for a person."""
    text = str(error).encode("utf-8", "replace").decode()
    return f"cannot read this: {text[:300]}"
