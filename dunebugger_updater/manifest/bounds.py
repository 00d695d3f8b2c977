"""What the owner's configuration gave to one component, and the facts that a manifest may add within it."""

from pathlib import Path, PurePosixPath

import msgspec

from dunebugger_updater.manifest.addresses import Origin
from dunebugger_updater.manifest.document import Artifact
from dunebugger_updater.manifest.words import PostCheck, PreCheck
from dunebugger_updater.model.release import Asset

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that are this machine, in the only spellings that are taken."""


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fence.  Everything here comes from the owner's file or from the release, nothing from the manifest."""

    component: str
    component_type: str
    """``container``, ``python_app`` or ``apt``."""
    version: str
    """Of the release that the manifest came with."""
    repository: str | None = None
    """``owner/name`` as configured."""
    repository_id: int | None = None
    services: tuple[str, ...] = ()
    """Units, own processes and compose services that are this component's, as the owner spells them."""
    containers: tuple[str, ...] = ()
    """Container names that are this component's."""
    install_path: Path | None = None
    backup_path: Path | None = None
    image: str | None = None
    """The image's repository, without tag."""
    packages: frozenset[str] = frozenset()
    """For ``apt``: the packages that this update may be about."""
    health: tuple[Origin, ...] = ()
    """Where besides this machine's loopback a health question may go: the origin of the configured ``healthUrl``."""
    assets: tuple[Asset, ...] = ()
    """The files of the release."""
    asset: str | None = None
    """The one that the configuration names for this component."""
    download_origins: tuple[Origin, ...] = ()
    """Besides the origins of the assets: where the project's files may be said to lie (a web address of the forge)."""
    arch: str | None = None
    """This machine, as ``uname -m`` says it."""


class Migrations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Python file of the release that brings the app's data up to date."""

    script: str
    """Relative to the release."""
    optional: bool


class Guidance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Facts from a manifest that stayed within its bounds.  Never an order: the safe order is the updater's own."""

    version: str
    pre_checks: tuple[PreCheck, ...] = ()
    """Questions to ask besides our own.  Services are spelled as the owner does."""
    post_checks: tuple[PostCheck, ...] = ()
    artifact: Artifact | None = None
    requirements_file: str | None = None
    """Relative to the release."""
    migrations: Migrations | None = None
    start_limit: int | None = None
    """Seconds that the service may take to run again."""
    stop_limit: int | None = None
    """Seconds that the service may take to stand still."""
    needs: dict[str, str] = {}
    """Component to comparison: what has to be installed first."""
    image_tag: str | None = None
    image_digest: str | None = None
    packages: dict[str, str] = {}
    """For ``apt``: exact versions."""
    breaking: bool = False
    notes: str | None = None
    warnings: tuple[str, ...] = ()
    """What the owner should know although the manifest is taken."""


def ours(name: str, bounds: Bounds) -> str | None:
    """The owner's spelling of a service that is this component's; ``None`` for all others."""
    asked = name.removesuffix(".service")
    return next((service for service in bounds.services if service.removesuffix(".service") == asked), None)


def inside(path: str, bounds: Bounds) -> str | None:
    """``path`` relative to the release; ``None`` when it leads elsewhere.  Names only: nothing is looked up."""
    place = PurePosixPath(path)
    if place.is_absolute():
        if bounds.install_path is None or not place.is_relative_to(bounds.install_path):
            return None
        place = place.relative_to(bounds.install_path)
    return str(place) if place.parts and ".." not in place.parts else None
