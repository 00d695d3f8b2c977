"""Carrying the owner's data from one release to the next: looks, lets ``model.local_data`` decide, and has it done.

It is called twice: while the old version still runs, which may take its time, and once more after it stopped, when each
millisecond is downtime.  The old tree is only ever read.
"""

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.effects import shipped
from dunebugger_updater.effects.backup import is_environment
from dunebugger_updater.effects.carry_memory import MEMORY_NAME, RACY, Memory, Seen, identity, recall, remember
from dunebugger_updater.effects.durable import saying, sync_tree
from dunebugger_updater.effects.new_tree import STASH_NAME, NewTree
from dunebugger_updater.effects.trees import Look, look_at, walk
from dunebugger_updater.model.local_data import Decision, Entry, Kind, decide, normal
from dunebugger_updater.model.record import RECORD_NAME
from dunebugger_updater.ports import Carried, EffectError

_OURS = frozenset({RECORD_NAME, MEMORY_NAME, STASH_NAME})
_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFLNK: Kind.LINK, stat.S_IFDIR: Kind.DIRECTORY}


class Latest(msgspec.Struct, frozen=True):
    """What this very process did a moment ago: the new tree needs no second look as long as nobody has used it."""

    memory: Memory
    looks: Mapping[str, Look]
    young: frozenset[str]
    """Names that may have changed without looking changed."""
    decision: Decision
    own: tuple[str, ...]

    def changed(
        self, there: Mapping[str, Look], own: tuple[str, ...], known: "Known", new: Collection[str]
    ) -> list[str] | None:
        """What to copy again; ``None`` when there may be something to decide again."""
        if self.own != own or there.keys() != self.looks.keys():
            return None
        looks = self.looks
        changed = sorted({path for path, look in there.items() if looks[path] != look} | self.young)
        for path in changed:
            shipped_too = path in new or (known.old_shipped is not None and path in known.old_shipped)
            if shipped_too or stat.S_IFMT(there[path][0]) != stat.S_IFMT(looks[path][0]):
                return None
        return changed


class Known(msgspec.Struct, frozen=True):
    """What is known before we look at single files."""

    old_shipped: Mapping[str, str] | None
    language: str
    """``sha256`` or git's: how ``old_shipped`` spells a digest."""
    memory: Memory | None
    latest: Latest | None
    index: Look | None = None


class Carrier:
    """Carries over, and remembers in this process what it just did.  ``now``: wall time in ns."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._latest: Latest | None = None
        self._records: dict[tuple[str, Look | None, Look | None], Mapping[str, str] | None] = {}

    async def learn(self, old: Path, new: Path) -> Known:
        """Find out what the old release brought.  Quick when it was found out before."""
        ids = (identity(old), identity(new))
        if ids[0] == ids[1]:
            raise EffectError(f"cannot carry {old} over to {new}: they are the same directory")
        # Believed once: after the second time the new version runs there, and may come back as the new tree again.
        latest, self._latest = self._latest, None
        if latest is not None and (latest.memory.old, latest.memory.new) != ids:
            latest = None
        memory = latest.memory if latest is not None else recall(new)
        if memory is not None and (memory.old, memory.new) != ids:
            memory = None
        record = self._record(old, with_ours=True)
        if record is not None:
            return Known(record, "sha256", memory, latest)
        index = look_at(f"{old}/.git/index")
        if memory is not None and memory.blobs is not None and index is not None and memory.index == index:
            return Known(memory.blobs, shipped.language_of(memory.blobs), memory, latest, index)
        blobs = await shipped.from_git(old)
        return Known(blobs, "sha256" if blobs is None else shipped.language_of(blobs), memory, latest, index)

    def carry(
        self,
        old: Path,
        new: Path,
        known: Known,
        *,
        preserve: Sequence[str],
        heard: Callable[[str, float | None], None],
        stopped: Callable[[], bool] = lambda: False,
    ) -> Carried:
        """Make the new tree hold the new release and the owner's data.  Repeatable at any point."""
        new_shipped = self._record(new, with_ours=False)
        if new_shipped is None:
            raise EffectError(f"cannot carry {old} over to {new}: {new} has no {RECORD_NAME} that says what it shipped")
        try:
            own = tuple(normal(path) for path in preserve)
        except ValueError as error:
            raise EffectError(f"cannot carry {old} over: preserve: {error}") from None
        old, new = (Path(os.path.realpath(each)) for each in (old, new))
        with saying(f"cannot carry {old} over to {new}"):
            if known.memory is None:
                # Only a flushed page is write-protected again: without this, an app that writes through a memory map
                # could change a file later without its time changing.
                sync_tree(old)
            started = self._now()
            there = walk(str(old), _skipping(old))
            tree = NewTree(old, new, new_shipped, known.memory, trusted=known.latest is not None)
            if known.latest and (changed := known.latest.changed(there, own, known, new_shipped)) is not None:
                decision = known.latest.decision
                tree.refresh(decision, changed, there, heard, stopped)
                tree.flush()
                return Carried(kept=decision.kept, copied=tree.copied)
            digests = _digests(old, there, known, new_shipped)
            spelled = _spelled(new, digests, known, new_shipped)
            entries = {
                path: Entry(kind, digests.get(path))
                for path, seen in there.items()
                if (kind := _KINDS.get(stat.S_IFMT(seen[0]))) is not None
            }
            decision = decide(entries, known.old_shipped, spelled, own)
            tree.make(decision, there, heard, stopped, _skipping(new))
            tree.flush()
            if known.memory is None or known.memory.beside != tree.beside:
                memory = _memory(
                    (old, new), known, tree, started=started, there=there, digests=digests, spelled=spelled
                )
                remember(new, memory)
                if known.memory is None:
                    looks = {**there, **tree.copied_looks}
                    young = frozenset(path for path, each in memory.seen.items() if each.look is None)
                    self._latest = Latest(memory, looks, young, decision, own)
        return Carried(kept=decision.kept, copied=tree.copied)

    def _record(self, tree: Path, *, with_ours: bool) -> Mapping[str, str] | None:
        ours = look_at(f"{tree}/{MEMORY_NAME}") if with_ours else None
        key = (str(tree), look_at(f"{tree}/{RECORD_NAME}"), ours)
        if key not in self._records:
            while len(self._records) > 1:
                del self._records[next(iter(self._records))]
            record = shipped.from_record(tree)
            if record is not None and ours is not None and (earlier := recall(tree)) is not None:
                # What we laid beside edited files at the last update is as good as shipped: not the owner's.
                record = {**record, **earlier.beside}
            self._records[key] = record
        return self._records[key]


