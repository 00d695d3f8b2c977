"""What is not installed and yet matters to a few pending packages: what they would need, and what that needs in turn.

An archive with this and the pending versions lets apt decide as it would with everything in sight.  It is told rather
too much than too little: a package too many changes no answer, one too few might.  Where apt would have to choose, or
to weigh one newcomer against others, its choice may depend on the order of its lists: then this has no answer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.effects.apt_age import text
from dunebugger_updater.effects.apt_asking import Asking
from dunebugger_updater.effects.apt_words import relations, spelled, stanzas, without_versions
from dunebugger_updater.model.debian_version import is_older
from dunebugger_updater.model.packages import is_package_name

_ARCHITECTURES = Path("var/lib/dpkg/arch")
_MOST = 150
"""Names that are looked up; where more might come along, asking about the whole archive is no slower."""
_NEEDED = ("pre-depends", "depends")
_ONE = re.compile(r"([^\s:(]+)(?::(\w+))? ?(?:\((<<|<=|=|>=|>>) ?([^)]+)\))?")


class _Offered(msgspec.Struct, frozen=True):
    """What the lists say about a name."""

    real: bool
    """Whether a package has it."""
    providers: Mapping[str, frozenset[str]] = {}
    """Who provides it, and in which versions."""


class _Group(msgspec.Struct, frozen=True):
    """Alternatives, of which one has to be there."""

    names: tuple[str, ...]
    unversioned: frozenset[str] = frozenset()
    """Those that a package may provide in any version."""
    before: bool = False
    """Whether the installed version recommends it already: what was missing then, apt leaves missing."""


async def around(asking: Asking, shown: str, installed: Mapping[str, str]) -> Sequence[str] | None:
    """Answer the paragraphs of all that could come along; ``None`` when that cannot be told, or would be too much.

    ``shown``: what ``apt-cache show`` said about the installed and the pending versions.
    """
    native = await asking.native()
    if any(":" in name for name in installed) or len(text(asking.root / _ARCHITECTURES).split()) > 1:
        return None  # packages of two architectures: their relations are not read here
    pending = {name for name, version in _named(shown, native) if version != installed.get(name)}
    staying = {name: version for name, version in installed.items() if name not in pending}
    groups = _wanted(shown, installed, native)
    against: set[str] = set()
    seen: dict[str, _Offered] = {}
    found: dict[str, str] = {}
    while groups is not None:
        names = ({name for each in groups for name in each.names} | against) - set(seen)
        if len(names) + len(seen) > _MOST:
            return None
        told = read_offered(await asking.offered(names))
        seen |= {name: told.get(name, _Offered(real=False)) for name in names}
        open_ = [each for each in groups if not _is_filled(each, seen, staying)]
        fresh = _may_come(open_, seen, installed)
        if fresh is None or _is_opposed(shown, found, seen, installed):
            return None
        known = await asking.known(fresh - found.keys())
        new = await asking.shown((name, each.candidate) for name, each in known.items() if each.candidate)
        told_of = [each.strip("\n") for each in new.split("\n\n") if "\nFilename:" in each]
        more = {name: each for each in told_of for name, _ in _named(each, native)}
        if not more:
            return list(found.values())
        found |= more
        groups = _wanted("\n\n".join(more.values()), installed, native)
        against = {each[1] for paragraph in more.values() for each in _negative(paragraph)}
    return None


def _named(shown: str, native: str) -> Iterable[tuple[str, str]]:
    for stanza in stanzas(shown):
        name = spelled(stanza.get("package", ""), stanza.get("architecture", ""), native)
        yield name, stanza.get("version", "")


def _is_filled(group: _Group, seen: Mapping[str, _Offered], staying: Mapping[str, str]) -> bool:
    """Whether something installed that stays as it is provides one of the names."""
    return any(
        version in seen[name].providers[each]
        for name in group.unversioned
        for each, version in staying.items()
        if each in seen[name].providers
    )


def _may_come(groups: Iterable[_Group], seen: Mapping[str, _Offered], installed: Mapping[str, str]) -> set[str] | None:
    """The packages which are not installed and fill one of these groups; ``None`` where apt would have to choose."""
    coming: set[str] = set()
    for group in groups:
        filling = {name for name in group.names if seen[name].real or name in installed}
        filling |= {each for name in group.names for each in seen[name].providers}
        if group.before and not filling & installed.keys():
            continue
        if len(filling) > 1:
            return None
        coming |= filling - installed.keys()
    return coming


def _is_opposed(
    shown: str, found: Mapping[str, str], seen: Mapping[str, _Offered], installed: Mapping[str, str]
) -> bool:
    """Whether a newcomer is against another package, or another against it."""
    gives = {
        name: {
            name,
            *(without_versions(each) for stanza in stanzas(paragraph) for each in relations(stanza, "provides")),
        }
        for name, paragraph in found.items()
    }
    for name, paragraph in found.items():
        others = {each for other, given in gives.items() if other != name for each in given}
        for each in _negative(paragraph):
            if each[1] in others or (each[1] in seen and seen[each[1]].providers.keys() & installed.keys()):
                return True
            if each[1] in installed and not _spares(each, installed[each[1]]):
                return True
    newcomers = {each for given in gives.values() for each in given}
    return bool(newcomers) and any(each[1] in newcomers for each in _negative(shown))


def _negative(shown: str) -> Iterable[re.Match[str]]:
    for stanza in stanzas(shown):
        for field in ("breaks", "conflicts"):
            for words in relations(stanza, field):
                if (read := _ONE.fullmatch(words)) is not None:
                    yield read


def _spares(one: re.Match[str], version: str) -> bool:
    """Whether what is said against older versions leaves this one alone, and every newer one."""
    if one[3] == "<<":
        return not is_older(version, one[4])
    return one[3] == "<=" and is_older(one[4], version)


def _wanted(shown: str, installed: Mapping[str, str], native: str) -> list[_Group] | None:
    """The groups which what is installed does not fill for certain; ``None`` for one that is not understood."""
    recommended: dict[str, set[str]] = {}
    coming: list[dict[str, str]] = []
    for stanza in stanzas(shown):
        name = spelled(stanza.get("package", ""), stanza.get("architecture", ""), native)
        if stanza.get("version") == installed.get(name):
            recommended.setdefault(name, set()).update(
                without_versions(each) for each in relations(stanza, "recommends")
            )
        else:
            coming.append(stanza | {"package": name})
    groups: list[_Group] = []
    for stanza in coming:
        old = recommended.get(stanza["package"], set())
        told = [(each, False) for field in _NEEDED for each in relations(stanza, field)]
        told += [(each, without_versions(each) in old) for each in relations(stanza, "recommends")]
        for words, before in told:
            ones = [_ONE.fullmatch(each.strip()) for each in words.split("|")]
            read = [each for each in ones if each is not None and is_package_name(each[1]) and each[2] in {None, "any"}]
            if len(read) != len(ones):
                return None
            if not any(_stays(each, installed) for each in read):
                free = frozenset(each[1] for each in read if each[3] is None and each[2] is None)
                groups.append(_Group(tuple(each[1] for each in read), free, before))
    return groups


def _stays(one: re.Match[str], installed: Mapping[str, str]) -> bool:
    """Whether what is installed fills this, and any newer version of it will."""
    name, architecture, relation, version = one.groups()
    if architecture is not None or name not in installed:
        return False
    if relation == ">=":
        return not is_older(installed[name], version)
    return is_older(version, installed[name]) if relation == ">>" else relation is None


def read_offered(told: str) -> dict[str, _Offered]:
    """Read ``apt-cache showpkg NAME…``: which names packages have, and who provides them."""
    real: set[str] = set()
    providers: dict[str, dict[str, frozenset[str]]] = {}
    name, part = "", ""
    for line in told.splitlines():
        if line.startswith("Package: "):
            name, part = line.removeprefix("Package: ").strip(), ""
            providers.setdefault(name, {})
        elif (heading := line.rstrip()) in _PARTS:
            part = heading
        elif part == "Versions:" and line.strip() and not line.startswith((" ", "\t")):
            real.add(name)
        elif part == "Reverse Provides:" and line.strip():
            who, version = line.split()[:2]
            providers[name][who] = providers[name].get(who, frozenset()) | {version}
    return {each: _Offered(each in real, others) for each, others in providers.items()}


_PARTS = frozenset({"Versions:", "Reverse Depends:", "Dependencies:", "Provides:", "Reverse Provides:"})
