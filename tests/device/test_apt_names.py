"""What is no name of a package here never reaches apt or dpkg, whoever says it.

apt reads much into a name: a last ``-`` removes, ``/`` and ``=`` choose a version, ``*`` and ``^`` are patterns, a path
is a file to be installed, a leading ``-`` is an option.  Every program that could listen is watched.
"""

import json

import pytest
from device.bed.archive import Archive
from device.bed.debian import Debian
from device.bed.device import Device

pytestmark = [pytest.mark.device]

HOSTILE = (
    "tb-tool-",
    "tb-tool+",
    "tb-c++-",
    "bash-",
    "openssh-server-",
    "tb-tool=1.0",
    "tb-tool/stable",
    "tb-tool:amd64-",
    "tb-*",
    "tb-too?",
    "^tb-tool$",
    "~n^tb",
    "?installed",
    "task^",
    "TB-TOOL",
    "tb_tool",
    "tb-tool tb-ssl",
    " --reinstall bash",
    "--allow-downgrades",
    "--allow-downgrades x",
    "-y",
    "--",
    "-oDpkg::Pre-Invoke::=touch /srv/owned",
    "tb-tool\n",
    "tb-tool\nbash-",
    "\ttb-tool",
    "./evil.deb",
    "/srv/evil.deb",
    "../evil_1.0_all.deb",
    "$(touch /srv/owned)",
    "`touch /srv/owned`",
    "; touch /srv/owned",
    "tb-tool;touch /srv/owned",
    "tb-tool|sh",
    "tb-tool&",
    "tb‐tool",  # noqa: RUF001  (a hyphen that is none)
    "tb-tооl",  # noqa: RUF001  (two letters that are not Latin)
    "tb-tool\u200b",
    "\u202ebash",
    "tb-tool%00",
    "x" * 5000,
    "tb-does-not-exist",
    "",
)
SERVICES = (
    "-H",
    "--root=/srv",
    "tb-service;touch /srv/owned",
    "tb-service tb-daemon",
    "../tb-service",
    "tb-*",
    "tb-service\n",
    "$(touch /srv/owned)",
    "dunebugger-updater",
    "",
)


def acted(care: Debian) -> list[list[str]]:
    """The calls that change something, rather than look."""
    starts = [argv for argv in care.recorded() if argv[0] == "systemd-run"]
    return starts + [argv for argv in care.recorded() if argv[0] == "systemctl" and "restart" in argv]


PASSED_ON = tuple(
    {*HOSTILE, *SERVICES} - {"", "-y", "-H", "--", "--allow-downgrades", "dunebugger-updater", "tb-tool=1.0"}
)
"""Those that no call of ours may have in any of its words; the others may well stand there for other reasons."""
MANY = """
import contextlib, io, json
from dunebugger_updater.cli import main
told = []
for words in json.loads({commands!r}):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as ended:
            code = ended.code
    told.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""


@pytest.fixture
def care(device: Device, archive: Archive) -> Debian:
    """Something to upgrade, and a record of what every program was told."""
    made = Debian(device, archive)
    archive.connect(device)
    archive.install(device, "tb-tool", "tb-c++", "tb-ssl", "tb-service")
    archive.publish("tb-tool", "tb-c++", "tb-ssl", "tb-service")
    archive.refresh(device)
    return made


def reached(care: Debian, *names: str) -> list[list[str]]:
    """The calls in which any of these words, or a part that only they have, was passed on."""
    return [argv for argv in care.recorded() if any(name in word for word in argv for name in names)]


def said_to_the_command_line(care: Debian, *commands: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """Give our command line each of these, in one process: what it takes to start is not the question here."""
    text = MANY.format(commands=json.dumps(commands))
    done = care.device.python("-", text=text, limit=300)
    assert done.returncode == 0, done.stderr
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def objection(name: str) -> str:
    """What is said of it: a word of no length, or too long, is not even read."""
    return "bad_parameters" if 0 < len(name) <= 100 else "bad_body"


@pytest.mark.req("HC-78")
def test_only_names_of_packages_reach_apt_from_the_command_line(care: Debian) -> None:
    before = care.look()
    care.record()
    words = ("action", "apt_upgrade_packages", "--yes", "--json", "--")
    asked = [
        *((*words, name) for name in HOSTILE),
        *((*words, "tb-tool", name) for name in HOSTILE),  # together with a good one, neither is touched
        *(("action", "restart_service", "--yes", "--json", "--", name) for name in SERVICES),
    ]
    for command, (code, out, err) in zip(asked, said_to_the_command_line(care, *asked), strict=True):
        assert code in {1, 2, 3}, (command, code, out, err)
        assert "Traceback" not in err, (command, err)
    assert care.look().differs(before) == []
    assert care.device.read("/srv/owned") == ""
    assert reached(care, *PASSED_ON) == []
    assert acted(care) == []
    # and the record would have told
    done = care.answer("action", "apt_upgrade_packages", "tb-c++", "--yes")
    assert done["status"] == "succeeded", done
    assert reached(care, "tb-c++")
    assert care.look().versions == {**before.versions, "tb-c++": "1.1"}


def test_only_names_of_packages_reach_apt_over_http(care: Debian) -> None:
    before = care.look()
    token = care.answer("token", "create", "--name", "test", "--role", "owner")["token"]
    care.start_agent()
    care.record()

    def post(parameters: dict[str, object], action: str) -> tuple[int, str]:
        body = {"action_type": action, "parameters": parameters}
        words = ["curl", "-sS", "-m", "60", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {token}"]
        words += ["-H", "Content-Type: application/json", "--data-binary", "@-", f"{care.url}/api/v1/actions"]
        answer, _, code = care.device.exec(*words, text=json.dumps(body)).rpartition("\n")
        return int(code), answer

    for name in HOSTILE:
        code, answer = post({"packages": ["tb-tool", name]}, "apt_upgrade_packages")
        told = json.loads(answer)["error"]
        assert (code, told["code"]) == (400, objection(name)), (name, code, answer)
        assert told["message"].startswith("cannot "), (name, answer)
    for name in SERVICES:
        code, answer = post({"service": name}, "restart_service")
        assert (code, json.loads(answer)["error"]["code"]) == (400, objection(name)), (name, code, answer)
    assert care.answer("actions") == []
    assert care.look().differs(before) == []
    assert care.device.read("/srv/owned") == ""
    assert reached(care, *PASSED_ON) == []
    assert acted(care) == []
