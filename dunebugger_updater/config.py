"""``dunebugger.conf``: where it is, and what it says, as frozen values (DB-017…021).

Sections of other DuneBugger programs are none of our business.  In ours nothing is guessed: a bad value, an unknown
key, anything twice stops the start with file, line, section and key.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import msgspec

from dunebugger_updater import config_values as read
from dunebugger_updater.config_components import components, is_component, refuse_twins
from dunebugger_updater.config_ini import ConfigError, Entry, Section, parse
from dunebugger_updater.model.settings import (
    EVENTS,
    Channel,
    Hub,
    ManifestPolicy,
    Notifications,
    Panel,
    Settings,
    Updater,
    Window,
)

__all__ = [
    "USUAL_FILE",
    "ConfigError",
    "find",
    "from_object",
    "github_token",
    "github_token_warning",
    "load",
    "read_text",
]

USUAL_FILE = Path("/etc/dunebugger/dunebugger.conf")
_OURS = ("Updater", "Panel", "Notifications", "Hub")
_LARGEST = 1_048_576
"""Bytes.  Whatever is larger is not a configuration."""


def find(explicit: Path | None, environ: Mapping[str, str], usual_file: Path = USUAL_FILE) -> Path | None:
    """The file to read: ``explicit``, else ``$DUNEBUGGER_CONFIG``, else the usual one where it exists.

    A file that somebody named is answered even if it is not there, so that ``load`` complains about it.
    """
    if explicit is not None:
        return explicit
    if named := environ.get("DUNEBUGGER_CONFIG"):
        return Path(named)
    return usual_file if usual_file.exists() else None


def load(path: Path | None, *, has_apt: bool) -> Settings:
    """What the file says; the defaults for ``None``.  ``has_apt``: this device has system packages to look after."""
    return read_text("" if path is None else _text(path), path, has_apt=has_apt)


def read_text(text: str, path: Path | None, *, has_apt: bool) -> Settings:
    """The same from text; ``path`` is what an error calls it."""
    sections = parse(text, path, lambda name: name in _OURS or is_component(name), _meant)
    return _settings(sections, path, has_apt=has_apt)


def _meant(name: str) -> str | None:
    """Which section of ours was meant: the same in other letters, or a component with a mark in place of the blank."""
    if spelled := next((ours for ours in _OURS if ours.casefold() == name.casefold()), None):
        return spelled
    component = re.match(r"components?[\s:./]+(.+)", name, re.IGNORECASE)
    return f"Component {component[1]}" if component else None


def from_object(settings: object, *, has_apt: bool = False) -> Settings:
    """The same from any object with the keys of ``[Updater]`` as attributes (DB-068); what it lacks has its default."""
    if isinstance(settings, Settings):
        return settings
    keys = [_camel(field.name) for field in msgspec.structs.fields(Updater)]
    found = {key: getattr(settings, key, None) for key in keys}
    entries = {key: Entry(None, _spelled(value)) for key, value in found.items() if value is not None}
    return _settings({"Updater": Section("Updater", entries, None)}, None, has_apt=has_apt)


def github_token(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The token that the owner gave: from ``githubTokenFile``, else from the environment's ``GITHUB_TOKEN``."""
    file = settings.updater.github_token_file
    if file is None:
        token, place = environ.get("GITHUB_TOKEN", "").strip(), "GITHUB_TOKEN"
    else:
        token, place = _text(file).strip(), str(file)
    # The token goes into a header: a line break in it would write another header.
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigError(f"expected one token and nothing else in {place}", section="Updater", key="githubTokenFile")
    return token or None


def github_token_warning(settings: Settings) -> str | None:
    """What the owner should know about the token's file: that others on this device can read it."""
    file = settings.updater.github_token_file
    try:
        mode = file.stat().st_mode if file is not None else 0
    except OSError:
        return None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return f"others on this device can read the token in {file}: run chmod 600 {file}"
    return None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        told = f"it cannot be read ({(error.strerror or os.strerror(error.errno or 0)).lower()})"
        raise ConfigError(told, file=path) from None
    if len(content) > _LARGEST:
        raise ConfigError("expected a file of at most 1 MiB", file=path)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("expected text in UTF-8", file=path, line=line) from None


