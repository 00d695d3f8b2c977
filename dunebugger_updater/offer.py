"""What is on offer for one component: which of the releases that were read, or none, and why.

Only values in and a value out.  The order in which releases were listed means nothing, and "latest" is a word of the
publisher's; the version decides, within the owner's channel, and never downwards unless a person names a version.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from dunebugger_updater.model.release import Catalogue, Release
from dunebugger_updater.model.version import DEFAULT_PATTERN, Scheme, Version, order, parse, strip

Channel: TypeAlias = Literal["stable", "prerelease"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SHOWN = 3


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner wants of one component."""

    channel: Channel = "stable"
    pattern: str = DEFAULT_PATTERN
    """One group: the version in a tag.  Checked by ``check_pattern`` before it comes here."""
    scheme: Scheme = Scheme.SEMVER
    minimum_age_hours: float = 0.0
    """How long a release must have been public before it may be taken without a person."""


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One release that could be installed."""

    version: str
    """What the pattern found in the tag."""
    release: Release
    crossed: tuple[Release, ...]
    """Every release of the channel between the installed one (without it) and this one (with it), oldest first."""
    downgrade: bool = False
    warnings: tuple[str, ...] = ()
    """What the owner should know before saying yes."""


class _Candidate(msgspec.Struct, frozen=True):
    release: Release
    version: Version

    @property
    def rank(self) -> tuple[object, datetime, str]:
        """Total among candidates of one shape: by version, then the one published last, then by text."""
        return (self.version.key, _instant(self.release.published_at), self.version.text)

    @property
    def prerelease(self) -> bool:
        return self.release.prerelease or self.version.prerelease


def choose(
    installed: str | None,
    catalogue: Catalogue,
    rules: Rules,
    *,
    quarantined: frozenset[str],
    held: bool = False,
) -> Offer | None:
    """The highest version of the channel that is newer than ``installed``; ``None`` when there is none.

    An unknown ``installed`` takes the highest there is.  A version that failed here (``quarantined``, by version or by
    tag) and a description by git are offered only by name; a component that is ``held`` is offered nothing else.
    """
    if held:
        return None
    current = _current(installed, rules)
    comparable = _newer_than(current, _candidates(catalogue, rules))
    eligible = [
        one for one in comparable if _in_channel(one, rules) and not {one.version.text, one.release.tag} & quarantined
    ]
    if not eligible:
        return None
    best = max(eligible, key=lambda one: one.rank)
    warnings = [*_unknown(installed, current, rules), *_twins(best, eligible), *_disagreements(comparable)]
    return Offer(best.version.text, best.release, _crossed(current, best, comparable, rules), warnings=tuple(warnings))


def named(installed: str | None, catalogue: Catalogue, rules: Rules, version: str) -> Offer | str:
    """The release that a person named by tag or version, also an older or a quarantined one; else a sentence."""
    found = next((one for one in catalogue.releases if one.tag == version), None)
    if found is None:
        texts = {version, strip(version, rules.pattern) or version}
        same = [one for one in catalogue.releases if strip(one.tag, rules.pattern) in texts]
        found = max(same, key=lambda one: _instant(one.published_at), default=None)
    if found is None:
        return f"cannot find {_clip(version)} among the releases: {_nearest(version, catalogue, rules)}"
    text = strip(found.tag, rules.pattern)
    if text is None:
        return f"cannot use the tag {_clip(found.tag)}: it does not match this component's tagPattern {rules.pattern}"
    current = _current(installed, rules)
    target = parse(text, rules.scheme)
    if target is None:
        return f"cannot offer the tag {_clip(found.tag)}: {_clip(text)} is no {rules.scheme} version"
    best = _Candidate(found, target)
    direction = order(target, current) if current else None
    crossed = _crossed(current, best, _candidates(catalogue, rules), rules)
    return Offer(text, found, crossed, direction == -1, tuple(_remarks(best, installed, current, rules)))


def ready_at(offer: Offer, rules: Rules, now: datetime, first_seen: datetime | None = None) -> datetime | None:
    """From when on the ``auto`` policy may take ``offer``; not after ``now`` means at once, ``None`` means never.

    A release without a date of publication (a bare tag) counts from ``first_seen``, and from ``now`` when that is
    unknown too.  Going down is never automatic.
    """
    if offer.downgrade:
        return None
    if rules.minimum_age_hours <= 0:
        return now
    since = offer.release.published_at or first_seen or now
    return _instant(since) + timedelta(hours=rules.minimum_age_hours)


def notes(offer: Offer, pattern: str = DEFAULT_PATTERN) -> tuple[tuple[str, str], ...]:
    """Version and notes of every release that ``offer`` crosses, oldest first.  Markdown, untrusted, may be empty."""
    return tuple((strip(one.tag, pattern) or one.tag, one.notes or "") for one in offer.crossed)


def _candidates(catalogue: Catalogue, rules: Rules) -> list[_Candidate]:
    """The releases whose tags are versions.  A description by git names no release that anybody made."""
    read = ((one, parse(strip(one.tag, rules.pattern) or "", rules.scheme)) for one in catalogue.releases)
    return [_Candidate(release, version) for release, version in read if version and not version.described]


def _current(installed: str | None, rules: Rules) -> Version | None:
    # A device may know its version as the tag (release-1.2) or as the version in it (1.2).
    if installed is None:
        return None
    return parse(strip(installed, rules.pattern) or "", rules.scheme) or parse(installed, rules.scheme)


def _in_channel(one: _Candidate, rules: Rules) -> bool:
    return rules.channel == "prerelease" or not one.prerelease


def _newer_than(current: Version | None, candidates: list[_Candidate]) -> list[_Candidate]:
    if current:
        return [one for one in candidates if order(one.version, current) == 1]
    # Nothing is installed to compare with.  A project that changed its way of counting has no single highest version,
    # so the way in which it published last is the one that counts.
    shapes: dict[str, list[_Candidate]] = {}
    for one in candidates:
        shapes.setdefault(one.version.shape, []).append(one)
    # The last word is the shape's own name, so that not even a tie is decided by the order of a list.
    latest = max(shapes, key=lambda shape: (*_latest(shapes[shape]), shape), default=None)
    return [] if latest is None else shapes[latest]


def _latest(candidates: list[_Candidate]) -> tuple[datetime, int]:
    return max(_instant(one.release.published_at) for one in candidates), len(candidates)


def _crossed(
    current: Version | None, best: _Candidate, candidates: Iterable[_Candidate], rules: Rules
) -> tuple[Release, ...]:
    direction = order(best.version, current) if current else None
    if current is None or not direction:
        return (best.release,)  # from where is unknown, or the same: nothing known lies between
    between = [
        one
        for one in candidates
        if _in_channel(one, rules)
        and order(one.version, current) == direction
        and order(one.version, best.version) == -direction
    ]
    return tuple(one.release for one in sorted([*between, best], key=lambda one: one.rank))


def _remarks(best: _Candidate, installed: str | None, current: Version | None, rules: Rules) -> list[str]:
    remarks = _unknown(installed, current, rules)
    direction = order(best.version, current) if current else None
    if current and direction is None:
        remarks.append(f"cannot say whether {best.version.text} is newer or older than the installed {installed}")
    if direction == 0:
        remarks.append(f"{best.version.text} ranks the same as the installed {installed}")
    if best.version.described:
        remarks.append(f"{best.version.text} is work between two releases, not a release")
    if not _in_channel(best, rules):
        remarks.append(f"{best.version.text} is a prerelease, and this component follows stable releases")
    return remarks + _disagreements([best])


def _unknown(installed: str | None, current: Version | None, rules: Rules) -> list[str]:
    if current:
        return []
    why = "the installed version is unknown"
    if installed is not None:
        why = f"the installed version {_clip(installed)} cannot be read as {rules.scheme}"
    return [f"{why}, so this may be the same or an older one"]


def _twins(best: _Candidate, eligible: list[_Candidate]) -> list[str]:
    others = [one for one in eligible if one.version.key == best.version.key and one is not best]
    if not others:
        return []
    return [f"{_list(others)} ranks the same as {best.version.text}; the one published last is on offer"]


def _disagreements(candidates: Iterable[_Candidate]) -> list[str]:
    """Where the publisher's mark and the tag differ about being a prerelease.  Bare tags carry no mark."""
    published = sorted((one for one in candidates if one.release.published_at), key=lambda one: one.rank, reverse=True)
    unmarked = [one for one in published if one.version.prerelease and not one.release.prerelease]
    marked = [one for one in published if one.release.prerelease and not one.version.prerelease]
    found: list[str] = []
    if unmarked:
        found.append(
            f"published as stable, but prereleases by their tags, and taken as such: {_list(unmarked)}; "
            "if what follows the number is no part of the version, leave it out with tagPattern"
        )
    if marked:
        found.append(f"published as prereleases, though their tags do not say so, and taken as such: {_list(marked)}")
    return found


