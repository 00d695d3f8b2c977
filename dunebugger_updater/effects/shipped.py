"""What a release brought: read from the record that we wrote when unpacking it, or learned from git's index.

A digest is spelled ``sha256`` in hex for a record, and as git's blob id where the old tree is a clone.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dunebugger_updater.effects.commands import KEPT_OUTPUT, Owner, run
from dunebugger_updater.effects.durable import saying
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.model.record import RECORD_NAME, ReleaseRecord
from dunebugger_updater.ports import EffectError

_LIMIT = 60.0
_SHA1_LENGTH = 40


def from_record(tree: Path) -> Mapping[str, str] | None:
    """Path to sha256 of all that a release brought; ``None`` when the tree has no record."""
    record = tree / RECORD_NAME
    try:
        with saying(f"cannot read {record}"):
            return from_json(record.read_bytes(), ReleaseRecord).files
    except msgspec.DecodeError as error:
        raise EffectError(f"cannot read {record}: {error}") from None
    except EffectError as error:
        if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
            return None
        raise


async def from_git(tree: Path) -> Mapping[str, str] | None:
    """Path to blob id of all that git has in its index; ``None`` when it is no clone or git cannot tell."""
    if not os.path.lexists(tree / ".git"):
        return None
    with saying(f"cannot look at {tree}"):
        status = tree.stat()
    owner = Owner(status.st_uid, status.st_gid) if os.geteuid() == 0 else None
    found: dict[str, str] = {}
    try:
        await _list(tree, None, owner, found)
    except EffectError:
        return None
    return found


async def _list(tree: Path, below: str | None, owner: Owner | None, found: dict[str, str]) -> None:
    done = await run(
        [
            "git",
            *("-c", "safe.directory=*"),
            # A clone may name a program to ask about changes; nobody's configuration starts programs through us.
            *("-c", "core.fsmonitor=false"),
            *("-C", str(tree), "ls-files", "-s", "-z", "--"),
            *(() if below is None else (f":(top,literal){below}",)),
        ],
        limit=_LIMIT,
        environment={"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"},
        owner=owner,
    )
    if done.code != 0:
        raise EffectError(f"cannot ask git about {tree}: {done.last_words}")
    if len(done.out.encode(errors="replace")) < KEPT_OUTPUT:
        for line in done.out.split("\0"):
            about, tab, path = line.partition("\t")
            mode, _, rest = about.partition(" ")
            if tab and mode != "160000":
                found[path] = rest.split(" ")[0]
        return
    # Only the end of so long a list was kept: ask folder by folder.
    here = tree if below is None else tree / below
    if not here.is_dir():
        raise EffectError(f"cannot ask git about {here}: its answer is too long")
    for name in sorted(os.listdir(here)):  # noqa: PTH208  (names are asked for)
        if name != ".git":
            await _list(tree, name if below is None else f"{below}/{name}", owner, found)


def digest(path: str, language: str) -> str | None:
    """The content of a file or link in the ``language`` of a record or of git; ``None`` when it has none."""
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            content = os.fsencode(os.readlink(path))  # noqa: PTH115  (as written)
            return _blob(content, language) if language.startswith("git") else None
        if not stat.S_ISREG(status.st_mode):
            return None
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:  # noqa: PTH123  (a descriptor has no Path)
            if language.startswith("git"):
                return _blob(stream.read(), language)
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def language_of(blobs: Mapping[str, str]) -> str:
    """Which digest a git index speaks: clones made with ``--object-format=sha256`` have longer ids."""
    return "git-sha256" if any(len(each) != _SHA1_LENGTH for each in blobs.values()) else "git-sha1"


def _blob(content: bytes, language: str) -> str:
    # gitformat-object: the id of a blob is the hash of a header and its content.  An identity, not a protection.
    hashed = hashlib.new(language.removeprefix("git-"), usedforsecurity=False)
    hashed.update(b"blob %d\0" % len(content) + content)
    return hashed.hexdigest()
