"""What dpkg and apt tell about packages, read into values: what is here, which versions there are, and from whom.

Everything here is asked for with a fixed locale.  ``dpkg-query`` spells a package's name differently from apt (it
appends the native architecture where several can be installed): here all names are spelled as apt does.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile

import msgspec

from dunebugger_updater.model.packages import Package, is_package_name

DPKG_FORMAT = "${Package}\t${Architecture}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\n"
"""What ``read_installed`` reads, for ``dpkg-query --show --showformat``."""

_NOT_HERE = frozenset({"not-installed", "config-files"})

_ROW = re.compile(r"(?: \*\*\* | {5})(\S+) (-?\d+)(?: \(phased (\d+)%\))?")
_SOURCE = re.compile(r" {7,}(-?\d+) (\S.*)")
_FILE = re.compile(r" {0,3}(-?\d+) (\S.*)")
_RELEASE = re.compile(r"(?:^|,)([avonlcb])=(.*?)(?=,[avonlcb]=|$)")
_VERSIONS = re.compile(r" ?\([^)]*\)")


class Here(msgspec.Struct, frozen=True):
    """What dpkg and apt's marks say about the packages on a device."""

    packages: Mapping[str, Package]
    held: frozenset[str]


class Archive(msgspec.Struct, frozen=True):
    """One index of packages, and what its Release file says about itself."""

    place: str
    """As apt describes it: address, suite and component, architecture."""
    origin: str = ""
    label: str = ""
    suite: str = ""
    codename: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """As apt itself names it beside a version: ``Debian-Security:12/stable-security``."""
        suite = self.suite or self.codename
        return f"{self.label or self.origin}:{f'{self.version}/' if self.version else ''}{suite}"

    @property
    def security(self) -> bool:
        """Whether it is for security fixes alone: by who publishes it and what they call it, never by its suite alone.

        Debian, and distributions made like it, label that archive ``<origin>-Security``.  Ubuntu has one label for
        everything and tells them apart by suite.
        """
        if self.origin.startswith("Ubuntu"):
            return self.suite.endswith("-security")
        return bool(self.origin) and self.label.lower() == f"{self.origin}-security".lower()


class Version(msgspec.Struct, frozen=True):
    """One version that is known of a package."""

    version: str
    places: tuple[str, ...]
    """The indexes that have it (``Archive.place``)."""
    phased: int | None = None
    """The percentage of devices that get it already, while it is not given to all."""


class Known(msgspec.Struct, frozen=True):
    """Which versions of one package are known."""

    installed: str | None
    candidate: str | None
    versions: tuple[Version, ...]
    """The newest first."""

    @property
    def newer(self) -> tuple[Version, ...]:
        """Those newer than the installed one, and not newer than the candidate: what the owner's pins let in.

        Empty when the candidate is not newer: apt sorts the table, so no version has to be compared here.
        """
        order = [each.version for each in self.versions]
        if self.installed not in order or self.candidate not in order:
            return ()
        return self.versions[order.index(self.candidate) : order.index(self.installed)]

    @property
    def phasing(self) -> Version | None:
        """A version that apt keeps from this device for now: newer apts do not even call it the candidate."""
        newer = takewhile(lambda each: each.version != self.installed, self.versions)
        return next((each for each in newer if each.phased is not None), None)


class Record(msgspec.Struct, frozen=True):
    """What an index says about one version of a package."""

    size: int | None
    file: str
    """Its path in the archive."""
    source: str
    source_version: str


def spelled(name: str, architecture: str, native: str) -> str:
    """Answer a package's name as apt spells it: with the architecture only when that is a foreign one."""
    return name if architecture in {native, "all", ""} else f"{name}:{architecture}"


def read_installed(text: str, auto: frozenset[str], native: str) -> Here:
    """Read what ``dpkg-query`` printed.  What only left its configuration behind is not here."""
    packages: dict[str, Package] = {}
    held = set()
    for line in text.splitlines():
        name, architecture, version, want, state = line.split("\t")
        full = spelled(name, architecture, native)
        if state in _NOT_HERE or not version or not is_package_name(full):
            continue
        packages[full] = Package(full, version, auto=full in auto, state=state)
        if want == "hold":
            held.add(full)
    return Here(packages, frozenset(held))


def read_marks(text: str, native: str) -> frozenset[str]:
    """Read the names in ``extended_states`` that came because others needed them."""
    return frozenset(
        spelled(stanza.get("package", ""), stanza.get("architecture", ""), native)
        for stanza in stanzas(text)
        if stanza.get("auto-installed") == "1"
    )


