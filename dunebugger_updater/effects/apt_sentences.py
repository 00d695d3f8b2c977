"""What apt and dpkg print when they fail, as one sentence for a person: what is wrong, and what to do about it.

They are read with a fixed locale.  What is not known here is told in their own words.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

_HELD = re.compile(r"Could not get lock (\S+?)\. It is held by process (\d+) \(([^)\n]*)\)")
_HELD_DPKG = re.compile(r"dpkg: error: dpkg .*lock was locked by another process with pid (\d+)")
_HELD_BY_WHOM = re.compile(r"Unable to acquire the dpkg frontend lock \((\S+?)\), is another process")
_SCRIPT = re.compile(r"^dpkg: error processing (?:package|archive) (\S+) \(--\w+\):\n (.+)$", re.MULTILINE)
_WHERE_FULL = re.compile(r"free space in (\S+?)\.?$|to '([^']+)': failed to write|(/\S+) \(28: No space", re.MULTILINE)
_SHOWN = 3
_LONGEST = 300
_CHATTER = ("(Reading", "Preparing", "Unpacking", "Setting up", "Processing", "debconf: delaying", "$ ", "pm")
_AFTERMATH = (
    "needrestart is being skipped",
    "Errors were encountered",
    "E: Sub-process",
    "W: ",
    "/usr/lib/needrestart",
)

NO_ROOT = "sudo required: run this as root or with sudo"


class Lock(msgspec.Struct, frozen=True):
    """A lock that somebody else holds."""

    file: str
    pid: int | None = None
    name: str = ""

    @property
    def holder(self) -> str:
        """Who, as far as it is known."""
        if self.pid is None:
            return "another program"
        return f"{self.name} (process {self.pid})" if self.name else f"process {self.pid}"


def lock_held(said: str) -> Lock | None:
    """The lock that was in the way, or ``None`` when it was something else."""
    if found := _HELD.search(said):
        return Lock(found[1], int(found[2]), found[3])
    if found := _HELD_DPKG.search(said):
        return Lock("/var/lib/dpkg/lock-frontend", int(found[1]))
    if found := _HELD_BY_WHOM.search(said):
        return Lock(found[1])
    return None


def locked(lock: Lock, tries: int) -> str:
    """The sentence for a lock that was not given up."""
    return (
        f"cannot change packages: {lock.holder} holds {lock.file}, and still did after {tries} tries; "
        "wait until it has ended, then try again"
    )


def sentence(cannot: str, said: str, room: Callable[[Path], str] = lambda _: "") -> str:
    """``cannot`` (as "cannot upgrade packages"), then why, and what to do.  ``room``: how much is free somewhere."""
    for pattern, say in _RULES:
        if found := re.search(pattern, said, re.MULTILINE):
            return f"{cannot}: {say(found, said) if callable(say) else found.expand(say)}"
    if re.search("No space left on device|enough free space", said):
        return f"{cannot}: {_full(said, room)}"
    if (script := failed_script(said)) is not None:
        return f"{cannot}: {script}; dpkg --audit tells what it left half done"
    return f"{cannot}: {_own_words(said)}"


def failed_script(said: str) -> str | None:
    """The package whose script or unpacking failed, why, and the last lines that it printed."""
    found = list(_SCRIPT.finditer(said))
    if not found:
        return None
    first = found[0]
    name = _package(first[1])
    told = [line.strip() for line in said[: first.start()].splitlines()[-_SHOWN:]]
    last = [line for line in told if line and not line.startswith(_CHATTER)]
    because = f"; it said: {' / '.join(last)[:_LONGEST]}" if last else ""
    others = sorted({_package(each[1]) for each in found[1:]} - {name})
    more = f"; {', '.join(others[:_SHOWN])} failed too" if others else ""
    return f"{name}: {first[2].strip()[:_LONGEST]}{because}{more}"


def _package(text: str) -> str:
    """A package's name, also where dpkg names its file."""
    return Path(text).name.partition("_")[0] if "/" in text else text


def _unmet(_: re.Match[str], said: str) -> str:
    after = said.partition("unmet dependencies:")[2]
    needs = [re.sub(r"\s+", " ", line.strip()) for line in after.splitlines() if line.startswith(" ") and ":" in line]
    about = "; ".join(needs[:_SHOWN])[:_LONGEST] or "apt does not say which"
    return f"dependencies are broken ({about}); apt-get -f install may mend them"


