"""A program that is given up, at whatever moment and however often, is gone and leaves nothing open behind it."""

import asyncio
import gc
import os
import sys
import warnings
from pathlib import Path

import pytest

from dunebugger_updater.effects.commands import run
from dunebugger_updater.ports import EffectError

LISTEN = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(300)"]


def children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def given_up(working: asyncio.Task[object], again_after: int | None) -> None:
    working.cancel()
    if again_after is not None:
        await turns(again_after)
        working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


@pytest.mark.parametrize("again_after", [None, 0, 1, 2, 3, 5])
async def test_a_program_that_is_given_up_at_any_turn_is_gone_and_nothing_stays_open(again_after: int | None) -> None:
    before = children()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for after in range(14):
            working: asyncio.Task[object] = asyncio.create_task(run(["sleep", "300"], limit=300))
            await turns(after)
            await given_up(working, again_after)
            assert children() == before, (after, again_after)
        heard = asyncio.Event()
        working = asyncio.create_task(run(LISTEN, limit=300, hear=lambda _: heard.set()))
        await asyncio.wait_for(heard.wait(), 30)
        await given_up(working, again_after)
        del working
        gc.collect()
        await turns(3)
    assert [str(each.message) for each in told] == []
    assert children() == before


async def test_a_program_that_takes_too_long_and_is_given_up_while_it_ends_leaves_nothing_open() -> None:
    before = children()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(EffectError, match="did not finish within 0 s"):
            await run(["sleep", "300"], limit=0)
        gc.collect()
    assert [str(each.message) for each in told] == []
    assert children() == before


async def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(EffectError, match="cannot run dunebugger-nothing: no such file"):
        await run(["dunebugger-nothing"], limit=1)
