"""A configuration that cannot be used: every mistake is told with its place and what was expected."""

import re
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunebugger_updater.config import ConfigError, load, read_text

U = "[Updater]\n"
APP = "[Component lamp]\ntype = python_app\nrepository = me/lamp\ninstallPath = /opt/lamp\n"
BOX = "[Component box]\ntype = container\nrepository = me/box\nimage = ghcr.io/me/box\n"
KEY = "MCowBQYDK2VwAyEA"

# text, line, section, key, a part of the sentence
Mistake: TypeAlias = tuple[str, int, str | None, str | None, str]
MISTAKES: tuple[Mistake, ...] = (
    (
        U + "updateCheckIntervalHours = soon",
        2,
        "Updater",
        "updateCheckIntervalHours",
        "hours from 1 to 8760, but it says 'soon'",
    ),
    (U + "\n; x\nupdateCheckIntervalHours = 0", 4, "Updater", "updateCheckIntervalHours", "from 1 to 8760"),
    (U + "updateCheckIntervalHours = 24.0", 2, "Updater", "updateCheckIntervalHours", "whole number"),
    (U + "updateCheckIntervalHours = \u0661", 2, "Updater", "updateCheckIntervalHours", "whole number"),
    (U + "initialDelayMinutes = -1", 2, "Updater", "initialDelayMinutes", "from 0 to 1440"),
    (U + "keepReleases = 0", 2, "Updater", "keepReleases", "from 1 to 100"),
    (U + "coreInstallPath = opt/core", 2, "Updater", "coreInstallPath", "absolute path"),
    (U + "coreInstallPath = /", 2, "Updater", "coreInstallPath", "absolute path"),
    (U + "backupPath = /opt/../etc", 2, "Updater", "backupPath", "absolute path"),
    (U + "statePath = /a\n  /b", 2, "Updater", "statePath", "one line"),
    (U + "githubApiUrl = ftp://x", 2, "Updater", "githubApiUrl", "http:// or https://"),
    (U + "githubApiUrl = api.github.com", 2, "Updater", "githubApiUrl", "http:// or https://"),
    (U + "githubApiUrl = https://me:pw@x", 2, "Updater", "githubApiUrl", "http:// or https://"),
    (U + "githubApiUrl = http://[::1", 2, "Updater", "githubApiUrl", "http:// or https://"),
    (U + "githubApiUrl = http://x:99999", 2, "Updater", "githubApiUrl", "http:// or https://"),
    (
        U + "channel = stabel",
        2,
        "Updater",
        "channel",
        "stable or prerelease (did you mean 'stable'?), but it says 'stabel'",
    ),
    (U + "manifestPolicy = Optional", 2, "Updater", "manifestPolicy", "did you mean 'optional'?"),
    (U + "manifestPolicy = signed", 2, "Updater", "manifestPolicy", "signed manifests need a key in trustedKeys"),
    (U + f"trustedKeys = {KEY}", 2, "Updater", "trustedKeys", "32 bytes in base64"),
    (U + "trustedKeys = not base64!", 2, "Updater", "trustedKeys", "32 bytes in base64"),
    (U + "timezone = Europe/Roma", 2, "Updater", "timezone", "did you mean 'Europe/Rome'?"),
    (U + "timezone = ../../etc/passwd", 2, "Updater", "timezone", "expected a time zone"),
    (U + "maintenanceWindows = at night", 2, "Updater", "maintenanceWindows", "Mon-Fri 02:00 120min"),
    (U + "maintenanceWindows = Mon-Fri 24:00 60min", 2, "Updater", "maintenanceWindows", "between 00:00 and 23:59"),
    (U + "maintenanceWindows = Mon 02:00 0min", 2, "Updater", "maintenanceWindows", "1min to 1440min"),
    (U + "maintenanceWindows = Mon 02:00 9999min", 2, "Updater", "maintenanceWindows", "1min to 1440min"),
    (U + "maintenanceWindows = Mo 02:00 60min", 2, "Updater", "maintenanceWindows", "days like Mon"),
    (U + "maintenanceWindows = Mon-Wed-Fri 02:00 60min", 2, "Updater", "maintenanceWindows", "days like Mon"),
    (U + "maintenanceWindows = Mon 02:00 60min Rome", 2, "Updater", "maintenanceWindows", "time zone like Europe/Rome"),
    (
        U + "maintenanceWindows = Mon 02:00 60min ; Sun 02:00 60min",
        2,
        "Updater",
        "maintenanceWindows",
        "starts a comment",
    ),
    (
        U + "updatecheckintervalhours = 24",
        2,
        "Updater",
        "updatecheckintervalhours",
        "did you mean 'updateCheckIntervalHours'?",
    ),
    (U + "keepRelease = 2", 2, "Updater", "keepRelease", "there is no such key (did you mean 'keepReleases'?)"),
    (U + "zzz = 2", 2, "Updater", "zzz", "there is no such key"),
    (U + "keepReleases = 2\nkeepReleases = 3", 3, "Updater", "keepReleases", "there already, at line 2"),
    (U + "[Panel]\n[Updater]", 3, "Updater", None, "there already, at line 1"),
    (U + "keepReleases", 2, "Updater", None, "expected key = value, but it says 'keepReleases'"),
    (U + "= 3", 2, "Updater", None, "expected key = value"),
    ("keepReleases = 3", 1, None, None, "expected a section like [Updater] first"),
    ("[Updater", 1, None, None, "expected a section like [Updater]"),
    ("[]", 1, None, None, "expected a section like [Updater]"),
    ("[Panel]\nlisten = 8470", 2, "Panel", "listen", "0.0.0.0:8470"),
    ("[Panel]\nlisten = 0.0.0.0:0", 2, "Panel", "listen", "0.0.0.0:8470"),
    ("[Panel]\npublicNames = https://x", 2, "Panel", "publicNames", "'https://x' is none"),
    ("[Panel]\ntlsKey = /k", 1, "Panel", "tlsCertificate", "go together"),
    (
        "[Notifications]\nevents = update_failed, update_succeded",
        2,
        "Notifications",
        "events",
        "did you mean 'update_succeeded'?",
    ),
    ("[Hub]\ntoken = x", 2, "Hub", "token", "did you mean 'tokenFile'?"),
    ("[updater]\nkeepReleases = 3", 1, "updater", None, "did you mean [Updater]?"),
    ("[Panel]\n[Component:core]\ntype = apt", 2, "Component:core", None, "did you mean [Component core]?"),
    ("[components core]\ntype = apt", 1, "components core", None, "did you mean [Component core]?"),
    ("[Component]\ntype = apt", 1, "Component", None, "component name"),
    ("[Component Core]\ntype = apt", 1, "Component Core", None, "component name"),
    ("[Component ../x]\ntype = apt", 1, "Component ../x", None, "component name"),
    ("[Component updater]\ntype = apt", 2, "Component updater", "type", "not for the updater itself"),
    ("[Component  a]\ntype = apt\n[Component a]", 3, "Component a", None, "there already, at line 1"),
    ("[Component x]\npolicy = ask", 1, "Component x", "type", "python_app, container or apt"),
    ("[Component x]\ntype = git", 2, "Component x", "type", "come with the hub"),
    ("[Component x]\ntype = pyton_app", 2, "Component x", "type", "did you mean 'python_app'?"),
    ("[Component x]\ntype = apt\nsource = tags", 3, "Component x", "source", "not for type = apt"),
    ("[Component x]\ntype = python_app", 1, "Component x", "repository", "expected owner/name"),
    ("[Component x]\ntype = python_app\nrepository = a/b", 1, "Component x", "installPath", "absolute path"),
    ("[Component x]\ntype = container\nrepository = a/b", 1, "Component x", "image", "expected an image"),
    (APP + "composePath = /x", 5, "Component lamp", "composePath", "not for type = python_app"),
    (BOX + "installPath = /x", 5, "Component box", "installPath", "not for type = container"),
    (APP + "repositry = a/b", 5, "Component lamp", "repositry", "did you mean 'repository'?"),
    (APP + "source = git", 5, "Component lamp", "source", "releases or tags"),
    (APP + "source = tags\nasset = x.tar.gz", 6, "Component lamp", "asset", "leave this empty with source = tags"),
    (APP + "asset = dir/x.tar.gz", 5, "Component lamp", "asset", "without slashes"),
    (APP + "asset = x-{versoin}.tar.gz", 5, "Component lamp", "asset", "{version} and {tag} may stand"),
    (APP + "tagPattern = (", 5, "Component lamp", "tagPattern", "regular expression"),
    (APP + "tagPattern = v.*", 5, "Component lamp", "tagPattern", "this one has 0"),
    (APP + "tagPattern = (v)(.*)", 5, "Component lamp", "tagPattern", "this one has 2"),
    (APP + "versionScheme = semantic", 5, "Component lamp", "versionScheme", "semver or pep440 or calver or numeric"),
    (APP + "policy = always", 5, "Component lamp", "policy", "ask or auto or never"),
    (APP + "minimumAgeHours = 8761", 5, "Component lamp", "minimumAgeHours", "from 0 to 8760"),
    (APP + "requires = remote 1.0", 5, "Component lamp", "requires", "remote >= 1.0.0"),
    (APP + "requires = remote ~= 1.0", 5, "Component lamp", "requires", "remote >= 1.0.0"),
    (APP + "trust = all", 5, "Component lamp", "trust", "verified or none"),
    (APP + "busyFile = run/x", 5, "Component lamp", "busyFile", "absolute path"),
    (APP + "runner = process", 1, "Component lamp", "command", "since runner = process"),
    (APP + "command = 'open", 5, "Component lamp", "command", "no closing quotation"),
    (APP + "command = a | b", 5, "Component lamp", "command", "no shell runs it"),
    (APP + "command = {installPath}/x", 5, "Component lamp", "command", "{install_path}"),
    (APP + "healthUrl = 127.0.0.1/health", 5, "Component lamp", "healthUrl", "http://"),
    (APP + "preserve = data, ../x", 5, "Component lamp", "preserve", "'../x' leads out of it"),
    (APP + "preserve = /etc", 5, "Component lamp", "preserve", "leads out"),
    (APP + "service = a b", 5, "Component lamp", "service", "name of a service"),
    (APP + "service = -a", 5, "Component lamp", "service", "name of a service"),
    (BOX + "image = ghcr.io/me/box:latest\n", 5, "Component box", "image", "there already"),
    (BOX.replace("io/me/box", "io/me/box:1"), 4, "Component box", "image", "tag left to imageTag"),
    (BOX.replace("ghcr.io/me/box", "me/Box"), 4, "Component box", "image", "expected an image"),
    (BOX + "imageTag = {version}/x", 5, "Component box", "imageTag", "without slashes"),
    (
        APP + APP.replace("[Component lamp]", "[Component light]"),
        5,
        "Component light",
        None,
        "same place as the component lamp",
    ),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[0].splitlines()[-1])
