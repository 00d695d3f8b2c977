"""The configuration: what the documented file means, and where it is looked for."""

import configparser
from datetime import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dunebugger_updater.config import ConfigError, find, from_object, github_token, github_token_warning, load
from dunebugger_updater.config_ini import parse
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.settings import EVENTS, Component, Requirement, Settings, Updater, Window

DOCUMENTED = Path(__file__).parent / "captures" / "config" / "documented.conf"


def reading(tmp_path: Path, text: str, *, has_apt: bool = False) -> Settings:
    file = tmp_path / "dunebugger.conf"
    file.write_text(text)
    return load(file, has_apt=has_apt)


@pytest.mark.req("DB-017", "DB-018", "DB-019", "DB-020", "DB-021")
def test_the_documented_file_means_the_documented_defaults() -> None:
    settings = load(DOCUMENTED, has_apt=True)
    assert settings.updater == Updater()
    assert settings.updater.update_check_interval_hours == 24
    assert settings.updater.docker_compose_path == Path("/opt/dunebugger/docker-compose.yml")
    assert settings.updater.core_install_path == Path("/opt/dunebugger/core")
    assert settings.updater.backup_path == Path("/opt/dunebugger/backups")
    assert (settings.panel.host, settings.panel.port) == ("0.0.0.0", 8470)
    assert settings.notifications.urls == ()
    assert settings.notifications.events == EVENTS


def test_the_documented_components_are_read_whole() -> None:
    assert load(DOCUMENTED, has_apt=True).components[:-1] == (
        Component(
            name="core",
            type="python_app",
            repository="marco-svitol/dunebugger",
            requires=(),
            service="dunebugger",
            install_path=Path("/opt/dunebugger/core"),
            asset="dunebugger-{version}.tar.gz",
            command=("{install_path}/.venv/bin/python", "-m", "app"),
            health_url="http://127.0.0.1:5000/health",
        ),
        Component(
            name="scheduler",
            type="container",
            repository="marco-svitol/dunebugger-scheduler",
            service="scheduler",
            compose_path=Path("/opt/dunebugger/docker-compose.yml"),
            image="ghcr.io/marco-svitol/dunebugger-scheduler",
            image_tag="{version}",
            health_url="http://127.0.0.1:8080/health",
        ),
    )


def test_the_documented_file_reads_the_same_as_with_the_standard_library() -> None:
    standard = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    standard.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep the case
    standard.read(DOCUMENTED)
    ours = parse(DOCUMENTED.read_text(), DOCUMENTED, lambda _: True, lambda _: None)
    assert {name: {key: entry.value for key, entry in each.entries.items()} for name, each in ours.items()} == {
        name: dict(standard.items(name)) for name in standard.sections()
    }


@pytest.mark.req("DB-014", "DB-015", "DB-016", "DB-121")
def test_without_a_file_there_are_core_scheduler_and_remote() -> None:
    settings = load(None, has_apt=False)
    assert [(each.name, each.type) for each in settings.components] == [
        ("core", "python_app"),
        ("scheduler", "container"),
        ("remote", "container"),
        ("updater", "updater"),
    ]
    core = settings.component("core")
    assert core is not None
    assert (core.unit, core.asset) == ("dunebugger.service", "dunebugger-{version}.tar.gz")
    assert settings.component("nobody") is None


def test_system_packages_are_looked_after_where_apt_is() -> None:
    assert [each.name for each in load(None, has_apt=True).components][3:] == ["system", "updater"]


def test_the_usual_components_follow_the_updater_section(tmp_path: Path) -> None:
    text = "[Updater]\ncoreInstallPath = /srv/core\ndockerComposePath=/srv/compose.yaml\nchannel: prerelease\n"
    core, scheduler, remote, updater = reading(tmp_path, text).components
    assert core.install_path == Path("/srv/core")
    assert scheduler.compose_path == remote.compose_path == Path("/srv/compose.yaml")
    assert core.channel == scheduler.channel == remote.channel == updater.channel == "prerelease"


def test_a_known_component_keeps_what_its_section_does_not_say(tmp_path: Path) -> None:
    core, _ = reading(tmp_path, "[Component core]\nsource = tags\ntrust = none\nhealthUrl =\n").components
    assert (core.type, core.repository, core.service) == ("python_app", "marco-svitol/dunebugger", "dunebugger")
    assert (core.source, core.asset, core.trust) == ("tags", "", "none")


