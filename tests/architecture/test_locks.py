"""The lock files say the same as what they are made from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)([^\n]*(?:\n    --hash=[^\n]*)*)", re.MULTILINE)
RUNTIME = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
DEVELOPMENT = [
    line.partition("#")[0] for line in (ROOT / "requirements-dev.in").read_text().splitlines() if line[:1].isalpha()
]


def pins(name: str) -> dict[str, Version]:
    return {canonicalize_name(found[1]): Version(found[2]) for found in PIN.finditer((ROOT / name).read_text())}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("requirements.txt", wanted) for wanted in RUNTIME]
    + [("requirements-dev.txt", wanted) for wanted in RUNTIME + DEVELOPMENT],
)
def test_what_is_asked_for_is_pinned_to_a_version_that_does(name: str, wanted: str) -> None:
    requirement = Requirement(wanted)
    pinned = pins(name).get(canonicalize_name(requirement.name))
    assert pinned is not None, "run .ci/lock"
    assert requirement.specifier.contains(pinned, prereleases=True), "run .ci/lock"


def test_development_runs_the_very_versions_that_devices_run() -> None:
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert runtime.items() <= development.items()
    assert len(runtime) >= len(RUNTIME)


def test_the_frozen_program_holds_the_very_versions_that_are_tested() -> None:
    assert pins("requirements.txt").items() <= pins("packaging/requirements.txt").items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "packaging/requirements.txt"])
def test_every_pin_has_its_hashes(name: str) -> None:
    found = PIN.findall((ROOT / name).read_text())
    assert [pin[0] for pin in found if "--hash=sha256:" not in pin[2]] == []
    assert len(found) == len(pins(name)) > 0