def test_a_mistake_is_told_with_its_place(tmp_path: Path, mistake: Mistake) -> None:
    text, line, section, key, told = mistake
    file = tmp_path / "dunebugger.conf"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, has_apt=True)
    error = caught.value
    assert (error.file, error.line, error.section, error.key) == (file, line, section, key)
    sentence = str(error)
    assert sentence.startswith(f"cannot use {file}, line {line}")
    assert told in sentence
    assert "\n" not in sentence


def test_a_notification_address_is_not_shown_because_it_holds_a_password(tmp_path: Path) -> None:
    file = tmp_path / "dunebugger.conf"
    file.write_text("[Notifications]\nurls =\n json://x\n me:secret@example.org\n")
    with pytest.raises(ConfigError) as caught:
        load(file, has_apt=True)
    assert "secret" not in str(caught.value)
    assert "number 2 is none" in str(caught.value)


def test_a_long_value_is_shown_in_part(tmp_path: Path) -> None:
    file = tmp_path / "dunebugger.conf"
    file.write_text("[Updater]\nchannel = " + "x" * 5000)
    with pytest.raises(ConfigError) as caught:
        load(file, has_apt=True)
    assert len(str(caught.value)) < 400


DOCUMENTED = (Path(__file__).parent / "captures" / "config" / "documented.conf").read_text()
KEYS = sorted(set(re.findall(r"^(\w+) *=", DOCUMENTED, re.MULTILINE)))
VALUES = st.text() | st.sampled_from(
    ("process", "tags", "{}", "{version}", "[::1]:1", "http://[", "//", "/\0", "(", "Mon 0:00 1min /", "é", "'", "٣")
)


