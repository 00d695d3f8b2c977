"""How an owner spells values in ``dunebugger.conf``: text in, value out.

Each reader raises ``ValueError`` with what it expected, as the end of a sentence; the place is added by who asked.
"""

import re
import shlex
from collections.abc import Callable, Iterable
from datetime import time
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dunebugger_updater.config_ini import nearest
from dunebugger_updater.model.settings import Operator, Requirement, Window
from dunebugger_updater.trust import Refusal, keyring

W = TypeVar("W", bound=str)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_WINDOW = re.compile(
    r"(?P<days>[A-Za-z,-]+)\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})\s+(?P<minutes>\d+)min(?:\s+(?P<zone>\S+))?"
)
_REQUIREMENT = re.compile(r"([a-z][a-z0-9_-]{0,31})\s*(>=|<=|==|!=|>|<)\s*([0-9A-Za-z.+!_-]+)")
_IMAGE = re.compile(r"(?:[a-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_SLOT = re.compile(r"\{([^{}]*)\}")


def whole(low: int, high: int, unit: str) -> Callable[[str], int]:
    """A whole number of ``unit`` within bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number of {unit} from {low} to {high}")
        return int(text)

    return read


def one_of(*words: W) -> Callable[[str], W]:
    """One of a few words."""

    def read(text: str) -> W:
        for word in words:
            if text == word:
                return word
        raise ValueError(f"expected {' or '.join(words)}{nearest(text, words)}")

    return read


def words_of(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    """A list of known words."""
    reader = one_of(*known)
    return lambda text: tuple(reader(piece) for piece in pieces(text))


def pieces(text: str) -> tuple[str, ...]:
    """What commas and line breaks separate."""
    return tuple(piece.strip() for piece in re.split(r"[,\n]", text) if piece.strip())


def line(text: str) -> str:
    """Any text on one line."""
    if "\n" in text or "\0" in text:
        raise ValueError("expected one line")
    return text


def path(text: str) -> Path:
    """An absolute path, and not the root of everything."""
    found = Path(line(text))
    if not found.is_absolute() or found == Path("/") or ".." in found.parts:
        raise ValueError("expected an absolute path like /opt/dunebugger/core")
    return found


def inner_paths(text: str) -> tuple[str, ...]:
    """Paths inside the app, separated by commas or one a line."""
    for piece in pieces(text):
        inner = Path(piece)
        if inner.is_absolute() or ".." in inner.parts or inner == Path():
            raise ValueError(f"expected paths inside the app, and {piece!r} leads out of it")
    return tuple(str(Path(piece)) for piece in pieces(text))


def url(text: str) -> str:
    """An address that HTTP can reach, without a slash at its end or a password in it."""
    expected = "expected an address that begins with http:// or https://"
    try:
        parts = urlsplit(line(text))
        reachable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if not reachable or parts.username is not None or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError(expected)
    return text.rstrip("/")


def notification_urls(text: str) -> tuple[str, ...]:
    """Apprise URLs, one a line; they may hold commas.  The error does not show them: they hold passwords."""
    found = tuple(each.strip() for each in text.split("\n") if each.strip())
    for number, each in enumerate(found, start=1):
        if not re.match(r"[a-z][a-z0-9+.-]*://\S+$", each, re.IGNORECASE):
            raise ValueError(
                f"expected notification addresses like mailto://…, one a line, and number {number} is none"
            )
    return found


def host_names(text: str) -> tuple[str, ...]:
    """Host names, without scheme and port."""
    for piece in pieces(text):
        if not _HOST.fullmatch(piece):
            raise ValueError(f"expected host names like panel.example.org, and {piece!r} is none")
    return tuple(piece.lower() for piece in pieces(text))


def listen(text: str) -> tuple[str, int]:
    """Where to listen: ``host:port`` or ``[::1]:port``."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", text)
    if found is None or not 1 <= int(found[3]) <= 65_535:  # noqa: PLR2004  (the last port there is)
        raise ValueError("expected an address and a port like 0.0.0.0:8470 or [::]:8470")
    return found[1] or found[2], int(found[3])


