"""Which of two versions is newer.  One answer per scheme, and an honest "cannot say" instead of a guess.

The default scheme reads what projects really publish: SemVer 2.0.0 (https://semver.org), with one to six numbers,
counters glued to their word (``rc10``), and the usual words in the order in which people live through them.  PEP 440 is
a scheme of its own, because it reads SemVer's prerelease ``1.2.0-5`` as *newer* than ``1.2.0`` and rejects one real tag
in seven.
"""

import re
import warnings
from enum import StrEnum

import msgspec

LONGEST = 128
"""Characters; a longer tag is no version.  It also bounds what a tag from the network can cost."""

DEFAULT_PATTERN = r"^[vV]?(.+)$"
"""What most projects do: the tag is the version, perhaps after a ``v``."""


class Scheme(StrEnum):
    """How a project counts."""

    SEMVER = "semver"
    """``1.2.3-rc.1``; also ``1.2``, ``1.2.3.4`` and ``1.2rc1``."""
    PEP440 = "pep440"
    """What Python packages carry."""
    CALVER = "calver"
    """Dates: ``2026-08-17.4``, ``2024.03.28``, ``22.05``, ``20260818080626``."""
    NUMERIC = "numeric"
    """One whole number."""


class Version(msgspec.Struct, frozen=True):
    """A version that could be read."""

    text: str
    """As it was given.  For showing, never for ordering."""
    scheme: Scheme
    prerelease: bool
    described: bool
    """``X-N-gHASH`` or ``X-dirty``, as ``git describe`` says it: work after X that nobody released."""
    shape: str
    """Versions of different shapes cannot be ordered: the project changed its way of counting."""
    final: tuple[int, ...]
    """The numbers of the release that this is, or becomes."""
    key: tuple[object, int]
    """Orders versions of one scheme and shape; the second part counts the commits after the first."""


class _Reading(msgspec.Struct, frozen=True):
    """What one scheme makes of a text."""

    rank: object
    final: tuple[int, ...]
    prerelease: bool = False
    shape: str = ""