@given(key=st.sampled_from(KEYS), value=VALUES, kind=st.sampled_from(("core", "scheduler")))
@settings(max_examples=400, deadline=None)
def test_no_value_whatever_ends_in_anything_but_a_sentence(key: str, value: str, kind: str) -> None:
    _survives("".join(f"{head}{key} = {value}\n" for head, body in _bodies(kind) if f"\n{key} " in body))


@given(st.text(alphabet=st.sampled_from("[]=:;# \t\n\ra{}Updater\ufeff\x00\x85é/Component c")))
@settings(max_examples=400, deadline=None)
def test_no_text_whatever_ends_in_anything_but_a_sentence(text: str) -> None:
    _survives(text)


def _bodies(kind: str) -> list[tuple[str, str]]:
    """Section heads with the documented text below each."""
    parts = re.split(r"^(\[.+\])", DOCUMENTED, flags=re.MULTILINE)[1:]
    pairs = [(f"{head}\n", f"{head}\n{body}") for head, body in zip(parts[::2], parts[1::2], strict=True)]
    return [(head, body) for head, body in pairs if not head.startswith("[Component") or kind in head]


def _survives(text: str) -> None:
    told = "cannot use nothing"
    try:
        assert read_text(text, None, has_apt=True).components
    except ConfigError as error:
        told = str(error)
    assert told.startswith("cannot use ")
    assert "\n" not in told
