"""Times, spans, sizes and sentences in words, as a person says them.  Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dunebugger_updater.model.settings import Window
from panel.words import Words

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS = ("B", "KB", "MB", "GB", "TB")
_THOUSAND = 1000
_ROUND = 10
_TENTH = 0.1


def span(seconds: float, words: Words) -> str:
    """Answer a length of time with the precision that matters: ``3.2 s``, ``12 min``, ``2 days``."""
    if seconds < _TENTH / 2:
        return words.second_under
    if seconds < _ROUND:
        return words.second.format(n=f"{seconds:.1f}".removesuffix(".0"))
    if seconds < _MINUTE * 1.5:
        return words.second.format(n=round(seconds))
    if seconds < _HOUR * 1.5:
        return words.minute.format(n=round(seconds / _MINUTE))
    if seconds < _DAY * 1.5:
        return words.hour.format(n=round(seconds / _HOUR))
    days = round(seconds / _DAY)
    return words.day_one if days == 1 else words.day.format(n=days)


def relative(when: datetime, now: datetime, words: Words) -> str:
    """Answer a moment as seen from ``now``: ``2 h ago``, ``in 3 days``; a date when it is long ago."""
    seconds = (now - when).total_seconds()
    if abs(seconds) < _MINUTE / 2:
        return words.just_now
    if seconds > 30 * _DAY:
        return f"{when:%Y-%m-%d}"
    said = span(float(int(abs(seconds))), words)
    return (words.ago if seconds > 0 else words.ahead).format(span=said)


def weekday(when: datetime, now: datetime) -> str:
    """Answer since when: an hour today, a weekday within the week, else a date.  UTC; the script makes it local."""
    if when.date() == now.date():
        return f"{when:%H:%M} UTC"
    return f"{when:%A}" if timedelta(0) < now - when < timedelta(days=6) else f"{when:%Y-%m-%d}"


def size(count: int | None, words: Words) -> str:
    """Answer bytes in decimal units, as disks are sold."""
    if count is None:
        return words.unknown_size
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < _THOUSAND:
            return f"{value:.0f} {unit}" if value >= _ROUND or unit == "B" else f"{value:.1f} {unit}"
        value /= _THOUSAND
    return f"{value:.1f} {_UNITS[-1]}"


def sentence(text: str, *names: str) -> str:
    """Answer what the device says as a page says it: with a capital, and without the marks of a terminal.

    What begins with one of ``names``, a number, a path or a file's name keeps its first letter.
    """
    said = text.replace("`", "")
    first = said.split(maxsplit=1)[0].rstrip(",;:") if said.strip() else ""
    return said[0].upper() + said[1:] if first.isalpha() and first not in names else said


def typical(values: Sequence[float]) -> float | None:
    """Answer what usually is the case: the middle one, which an odd day does not move."""
    from statistics import median  # noqa: PLC0415  (it brings fractions and decimals along)

    return median(values) if values else None


def window(each: Window, words: Words) -> str:
    """Answer a maintenance window in words."""
    every = len(each.days) == len(words.days)
    days = words.window_every_day if every else ", ".join(words.days[day] for day in each.days)
    said = words.window.format(days=days, start=f"{each.start:%H:%M}", span=span(each.minutes * _MINUTE, words))
    return f"{said} {words.window_zone.format(zone=each.zone)}" if each.zone else said
