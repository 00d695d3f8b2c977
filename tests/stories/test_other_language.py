"""A client in another language, with nothing of ours, against a running agent: the manual test (DB-106)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from stories.agents import agent_device
from stories.real_app import CHECKOUT, LIMIT
from stories.real_releases import publisher

NODE = shutil.which("node")
CLIENT = CHECKOUT / "tests/api/plain_client.mjs"


@pytest.mark.req("DB-106")
@pytest.mark.timeout(120)
@pytest.mark.skipif(NODE is None, reason="needs Node.js, which is not on PATH here")
def test_a_plain_client_checks_tries_and_updates_a_real_device_by_its_token(tmp_path: Path) -> None:
    with publisher() as github, agent_device(tmp_path / "d", github.shelf("1.1.0")) as agent:
        agent.begin()
        url = f"ws://127.0.0.1:{agent.port}/ws?token={agent.make_token('operator')}"
        said = subprocess.run([str(NODE), str(CLIENT), url], check=False, capture_output=True, timeout=LIMIT)
        assert said.returncode == 0, f"{said.stderr.decode()}\n{said.stdout.decode()}\n{agent.said}"
        heard = [json.loads(line) for line in said.stdout.splitlines()]
        answers = {(each["re"], each["subject"]): each["body"] for each in heard if "re" in each}
        core = answers["check", "update_check_result"]["components"]["core"]
        assert (core["current"], core["latest"], core["update_available"]) == ("1.0.0", "1.1.0", True)
        tried, done = answers["dry", "update_result"], answers["real", "update_result"]
        assert [tried[key] for key in ("component", "success", "dry_run")] == ["core", True, True]
        assert [done[key] for key in ("component", "success", "dry_run")] == ["core", True, False]
        subjects = [each["subject"] for each in heard if each.get("re") == "real"]
        assert subjects.count("update_progress") >= 2
        assert subjects[-1] == "update_result"
        assert set(subjects) == {"update_progress", "update_result"}
        assert agent.device.running["version"] == "1.1.0"
        assert agent.good("GET", "components/core")["current"] == "1.1.0"
        assert len(agent.device.journals()) == 1, "the dry run left no run behind"
