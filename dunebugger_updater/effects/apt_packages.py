"""The port ``Packages``: what apt and dpkg say about this device, read and never changed."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from dunebugger_updater.effects import apt_age, apt_debs, apt_small
from dunebugger_updater.effects.apt_asking import Asking, is_version, words
from dunebugger_updater.effects.apt_memo import Remembered
from dunebugger_updater.effects.apt_pending import explained, origins, pending, phased_words, why_security_unknown
from dunebugger_updater.effects.apt_plans import EXPLAINED, UPGRADE, alone, why_kept
from dunebugger_updater.effects.apt_restarts import reboot, stale_services
from dunebugger_updater.effects.apt_sentences import sentence
from dunebugger_updater.effects.apt_words import Archive, Here, Known, read_records
from dunebugger_updater.model.packages import Change, Inventory, Package, Pending, is_package_name
from dunebugger_updater.ports import EffectError
from dunebugger_updater.ports.together import side_by_side

T = TypeVar("T")

_CACHE = "var/cache/apt/archives"
_AT_A_TIME = 2
_NEVER = "the package lists were never fetched on this device; a check fetches them, or apt-get update"


class _Answer(msgspec.Struct, frozen=True):
    """What apt would do if it was told to upgrade everything."""

    why: Mapping[str, str] = {}
    """Why it would leave a package."""
    new: tuple[Change, ...] = ()
    trouble: str | None = None
    """Why it would do nothing at all."""


class _Pending(msgspec.Struct, frozen=True):
    """What there is to an inventory that comes from apt and dpkg alone."""

    installed: Mapping[str, str]
    packages: tuple[Pending, ...]
    new: tuple[Change, ...]
    security_unknown: str | None
    trouble: str | None


def _is_whole(told: _Pending) -> bool:
    return told.trouble is None


class AptPackages:
    """Asks apt and dpkg.  ``root``: whose packages; ``options``: words that each call of apt gets besides."""

    def __init__(self, root: Path = Path("/"), options: Sequence[str] = ()) -> None:
        self._root = root
        self._asking = Asking(root, options)
        self._here: Remembered[Here] = Remembered()
        self._pending: Remembered[_Pending] = Remembered()
        self._plans: Remembered[tuple[Change, ...]] = Remembered()
        self._sources: Remembered[Mapping[str, str]] = Remembered()

    async def inventory(self) -> Inventory:
        state = await self._state()
        async with side_by_side() as group:
            asked = group.create_task(self._pending.answer(state, None, self._ask_pending, keep=_is_whole))
            broken = group.create_task(self.broken())
        told = asked.result()
        around = await asyncio.to_thread(_look_around, self._root, told.installed)
        return msgspec.structs.replace(
            around,
            packages=told.packages,
            new=told.new,
            security_known=told.security_unknown is None,
            security_unknown=told.security_unknown,
            broken=(*broken.result(), *((told.trouble,) if told.trouble else ())),
        )

    async def _is_here(self) -> Here:
        return await self._here.answer(await self._state(), None, self._asking.here)

    async def _state(self) -> tuple[object, ...]:
        return await asyncio.to_thread(apt_age.inputs, self._root)

    async def _ask_pending(self) -> _Pending:
        async with side_by_side() as group:
            lists = group.create_task(self._asking.archives())
            here = await self._is_here()
            installed = {name: each.version for name, each in here.packages.items()}
            known = await self._asking.known(installed)
        archives = lists.result()
        waiting = pending(here, known, archives)
        async with side_by_side() as group:
            versions = ((each.name, which) for each in waiting for which in (each.installed, each.candidate))
            show = group.create_task(self._asking.shown(versions))
            links = group.create_task(self._asking.links())
        answer = await self._answer(waiting, known, installed, show.result())
        records = read_records(show.result(), await self._asking.native())
        packages = explained(waiting, answer.why, records, links.result(), archives)
        return _Pending(installed, packages, answer.new, why_security_unknown(archives), answer.trouble)

    async def installed(self) -> Mapping[str, Package]:
        return (await self._is_here()).packages

    async def release(self) -> str:
        return await asyncio.to_thread(apt_age.release, self._root)

    async def broken(self) -> Sequence[str]:
        async with side_by_side() as group:
            audit = group.create_task(self._asking.half_done())
            journal = group.create_task(asyncio.to_thread(apt_age.journal, self._root))
        half, records = audit.result(), journal.result()
        if records == 0:
            return half
        where = self._root / "var/lib/dpkg/updates"
        words_ = f"dpkg is at work or was interrupted ({records} unfinished records in {where})"
        return (*half, f"{words_}: when nothing else runs, dpkg --configure -a finishes them")

    async def simulate(self, wanted: Mapping[str, str]) -> Sequence[Change]:
        if not wanted:
            return ()
        question = frozenset(wanted.items())
        return await self._plans.answer(await self._state(), question, partial(self._simulate, wanted))

    async def _simulate(self, wanted: Mapping[str, str]) -> tuple[Change, ...]:
        here = await self._is_here()
        installed = {name: each.version for name, each in here.packages.items()}
        named = ("--only-upgrade", "install", *words(wanted, here.packages))
        async with side_by_side() as group:
            asked = group.create_task(self._versions(wanted))
            shown = await self._asking.shown(
                (name, each) for name in wanted for each in (installed[name], wanted[name])
            )
            planned = await apt_small.exact(self._asking, shown, named, wanted, installed)
            said = ""
            if planned is None:
                said, planned = await self._asking.plan(named, installed)
        if planned is None:
            raise EffectError(sentence("cannot plan this change of packages", said))
        known, archives = asked.result()
        known = {**known, **await self._asking.known(each.name for each in planned.changes if each.name not in known)}
        return tuple(_with_origins(each, known.get(each.name), archives) for each in planned.changes)

    async def kept_from(self, wanted: Mapping[str, str], directory: Path) -> Mapping[str, str]:
        repack = shutil.which("dpkg-repack") is not None
        state = await self._state(), await asyncio.to_thread(apt_age.debs, directory, self._root / _CACHE)
        question = frozenset(wanted.items()), directory, repack
        return await self._sources.answer(state, question, partial(self._kept_from, wanted, directory, repack=repack))

    async def _kept_from(self, wanted: Mapping[str, str], directory: Path, *, repack: bool) -> Mapping[str, str]:
        here = await self._is_here()
        known, archives = await self._versions(name for name in wanted if name in here.packages)
        native = await self._asking.native()

        async def source(name: str, version: str) -> str | None:
            if not is_package_name(name) or not is_version(version):
                return None
            if await _lies_in(directory, name, version, native):
                return "kept"
            if await _lies_in(self._root / _CACHE, name, version, native):
                return "cache"
            there = [each for each in known[name].versions if each.version == version] if name in known else []
            if any(place in archives for each in there for place in each.places):
                return "archive"
            same = name in here.packages and here.packages[name].version == version
            return "repack" if repack and same else None

        found = await _some_at_a_time([partial(source, name, version) for name, version in wanted.items()])
        return {name: place for name, place in zip(wanted, found, strict=True) if place is not None}

    async def _versions(self, names: Iterable[str]) -> tuple[Mapping[str, Known], Mapping[str, Archive]]:
        async with side_by_side() as group:
            known = group.create_task(self._asking.known(names))
            archives = group.create_task(self._asking.archives())
        return known.result(), archives.result()

    # --- why something is kept back ---

    async def _answer(
        self,
        waiting: Sequence[Pending],
        known: Mapping[str, Known],
        installed: Mapping[str, str],
        shown: str,
    ) -> _Answer:
        """Ask apt what it would keep back."""
        if not waiting:
            return _Answer()
        open_ = [each for each in waiting if each.kept_back is None]
        said, guessed = "", ""
        early: str | None = None
        short = await apt_small.plan(self._asking, shown, {each.name: each.candidate for each in open_}, installed)
        planned = short.planned
        if planned is None:
            guess = next((each for each in open_ if each.name in short.left), None)
            async with side_by_side() as group:
                whole = group.create_task(self._asking.plan(UPGRADE, installed))
                if guess is not None:  # most often it is kept back indeed, and then nobody waits for why
                    asked = group.create_task(self._why(guess, known[guess.name], installed, ask=True))
            said, planned = whole.result()
            guessed, early = (guess.name, asked.result()) if guess is not None else ("", None)
        if planned is None:
            trouble = sentence("cannot upgrade anything", said)
            return _Answer({each.name: "apt cannot upgrade anything as things are" for each in waiting}, (), trouble)
        taken = {each.name for each in planned.changes}
        kept = [each for each in open_ if each.name in planned.kept or each.name not in taken]
        sure = {each.name: phased_words(known[each.name], each.candidate) or short.why.get(each.name) for each in kept}
        unsure = [each for each in kept if sure[each.name] is None]
        reasons = await _some_at_a_time(
            [
                partial(self._why, each, known[each.name], installed, ask=number < EXPLAINED)
                for number, each in enumerate(unsure)
                if each.name != guessed
            ]
        )
        others = (each.name for each in unsure if each.name != guessed)
        why = {name: words_ for name, words_ in sure.items() if words_ is not None}
        why |= zip(others, reasons, strict=True)
        if early is not None and any(each.name == guessed for each in kept):
            why[guessed] = early
        return _Answer(
            why,
            tuple(each for each in planned.changes if each.before is None),
        )

    async def _why(self, each: Pending, known: Known, installed: Mapping[str, str], *, ask: bool) -> str:
        phased = phased_words(known, each.candidate)
        if phased is not None:
            return phased
        if not ask or not is_package_name(each.name) or not is_version(each.candidate):
            return "apt keeps it back, as it does many others here"
        said, planned = await self._asking.plan(alone(each.name, each.candidate), installed)
        return why_kept(each.name, said, planned)


def _look_around(root: Path, installed: Mapping[str, str]) -> Inventory:
    """Answer what files tell without any program."""
    needed, by = reboot(root, installed)
    return Inventory(
        checked_at=apt_age.checked_at(root),
        reboot_required=needed,
        reboot_packages=by,
        stale_services=stale_services(root),
        problem=None if apt_age.fetched(root) else _NEVER,
        release=apt_age.release(root),
    )


def _with_origins(change: Change, known: Known | None, archives: Mapping[str, Archive]) -> Change:
    if known is None or change.after is None:
        return change
    places = [place for each in known.versions if each.version == change.after for place in each.places]
    return msgspec.structs.replace(change, origins=origins(places, archives))


async def _lies_in(directory: Path, name: str, version: str, native: str) -> bool:
    """Whether a directory has the .deb of exactly this version; what a file says inside counts, not its name."""
    package, _, architecture = name.partition(":")
    fits = {architecture} if architecture else {native, "all"}
    for file in await asyncio.to_thread(lambda: sorted(directory.glob(apt_debs.pattern(name, version)))):
        told = await apt_debs.fields(file)
        if told is not None and (told[0], told[1]) == (package, version) and told[2] in fits:
            return True
    return False


async def _some_at_a_time(asked: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Ask several at once, but not all: each is a process of its own on perhaps two cores."""
    room = asyncio.Semaphore(_AT_A_TIME)

    async def one(ask: Callable[[], Awaitable[T]]) -> T:
        async with room:
            return await ask()

    async with side_by_side() as group:
        answers = [group.create_task(one(ask)) for ask in asked]
    return [each.result() for each in answers]
