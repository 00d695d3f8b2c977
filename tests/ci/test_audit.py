"""The audit tells "nobody was asked" from "nothing was found"; the bill of materials names all that is locked."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.txt").read_text()
WANTED = {"aiohttp": "3.14.5", "pyyaml": "6.0.3"}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


AUDIT, SBOM = script("audit"), script("sbom")


def answer(*dependencies: Mapping[str, Any]) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


def fine(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "version": version, "vulns": []}


HOLE = {"name": "pyyaml", "version": "6.0.3", "vulns": [{"id": "PYSEC-1", "fix_versions": ["6.1"], "aliases": []}]}
SKIPPED = {"name": "pyyaml", "skip_reason": "Dependency not found on PyPI and could not be audited"}
GOOD = answer(*(fine(*each) for each in WANTED.items()))


@pytest.mark.parametrize(
    ("told", "relaxed", "strict", "words"),
    [
        (GOOD, 0, 0, "no known vulnerability in 2 packages"),
        (answer(fine("aiohttp", "3.14.5"), HOLE), 1, 1, "VULNERABLE: pyyaml 6.0.3: PYSEC-1, mended in 6.1"),
        (answer(fine("aiohttp", "3.14.5"), SKIPPED), 0, 1, "could not ask about 1 of 2 packages: pyyaml"),
        (answer(fine("aiohttp", "3.14.5")), 0, 1, "could not ask about 1 of 2 packages: pyyaml"),
        (answer(fine("aiohttp", "3.14.4"), fine("pyyaml", "6.0.3")), 0, 1, "could not ask about 1 of 2"),
        (answer(), 0, 1, "could not ask about 2 of 2 packages"),
        ("", 0, 1, "could not ask about 2 of 2 packages"),
        ("no network", 0, 1, "could not ask about 2 of 2 packages"),
        ("[]", 0, 1, "could not ask about 2 of 2 packages"),
    ],
)
def test_what_the_audit_heard_is_what_it_says(told: str, relaxed: int, strict: int, words: str) -> None:
    for given, expected in ((False, relaxed), (True, strict)):
        status, lines = AUDIT.verdict(told, WANTED, strict=given)
        assert status == expected
        assert words in "\n".join(lines)


def test_an_empty_lock_is_no_pass() -> None:
    assert AUDIT.verdict(answer(), {}, strict=False)[0] == 1


def test_the_bill_of_materials_names_every_locked_package_and_who_wanted_it() -> None:
    bill = SBOM.bill(LOCK, "dunebugger-updater", "1.0.0")
    assert {each["name"]: each["version"] for each in bill["components"]} == AUDIT.pins(LOCK)
    assert all(each["purl"] == each["bom-ref"] and each["properties"] for each in bill["components"])
    wants = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    mine = wants["pkg:pypi/dunebugger-updater@1.0.0"]
    assert any(each.startswith("pkg:pypi/cryptography@") for each in mine)
    assert any(each.startswith("pkg:pypi/cffi@") for each in wants[next(x for x in mine if "/cryptography@" in x)])
    reached, todo = set(), [*mine]
    while todo:
        each = todo.pop()
        if each not in reached:
            reached.add(each)
            todo += wants[each]
    assert reached == {each["bom-ref"] for each in bill["components"]}, "nothing is there that nobody wanted"


def test_the_same_lock_gives_the_same_bill() -> None:
    made = [json.dumps(SBOM.bill(LOCK, "dunebugger-updater", "1.0.0")) for _ in range(2)]
    assert made[0] == made[1]
    assert (made[0] != json.dumps(SBOM.bill(LOCK, "dunebugger-updater", "1.0.1"))) is True
