"""Small charts as numbers for an SVG.  Pure: values in, positions out; colours are classes, words stand beside."""

from collections.abc import Sequence

import msgspec

WIDTH, HEIGHT = 640, 140
_MOST = 48
_GAP = 0.25


class Ring(msgspec.Struct, frozen=True):
    """A share of a whole, drawn as a ring whose way round is 100."""

    label: str
    share: float
    """From 0 to 100."""
    value: str
    """In words, short: it stands in the ring."""
    detail: str
    tone: str


class Bar(msgspec.Struct, frozen=True):
    """One bar; positions in units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


class Bars(msgspec.Struct, frozen=True):
    """A row of bars from left (older) to right (newer), and its highest value."""

    bars: tuple[Bar, ...]
    top: float


def bars(values: Sequence[tuple[float, str, str]]) -> Bars | None:
    """Answer bars for ``(value, tone, title)``, the last 48; ``None`` when a picture would say nothing."""
    shown = list(values)[-_MOST:]
    if len(shown) < 2:  # noqa: PLR2004  (one bar compares with nothing)
        return None
    top = max(value for value, _, _ in shown) or 1.0
    slot = min(WIDTH / len(shown), 64.0)
    drawn = [
        Bar(
            round(number * slot, 2),
            round(HEIGHT - max(value / top * HEIGHT, 2.0), 2),
            round(slot * (1 - _GAP), 2),
            round(max(value / top * HEIGHT, 2.0), 2),
            tone,
            title,
        )
        for number, (value, tone, title) in enumerate(shown)
    ]
    return Bars(tuple(drawn), top)


def share(part: float, whole: float) -> float:
    """Answer a share from 0 to 100, whatever nonsense a sensor says."""
    return round(min(max(part / whole * 100, 0.0), 100.0), 1) if whole > 0 else 0.0
