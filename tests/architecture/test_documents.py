"""What the documents say of keys, commands, floors and files is what the code has."""

import re
from itertools import chain
from pathlib import Path

import pytest

from architecture.test_floors import FLOORS
from dunebugger_updater.cli import COMMANDS
from dunebugger_updater.config import read_text
from dunebugger_updater.model.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROW = re.compile(r"^\| `(\w+)`(?: †)? \| ?(.*?) ?\| `(.*?)` \| ", re.MULTILINE)
TAKEN = re.compile(r"\btake\(\s*\"(\w+)\"")
TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def tables() -> dict[str, list[tuple[str, str, str]]]:
    """Key, default and example, by the heading or the words above each table of configuration.md."""
    text = (DOCS / "configuration.md").read_text()
    parts = re.split(r"^(?:## \[(\w+)[^\]]*\].*|`type = (\w+)`:)$", text, flags=re.MULTILINE)
    names = [first or second for first, second in zip(parts[1::3], parts[2::3], strict=True)]
    return {name: ROW.findall(part) for name, part in zip(names, parts[3::3], strict=True)}


def written(section: str, rows: list[tuple[str, str, str]]) -> str:
    return "\n".join([f"[{section}]", *(f"{key} = {example}" for key, _, example in rows)])


def test_the_keys_of_the_document_are_the_keys_of_the_code() -> None:
    package = ROOT / "dunebugger_updater"
    code = "".join((package / name).read_text() for name in ("config.py", "config_components.py"))
    documented = [key for rows in tables().values() for key, _, _ in rows]
    assert set(documented) == set(TAKEN.findall(code))
    assert len(documented) == len(set(documented)) + 1  # channel stands in two sections


def test_every_default_in_the_document_is_one() -> None:
    rows = tables()["Updater"]
    stated = [(key, default, default.strip("`")) for key, default, _ in rows if default]
    assert read_text(written("Updater", stated), None, has_apt=False).updater == Settings().updater


@pytest.mark.parametrize("kind", ["python_app", "container"])
def test_every_example_of_a_component_is_accepted(kind: str) -> None:
    shared = [row for row in tables()["Component"] if row[0] not in {"type", "source"}]
    rows = [("type", "", kind), *shared, *tables()[kind]]
    found = read_text(written("Component app", rows), None, has_apt=False)
    assert [component.type for component in found.components] == [kind, "updater"]


@pytest.mark.parametrize("section", ["Updater", "Panel", "Notifications", "Hub"])
def test_every_other_example_is_accepted(section: str) -> None:
    assert read_text(written(section, tables()[section]), None, has_apt=False) != Settings()


def test_every_command_is_described() -> None:
    text = (DOCS / "commands.md").read_text()
    known = {*COMMANDS, "demo", "version", "manifest"}
    assert {name for name in known if not re.search(rf"`{name}[ `]", text)} == set()


def test_every_floor_stands_in_the_design() -> None:
    table = (DOCS / "design.md").read_text().partition("## The floors")[2].partition("\n## ")[0]
    named = {name.partition(".")[0] for name in chain.from_iterable(FLOORS)}
    later = {"agent", "python_interface", "__main__"}
    parts = {name for name in named - later if not name.startswith("config")}
    assert {name for name in parts if f"`{name}`" not in table} == set()


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(text: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", text.read_text())
    assert [target for target in targets if not (text.parent / target).exists()] == []


def test_the_quick_start_has_the_two_blocks_that_ci_runs() -> None:
    start = (ROOT / "README.md").read_text().partition("\n## Quick start\n")[2].partition("\n## ")[0]
    demo, tests = re.findall(r"^```sh\n(.*?)^```$", start, re.MULTILINE | re.DOTALL)
    assert "dunebugger_updater demo" in demo
    assert "-m pytest" in tests