def repository(text: str) -> str:
    """``owner/name`` as GitHub writes it."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", text) or text.endswith(("/.", "/..")):
        raise ValueError("expected owner/name, as in marco-svitol/dunebugger")
    return text


def tag_pattern(text: str) -> str:
    """A regular expression with exactly one group."""
    try:
        groups = re.compile(line(text)).groups
    except re.error as error:
        raise ValueError(f"expected a regular expression with one group ({error})") from None
    if groups != 1:
        raise ValueError(f"expected a regular expression with one group, the version; this one has {groups}")
    return text


def template(*slots: str) -> Callable[[str], str]:
    """Text with a few known names in braces."""
    shown = " and ".join(f"{{{slot}}}" for slot in slots)

    def read(text: str) -> str:
        strange = [name for name in _SLOT.findall(text) if name not in slots]
        if strange or not re.fullmatch(r"[^\s/{}]+", _SLOT.sub("x", text)):
            raise ValueError(f"expected a name without slashes and spaces in which {shown} may stand")
        return text

    return read


def command(text: str) -> tuple[str, ...]:
    """An argument list, split as a shell would; no shell ever runs it, so its signs are refused as words."""
    try:
        found = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"expected a command ({str(error).lower()})") from None
    if not found or not found[0] or "\0" in text:
        raise ValueError("expected a command")
    for word in found:
        if word in {"|", "||", "&", "&&", ";", "<", ">", ">>", "2>&1"}:
            raise ValueError(f"expected a program and its arguments; no shell runs it, so {word!r} means nothing")
        # Other braces are the program's own business: a JSON argument is none of our names.
        if any(name.isidentifier() and name != "install_path" for name in _SLOT.findall(word)):
            raise ValueError("expected {install_path} as the only name in braces")
    return found


def image(text: str) -> str:
    """An image's name, without tag and digest."""
    if not _IMAGE.fullmatch(text):
        raise ValueError("expected an image like ghcr.io/owner/name, its tag left to imageTag")
    return text


def unit(text: str) -> str:
    """A systemd unit, or a service of a compose file."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,254}", text):
        raise ValueError("expected the name of a service, like dunebugger")
    return text


def requirements(text: str) -> tuple[Requirement, ...]:
    """``remote >= 1.0.0``, separated by commas or one a line."""
    return tuple(_requirement(piece) for piece in pieces(text))


def _requirement(text: str) -> Requirement:
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        raise ValueError("expected requirements like: remote >= 1.0.0")
    operators: tuple[Operator, ...] = (">=", ">", "<=", "<", "==", "!=")
    return Requirement(found[1], next(each for each in operators if each == found[2]), found[3])


def keys(text: str) -> tuple[str, ...]:
    """Ed25519 public keys."""
    ring = keyring(pieces(text))
    if isinstance(ring, Refusal):
        told = ring.sentence if ring.reason != "key_malformed" else f"32 bytes in base64 ({ring.sentence})"
        raise ValueError(f"expected Ed25519 public keys, {told}")  # noqa: TRY004  (the value is wrong, not its type)
    return pieces(text)


def zone(text: str) -> str:
    """A time zone by its IANA name."""
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415  (it reads how Python was built)

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise ValueError("expected a time zone, but this device knows none: install tzdata") from None
        raise ValueError(f"expected a time zone like Europe/Rome{nearest(text, known)}") from None
    return text


def windows(text: str) -> tuple[Window, ...]:
    """Maintenance windows, separated by ``;`` or one a line."""
    return tuple(window(piece.strip()) for piece in re.split(r"[;\n]", text) if piece.strip())


def window(text: str) -> Window:
    """One of them: ``Mon-Fri 02:00 120min Europe/Rome``, the zone being optional."""
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ValueError(f"expected days, start, length and zone like Mon-Fri 02:00 120min Europe/Rome, not {text!r}")
    hour, minute, minutes = int(found["hour"]), int(found["minute"]), int(found["minutes"])
    if hour > 23 or minute > 59:  # noqa: PLR2004  (a day has no more)
        raise ValueError(f"expected a start between 00:00 and 23:59, not {found['hour']}:{found['minute']}")
    if not 1 <= minutes <= 1440:  # noqa: PLR2004  (a day)
        raise ValueError(f"expected a length from 1min to 1440min, not {minutes}min")
    return Window(_days(found["days"]), time(hour, minute), minutes, zone(found["zone"]) if found["zone"] else None)


def _days(text: str) -> tuple[int, ...]:
    if text.lower() == "daily":
        return tuple(range(7))
    found: set[int] = set()
    for piece in text.lower().split(","):
        ends = piece.split("-")
        if not set(ends) <= set(DAYS) or len(ends) > 2:  # noqa: PLR2004  (from and to)
            raise ValueError(f"expected days like Mon, Mon-Fri, Sat,Sun or daily, not {text!r}")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        # Fri-Mon goes over the weekend.
        found |= {day % 7 for day in range(first, last + 1 if last >= first else last + 8)}
    return tuple(sorted(found))
