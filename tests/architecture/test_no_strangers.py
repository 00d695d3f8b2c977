"""Nothing in the project belongs to one machine, one index or one mirror; and each file keeps to the house's form."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "packaging/requirements.txt")
TEXT = {".py", ".sh", ".js", ".css", ".html", ".spec", ".service", ".timer", ""}
LONGEST, LONGEST_TEST = 300, 500

# put together, so that this file does not hold what it forbids
INDEXES = ["pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "crates" + ".io", "golang" + ".org"]
MIRRORS = ["debian" + ".org", "ubuntu" + ".com", "raspbian" + ".org", "archive.raspberry" + "pi."]
HOMES = ["ro" + "ot/", "wo" + "rk/", "Us" + "ers/", "opt/whe" + "els", "opt/py" + "pi", "home/(?!pi/|pi$)"]
STRANGERS = re.compile("|".join(re.escape(host) for host in [*INDEXES, *MIRRORS]))
PATHS = re.compile(r"(?:^|[\s\"'=:(`])/(?:" + "|".join(HOMES) + ")", re.MULTILINE)
EXCEPTION = re.compile(r"#\s*(?:no" + r"qa\b|type:\s*ig" + r"nore\b)(?P<rest>.*)")
CODES = re.compile(r":?\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*|\[[a-z, -]+\]")


def project_files() -> list[Path]:
    """What is, or is about to be, in the repository."""
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in told.split("\0") if name and (path := ROOT / name).is_file()]


FILES = project_files()


def texts() -> Iterator[tuple[str, str]]:
    for path in FILES:
        content = path.read_bytes()
        if b"\0" not in content:
            yield str(path.relative_to(ROOT)), content.decode(errors="replace")


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found[0].strip()}"
        for name, text in texts()
        for found in pattern.finditer(text)
    ]


def lacks_a_reason(line: str) -> bool:
    found = EXCEPTION.search(line)
    return found is not None and not re.search(r"[a-z]{3}", CODES.sub("", found["rest"], count=1))


def test_the_project_is_seen_whole() -> None:
    names = {str(path.relative_to(ROOT)) for path in FILES}
    assert {"pyproject.toml", "dunebugger_updater/engine.py", *LOCKS} <= names


def test_no_file_names_the_host_of_a_package_index_or_a_mirror() -> None:
    assert places(STRANGERS) == []


def test_no_file_names_a_folder_of_the_machine_that_it_was_written_on() -> None:
    assert places(PATHS) == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_names_versions_and_hashes_but_no_addresses_and_no_options(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-") or " @ " in line] == []


def test_packaging_is_a_folder_and_no_package_for_it_would_hide_the_library_of_that_name() -> None:
    assert [
        path for path in FILES if path.match("packaging/**/__init__.py") or path.match("packaging/__init__.py")
    ] == []


def test_a_file_holds_one_idea_and_so_it_is_short() -> None:
    long = {}
    for name, text in texts():
        if Path(name).suffix in TEXT and not name.startswith("tests/captures/"):
            lines = text.count("\n")
            if lines >= (LONGEST_TEST if name.startswith("tests/") else LONGEST):
                long[name] = lines
    assert long == {}


def test_every_exception_from_a_rule_says_why() -> None:
    bare = [
        f"{name}:{number}"
        for name, text in texts()
        if name.endswith(".py")
        for number, line in enumerate(text.splitlines(), 1)
        if lacks_a_reason(line)
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("comment", "lacks"),
    [
        ("no" + "qa", True),
        ("no" + "qa: S101", True),
        ("no" + "qa: S101, PLR2004", True),
        ("no" + "qa: S101  (both streams are pipes)", False),
        ("type: ig" + "nore[no-untyped-call]", True),
        ("type: ig" + "nore[no-untyped-call]  # the stubs left it out", False),
        ("an ordinary comment", False),
    ],
)
def test_a_reason_is_told_from_a_code(comment: str, lacks: bool) -> None:
    assert lacks_a_reason(f"x = 1  # {comment}") == lacks
