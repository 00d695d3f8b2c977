"""Making a freshly unpacked release hold the owner's data too, step by step and repeatable after a cut at any of them.

A file of the release that gives way is moved into a stash inside the tree, never overwritten: so the release's own copy
can come back when the owner's is gone at the second look, and whatever a cut left, the stash says what was whose.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dunebugger_updater.effects import shipped
from dunebugger_updater.effects.carry_memory import Memory
from dunebugger_updater.effects.durable import sync_directory, sync_tree
from dunebugger_updater.effects.trees import Look, copy_directory_looks, copy_file, copy_link, look_at, walk
from dunebugger_updater.model.local_data import Decision
from dunebugger_updater.ports import EffectError

STASH_NAME = ".shipped"
"""In the root of a release: its own copies of what the owner's files displaced."""

_ONE_BY_ONE = 64
"""Up to so many files are flushed singly; beyond, the whole file system at once is quicker on an SD card."""


class NewTree:
    """The new release's directory, on its way to what a ``Decision`` says."""

    def __init__(
        self, old: Path, new: Path, release: Mapping[str, str], memory: Memory | None, *, trusted: bool
    ) -> None:
        self._old = str(old)
        self._new = str(new)
        self._stash = f"{new}/{STASH_NAME}"
        self._release = release
        self._memory = memory
        self._trusted = trusted and memory is not None
        self._singly = False
        self._touched: set[str] = set()
        self._carried: frozenset[str] = frozenset()
        self.copied = 0
        self.copied_looks: dict[str, Look] = {}
        """How each copied file looked before its first byte was read."""
        self.directories: tuple[str, ...] = ()
        self.displaced: frozenset[str] = frozenset()
        self.beside: dict[str, str] = {}

    def make(
        self,
        decision: Decision,
        there: Mapping[str, Look],
        heard: Callable[[str, float | None], None],
        stopped: Callable[[], bool],
        skip: Callable[[str, str], bool],
    ) -> None:
        """Do what ``decision`` says.  ``there`` is the old tree as it was seen."""
        self._carried = decision.carry
        self.directories = decision.directories
        self.displaced = decision.displaced
        mine = None if self._trusted else walk(self._new, skip)
        self._set_aside(decision)
        self._clear(decision, mine)
        self._bring_back(decision)
        self._make_directories(decision, there)
        self._copy(self._to_copy(decision, there, mine), there, heard, stopped)
        self._lay_beside(decision)
        self._dress_directories(there)

    def refresh(
        self,
        decision: Decision,
        changed: Sequence[str],
        there: Mapping[str, Look],
        heard: Callable[[str, float | None], None],
        stopped: Callable[[], bool],
    ) -> None:
        """The same decision as the last time, and nobody was here since: only ``changed`` needs doing."""
        self.beside = dict(self._memory.beside) if self._memory else {}
        self._copy([path for path in changed if path in decision.carry], there, heard, stopped)
        touched = sorted(self._touched | set(changed))
        self._dress_directories({path: there[path] for path in touched if path in there})

    def flush(self) -> None:
        """Put all that was done on the disk."""
        if self._touched and not self._singly:
            sync_tree(Path(self._new))
            return
        for folder in sorted(self._touched):
            path = Path(self._new, folder)
            if path.is_dir():
                sync_directory(path)

    def landed(self) -> dict[str, Look]:
        """How our copies look now."""
        looks = ((path, look_at(f"{self._new}/{path}")) for path in self._carried)
        return {path: look for path, look in looks if look is not None}

    def _touch(self, path: str) -> None:
        self._touched.add(path.rpartition("/")[0])

    def _set_aside(self, decision: Decision) -> None:
        if self._trusted and self._memory and self._memory.displaced == decision.displaced:
            return
        for path in sorted(decision.displaced):
            here, stashed = Path(self._new, path), Path(self._stash, path)
            # Only the release's own content is worth the stash: after a cut it could be anything.
            if (
                not os.path.lexists(stashed)
                and not self._leads_out(path)
                and shipped.digest(str(here), "sha256") == self._release[path]
            ):
                self._make_stash(stashed.parent)
                here.rename(stashed)
                self._touch(path)
                self._touch(f"{STASH_NAME}/{path}")

    def _make_stash(self, directory: Path) -> None:
        """Make a folder of the stash; like all that lies in a release it belongs to the release's owner."""
        missing = [each for each in (directory, *directory.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir()
            if os.geteuid() == 0:
                owner = Path(self._new).stat()
                os.chown(each, owner.st_uid, owner.st_gid)

    def _clear(self, decision: Decision, mine: Mapping[str, Look] | None) -> None:
        """Remove what is neither the release's nor carried (any more)."""
        if mine is None:
            assert self._memory is not None  # noqa: S101  (see _trusted)
            mine = {path: each.landed for path, each in self._memory.seen.items() if each.landed is not None}
            mine |= dict.fromkeys(self._memory.beside, (0, 0, 0, 0, 0))
        wanted = (self._release.keys() - decision.displaced) | decision.carry | set(decision.beside.values())
        for path, look in mine.items():
            if path not in wanted and not stat.S_ISDIR(look[0]):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    Path(self._new, path).unlink()
                    self._touch(path)
        if self._memory is not None:
            for path in sorted(set(self._memory.directories) - set(decision.directories), reverse=True):
                with contextlib.suppress(OSError):  # not empty: the release has files there
                    if not self._leads_out(path):
                        Path(self._new, path).rmdir()
                        self._touch(path)

    def _bring_back(self, decision: Decision) -> None:
        if self._trusted and self._memory and self._memory.displaced == decision.displaced:
            return
        if not os.path.lexists(self._stash):
            return
        for path, look in walk(self._stash, lambda _folder, _name: False).items():
            if not stat.S_ISDIR(look[0]) and path not in decision.displaced:
                here = Path(self._new, path)
                self._make_way(here)
                self._make_folders(path)
                Path(self._stash, path).rename(here)
                self._touch(path)
                self._touch(f"{STASH_NAME}/{path}")

    def _make_directories(self, decision: Decision, there: Mapping[str, Look]) -> None:
        made = set(self._memory.directories) if self._trusted and self._memory else set()
        for path in decision.directories:
            if path not in made and path in there:
                here = Path(self._new, path)
                if here.is_symlink() or not here.is_dir():
                    here.unlink(missing_ok=True)
                    self._make_folders(path)
                    here.mkdir(0o700)
                    self._touch(path)
                    self._touched.add(path)

    def _to_copy(self, decision: Decision, there: Mapping[str, Look], mine: Mapping[str, Look] | None) -> list[str]:
        if self._memory is None:
            return sorted(decision.carry)
        seen = self._memory.seen
        changed = []
        for path in decision.carry:
            last = seen.get(path)
            if (
                last is None
                or last.landed is None
                or last.look != there[path]
                or (mine is not None and mine.get(path) != last.landed)
            ):
                changed.append(path)
        return sorted(changed)

    def _copy(
        self,
        paths: list[str],
        there: Mapping[str, Look],
        heard: Callable[[str, float | None], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._singly = self._memory is not None and len(paths) <= _ONE_BY_ONE
        total = sum(there[path][1] for path in paths) or 1
        done = 0
        for number, path in enumerate(paths):
            if stopped():
                raise EffectError(f"cannot carry {self._old} over to {self._new}: stopped")
            if number % 200 == 0:
                heard(f"{number} of {len(paths)} files of yours carried over", done / total)
            source, target = Path(self._old, path), Path(self._new, path)
            self._make_way(target)
            with contextlib.suppress(FileNotFoundError):  # the app removed it meanwhile: the next time settles it
                if stat.S_ISLNK(there[path][0]):
                    look: Look | None = copy_link(source, target)
                else:
                    look = copy_file(source, target, flush=self._singly)
                if look is not None:
                    self.copied_looks[path] = look
                    self.copied += 1
            self._touch(path)
            done += there[path][1]

    def _lay_beside(self, decision: Decision) -> None:
        before = self._memory.beside if self._memory else {}
        for path, name in decision.beside.items():
            stashed, target = Path(self._stash, path), Path(self._new, name)
            if not os.path.lexists(stashed):
                continue
            self.beside[name] = self._release[path]
            if before.get(name) == self._release[path] and os.path.lexists(target):
                continue
            self._make_way(target)
            self._make_folders(name)
            copy_file(stashed, target, flush=self._singly)
            self._touch(name)

    def _dress_directories(self, there: Mapping[str, Look]) -> None:
        """Owner and mode as they were in the old tree, and for what we wrote into, its times as well."""
        before = self._memory.seen if self._memory else {}
        folders = [path for path, look in there.items() if stat.S_ISDIR(look[0])]
        for path in ["", *folders]:
            last = before.get(path)
            if path not in self._touched and last is not None and last.look == there.get(path):
                continue
            source, target = Path(self._old, path), Path(self._new, path)
            if target.is_symlink() or not target.is_dir():
                continue
            with contextlib.suppress(FileNotFoundError):
                copy_directory_looks(source, target)
                if path and path in self._touched:
                    status = source.stat()
                    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _make_folders(self, path: str) -> None:
        folder = Path(self._new, path).parent
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir()
            self._touched.add(str(each.relative_to(self._new)))
            self._touch(str(each.relative_to(self._new)))

    def _leads_out(self, path: str) -> bool:
        """Whether a link stands on the way: what is behind it is the owner's, wherever that may be."""
        here = Path(self._new, path).parent
        while here != Path(self._new):
            if here.is_symlink():
                return True
            here = here.parent
        return False

    @staticmethod
    def _make_way(path: Path) -> None:
        """Where a file comes, no directory may stand; all that it held was set aside or cleared."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
