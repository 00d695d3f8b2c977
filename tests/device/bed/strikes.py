"""Where in a life of the updater it writes, and how ``strace`` makes just that call fail or be the last one.

A life is recorded once.  A point is a call with the file that it is made for, and the how-many-th of a thread it is:
that finds the same instant again in a later life, although the threads take turns differently.  A full disk is told to
this call and to all later ones for the same file; really full disks are tried elsewhere.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

T = TypeVar("T")
Fault: TypeAlias = Literal["killed", "full", "killed each time"]
FAULTS: tuple[Fault, ...] = ("killed", "full", "killed each time")

_WRITERS = (
    "write pwrite64 writev pwritev ftruncate truncate fallocate fsync fdatasync copy_file_range sendfile mkdir mkdirat"
)
_WRITERS += " rename renameat renameat2 symlink symlinkat link linkat unlink unlinkat rmdir"
WRITERS = tuple(_WRITERS.split())
CALLS = ",".join(f"?{name}" for name in (*WRITERS, "openat"))
"""As ``strace`` takes them, also where a machine does not have some of them."""
_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_FOR_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
_RUN = re.compile(r"/runs/\d{8}T\d{6}-\d\d-updater\.jsonl$")
_OF_EACH = 15
"""Points of one call for one file, if there are so many."""
_SOON = 120
"""Seconds within which a run begins that is struck while it begins: its journal is named by that second."""


@dataclass(frozen=True)
class Point:
    """One instant of a life."""

    index: int
    """The how-many-th call of the life it was when that was recorded."""
    call: str
    path: str
    number: int
    """Of such calls for this path by one thread."""
    before: tuple[tuple[str, int], ...]
    """What its thread had called for this path until then."""

    def __str__(self) -> str:
        return f"{self.call} {self.number} of {self.path}"

    def words(self, fault: Fault, runs: Path) -> Sequence[str]:
        """Options for ``strace``.  ``runs``: where journals lie for us."""
        words = [word for path in _now(self.path, runs) for word in ("-P", path)]
        words += ["-e", f"trace={CALLS}"]
        if fault != "full":
            return [*words, "-e", f"inject={self.call}:signal=KILL:when={self.number}"]
        made = dict(self.before)
        for name in WRITERS if self.call in WRITERS else (self.call,):
            words += ["-e", f"inject=?{name}:error=ENOSPC:when={made.get(name, 0) + 1}+"]
        return words


def _now(path: str, runs: Path) -> Sequence[str]:
    """How a recorded path is spelled in the life that begins now."""
    if not _RUN.search(path):
        return [path]
    folder, there = os.path.dirname(path), sorted(runs.glob("*-updater.jsonl"))  # noqa: PTH120  (a name, no file)
    began = time.time()
    soon = [time.strftime("%Y%m%dT%H%M%S-00-updater.jsonl", time.gmtime(began + second)) for second in range(_SOON)]
    return [f"{folder}/{name}" for name in ([there[-1].name] if there else soon)]


def points(trace: Path, root: Path) -> Sequence[Point]:
    """Where a recorded life wrote below ``root``: of each call for each file the first, some others and the last.

    What is being unpacked counts as one file: else most of all points would lie there.  Files with a name by chance, of
    the cache of answers, are left out: no later life has them.
    """
    made: Counter[tuple[str, str, str]] = Counter()
    reached: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str], list[Point]] = {}
    for index, line in enumerate(trace.read_text(errors="replace").splitlines()):
        matched = _LINE.match(line)
        if not matched:
            continue
        thread, call, rest = matched.groups()
        path = _path(call, rest)
        if not path.startswith(f"{root}/") or path == f"{root}/log" or "/.new-" in path:
            continue
        before = tuple((name, made[thread, name, path]) for name in (*WRITERS, "openat"))
        made[thread, call, path] += 1
        number = made[thread, call, path]
        if number > reached[call, path] and (call != "openat" or _FOR_WRITING.search(rest)):
            # the first thread that gets so far: it is the one which will be struck
            reached[call, path] = number
            file = re.sub(r"(\.unpacking)/.*", r"\1", path)
            found.setdefault((call, file), []).append(Point(index, call, path, number, before))
    chosen = (each for same in found.values() for each in spread(same, _OF_EACH))
    return sorted(chosen, key=lambda each: each.index)


def _path(call: str, rest: str) -> str:
    """The file that a call is made for; nothing where the name is not told in full."""
    if call == "openat" or '"' in rest.partition("<")[0] or rest.startswith("AT_FDCWD"):
        named = re.search(r'"(/[^"]*)"', rest)
    else:
        named = re.match(r"\d+<(/[^>]*)>", rest)
    return named[1] if named else ""


def spread(found: Sequence[T], amount: int) -> list[T]:
    """So many of them, evenly; all if there are fewer."""
    wanted = min(amount, len(found))
    return [found[int((number + 0.5) * len(found) / wanted)] for number in range(wanted)]
