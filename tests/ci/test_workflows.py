"""What the workflows may do, and in which order: nobody meets half a release, nobody signs for a stranger."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLE = ROOT / "manifests" / "release.yml"
ALL = [*OURS, EXAMPLE]
RELEASES = [ROOT / ".github" / "workflows" / "release.yml", EXAMPLE]
KNOWN = {
    "actions/attest-build-provenance",
    "actions/checkout",
    "actions/download-artifact",
    "actions/setup-python",
    "actions/upload-artifact",
    "docker/setup-qemu-action",
}


def workflow(path: Path) -> dict[Any, Any]:
    said = yaml.safe_load(path.read_text())
    assert isinstance(said, dict)
    return said


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = workflow(path)["jobs"]
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job["steps"]]


def index(path: Path, words: str) -> int:
    """The step in the last job that has these words."""
    *_, job = jobs(path).values()
    found = [number for number, step in enumerate(job["steps"]) if words in f"{step.get('uses')} {step.get('run')}"]
    assert len(found) == 1, words
    return found[0]


def test_there_are_workflows() -> None:
    assert [path.name for path in OURS] == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_workflow_may_only_read_unless_a_job_says_more_and_why(path: Path) -> None:
    assert workflow(path)["permissions"] == {"contents": "read"}
    for job in jobs(path).values():
        for name, right in job.get("permissions", {}).items():
            reason = re.search(rf"^ +{name}: {right}(.*)$", path.read_text(), re.MULTILINE)
            assert right == "read" or (reason and "# " in reason[1]), name
    # nobody's pull request runs with our rights or our secrets
    assert "pull_request_target" not in path.read_text()
    assert "workflow_run" not in path.read_text()


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_job_ends_in_time_and_two_of_one_kind_do_not_meet(path: Path) -> None:
    assert all("timeout-minutes" in job for job in jobs(path).values())
    assert workflow(path)["concurrency"]["group"].endswith("${{ github.ref }}")


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_known_actions_are_used_each_at_one_commit_that_says_its_version(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert {each.partition("@")[0] for each in used} <= KNOWN
    written = re.findall(r"^ +- uses: (\S+)  # v\d+\.\d+\.\d+$", path.read_text(), re.MULTILINE)
    assert written == used, "a tag can be moved to other code, a commit cannot"
    assert all(re.fullmatch(r"[0-9a-f]{40}", each.partition("@")[2]) for each in used)
    everywhere = {each for other in ALL for step in steps(other) if (each := step.get("uses"))}
    assert len({each.partition("@")[0] for each in everywhere}) == len(everywhere), "one version of each"


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_an_event_is_pasted_into_a_script_and_no_credential_is_left_behind(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "run" in step and "${{" in step["run"]] == []
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_signing_key_is_seen_by_the_one_step_that_signs_behind_an_environment(path: Path) -> None:
    assert path.read_text().count("secrets.") == 1
    signing = [step for step in steps(path) if "secrets." in str(step)]
    assert [sorted(step["env"]) for step in signing] == [["SIGNING_KEY"]]
    (command,) = (step["run"] for step in signing)
    assert "manifest sign --key env:SIGNING_KEY" in command
    assert command.count("\n") == 0, "and does nothing besides"
    *_, job = jobs(path).values()
    assert job["environment"] == "release"


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_release_is_described_signed_attested_and_whole_before_anybody_sees_it(path: Path) -> None:
    order = [
        index(path, "manifest generate"),
        index(path, "manifest sign"),
        index(path, "attest-build-provenance"),
        index(path, "gh release create"),
    ]
    assert order == sorted(order)
    *_, job = jobs(path).values()
    last = job["steps"][-1]["run"]
    assert job["steps"][-1] is job["steps"][order[-1]], "nothing comes after it"
    draft, upload, publish = (last.index(words) for words in ("--draft --verify", "release upload", "--draft=false"))
    assert draft < upload < publish


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_release_says_all_that_a_signed_manifest_needs(path: Path) -> None:
    *_, job = jobs(path).values()
    command = job["steps"][index(path, "manifest generate")]["run"]
    for word in ("--component", "--repo ", "--repo-id", "--sequence", "--min-sequence", "--issued", "--expires"):
        assert word in command, word


def test_our_own_release_is_built_for_three_machines_from_pinned_keys_and_locked_libraries() -> None:
    path = RELEASES[0]
    matrix = jobs(path)["build"]["strategy"]["matrix"]["include"]
    assert {each["architecture"] for each in matrix} == {"amd64", "arm64", "armhf"}
    build = (ROOT / ".github" / "build-in-debian").read_text()
    assert "packaging/build --output dist" in build
    assert "--key packaging/pinned.json" in build
    assert any("--require-hashes -r requirements.txt" in step.get("run", "") for step in steps(path))
    assert any(".ci/audit --strict" in step.get("run", "") for step in steps(path))
    assert index(path, ".cdx.json") < index(path, "gh release create"), "the bill of materials is part of it"
    assert index(path, "manifest verify") < index(path, "gh release create")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed here; CI has it")
@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_scripts_in_workflows_are_sound(path: Path) -> None:
    for number, step in enumerate(steps(path)):
        if "run" in step:
            script = f"#!/bin/bash -e\n{step['run']}"
            done = subprocess.run(
                ["shellcheck", "-"], input=script, capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == 0, f"step {number}: {done.stdout}"
