"""The threat model in docs/security.md: a test for every line, and each of them is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
TABLE = TEXT.partition("\n## Threats\n")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line.startswith("| ")][
    1:
]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_")}


def test_the_table_is_whole() -> None:
    assert len(ROWS) >= 30
    assert {len(row) for row in ROWS} == {5}
    assert len({tuple(row[:2]) for row in ROWS}) == len(ROWS), "no line twice"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}")
def test_every_line_of_the_threat_model_has_a_test_that_exists(row: list[str]) -> None:
    *_, defence, _, shown = row
    assert defence
    found = TEST.findall(shown)
    assert found
    assert TEST.sub("", shown).replace(",", "").strip() == "", "names of tests, and nothing else"
    for path, name in found:
        assert name in names_in(path), f"{path} has no {name}"
