"""Which version is this?  What git says of the checkout, as a version that can be ordered (RM-012, RM-016)."""

import re
import subprocess
import time
import tomllib
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    """What is known of a checkout."""

    version: str
    commit: str
    time: int
    """Of the commit, in seconds since 1970: what is built carries this time instead of the builder's."""


def of_checkout(source: Path) -> Said:
    """Ask git; a source without git is the version that it declares, made now."""
    declared = str(tomllib.loads((source / "pyproject.toml").read_text())["project"]["version"])
    described = _git(source, "describe", "--tags", "--always", "--dirty")
    if not described:
        return Said(declared, "dev", int(time.time()))
    commit = _git(source, "rev-parse", "--short", "HEAD") + ("-dirty" if described.endswith("-dirty") else "")
    return Said(version(described, declared), commit, int(_git(source, "log", "-1", "--format=%ct")))


def version(described: str, declared: str) -> str:
    """Turn ``git describe`` into a version.  What lies after a tag is later than it, so it goes behind a ``+``.

    Without any tag it is the ``declared`` version and the commit.
    """
    rest, dirty = described.removesuffix("-dirty"), described.endswith("-dirty")
    after = [rest]
    number = declared
    if tagged := re.fullmatch(r"[vV]?(\d.*?)(?:-(\d+)-(g[0-9a-f]+))?", rest):
        number, after = tagged[1], [tagged[2], tagged[3]] if tagged[2] else []
    if re.fullmatch(r"[0-9a-f]{7,40}", rest) and "." not in rest:  # a commit, which may begin with a digit
        number, after = declared, [rest]
    metadata = ".".join([*after, *(["dirty"] if dirty else [])])
    return f"{number}+{metadata}" if metadata else number


def for_debian(version: str) -> str:
    """As dpkg orders it: a prerelease comes before its release."""
    number, plus, metadata = version.partition("+")
    return number.replace("-", "~", 1).replace("-", ".") + plus + metadata.replace("-", ".")


def _git(source: Path, *words: str) -> str:
    # the checkout may belong to whoever made it, not to root
    asked = ["git", "-c", "safe.directory=*", "-C", str(source), *words]
    try:
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
