"""Answers that are kept while the files that they were made from are the same: never across a change.

One plan is asked for several times, by the panel before it is wanted, when it is, and when it begins.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 8
"""Different questions about one state; who asks more than these asks again."""


class Remembered(Generic[T]):
    """The answers about one state, by question."""

    def __init__(self) -> None:
        self._state: object = None
        self._answers: dict[Hashable, T] = {}

    async def answer(
        self,
        state: object,
        question: Hashable,
        ask: Callable[[], Awaitable[T]],
        *,
        keep: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Answer again what was answered, or ask.  ``state``: read before asking, so that a change meanwhile counts.

        What could not be answered is asked again each time: it may have been for want of memory.
        """
        if state != self._state:
            self._state, self._answers = state, {}
        answers = self._answers  # of this state, whatever comes while we wait
        if question in answers:
            return answers[question]
        told = await ask()
        if keep(told):
            if len(answers) >= _MOST:
                answers.clear()
            answers[question] = told
        return told