# A letter alone needs its counter: to one project ``3.7b`` is a beta of 3.7, to others (tmux, lnav) a correction to it.
_GLUED = r"[._]?(?P<glued>(?:dev|alpha|beta|preview|pre|rc)(?:[.-]?\d+)?|[abcm]\d+)"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_BUILD = r"(?:\+[0-9A-Za-z.-]+)?"
_FLAGS = re.ASCII | re.IGNORECASE
_SEMVER = re.compile(rf"(?P<numbers>\d+(?:\.\d+){{0,5}})(?:-(?P<dashed>{_IDENTIFIERS})|{_GLUED})?{_BUILD}", _FLAGS)
_CALVER = re.compile(
    rf"(?P<numbers>\d+(?:[.-]\d+){{0,5}})(?:-(?P<dashed>[a-z]{_IDENTIFIERS}|[a-z])|{_GLUED})?{_BUILD}", _FLAGS
)
_COUNTED = re.compile(r"([a-z]+)-?(\d+)", _FLAGS)
_DESCRIBED = re.compile(r"(?P<base>[!-~]+?)(?:-(?P<commits>\d{1,9})-g[0-9a-f]{4,64})?(?P<dirty>-dirty)?", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{7,}")
_DATE = re.compile(r"(?:19|20)\d{6}(?:\d{4}|\d{6})?", re.ASCII)

# alpha < beta < pre < rc is the order of the alphabet already, so one string comparison ranks these words and any
# unknown one among them, without ever going in a circle.  Only ``dev`` has to be put first by hand.
_PHASES = {"dev": "", "a": "alpha", "m": "alpha", "alpha": "alpha", "b": "beta", "beta": "beta"}
_PHASES |= {"pre": "pre", "preview": "pre", "c": "rc", "rc": "rc"}

_PARTS = 6
_YEARS = (2, 4)


def check_pattern(text: str) -> str | None:
    """What is wrong with a tag pattern, in a sentence; ``None`` when it can be used."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            groups = re.compile(text).groups
    except (re.error, Warning, OverflowError, RecursionError) as error:
        return f"cannot read {text!r} as a regular expression: {error}"
    if groups != 1:
        return f"cannot use {text!r}: it needs exactly one group, (…), around the version, and has {groups}"
    return None


def strip(tag: str, pattern: str = DEFAULT_PATTERN) -> str | None:
    """The version in ``tag``; ``None`` when the tag is not a candidate.

    The pattern has to cover the whole tag, with or without ``^`` and ``$``: half a match would read ``v2-rc1`` as 2.
    """
    match = re.fullmatch(pattern, tag) if len(tag) <= LONGEST else None
    return (match[1] or None) if match else None


def parse(text: str, scheme: Scheme) -> Version | None:
    """Read a version, with or without a ``v`` before it; ``None`` when it is none.  Never raises, never answers "0"."""
    match = _DESCRIBED.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        return None
    base = match["base"]
    reading = _READERS[scheme](base[1:] if re.match(r"[vV][0-9]", base) else base)
    if reading is None:
        return None
    return Version(
        text=text,
        scheme=scheme,
        prerelease=reading.prerelease,
        described=bool(match["commits"] or match["dirty"]),
        shape=reading.shape,
        final=reading.final,
        key=(reading.rank, int(match["commits"] or 0)),
    )


def order(a: Version, b: Version) -> int | None:
    """-1 when ``a`` is older, 1 when it is newer, ``None`` when that cannot be said.

    0 says equal rank and no more: two builds of 1.0.0 differ, but neither is the newer one.
    """
    if a.scheme is not b.scheme or a.shape != b.shape:
        return None
    return (a.key > b.key) - (a.key < b.key)


def compare_tags(a: str, b: str, *, scheme: Scheme = Scheme.SEMVER, pattern: str = DEFAULT_PATTERN) -> int | None:
    """``order`` of two tags; ``None`` also when one of them is no version."""
    one, other = (parse(strip(tag, pattern) or "", scheme) for tag in (a, b))
    return order(one, other) if one and other else None


def _semver(text: str) -> _Reading | None:
    # ``git describe --always`` answers a bare hash, and some hashes are all digits: neither is a version.
    match = None if _HASH.fullmatch(text) else _SEMVER.fullmatch(text)
    if match is None:
        return None
    numbers = match["numbers"].split(".")
    after = match["dashed"] or match["glued"] or ""
    if len(numbers) == 1 and (match["glued"] or after[:1].isdigit()):
        return None  # 2020-07-06 is a date, and 81b1373 the beginning of a commit's hash
    return _staged(numbers, after)


def _calver(text: str) -> _Reading | None:
    match = _CALVER.fullmatch(text)
    if match is None:
        return None
    numbers = re.split(r"[.-]", match["numbers"])
    first = len(numbers[0])
    if _DATE.fullmatch(numbers[0]):
        shape = f"date of {first} digits"  # a day and a second are both dates, but the longer would always win
    elif len(numbers) > 1 and first in _YEARS:
        shape = f"year of {first} digits"
    else:
        return None
    return _staged(numbers, match["dashed"] or match["glued"] or "", shape)


def _numeric(text: str) -> _Reading | None:
    if not (text.isascii() and text.isdigit()):
        return None
    return _Reading(rank=int(text), final=(int(text),))


def _pep440(text: str) -> _Reading | None:
    from packaging.version import InvalidVersion  # noqa: PLC0415 - only devices with this scheme pay for it
    from packaging.version import Version as Pep440  # noqa: PLC0415 - the same

    if _HASH.fullmatch(text) and not text.isdigit():
        return None  # 81b1373 would be the beta 1373 of 81
    try:
        version = Pep440(text)
    except InvalidVersion:
        return None
    return _Reading(version, (version.epoch, *_without_zeros(version.release)), prerelease=version.is_prerelease)


_READERS = {Scheme.SEMVER: _semver, Scheme.CALVER: _calver, Scheme.NUMERIC: _numeric, Scheme.PEP440: _pep440}


def _staged(numbers: list[str], prerelease: str, shape: str = "") -> _Reading:
    """SemVer 2.0.0, section 11: the numbers, then prereleases before the release itself."""
    parts = tuple(int(number) for number in numbers)
    padded = parts + (0,) * (_PARTS - len(parts))
    identifiers = tuple(_identifier(piece) for word in prerelease.split(".") for piece in _pieces(word))
    rank = (padded, not prerelease, identifiers)
    return _Reading(rank, _without_zeros(parts), prerelease=bool(prerelease), shape=shape)


def _pieces(word: str) -> tuple[str, ...]:
    # As one word, rc10 would come before rc9.
    counted = _COUNTED.fullmatch(word)
    return counted.groups() if counted else (word,)


def _identifier(piece: str) -> tuple[bool, int, str]:
    if piece.isdigit():
        return (False, int(piece), "")
    return (True, 0, _PHASES.get(piece.lower(), piece))


def _without_zeros(parts: tuple[int, ...]) -> tuple[int, ...]:
    end = max((place for place, part in enumerate(parts, start=1) if part), default=0)
    return parts[:end]


# --- requirements: what one component asks of another ---

_CLAUSE = re.compile(r"\s*(?P<word>>=|<=|==|!=|>|<|)\s*(?P<bound>[vV]?[0-9][0-9A-Za-z.+!_-]*)\s*", re.ASCII)
_ACCEPTED = {">=": (0, 1), "<=": (0, -1), "==": (0,), "!=": (-1, 1), ">": (1,), "<": (-1,), "": (0, 1)}


def check_requirement(text: str, scheme: Scheme | None = None) -> str | None:
    """What is wrong with a requirement such as ``>= 1.0, <2``, in a sentence; ``None`` when it can be used.

    A version alone means "this or newer".  With a ``scheme``, its versions must be versions there.
    """
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return f"cannot read the requirement {clause.strip()!r}: it takes one of >= <= == != > < and a version"
        if scheme and parse(match["bound"], scheme) is None:
            return f"cannot read {match['bound']!r} in the requirement {text.strip()!r} as a {scheme} version"
    return None


def satisfies(version_text: str, requirement: str, scheme: Scheme) -> bool | None:
    """Whether a version meets every clause of ``requirement``; ``None`` when that cannot be said.

    As in PEP 440, ``<2`` keeps out the prereleases of 2 as well: whoever cannot live with 2 cannot live with its beta.
    """
    version = parse(version_text, scheme)
    matches = [_CLAUSE.fullmatch(clause) for clause in requirement.split(",")]
    answers = [_meets(version, match, scheme) for match in matches]
    if None in answers:
        return None
    return all(answers)


def _meets(version: Version | None, clause: re.Match[str] | None, scheme: Scheme) -> bool | None:
    bound = parse(clause["bound"], scheme) if clause else None
    if version is None or clause is None or bound is None:
        return None
    direction = order(version, bound)
    if direction is None:
        return None
    becomes_it = version.prerelease and not bound.prerelease and version.final == bound.final
    return direction in _ACCEPTED[clause["word"]] and not (clause["word"] == "<" and becomes_it)
