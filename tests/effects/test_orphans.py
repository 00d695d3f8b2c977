"""What a killed updater left behind does not go on working beside the one who takes over."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from dunebugger_updater.effects.commands import clean_environment, run
from dunebugger_updater.effects.orphans import MARK, end_orphans
from dunebugger_updater.effects.processes import look

ROOT = Path(__file__).parents[2]
UPDATER = """
import asyncio, sys
from dunebugger_updater.effects.commands import run
program = "import os, subprocess, sys, time; print(os.getpid(), flush=True); subprocess.run(['sleep', '300'])"
asyncio.run(run([sys.executable, "-c", program], limit=300, hear=lambda line: print(line, flush=True)))
"""


async def test_the_helpers_of_a_killed_updater_are_ended_with_their_children_and_those_of_a_living_one_are_not() -> (
    None
):
    updater = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UPDATER, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True
    )
    assert updater.stdout is not None
    helper = int(await updater.stdout.readline())
    await end_orphans()
    assert look(helper) is not None, "its updater lives"
    os.kill(updater.pid, signal.SIGKILL)
    await updater.wait()
    found = look(helper)
    assert found is not None, "it goes on without its updater"
    await end_orphans()
    assert look(helper) is None
    left = [each for each in Path("/proc").iterdir() if each.name.isdigit() and _session(int(each.name)) == helper]
    assert left == []


async def test_the_helpers_of_an_updater_in_a_container_are_left_alone() -> None:
    """Its number there is another process's, or nobody's, here."""
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    words = ["unshare", *own, "--pid", "--fork", "--kill-child", "env", f"{MARK}=1.1", "sleep", "300"]
    container = await asyncio.create_subprocess_exec(*words, start_new_session=True)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    try:
        helper = int(await _once(children.read_text))
        await _once(lambda: MARK if MARK.encode() in Path(f"/proc/{helper}/environ").read_bytes() else "")
        await end_orphans()
        found = look(helper)
        assert found is not None
    finally:
        container.kill()
        await container.wait()


async def _once(said: Callable[[], str]) -> str:
    for _ in range(500):
        if text := said().strip():
            return text
        await asyncio.sleep(0.01)
    raise AssertionError("it did not start")


async def test_an_app_that_we_start_carries_no_mark_but_a_helper_does() -> None:
    assert MARK not in clean_environment()
    assert MARK in (await run(["env"], limit=10)).out


def _session(pid: int) -> int:
    found = look(pid)
    return found.session if found else 0
