"""Asking apt and dpkg, one question a method: which words, within which time, and read into what.

Only programs that compute or print are run here, so it works without root, and while others hold dpkg's lock.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dunebugger_updater.effects.apt_age import text
from dunebugger_updater.effects.apt_pending import read_links
from dunebugger_updater.effects.apt_plans import HOW, Planned, read_plan
from dunebugger_updater.effects.apt_sentences import sentence
from dunebugger_updater.effects.apt_words import (
    DPKG_FORMAT,
    Archive,
    Here,
    Known,
    read_archives,
    read_audit,
    read_installed,
    read_known,
    read_marks,
)
from dunebugger_updater.effects.commands import Finished, run
from dunebugger_updater.model.packages import Package, is_package_name
from dunebugger_updater.ports import EffectError
from dunebugger_updater.ports.together import side_by_side

LIMIT = 120.0
"""Seconds for one question: a board with little memory needs many of them to compute a plan."""
_LONG = 64 * 1024**2
"""Bytes of output that are kept: what was cut off would be packages that nobody hears of."""
_MOST_AT_ONCE = 4
_FEW = 500
"""So many names are not worth another process."""
_VERSION = re.compile(r"[0-9A-Za-z.+~:-]*[0-9A-Za-z.~]")
"""Debian Policy 5.6.12, without those that end in what apt could read as a verb."""


class Asking:
    """``root``: whose packages; ``options``: words that each call of apt gets besides."""

    def __init__(self, root: Path, options: Sequence[str]) -> None:
        self.root = root
        self.admin = root / "var/lib/dpkg"
        elsewhere = root != Path("/")
        whose = ("-o", f"Dir={root}", "-o", f"Dir::State::status={self.admin / 'status'}") if elsewhere else ()
        self._apt = (*whose, *options)
        self._dpkg = (f"--admindir={self.admin}",) if elsewhere else ()
        self._native: str | None = None

    async def here(self) -> Here:
        """Ask dpkg what is installed; apt's marks are read from its file, since asking apt takes it half a second."""
        argv = ("dpkg-query", *self._dpkg, "--show", f"--showformat={DPKG_FORMAT}")
        async with side_by_side() as group:
            asked = group.create_task(self.native())
            told = group.create_task(self._ask(argv, "cannot read which packages are installed"))
            marks = group.create_task(asyncio.to_thread(text, self.root / "var/lib/apt/extended_states"))
        native = asked.result()
        return read_installed(told.result().out, read_marks(marks.result(), native), native)

    async def native(self) -> str:
        """Answer this device's architecture as dpkg calls it: the kernel's may be another one."""
        if self._native is None:
            told = await self._ask(("dpkg", "--print-architecture"), "cannot ask dpkg for this architecture")
            self._native = told.out.strip()
        return self._native

    async def half_done(self) -> tuple[str, ...]:
        """Ask dpkg what is not as it should be."""
        return read_audit((await self._ask(("dpkg", *self._dpkg, "--audit"), "cannot ask dpkg what is half done")).out)

    async def known(self, names: Iterable[str]) -> dict[str, Known]:
        """Ask apt which versions there are of these installed packages."""
        asked = sorted(name for name in names if is_package_name(name))
        # Each name takes apt a tenth of a millisecond and more, one after another: so its processors share them.
        many = min(_MOST_AT_ONCE, os.cpu_count() or 1, 1 + len(asked) // _FEW)
        async with side_by_side() as group:
            parts = [group.create_task(self._known(asked[part::many])) for part in range(many)]
        return {name: known for part in parts for name, known in part.result().items()}

    async def _known(self, names: Sequence[str]) -> dict[str, Known]:
        if not names:
            return {}
        return read_known((await self._ask(self._cache("policy", *names), "cannot read the package lists")).out)

    async def archives(self) -> dict[str, Archive]:
        """Ask apt whose lists there are."""
        return read_archives((await self._ask(self._cache("policy"), "cannot read the package lists")).out)

    async def shown(self, versions: Iterable[tuple[str, str]]) -> str:
        """Ask apt what the lists, and dpkg, say about these versions."""
        asked = [f"{name}={version}" for name, version in versions if is_version(version)]
        if not asked:
            return ""
        return (await self._ask(self._cache("show", *asked), "cannot read the package lists", may_fail=True)).out

    async def offered(self, names: Iterable[str]) -> str:
        """Ask apt what has these names, and who provides them (``apt-cache showpkg``)."""
        asked = sorted(name for name in names if is_package_name(name))
        if not asked:
            return ""
        return (await self._ask(self._cache("showpkg", *asked), "cannot read the package lists", may_fail=True)).out

    async def links(self) -> Mapping[str, str]:
        """Ask apt where publishers keep their changelogs."""
        argv = ("apt-config", *self._apt, "dump", "Acquire::Changelogs::URI")
        return read_links((await self._ask(argv, "cannot read apt's configuration", may_fail=True)).out)

    async def plan(self, words: Sequence[str], installed: Mapping[str, str]) -> tuple[str, Planned | None]:
        """Have apt-get compute what it would do; what it said, and ``None`` when it finds no way."""
        argv = ("apt-get", *self._apt, *HOW, *words)
        told = await self._ask(argv, "cannot ask apt-get for a plan", may_fail=True)
        said = f"{told.out}\n{told.err}"
        return said, read_plan(told.out, installed, await self.native()) if told.code == 0 else None

    def _cache(self, *words: str) -> tuple[str, ...]:
        return ("apt-cache", *self._apt, *words)

    async def _ask(self, argv: Sequence[str], cannot: str, *, may_fail: bool = False) -> Finished:
        if shutil.which(argv[0]) is None:
            raise EffectError(f"{cannot}: there is no {argv[0]} on this device, so it is no Debian, or a damaged one")
        told = await run(argv, limit=LIMIT, keep=_LONG)
        if told.code != 0 and not may_fail:
            raise EffectError(sentence(cannot, f"{told.out[-_SHOWN:]}\n{told.err}"))
        return told


_SHOWN = 20_000


def is_version(version: str) -> bool:
    """Whether this can be a version, and apt cannot read anything else into it."""
    return _VERSION.fullmatch(version) is not None


def words(wanted: Mapping[str, str], installed: Mapping[str, Package]) -> list[str]:
    """Answer ``name=version`` for each; nothing else ever reaches apt's command line.

    ``EffectError`` for a name that is not the name of an installed package: apt reads ``bash-`` as "remove bash".
    """
    for name, version in wanted.items():
        if not is_package_name(name) or name not in installed:
            raise EffectError(f"cannot look at {name[:80]!r}: no package of that name is installed")
        if not is_version(version):
            raise EffectError(f"cannot look at {name} {version[:80]!r}: that is no version apt would take as one")
    return [f"{name}={version}" for name, version in sorted(wanted.items())]
