"""JSON of strangers into values, or the sentence that says why not: never an exception, whatever the bytes."""

from typing import TypeVar

import msgspec

from dunebugger_updater.trust.refusal import Reason, Refusal

T = TypeVar("T")


def decoded(content: bytes, kind: type[T], reason: Reason, what: str) -> T | Refusal:
    """``content`` as a ``kind``; ``what`` is what a person calls it."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # bytes that are no text are a ValueError
        return Refusal(reason, f"cannot read {what}: {str(error).replace('`', '')}")
