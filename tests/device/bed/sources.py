"""Which Debian this is, and the mirror that its own apt sources name: an address is read here, never written down."""

import re
from collections.abc import Iterator
from pathlib import Path

from device.bed.place import MissingError

ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(?P<address>\S+)\s+(?P<suite>\S+)", re.MULTILINE)


def release() -> str:
    """The code name, e.g. ``bookworm``."""
    told = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", told, re.MULTILINE)
    if found is None or not Path("/etc/debian_version").exists():
        raise MissingError("cannot tell which Debian release this machine is")
    return found[1]


def mirror(etc: Path = Path("/etc/apt"), suite: str | None = None) -> str:
    """The address that ``suite`` comes from, by default this release's own."""
    suite = suite or release()
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for file in (file for file in files if file.is_file()):
        for named, address in _entries(file):
            if named == suite:
                return address.rstrip("/")
    raise MissingError(f"cannot find a mirror of {suite} in {etc}")


def _entries(file: Path) -> Iterator[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", file.read_text() + "\n", flags=re.MULTILINE)
    if file.suffix == ".sources":
        for stanza in re.split(r"\n\s*\n", text):
            fields = {key.lower(): value.split() for key, value in re.findall(r"^([\w-]+):(.*)$", stanza, re.MULTILINE)}
            yield from (
                (suite, address) for suite in fields.get("suites", []) for address in fields.get("uris", [])[:1]
            )
    else:
        yield from ((line["suite"], line["address"]) for line in ONE_LINE.finditer(text))