def _full(said: str, room: Callable[[Path], str]) -> str:
    found = _WHERE_FULL.search(said)
    place = next((each for each in found.groups() if each), None) if found else None
    if place is None:
        return "the disk is full; df -h tells which file system; make room, then try again"
    return f"the disk is full at {place}{room(Path(place))}; make room, then try again"


def _own_words(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
    rest = [line for line in lines if not line.startswith((*_CHATTER, *_AFTERMATH))]
    told = (errors or rest[-1:] or ["it failed without a word"])[0]
    return told[:_LONGEST].rstrip(".")


_Say: TypeAlias = str | Callable[[re.Match[str], str], str]

_RULES: Sequence[tuple[str, _Say]] = (
    (r"are you root\?|requires superuser privilege|open \(13: Permission denied\)", NO_ROOT),
    (r"Read-only file system", "the file system is read-only; dmesg may tell why, and fsck may be needed"),
    (r"dpkg was interrupted", "dpkg was interrupted before; dpkg --configure -a finishes what it left"),
    (
        r"Release file for (\S+) is not valid yet",
        r"the index at \1 is from the future: the clock of this device is wrong; set it (timedatectl), then try again",
    ),
    (
        r"Release file for (\S+) is expired \(invalid since ([^)]*)\)",
        r"the index at \1 has expired \2 ago: the archive is not kept up any more, or this device's clock is wrong",
    ),
    (
        r"GPG error: (\S+ \S+) .*NO_PUBKEY (\w+)",
        (
            r"the archive \1 is signed with the key \2, which this device does not have; install the archive's key "
            r"(and only if you trust it)"
        ),
    ),
    (
        r"The repository '([^']+)' is (not|no longer) signed",
        r"the archive '\1' is \2 signed, so nothing vouches for it",
    ),
    (
        r"Repository '([^']+)' changed its '(\w+)' value from '([^']*)' to '([^']*)'",
        (
            r"the archive '\1' calls itself '\4' now and was '\3' (\2); if that is right, run apt-get update "
            r"--allow-releaseinfo-change by hand once"
        ),
    ),
    (
        r"Failed to fetch (\S+)\s+(?:File has unexpected size|Hash Sum mismatch|Writing more data than expected)",
        (
            r"what came from \1 is not what the archive's index promises; its mirror may be amid an update: "
            r"try again later"
        ),
    ),
    (
        r"The repository '([^']+)' (?:no longer has|does not have) a Release file",
        r"the archive '\1' is not there any more; correct /etc/apt/sources.list or sources.list.d",
    ),
    (
        (
            r"Failed to fetch (\S+)\s+(Could not connect|Unable to connect|Temporary failure|Could not resolve|"
            r"Connection (?:failed|timed out|refused)|Cannot initiate|Could not wait|Connection reset)([^\n]*)"
        ),
        r"cannot reach the archive: \1: \2\3; look at the network, then try again",
    ),
    (
        r"Failed to fetch (\S+)\s+(40[0-9]|50[0-9])\s+([^\[\n]*)",
        r"the archive answers \2 for \1; the lists may be old: refresh them, then try again",
    ),
    (r"Failed to fetch (\S+)\s+([^\n]*)", r"cannot fetch \1: \2"),
    (
        r"Version '([^']+)' for '([^']+)' was not found",
        r"the archive has \2 \1 no more; refresh the lists, and plan again",
    ),
    (r"Unable to locate package (\S+)", r"no archive knows a package \1; refresh the lists"),
    (r"unmet dependencies:|held broken packages", _unmet),
    (
        r"Packages need to be removed but remove is disabled",
        "apt would have to remove packages, and nobody agreed to that",
    ),
    (r"Packages were downgraded and -y was used", "apt would have to downgrade packages, and nobody agreed to that"),
    (
        r"Type '([^']+)' is not known on line (\d+) in source list (\S+)",
        r"line \2 of \3 is not understood ('\1'); correct it",
    ),
    (
        r"end of file on stdin at conffile prompt",
        "a package asked about a configuration file; dpkg --configure -a --force-confold answers it",
    ),
)
