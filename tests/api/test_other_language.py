"""A client in another language, with nothing of ours: the three messages of the manual test (DB-106)."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from doubles.edge import Edge

NODE = shutil.which("node")
CLIENT = Path(__file__).with_name("plain_client.mjs")


@pytest.mark.req("DB-106")
@pytest.mark.skipif(NODE is None, reason="needs Node.js, which is not on PATH here")
async def test_a_plain_client_checks_tries_and_updates(served: Edge) -> None:
    url = f"ws://127.0.0.1:{served.port}/ws?token=operator-token"
    asking = await asyncio.create_subprocess_exec(
        str(NODE),
        str(CLIENT),
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asking.communicate()
    assert asking.returncode == 0, err.decode()
    heard = [json.loads(line) for line in out.splitlines()]
    assert [(each["re"], each["subject"]) for each in heard] == [
        ("check", "update_check_result"),
        ("dry", "update_result"),
        ("real", "update_progress"),
        ("real", "update_progress"),
        ("real", "update_result"),
    ]
    assert [heard[1]["body"][key] for key in ("component", "success", "dry_run")] == ["core", True, True]
    assert [heard[4]["body"][key] for key in ("component", "success", "dry_run")] == ["core", True, False]
    assert served.fleet.components["core"].current == "1.1.0"
