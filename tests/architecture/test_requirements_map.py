"""docs/requirements.md is complete, names files that exist, and knows every requirement that a test names."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([A-Z]{2}-\d+) \| ([^|]+) \| ([a-z ]+) \| ([^|]*) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "requirements.md").read_text())
FAMILIES = {"DB": 123, "HC": 83, "HP": 31, "NF": 80, "RM": 123}
FILES = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+|pyproject\.toml)`")
FILED = {"met", "in part", "differently"}


def expected() -> list[str]:
    width = {"DB": 3, "HC": 2, "HP": 2, "NF": 2, "RM": 3}
    return [f"{name}-{n:0{width[name]}}" for name, count in FAMILIES.items() for n in range(1, count + 1)]


def named_by_tests() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req":
                for word in node.args:
                    if isinstance(word, ast.Constant):
                        yield str(path.relative_to(ROOT)), str(word.value)


def test_each_requirement_stands_in_the_map_once_and_in_its_order() -> None:
    assert [identity for identity, *_ in ROWS] == expected()
    assert Counter(identity[:2] for identity, *_ in ROWS) == FAMILIES


def test_every_state_is_a_known_one() -> None:
    assert {state for _, _, state, _ in ROWS} <= {*FILED, "not yet", "left out"}


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] in FILED], ids=lambda row: row[0])
def test_what_is_met_is_met_in_files_that_exist(row: tuple[str, str, str, str]) -> None:
    files = FILES.findall(row[3])
    assert files or row[2] == "differently" or row[0] == "HC-07"
    assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] not in FILED], ids=lambda row: row[0])
def test_what_is_not_there_says_what_it_comes_with_or_why(row: tuple[str, str, str, str]) -> None:
    assert row[3].startswith("comes with ") if row[2] == "not yet" else row[3]


def test_every_requirement_that_a_test_names_stands_in_the_map_as_met_or_partly() -> None:
    states = {identity: state for identity, _, state, _ in ROWS}
    found = list(named_by_tests())
    assert len(found) > 50
    assert [each for each in found if states.get(each[1]) not in FILED] == []
