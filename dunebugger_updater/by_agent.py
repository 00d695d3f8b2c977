"""Commands while an agent runs: it does the work, so that its panel shows it; we follow the run in its journal."""

import asyncio

import msgspec

from dunebugger_updater.effects import agent_door
from dunebugger_updater.engine import Hear
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story
from dunebugger_updater.trust.rotation import OWN
from dunebugger_updater.wiring import House

_LOOK = 0.2
"""Seconds between two looks into the journal."""
_GONE = 10.0
"""Seconds without an agent after which it is not only restarting."""
_GONE_FOR_ITSELF = 300.0
"""The same while it updates itself: a version that does not stand its trial is taken back within four minutes."""

_OUTCOMES = {"already_up_to_date": Outcome.NOTHING_TO_DO, "failed": Outcome.FAILED}


class _Started(msgspec.Struct):
    """What the agent answers when it began."""

    run: str


class _Error(msgspec.Struct):
    code: str
    message: str


class _Problem(msgspec.Struct):
    """What it answers otherwise."""

    error: _Error


async def carry_out(house: House, plan: Plan, wanted: str | None, hear: Hear) -> Story | Refusal | None:
    """Let the agent carry out what ``plan`` shows; ``None`` when there is no agent.

    ``wanted`` is the version that was named, if one was.  Cancelled, it only stops following: the
    ``CancelledError`` carries a sentence that says so.
    """
    state = house.settings.updater.state_path
    if not await agent_door.is_open(state):
        return None
    body = {"version": wanted} if plan.verb == "update" else {"to": wanted}
    path = f"/api/v1/components/{plan.component}/{plan.verb}"
    run = ""
    try:
        _, content = await agent_door.post(state, path, to_json({key: text for key, text in body.items() if text}))
        try:
            run = from_json(content, _Started).run
        except msgspec.MsgspecError:
            return _refusal(content)
        gone = _GONE_FOR_ITSELF if plan.component == OWN else _GONE
        return await followed(house, run, hear, gone)
    except asyncio.CancelledError:
        # Whoever watched has gone; the work is the agent's and does not end with us.
        raise asyncio.CancelledError(_goes_on(run)) from None


async def check(house: House, names: list[str], *, force: bool) -> bool:
    """Let the agent look, so that its panel hears of it; false when there is none."""
    state = house.settings.updater.state_path
    if not await agent_door.is_open(state):
        return False
    await agent_door.post(state, "/api/v1/check", to_json({"force": force, "components": names}))
    return True


async def followed(house: House, run: str, hear: Hear, gone: float = _GONE) -> Story | Refusal:
    """Follow the agent's run in its journal, to its end."""
    clock, told = house.device.clock, 0
    seen_alive = clock.up()
    while True:
        story = await asyncio.to_thread(house.runs.read, run)
        for event in story.events[told:] if story else ():
            hear(event)
        told = len(story.events) if story else told
        if story is not None and story.closed is not None:
            return story
        if await agent_door.is_open(house.settings.updater.state_path):
            seen_alive = clock.up()
        elif clock.up() - seen_alive > gone:
            return Refusal(
                Outcome.FAILED, f"the agent went away; run {run} goes on when it starts again, or by recover"
            )
        await clock.sleep(_LOOK)


def _goes_on(run: str) -> str:
    if not run:
        return "stopped waiting; what the agent has begun goes on: dunebugger-updater history tells of it"
    return f"stopped following; run {run} goes on in the agent: dunebugger-updater show {run} tells how it stands"


def _refusal(content: bytes) -> Refusal:
    try:
        error = from_json(content, _Problem).error
    except msgspec.MsgspecError:
        return Refusal(Outcome.FAILED, "cannot understand the agent of this device: is it another version?")
    return Refusal(_OUTCOMES.get(error.code, Outcome.REFUSED), error.message)
