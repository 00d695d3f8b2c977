"""The scripts of our own release workflow, run here over made-up files: what they make is what a device takes."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from doubles.github import FakeGitHub
from doubles.signed_world import DoubtfulClock, SignedWorld
from doubles.signers import ANNA

from dunebugger_updater.cli import main
from dunebugger_updater.plan import Plan
from dunebugger_updater.trust import signing

ROOT = Path(__file__).resolve().parents[2]
JOB = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]["release"]
SCRIPTS = {step["name"]: step["run"] for step in JOB["steps"] if "run" in step}
INSTALL = "python -m pip install --quiet --require-hashes -r requirements.txt\n"
COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """What the build jobs left, in a checkout."""
    checkout = tmp_path / "checkout"
    for name in ("dist", "packaging", ".github", "bin"):
        (checkout / name).mkdir(parents=True)
    (checkout / ".github" / "min-sequence").write_text("0\n")
    python = checkout / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for machine in ("amd64", "arm64", "armhf"):
        (checkout / "dist" / f"dunebugger-updater-1.4.0-{machine}.tar.gz").write_bytes(machine.encode())
        (checkout / "dist" / f"SHA256SUMS-{machine}").write_text(f"0  {machine}\n")
    pinned = str(checkout / "packaging" / "pinned.json")
    assert main(["manifest", "keys", "--component", "updater", "--key", ANNA.key.text, "--output", pinned]) == 0
    say = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(checkout)]
    subprocess.run([*say, "init", "-q"], check=True)
    subprocess.run([*say, "commit", "-q", "--allow-empty", "-m", "released"], check=True)
    return checkout / "dist"


def run(dist: Path, step: str) -> None:
    script = SCRIPTS[step].replace(INSTALL, "")
    environ = os.environ | {
        "PATH": f"{dist.parent / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "VERSION": "1.4.0",
        "CHANNEL": "stable",
        "GITHUB_REPOSITORY": "dunebugger/core",
        "GITHUB_SHA": COMMIT,
        "REPOSITORY_ID": "77",
        "SIGNING_KEY": signing.pem(ANNA.private).decode(),
    }
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=dist.parent,
        env=environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedWorld]:
    clock = DoubtfulClock()
    async with FakeGitHub(lambda: clock.now().timestamp()).running() as fake:
        yield SignedWorld(tmp_path, fake, clock)


@pytest.mark.req("DB-094")
@pytest.mark.req("DB-095")
async def test_what_our_workflow_describes_and_signs_is_what_a_device_takes(dist: Path, world: SignedWorld) -> None:
    assert INSTALL in SCRIPTS["Write the manifest"]
    for step in ("Write the manifest", "Sign it", "Check that the build before would take it"):
        run(dist, step)
    world.name, world.built_in = "updater", (dist.parent / "packaging" / "pinned.json").read_bytes()
    world.asset = "dunebugger-updater-{version}-arm64.tar.gz"
    world.clock.doubt = "this made-up clock does not show the day on which the test runs"
    world.fake.release(world.core, "v1.4.0", {file.name: file.read_bytes() for file in dist.iterdir()})
    plan = await world.plan()
    assert isinstance(plan, Plan), plan
    assert plan.vouched is not None
    assert plan.vouched.by == (ANNA.id,)
    assert plan.notes == ()