def _skipping(tree: Path) -> Callable[[str, str], bool]:
    """What is made anew for each release and neither carried nor cleared away: environments, caches, our own notes."""
    environments = {name for name in (".venv", "venv") if is_environment(tree / name)}
    at_root = _OURS | environments

    def skip(folder: str, name: str) -> bool:
        return name == "__pycache__" or name.endswith(".egg-info") or (not folder and name in at_root)

    return skip


def _digests(old: Path, there: Mapping[str, Look], known: Known, new: Mapping[str, str]) -> dict[str, str | None]:
    """Digests of what a release has, or had, too; from memory where the file has not changed since."""
    before = known.memory.seen if known.memory else {}
    found: dict[str, str | None] = {}
    for path in there.keys() & ((known.old_shipped or {}).keys() | new.keys()):
        last = before.get(path)
        if last is not None and last.digest is not None and last.look == there[path]:
            found[path] = last.digest
        elif not stat.S_ISDIR(there[path][0]):
            found[path] = shipped.digest(f"{old}/{path}", known.language)
    return found


def _spelled(
    new: Path, digests: Mapping[str, str | None], known: Known, new_shipped: Mapping[str, str]
) -> Mapping[str, str]:
    """``new_shipped`` with digests as ``old_shipped`` spells them, as far as they will be compared."""
    if known.language == "sha256" or known.old_shipped is None:
        return new_shipped
    before = known.memory.new_blobs if known.memory else {}
    spelled = dict.fromkeys(new_shipped, "")
    for path in new_shipped.keys() & digests.keys():
        if digests[path] != known.old_shipped.get(path):
            stashed = f"{new}/{STASH_NAME}/{path}"
            original = stashed if os.path.lexists(stashed) else f"{new}/{path}"
            spelled[path] = before.get(path) or shipped.digest(original, known.language) or ""
    return spelled


def _memory(
    trees: tuple[Path, Path],
    known: Known,
    tree: NewTree,
    *,
    started: int,
    there: Mapping[str, Look],
    digests: Mapping[str, str | None],
    spelled: Mapping[str, str],
) -> Memory:
    # Where a file was copied after it was first seen, what counts is how it looked then.
    looks = {**there, **{path: look for path, look in tree.copied_looks.items() if path in there}}
    landed = tree.landed()
    git = known.language != "sha256"
    return Memory(
        old=identity(trees[0]),
        new=identity(trees[1]),
        seen={
            path: Seen(
                look if started - max(look[2], look[3]) > RACY else None,
                digests.get(path),
                landed.get(path),
            )
            for path, look in looks.items()
        },
        directories=tree.directories,
        displaced=tree.displaced,
        beside=tree.beside,
        blobs=dict(known.old_shipped) if git and known.old_shipped is not None else None,
        index=known.index,
        new_blobs={path: blob for path, blob in spelled.items() if blob} if git else {},
    )