def _nearest(wanted: str, catalogue: Catalogue, rules: Rules) -> str:
    candidates = _candidates(catalogue, rules)
    if not candidates:
        return f"none of the {len(catalogue.releases)} that were read is a {rules.scheme} version by tagPattern"
    target = _current(wanted, rules)
    near = [one for one in candidates if target and order(one.version, target) == 0][:1]
    below = [one for one in candidates if target and order(one.version, target) == -1]
    above = [one for one in candidates if target and order(one.version, target) == 1]
    near += [max(below, key=lambda one: one.rank)] if below else []
    near += [min(above, key=lambda one: one.rank)] if above else []
    near = near or [max(_newer_than(None, candidates), key=lambda one: one.rank)]
    return f"the nearest of the {len(candidates)} that were read: " + ", ".join(one.version.text for one in near)


def _list(candidates: list[_Candidate]) -> str:
    shown = ", ".join(one.version.text for one in candidates[:_SHOWN])
    return shown if len(candidates) <= _SHOWN else f"{shown} and {len(candidates) - _SHOWN} more"


def _clip(text: str, width: int = 60) -> str:
    # What a network or a person wrote may be long, or hold line breaks that would forge another line.
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= width else f"{plain[:width]}…"


def _instant(when: datetime | None) -> datetime:
    if when is None:
        return _LONG_AGO
    return when if when.tzinfo else when.replace(tzinfo=UTC)