def test_a_component_that_nobody_knows_is_named_after_itself(tmp_path: Path) -> None:
    text = "[Component lamp]\ntype = python_app\nrepository = me/lamp-app\ninstallPath = /opt/lamp\n"
    lamp, _ = reading(tmp_path, text).components
    assert (lamp.service, lamp.unit, lamp.asset) == ("lamp", "lamp.service", "lamp-app-{version}.tar.gz")


@pytest.mark.req("RM-001")
def test_the_updater_is_always_there_and_its_section_may_say_how_it_is_updated(tmp_path: Path) -> None:
    text = "[Component updater]\npolicy = auto\nchannel = prerelease\nminimumAgeHours = 48\nbusyFile = /run/busy\n"
    *others, own = reading(tmp_path, f"{text}repository = me/fork\n").components
    assert [each.name for each in others] == ["core", "scheduler", "remote"], "a section about it replaces nothing"
    assert (own.name, own.type, own.repository, own.policy) == ("updater", "updater", "me/fork", "auto")
    assert (own.channel, own.minimum_age_hours, own.busy_file) == ("prerelease", 48, Path("/run/busy"))
    assert own.asset == f"dunebugger-updater-{{version}}-{architecture()}.tar.gz"
    for key in ("installPath = /opt/x", "trust = none", "requires = core >= 1", "asset = x", "healthUrl = http://a/"):
        with pytest.raises(ConfigError, match="this key is not for the updater itself"):
            reading(tmp_path, f"[Component updater]\n{key}\n")


def test_every_key_of_a_component_is_read(tmp_path: Path) -> None:
    text = r"""
[Component lamp]
type = python_app
repository = me/lamp
channel = prerelease
tagPattern = ^release/([0-9.]+);x$ ; a semicolon inside stays
versionScheme = calver
policy = auto
minimumAgeHours = 48
requires = remote >= 1.0.0, core<2
trust = none
busyFile = /run/lamp/busy
installPath = /opt/lamp/
asset = lamp-{version}-{tag}.tar.gz
runner = process
service = lamp@1.service
command = "{install_path}/bin/my lamp" --level '{"a b": 100%}' # to the full
healthUrl = https://127.0.0.1:5000/health#now
preserve = data, app/config/
    uploads  ; and this
"""
    lamp, _ = reading(tmp_path, text).components
    assert lamp == Component(
        name="lamp",
        type="python_app",
        repository="me/lamp",
        channel="prerelease",
        tag_pattern="^release/([0-9.]+);x$",
        version_scheme="calver",
        policy="auto",
        minimum_age_hours=48,
        requires=(Requirement("remote", ">=", "1.0.0"), Requirement("core", "<", "2")),
        trust="none",
        busy_file=Path("/run/lamp/busy"),
        install_path=Path("/opt/lamp"),
        asset="lamp-{version}-{tag}.tar.gz",
        runner="process",
        service="lamp@1.service",
        command=("{install_path}/bin/my lamp", "--level", '{"a b": 100%}'),
        health_url="https://127.0.0.1:5000/health#now",
        preserve=("data", "app/config", "uploads"),
    )
    assert lamp.unit == "lamp@1.service"


@pytest.mark.req("DB-099", "DB-116")
def test_maintenance_windows_are_read_with_the_zone_that_applies(tmp_path: Path) -> None:
    text = """[Updater]
timezone = Europe/Rome
maintenanceWindows = Mon-Fri 02:00 120min America/New_York; Sun 04:30 60min
    Fri-Mon,wed 23:59 1440min   ; over the weekend
    daily 0:00 1min UTC
"""
    assert reading(tmp_path, text).updater.maintenance_windows == (
        Window((0, 1, 2, 3, 4), time(2), 120, "America/New_York"),
        Window((6,), time(4, 30), 60, "Europe/Rome"),
        Window((0, 2, 4, 5, 6), time(23, 59), 1440, "Europe/Rome"),
        Window((0, 1, 2, 3, 4, 5, 6), time(0), 1, "UTC"),
    )


def test_notification_urls_stand_one_a_line(tmp_path: Path) -> None:
    text = "[Notifications]\nurls =\n  mailto://me:secret,1@example.org  ; me\n\n  # not now\n  json://localhost/#x\n"
    assert reading(tmp_path, text).notifications.urls == ("mailto://me:secret,1@example.org", "json://localhost/#x")


