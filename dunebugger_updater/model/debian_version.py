"""The order of Debian's versions (Policy 5.6.12): enough to tell a downgrade from an upgrade."""

import re

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


def is_older(one: str, other: str) -> bool:
    """Whether the version ``one`` comes before ``other``."""
    return _key(one) < _key(other)


def _key(version: str) -> tuple[int, tuple[object, ...], tuple[object, ...]]:
    epoch, mark, rest = version.partition(":")
    if not mark:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return (int(epoch) if epoch.isdecimal() else 0, _pieces(upstream), _pieces(revision))


def _pieces(text: str) -> tuple[object, ...]:
    """Text and numbers by turns; text ends in 0, below every letter and above ``~``."""
    found: list[object] = []
    for letters, digits in _PARTS.findall(text):
        if letters or digits or not found:
            found += [(*map(_weight, letters), 0), int(digits or 0)]
    return (*found, (0,), 0)


def _weight(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256
