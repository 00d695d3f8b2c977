"""A short cut to apt's plan: ask it about an archive that has nothing but the versions in question.

Most of the time that apt takes goes into sixty thousand packages that nobody asked about.  When the pending versions
alone fit together with what is installed, apt takes them all, and it would with everything else in sight as well.  When
anything is kept back here, or something new might come along, that says nothing: then apt is asked about everything.
"""

import asyncio
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from dunebugger_updater.effects.apt_asking import Asking
from dunebugger_updater.effects.apt_plans import UPGRADE, Planned
from dunebugger_updater.effects.apt_words import spelled, stanzas

_STEM = "small.invalid_dists_small"
"""How apt names the lists of the source below."""
_SOURCE = "deb [trusted=yes] http://small.invalid small main\n"
"""Never fetched from: its lists are there already, and they are only looked at."""
_VERSIONS = re.compile(r" ?\([^)]*\)")


class Short(msgspec.Struct, frozen=True):
    """What the short cut told."""

    planned: Planned | None = None
    left: frozenset[str] = frozenset()
    """Without a plan: what may well be kept back.  A guess, good for asking early and for nothing else."""


async def plan(asking: Asking, shown: str, wanted: frozenset[str], installed: Mapping[str, str]) -> Short:
    """Answer apt's plan when it takes everything ``wanted`` and nothing else; none when this cannot be told so.

    ``shown``: what ``apt-cache show`` said about the installed and the wanted versions.
    """
    native = await asking.native()
    if not wanted or _may_bring_others(shown, installed, native):
        return Short()
    try:
        with tempfile.TemporaryDirectory(prefix="dunebugger-updater-") as folder:
            options = await asyncio.to_thread(_archive, Path(folder), shown, native)
            _, planned = await asking.plan((*options, *UPGRADE), installed)
    except OSError:
        return Short()  # no room for it: the long way needs none
    if planned is None:
        return Short()
    taken = {each.name for each in planned.changes}
    if taken != wanted or not all(each.before and each.after for each in planned.changes):
        return Short(left=wanted - taken)
    return Short(planned)


def _archive(folder: Path, shown: str, native: str) -> tuple[str, ...]:
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    folder.chmod(0o755)
    (lists / f"{_STEM}_main_binary-{native}_Packages").write_text("\n\n".join(_of_archives(shown)) + "\n")
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
        groups = {_VERSIONS.sub("", each).strip() for each in stanza.get("recommends", "").split(",") if each.strip()}
        if stanza.get("version") == installed.get(name):
            before[name] = groups
        else:
            after.append((name, groups))
    return any(groups - before.get(name, set()) for name, groups in after)
