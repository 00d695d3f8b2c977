"""What the owner decided, as values: the whole of ``dunebugger.conf`` once it was read and found good."""

from datetime import time
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["python_app", "container", "apt", "updater"]
Source: TypeAlias = Literal["releases", "tags"]
Channel: TypeAlias = Literal["stable", "prerelease"]
Scheme: TypeAlias = Literal["semver", "pep440", "calver", "numeric"]
Policy: TypeAlias = Literal["ask", "auto", "never"]
Trust: TypeAlias = Literal["verified", "none"]
ManifestPolicy: TypeAlias = Literal["optional", "required", "signed"]
Runner: TypeAlias = Literal["systemd", "process"]
Operator: TypeAlias = Literal[">=", ">", "<=", "<", "==", "!="]

ANY_TAG = "^[vV]?(.+)$"

EVENTS = ("update_available", "update_succeeded", "update_failed", "rolled_back", "stuck", "approval_needed")


class Window(msgspec.Struct, frozen=True):
    """A maintenance window: from a local time on certain days, for so long as really passes on a stopwatch."""

    days: tuple[int, ...]
    """Monday is 0, as ``datetime.weekday`` counts; sorted."""
    start: time
    minutes: int
    zone: str | None = None
    """An IANA name; ``None`` is the device's own zone."""


class Requirement(msgspec.Struct, frozen=True):
    """Another component that must be there in a certain version."""

    component: str
    operator: Operator
    version: str


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to keep up to date.  What belongs to another type has its default."""

    name: str
    type: Kind
    repository: str = ""
    """``owner/name``; empty for ``apt``."""
    source: Source = "releases"
    channel: Channel = "stable"
    tag_pattern: str = ANY_TAG
    """A regular expression with one group: the version."""
    version_scheme: Scheme = "semver"
    policy: Policy = "ask"
    minimum_age_hours: int = 0
    requires: tuple[Requirement, ...] = ()
    trust: Trust = "verified"
    busy_file: Path | None = None
    service: str = ""
    """The systemd unit as the owner wrote it, or the compose service."""
    health_url: str | None = None
    # python_app
    install_path: Path | None = None
    asset: str = ""
    """The file of the release, with ``{version}`` and ``{tag}``; empty: the source archive of the tag's commit."""
    runner: Runner = "systemd"
    command: tuple[str, ...] = ()
    """An argument list, ``{install_path}`` still in it."""
    preserve: tuple[str, ...] = ()
    """Paths inside the app that are never the release's."""
    # container
    compose_path: Path | None = None
    image: str = ""
    """Without its tag."""
    image_tag: str = "{version}"

    @property
    def unit(self) -> str:
        """The systemd unit with its suffix."""
        known = (".service", ".socket", ".target", ".timer", ".path", ".mount")
        return self.service if self.service.endswith(known) else f"{self.service}.service"


class Updater(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``[Updater]`` (DB-017…021)."""

    update_check_interval_hours: int = 24
    initial_delay_minutes: int = 5
    docker_compose_path: Path = Path("/opt/dunebugger/docker-compose.yml")
    core_install_path: Path = Path("/opt/dunebugger/core")
    backup_path: Path = Path("/opt/dunebugger/backups")
    state_path: Path = Path("/var/lib/dunebugger-updater")
    github_api_url: str = "https://api.github.com"
    """Without a slash at its end."""
    github_token_file: Path | None = None
    channel: Channel = "stable"
    manifest_policy: ManifestPolicy = "optional"
    trusted_keys: tuple[str, ...] = ()
    """Ed25519 public keys, 32 bytes in base64."""
    trusted_threshold: int = 1
    """So many of them must have signed."""
    keep_releases: int = 2
    keep_backups: int = 5
    maintenance_windows: tuple[Window, ...] = ()
    timezone: str | None = None
    """An IANA name; ``None`` is the device's own zone."""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``[Panel]``."""

    host: str = "0.0.0.0"  # noqa: S104  (the owner looks at it from a phone, and must log in)
    port: int = 8470
    public_names: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``[Notifications]``."""

    urls: tuple[str, ...] = ()
    """Apprise URLs.  They hold passwords: never show them."""
    events: tuple[str, ...] = EVENTS


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``[Hub]``, as written; the hub reads it when it comes."""

    url: str = ""
    token_file: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    updater: Updater = Updater()
    components: tuple[Component, ...] = ()
    panel: Panel = Panel()
    notifications: Notifications = Notifications()
    hub: Hub = Hub()
    file: Path | None = None
    """What it was read from; ``None`` when the defaults count."""

    def component(self, name: str) -> Component | None:
        """The component called ``name``."""
        return next((each for each in self.components if each.name == name), None)
