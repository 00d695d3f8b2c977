"""The list of pending packages: one row for each, and the filters.  Names and addresses come from archives.  Pure."""

from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from dunebugger_updater.model.packages import Inventory, Pending
from panel.spans import sentence
from panel.words import Words

Show: TypeAlias = Literal["all", "security", "kept", "held"]
SHOWS: tuple[Show, ...] = ("all", "security", "kept", "held")


class Row(msgspec.Struct, frozen=True):
    """One pending package."""

    package: Pending
    kinds: str
    """The filters that let it through, for the script."""
    origin: str
    why: str
    changelog: str | None
    may_tick: bool


def rows(inventory: Inventory, show: Show, search: str, words: Words) -> tuple[Row, ...]:
    """Answer the packages that the filters let through: security first, then by name."""
    wanted = search.casefold()
    fitting = [
        each for each in inventory.packages if show in _kinds(each) and (not wanted or wanted in each.name.casefold())
    ]
    return tuple(_row(each, words) for each in sorted(fitting, key=lambda one: (not one.security, one.name)))


def counts(inventory: Inventory) -> dict[str, int]:
    """Answer how many packages each filter lets through."""
    return {show: sum(show in _kinds(each) for each in inventory.packages) for show in SHOWS}


def _kinds(package: Pending) -> tuple[Show, ...]:
    kept, held = package.kept_back is not None and not package.held, package.held
    named: tuple[tuple[Show, bool], ...] = (
        ("all", True),
        ("security", package.security),
        ("kept", kept),
        ("held", held),
    )
    return tuple(show for show, fits in named if fits)


def _row(package: Pending, words: Words) -> Row:
    why = []
    if package.held:
        why.append(words.package_held_why)
    elif package.kept_back is not None:
        why.append(words.package_kept_why.format(why=package.kept_back))
    if package.security_version and package.security_version != package.candidate:
        why.append(sentence(words.package_fix_in.format(version=package.security_version)))
    return Row(
        package,
        " ".join(_kinds(package)),
        ", ".join(package.origins) or words.package_origin_unknown,
        " ".join(why),
        secure_link(package.changelog),
        may_tick=not package.held,
    )


def secure_link(address: str | None) -> str | None:
    """Answer an address from outside only if a page may link to it: https, a host, nothing hidden in it."""
    if not address or not address.isascii() or not address.isprintable() or any(mark in address for mark in ' "<>\\'):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc else None