def test_sections_of_other_programs_may_hold_anything(tmp_path: Path) -> None:
    text = (
        "[Audio]\nvolume = %(loud)s\nvolume = 3\nnonsense\n[Audio]\n[Updater]\nkeepReleases = 3\n[Component-like]\nx\n"
    )
    assert reading(tmp_path, text).updater.keep_releases == 3


def test_windows_line_ends_a_byte_order_mark_and_indented_keys_are_read(tmp_path: Path) -> None:
    text = "\ufeff[Updater]\r\n  keepReleases = 3\r\n  keepBackups = 7\r\n"
    updater = reading(tmp_path, text).updater
    assert (updater.keep_releases, updater.keep_backups) == (3, 7)


def test_the_panel_listens_where_it_is_told(tmp_path: Path) -> None:
    text = "[Panel]\nlisten = [::1]:80\npublicNames = Panel.example.org, crib\ntlsCertificate=/a\ntlsKey=/b\n"
    panel = reading(tmp_path, text).panel
    assert (panel.host, panel.port, panel.public_names) == ("::1", 80, ("panel.example.org", "crib"))
    assert (panel.tls_certificate, panel.tls_key) == (Path("/a"), Path("/b"))


def test_the_file_that_was_named_is_taken_even_when_it_is_not_there(tmp_path: Path) -> None:
    environ = {"DUNEBUGGER_CONFIG": "/from/environment"}
    assert find(Path("/named"), environ, tmp_path) == Path("/named")
    assert find(None, environ, tmp_path) == Path("/from/environment")
    assert find(None, {"DUNEBUGGER_CONFIG": ""}, tmp_path) == tmp_path
    assert find(None, {}, tmp_path / "nothing") is None


def test_a_named_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.conf: it cannot be read \(no such file or directory\)"):
        load(tmp_path / "nothing.conf", has_apt=False)


def test_what_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "dunebugger.conf"
    file.write_bytes(b"[Updater]\n\nkeepReleases = \xff\n")
    with pytest.raises(ConfigError, match="line 3: expected text in UTF-8"):
        load(file, has_apt=False)
    file.write_bytes(b"#" * 1_048_577)
    with pytest.raises(ConfigError, match="at most 1 MiB"):
        load(file, has_apt=False)


@pytest.mark.req("DB-068")
def test_any_object_with_the_keys_as_attributes_is_a_configuration() -> None:
    settings = from_object(
        SimpleNamespace(
            updateCheckIntervalHours=6,
            coreInstallPath=Path("/srv/core"),
            githubTokenFile=None,
            maintenanceWindows=["Sun 04:00 60min UTC"],
            something_else=object(),
        )
    )
    assert settings.updater.update_check_interval_hours == 6
    assert settings.updater.maintenance_windows == (Window((6,), time(4), 60, "UTC"),)
    assert [each.install_path for each in settings.components] == [Path("/srv/core"), None, None, None]
    assert from_object(settings) is settings


@pytest.mark.req("DB-068")
def test_a_bad_attribute_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        from_object(SimpleNamespace(updateCheckIntervalHours="soon"))
    assert str(caught.value) == (
        "cannot use the settings, [Updater] updateCheckIntervalHours: "
        "expected a whole number of hours from 1 to 8760, but it says 'soon'"
    )


def test_the_token_comes_from_its_file_or_else_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("ghp_fromFile\n")
    file.chmod(0o600)
    settings = from_object(SimpleNamespace(githubTokenFile=file))
    assert github_token(settings, {"GITHUB_TOKEN": "other"}) == "ghp_fromFile"
    assert github_token_warning(settings) is None
    assert github_token(Settings(), {"GITHUB_TOKEN": " ghp_environment "}) == "ghp_environment"
    assert github_token(Settings(), {}) is None
    assert github_token_warning(Settings()) is None


def test_a_token_that_others_can_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("ghp_x")
    file.chmod(0o644)
    warning = github_token_warning(from_object(SimpleNamespace(githubTokenFile=file)))
    assert warning == f"others on this device can read the token in {file}: run chmod 600 {file}"


def test_a_token_that_would_write_a_header_of_its_own_is_refused_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("ghp_secret\r\nX-Evil: 1")
    with pytest.raises(ConfigError) as caught:
        github_token(from_object(SimpleNamespace(githubTokenFile=file)), {})
    assert "ghp_secret" not in str(caught.value)