def _settings(sections: Mapping[str, Section], path: Path | None, *, has_apt: bool) -> Settings:
    ours = {name: sections.get(name) or Section(name, {}, path) for name in _OURS}
    described = [section for name, section in sections.items() if is_component(name)]
    updater = _updater(ours["Updater"])
    settings = Settings(
        updater=updater,
        components=components(described, updater, has_apt=has_apt),
        panel=_panel(ours["Panel"]),
        notifications=_notifications(ours["Notifications"]),
        hub=_hub(ours["Hub"]),
        file=path,
    )
    refuse_twins(settings.components, sections)
    for section in ours.values():
        section.done()
    return settings


def _updater(section: Section) -> Updater:
    usual_values = Updater()
    take = section.take
    found = Updater(
        update_check_interval_hours=take("updateCheckIntervalHours", read.whole(1, 8760, "hours"), 24),
        initial_delay_minutes=take("initialDelayMinutes", read.whole(0, 1440, "minutes"), 5),
        docker_compose_path=take("dockerComposePath", read.path, usual_values.docker_compose_path),
        core_install_path=take("coreInstallPath", read.path, usual_values.core_install_path),
        backup_path=take("backupPath", read.path, usual_values.backup_path),
        state_path=take("statePath", read.path, usual_values.state_path),
        github_api_url=take("githubApiUrl", read.url, usual_values.github_api_url),
        github_token_file=take("githubTokenFile", read.path, None),
        channel=take("channel", read.one_of(*get_args(Channel)), usual_values.channel),
        manifest_policy=take("manifestPolicy", read.one_of(*get_args(ManifestPolicy)), usual_values.manifest_policy),
        trusted_keys=take("trustedKeys", read.keys, ()),
        trusted_threshold=take("trustedThreshold", read.whole(1, 20, "signatures"), usual_values.trusted_threshold),
        keep_releases=take("keepReleases", read.whole(1, 100, "releases"), usual_values.keep_releases),
        keep_backups=take("keepBackups", read.whole(0, 1000, "backups"), usual_values.keep_backups),
        maintenance_windows=take("maintenanceWindows", read.windows, ()),
        timezone=take("timezone", read.zone, None),
    )
    if found.manifest_policy == "signed" and not found.trusted_keys:
        raise section.wrong("manifestPolicy", "signed manifests need a key in trustedKeys", found=False)
    if found.trusted_threshold > max(1, len(found.trusted_keys)):
        raise section.wrong("trustedThreshold", "at most as many signatures as there are trustedKeys", found=False)
    _refuse_lost_window(section)
    return msgspec.structs.replace(
        found, maintenance_windows=tuple(_in_zone(each, found.timezone) for each in found.maintenance_windows)
    )


def _refuse_lost_window(section: Section) -> None:
    """``A ; B`` is a value and a comment, yet its author means two windows: do not forget the second one silently."""
    entry = section.entries.get("maintenanceWindows")
    if entry is None or not entry.value:
        return
    try:
        read.window(entry.comment.partition(";")[0].strip())
    except ValueError:
        return
    told = "a ';' after a space starts a comment: put it right behind the window before it, or one window a line"
    raise section.wrong("maintenanceWindows", told, found=False)


def _in_zone(window: Window, zone: str | None) -> Window:
    return window if window.zone else msgspec.structs.replace(window, zone=zone)


def _panel(section: Section) -> Panel:
    host, port = section.take("listen", read.listen, (Panel().host, Panel().port))
    found = Panel(
        host=host,
        port=port,
        public_names=section.take("publicNames", read.host_names, ()),
        tls_certificate=section.take("tlsCertificate", read.path, None),
        tls_key=section.take("tlsKey", read.path, None),
    )
    if (found.tls_certificate is None) != (found.tls_key is None):
        missing = "tlsKey" if found.tls_key is None else "tlsCertificate"
        raise section.wrong(missing, "tlsCertificate and tlsKey go together", found=False)
    return found


def _notifications(section: Section) -> Notifications:
    return Notifications(
        urls=section.take("urls", read.notification_urls, ()),
        events=section.take("events", read.words_of(EVENTS), EVENTS),
    )


def _hub(section: Section) -> Hub:
    return Hub(url=section.take("url", str, ""), token_file=section.take("tokenFile", str, ""))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _spelled(value: object) -> str:
    """A Python value as its owner would write it into the file."""
    if isinstance(value, list | tuple):
        return "\n".join(_spelled(each) for each in value)
    return str(value).strip()
