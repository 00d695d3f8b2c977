"""A short cut to apt's plan: ask it about an archive that has nothing but the versions in question.

Most of the time that apt takes goes into sixty thousand packages that nobody asked about.  When the pending versions
alone fit together with what is installed, apt takes them all, and it would with everything else in sight as well.  When
something is left, what could come along is put in besides, and then apt keeps back what it would keep back.  Where that
cannot be told for certain, apt is asked about everything.
"""

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.effects.apt_around import around
from dunebugger_updater.effects.apt_asking import Asking, is_version
from dunebugger_updater.effects.apt_plans import EXPLAINED, UPGRADE, Planned, alone, why_kept
from dunebugger_updater.effects.apt_words import relations, spelled, stanzas, without_versions
from dunebugger_updater.model.packages import is_package_name
from dunebugger_updater.ports.together import side_by_side

_STEM = "small.invalid_dists_small"
"""How apt names the lists of the source below."""
_SOURCE = "deb [trusted=yes] http://small.invalid small main\n"
"""Never fetched from: its lists are there already, and they are only looked at."""


class Short(msgspec.Struct, frozen=True):
    """What the short cut told."""

    planned: Planned | None = None
    why: Mapping[str, str] = {}
    """Why something is kept back, where that is certain as well."""
    left: frozenset[str] = frozenset()
    """Without a plan: what may well be kept back.  A guess, good for asking early and for nothing else."""


async def plan(asking: Asking, shown: str, wanted: Mapping[str, str], installed: Mapping[str, str]) -> Short:
    """Answer apt's plan for these pending versions; none when it cannot be told without the whole archive.

    ``shown``: what ``apt-cache show`` said about the installed and the wanted versions.
    """
    if not wanted:
        return Short()
    try:
        with tempfile.TemporaryDirectory(prefix="dunebugger-updater-") as folder:
            return await _plan(asking, Path(folder), shown, wanted, installed)
    except OSError:
        return Short()  # no room for it: the long way needs none


async def _plan(
    asking: Asking, folder: Path, shown: str, wanted: Mapping[str, str], installed: Mapping[str, str]
) -> Short:
    native = await asking.native()
    own = list(_of_archives(shown))
    left: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()
    planned: Planned | None = None
    if not _may_bring_others(shown, installed, native):
        options = await asyncio.to_thread(_archive, folder / "own", own, native)
        _, planned = await asking.plan((*options, *UPGRADE), installed)
        if planned is None:
            return Short()
        taken = {each.name for each in planned.changes}
        if taken == wanted.keys() and all(each.before and each.after for each in planned.changes):
            return Short(planned)
        left = frozenset(wanted.keys() - taken)
    async with side_by_side() as group:
        asked = group.create_task(around(asking, shown, installed))
        # Most often nothing can come along, and then this is why.
        early = {
            name: group.create_task(_why(asking, options, name, wanted[name], installed))
            for name in sorted(left)[:1]
            if planned is not None
        }
    more = asked.result()
    if more is None:
        return Short(left=left)
    if more or planned is None:
        options = await asyncio.to_thread(_archive, folder / "around", [*own, *more], native)
        _, planned = await asking.plan((*options, *UPGRADE), installed)
    if planned is None or any(each.after is None for each in planned.changes) or planned.downgraded:
        return Short(left=left)
    taken = {each.name for each in planned.changes}
    kept = sorted(name for name in wanted if name in planned.kept or name not in taken)
    known = {} if more else {name: each.result() for name, each in early.items()}
    why = {
        name: known[name] if name in known else await _why(asking, options, name, wanted[name], installed)
        for name in kept[:EXPLAINED]
    }
    return Short(planned, {name: words for name, words in why.items() if words is not None})


async def exact(
    asking: Asking, shown: str, words: Sequence[str], wanted: Mapping[str, str], installed: Mapping[str, str]
) -> Planned | None:
    """Answer apt's plan for exactly these versions when nothing else is needed for them; else none."""
    native = await asking.native()
    if _may_bring_others(shown, installed, native):
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="dunebugger-updater-") as folder:
            options = await asyncio.to_thread(_archive, Path(folder) / "own", _of_archives(shown), native)
            _, planned = await asking.plan((*options, *words), installed)
    except OSError:
        return None
    if planned is None or planned.downgraded:
        return None
    return planned if {each.name: each.after for each in planned.changes if each.before} == wanted else None


async def _why(
    asking: Asking, options: tuple[str, ...], name: str, version: str, installed: Mapping[str, str]
) -> str | None:
    """Say why it is kept back, if the rest of the archive could not change that.

    A lack stays one, for all that could fill it was put in.  For what has to go, another package may have to come.
    """
    if not is_package_name(name) or not is_version(version):
        return None
    said, planned = await asking.plan((*options, *alone(name, version)), installed)
    why = why_kept(name, said, planned)
    if planned is None:
        return why if why.startswith("it depends on") and why.endswith("which is not installable") else None
    return None if planned.downgraded or any(each.after is None for each in planned.changes) else why


def _archive(folder: Path, paragraphs: Iterable[str], native: str) -> tuple[str, ...]:
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    folder.parent.chmod(0o755)
    (lists / f"{_STEM}_main_binary-{native}_Packages").write_text("\n\n".join(paragraphs) + "\n")
    (lists / f"{_STEM}_Release").write_text(f"Codename: small\nArchitectures: {native}\nComponents: main\n")
    (folder / "sources.list").write_text(_SOURCE)
    said = (
        f"Dir::State::lists={lists}",
        f"Dir::Etc::SourceList={folder / 'sources.list'}",
        "Dir::Etc::SourceParts=/dev/null",
        # Else apt would keep what it made of this instead of what it made of everything.
        "Dir::Cache::pkgcache=",
        "Dir::Cache::srcpkgcache=",
    )
    return tuple(word for each in said for word in ("-o", each))


def _of_archives(shown: str) -> Iterable[str]:
    """The paragraphs that come from an archive's list, as they are."""
    return (each.strip("\n") for each in shown.split("\n\n") if "\nFilename:" in each)


def _may_bring_others(shown: str, installed: Mapping[str, str], native: str) -> bool:
    """Whether a new version recommends what the installed one did not: apt would install that, and here it cannot."""
    before: dict[str, set[str]] = {}
    after: list[tuple[str, set[str]]] = []
    for stanza in stanzas(shown):
        name = spelled(stanza.get("package", ""), stanza.get("architecture", ""), native)
        groups = {without_versions(each) for each in relations(stanza, "recommends")}
        if stanza.get("version") == installed.get(name):
            before[name] = groups
        else:
            after.append((name, groups))
    return any(groups - before.get(name, set()) for name, groups in after)
