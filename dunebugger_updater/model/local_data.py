"""Whose is what: which files of an installation are the owner's and go along to the next release.

Local data is sacred.  What the old release did not ship is the owner's; what it shipped and the owner edited stays as
edited, and the next release's own copy lies beside it as ``NAME.new`` (dpkg's rule for configuration files).
"""

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

CONFIGURATION_SUFFIXES = (".conf", ".ini", ".cfg", ".env", ".yaml", ".yml", ".json", ".toml", ".db")
CONFIGURATION_FOLDERS = frozenset({"config", "conf", "data"})


class Kind(StrEnum):
    """What a name stands for.  Sockets, pipes and devices are not carried and have none."""

    FILE = "file"
    LINK = "link"
    DIRECTORY = "directory"


class Entry(msgspec.Struct, frozen=True):
    """One name in the old tree."""

    kind: Kind
    digest: str | None = None
    """Of the content, in the same language as the releases' records; needed only where one of them has that path."""


class Decision(msgspec.Struct, frozen=True):
    """What the new tree must look like, in paths relative to its root."""

    carry: frozenset[str]
    """Files and links that come from the old tree."""
    directories: tuple[str, ...]
    """Directories that must be there, those above first."""
    displaced: frozenset[str]
    """Files of the new release that give way to what is carried."""
    beside: Mapping[str, str]
    """Of those, which the owner should see, and the path of the copy: ``NAME.new``."""
    kept: tuple[str, ...]
    """What the owner should be told, sorted: theirs stayed although the release has, or had, such a file."""


def decide(
    old: Mapping[str, Entry],
    shipped_old: Mapping[str, str] | None,
    new_shipped: Mapping[str, str],
    preserve: Sequence[str] = (),
) -> Decision:
    """Decide for every name in ``old``.

    ``shipped_old`` and ``new_shipped`` are what the releases brought: path to digest.  ``None``: nobody knows what the
    old one brought; then what the new release brings too is the owner's only if it looks like configuration.
    ``preserve``: files or directories that belong to the app whoever shipped them.
    """
    own = tuple(normal(path) for path in preserve)
    carry = set[str]()
    told = set[str]()
    seen = set[str]()
    for path, entry in old.items():
        if entry.kind is Kind.DIRECTORY:
            continue
        if own and _within(path, own):
            carry.add(path)
            continue
        ours, tell = _verdict(path, entry, shipped_old, new_shipped)
        if ours:
            carry.add(path)
            if tell:
                told.add(path)
                if path in new_shipped and not _same_as_before(path, shipped_old, new_shipped):
                    seen.add(path)
    displaced, blocked = _displaced(carry, new_shipped)
    for path, top in blocked.items():
        if not _within(path, own) and not _within(top, own):
            seen.add(path)
            told.add(top)
    return Decision(
        carry=frozenset(carry),
        directories=_directories(old, carry, shipped_old, new_shipped),
        displaced=frozenset(displaced),
        beside=_names_beside(seen, blocked, carry, new_shipped) if seen else {},
        kept=tuple(sorted(told)),
    )


def normal(path: str) -> str:
    """``path`` as paths are written in records.  ``ValueError`` when it leads out of the installation."""
    clean = posixpath.normpath(path.strip())
    if not path.strip() or clean in {".", ".."} or clean.startswith(("/", "../")):
        raise ValueError(f"{path!r} is not a path inside the installation")
    return clean


def looks_like_configuration(path: str) -> bool:
    """Whether a file that both releases may have shipped is rather the owner's than the program's."""
    *folders, name = path.lower().split("/")
    return name.endswith(CONFIGURATION_SUFFIXES) or ".sqlite" in name or not CONFIGURATION_FOLDERS.isdisjoint(folders)


def _verdict(
    path: str, entry: Entry, shipped_old: Mapping[str, str] | None, new_shipped: Mapping[str, str]
) -> tuple[bool, bool]:
    """Whether it is carried, and whether the owner should hear about it."""
    new = new_shipped.get(path)
    before = None if shipped_old is None else shipped_old.get(path)
    if entry.digest is not None and entry.digest in {new, before}:
        return False, False
    if shipped_old is None and new is not None and entry.kind is Kind.FILE:
        theirs = looks_like_configuration(path)
        return theirs, theirs
    return True, new is not None or before is not None


def _same_as_before(path: str, shipped_old: Mapping[str, str] | None, new_shipped: Mapping[str, str]) -> bool:
    return shipped_old is not None and shipped_old.get(path) == new_shipped[path]


def _displaced(carry: set[str], new_shipped: Mapping[str, str]) -> tuple[set[str], dict[str, str]]:
    """What must give way, and, where a file stands against a directory, the topmost name that they fight for."""
    displaced = {path for path in carry if path in new_shipped}
    blocked = {}
    folders = _folders(carry)
    for path in folders & new_shipped.keys():
        displaced.add(path)
        blocked[path] = path
    if tops := carry & _folders(new_shipped):
        for path in new_shipped:
            if top := next((each for each in _above(path) if each in tops), None):
                displaced.add(path)
                blocked[path] = top
    return displaced, blocked


def _directories(
    old: Mapping[str, Entry],
    carry: Collection[str],
    shipped_old: Mapping[str, str] | None,
    new_shipped: Mapping[str, str],
) -> tuple[str, ...]:
    needed = _folders(carry)
    releases = _folders(shipped_old or {})
    # An empty directory holds nothing that could be lost: it gives way to a file of the new release.
    own = {
        path
        for path, entry in old.items()
        if entry.kind is Kind.DIRECTORY and path not in releases and path not in new_shipped
    }
    own = {path for path in own if not any(above in new_shipped and above not in needed for above in _above(path))}
    return tuple(sorted(needed | own))


def _folders(paths: Iterable[str]) -> set[str]:
    nearest = {path.rpartition("/")[0] for path in paths}  # far fewer than paths: what follows is cheap
    found = set[str]()
    for folder in nearest:
        above = folder
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]


def _within(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)


def _names_beside(
    paths: Iterable[str], blocked: Mapping[str, str], carry: Collection[str], new_shipped: Mapping[str, str]
) -> dict[str, str]:
    """``NAME.new``, or with more ``.new`` behind where the owner or the release has something of that name."""
    taken = {*carry, *new_shipped} | _folders(carry) | _folders(new_shipped)
    names: dict[str, str] = {}
    found = {}
    for path in sorted(paths):
        top = blocked.get(path, path)
        if top not in names:
            name = top + ".new"
            while name in taken:
                name += ".new"
            names[top] = name
            taken.add(name)
        found[path] = names[top] + path[len(top) :]
    return found
