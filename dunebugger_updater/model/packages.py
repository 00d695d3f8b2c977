"""Debian packages as values: what is installed, what is pending, what would change."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?")
"""Debian Policy 5.6.1, and the architecture that dpkg may append."""
_LONGEST = 200
_POINT = re.compile(r"\+deb(\d+)u(\d+)")
"""In the version of ``base-files``, as ``12.4+deb12u11``: Debian 12.11."""

Which: TypeAlias = Literal["all", "security", "named"]


def is_package_name(text: str) -> bool:
    """Whether this can be a package's name, and apt cannot read anything else into it.

    apt takes a last ``-`` or ``+`` for "remove" or "install" when no package of the whole name is known, so whoever
    passes a name on has to know besides that this package exists (a legal name such as ``g++`` ends in ``+``).
    """
    return len(text) <= _LONGEST and _NAME.fullmatch(text) is not None


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package that is installed."""

    name: str
    """As apt spells it on this device: with ``:architecture`` only when that is a foreign one."""
    version: str
    auto: bool = False
    """Installed because others need it (``apt-mark showauto``)."""
    state: str = "installed"
    """dpkg's word: ``installed``, ``half-configured``, ``unpacked``, …"""


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What apt would do to one package."""

    name: str
    before: str | None
    """The version installed now; ``None`` when it is new."""
    after: str | None
    """The version afterwards; ``None`` when it would be removed."""
    origins: tuple[str, ...] = ()
    """The archives that have ``after``, as ``Debian-Security:12/stable-security``."""
    size: int | None = None
    """Bytes to download, when known."""


class Pending(msgspec.Struct, frozen=True):
    """A package with a newer version in the archive.  Field names are the contract's (``packages``)."""

    name: str
    installed: str
    candidate: str
    security: bool
    """Whether any newer version, perhaps one below ``candidate``, is a security fix."""
    origins: tuple[str, ...]
    held: bool = False
    kept_back: str | None = None
    """Why an upgrade would leave it as it is, in words; ``None`` when it would not."""
    size: int | None = None
    """Bytes to download."""
    security_version: str | None = None
    """The version with the security fix, when that is another than ``candidate``."""
    changelog: str | None = None
    """Where its changes can be read."""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a device's packages at one moment."""

    packages: tuple[Pending, ...] = ()
    new: tuple[Change, ...] = ()
    """Packages that an upgrade of everything would install besides."""
    checked_at: datetime | None = None
    """When the archive's lists were last fetched; ``None`` when that is not known."""
    security_known: bool = True
    """False where the archive does not tell security fixes apart."""
    security_unknown: str | None = None
    """Why it is not known, in words."""
    reboot_required: bool = False
    reboot_packages: tuple[str, ...] = ()
    stale_services: tuple[str, ...] = ()
    """Units whose processes still run files that were replaced."""
    broken: tuple[str, ...] = ()
    """What dpkg has left half done, a sentence for each."""
    problem: str | None = None
    """Why the lists are not fresh, when that is known."""
    release: str = ""
    """The distribution and its point release, as ``debian-12.5``."""

    @property
    def ready(self) -> tuple[Pending, ...]:
        """Those that an upgrade would take."""
        return tuple(each for each in self.packages if each.kept_back is None and not each.held)

    @property
    def security(self) -> tuple[Pending, ...]:
        """Those with a security fix, kept back or not."""
        return tuple(each for each in self.packages if each.security)


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of the pending packages somebody wants upgraded."""

    which: Which = "all"
    names: tuple[str, ...] = ()
    """For ``named``."""


def fingerprint(installed: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Answer a short name for a whole set of packages and versions: what ``system`` has instead of a version.

    The same packages in the same versions have the same one, so an upgrade that was taken back is seen to be back.
    """
    pairs = sorted(dict(installed).items())
    return hashlib.sha256("\n".join(f"{name}={version}" for name, version in pairs).encode()).hexdigest()[:12]


def label(release: str, installed: Mapping[str, str]) -> str:
    """Answer what a device's packages have instead of a version, as ``debian-12.5-1a2b3c4d5e6f``.

    Debian's point release comes with the package ``base-files``: an upgrade that brings a new one is named so before.
    """
    point = _POINT.search(installed.get("base-files", ""))
    name, _, number = release.partition("-")
    if point and name in {"debian", "raspbian"} and number.partition(".")[0] == point[1]:
        release = f"{name}-{point[1]}.{point[2]}"
    return f"{release or 'linux'}-{fingerprint(installed)}"


def is_job(text: str) -> bool:
    """Whether this can be the last part of a unit's name, and of a folder's."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", text) is not None