def read_known(text: str) -> dict[str, Known]:
    """Read ``apt-cache policy NAME…``."""
    found: dict[str, Known] = {}
    name, installed, candidate = "", None, None
    rows: list[tuple[str, int | None, list[str]]] = []

    def told() -> Known:
        return Known(installed, candidate, tuple(Version(row[0], tuple(row[2]), row[1]) for row in rows))

    for line in text.splitlines():
        if line and not line.startswith(" "):
            if name:
                found[name] = told()
            name, installed, candidate, rows = line.removesuffix(":"), None, None, []
        elif line.startswith("  Installed: "):
            installed = _version(line)
        elif line.startswith("  Candidate: "):
            candidate = _version(line)
        elif row := _ROW.fullmatch(line):
            rows.append((row[1], int(row[3]) if row[3] else None, []))
        elif rows and (source := _SOURCE.fullmatch(line)):
            rows[-1][2].append(source[2])
    if name:
        found[name] = told()
    return found


def _version(line: str) -> str | None:
    said = line.partition(": ")[2].strip()
    return None if said == "(none)" else said


def read_archives(text: str) -> dict[str, Archive]:
    """Read ``apt-cache policy`` without names: every index on this device, by its place.  dpkg's own is none."""
    found: dict[str, Archive] = {}
    place = ""
    for line in text.splitlines():
        if line.startswith("Pinned packages:"):
            break
        if file := _FILE.fullmatch(line):
            place = file[2]
        elif place and line.startswith("     release "):
            said = dict(_RELEASE.findall(line.removeprefix("     release ")))
            if said.get("a") != "now":
                found[place] = Archive(
                    place, said.get("o", ""), said.get("l", ""), said.get("a", ""), said.get("n", ""), said.get("v", "")
                )
    return found


def read_records(text: str, native: str) -> dict[tuple[str, str], Record]:
    """Read ``apt-cache show NAME=VERSION…``, by name and version; what is only installed has no size."""
    found: dict[tuple[str, str], Record] = {}
    for stanza in stanzas(text):
        name, version = stanza.get("package", ""), stanza.get("version", "")
        full = spelled(name, stanza.get("architecture", ""), native)
        source, _, source_version = stanza.get("source", name).partition(" ")
        size = stanza.get("size", "")
        if "filename" in stanza:
            found[full, version] = Record(
                int(size) if size.isdigit() else None, stanza["filename"], source, source_version.strip("()") or version
            )
    return found


def stanzas(text: str) -> Iterable[dict[str, str]]:
    """Read paragraphs of ``Name: value``, field names in lower case; further lines of a value are left out."""
    told: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            if told:
                yield told
            told = {}
        elif not line[0].isspace():
            field, colon, value = line.partition(":")
            if colon:
                told[field.lower()] = value.strip()
    if told:
        yield told


def relations(stanza: Mapping[str, str], field: str) -> list[str]:
    """Answer the groups of alternatives in one field of a paragraph, as they are written."""
    return [each.strip() for each in stanza.get(field, "").split(",") if each.strip()]


def without_versions(group: str) -> str:
    """Answer the same group with the names alone."""
    return _VERSIONS.sub("", group).strip()


_AUDIT = (
    ("only half configured", "is half configured: dpkg --configure {name} tries again"),
    ("unpacked but not yet configured", "is unpacked and not configured yet: dpkg --configure {name} does it"),
    ("only half installed", "is half installed: installing it again mends it"),
    ("awaiting processing of triggers", "waits for the triggers of another package: dpkg --configure -a runs them"),
    ("have been triggered", "has triggers that were not run yet: dpkg --configure -a runs them"),
    ("in a mess", "is in a mess from an installation that broke off: install it again"),
    ("missing the list control file", "has lost dpkg's list of its files: install it again"),
)
"""Headings of ``dpkg --audit``; what it says besides is no work left half done."""


def read_audit(text: str) -> tuple[str, ...]:
    """Read ``dpkg --audit`` into a sentence for each package that is half done."""
    said: list[str] = []
    heading = ""
    for line in text.splitlines():
        if not line.strip():
            heading = ""
        elif line.startswith(" "):
            name = line.split()[0]
            said += [f"{name} {words}".format(name=name) for mark, words in _AUDIT if mark in heading]
        else:
            heading = f"{heading} {line}"
    return tuple(said)
