"""What the owner is told of actions: that a yes is needed, and what came of it; each once, and not twice by its run."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from doubles.small_clock import SmallClock as Clock
from msgspec.structs import replace

from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.model.actions import ActionResult, ActionStatus, ActionType, ActionView
from dunebugger_updater.model.packages import Change
from dunebugger_updater.model.settings import Notifications
from dunebugger_updater.model.views import RunView
from dunebugger_updater.model.wire import ActionChanged, AnyNews, Ended, Notified
from dunebugger_updater.services.action_told import notification
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.notify import Notifier

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASKED = ActionView(
    action_id="a-1",
    action_type=ActionType.APT_UPGRADE_ALL,
    status=ActionStatus.PENDING_APPROVAL,
    created_at=NOW,
    created_by="tablet",
    plan_hash="h1",
    title="upgrade all packages (1)",
    changes=(Change("tzdata", "1", "2"),),
    notes=("tzdata cannot be taken back",),
)
BEGUN = replace(ASKED, status=ActionStatus.EXECUTING, run="r-1")
DONE = replace(BEGUN, status=ActionStatus.SUCCEEDED, result=ActionResult(success=True, output="Setting up tzdata"))
RUN = RunView(run="r-1", component="system", verb="update", success=True, outcome="updated", message="system updated")


class Silent:
    async def deliver(self, *_: object) -> None: ...


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    made = Bus()
    notifier = Notifier(Notifications(), DiskFiles(), Clock(), tmp_path / "outbox.json", Silent(), made)
    task = asyncio.ensure_future(notifier.run())
    async with asyncio.timeout(5):
        while not made._listeners:  # noqa: ASYNC110  (nobody tells who begins to listen)
            await asyncio.sleep(0)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def told(bus: Bus, *news: AnyNews) -> list[Notified]:
    """What is notified of these, up to one that is always told."""
    last = Ended(replace(RUN, run=f"last of {len(news)} {news}", component="the end"))
    heard: list[Notified] = []
    async with bus.listening() as listener:
        for each in (*news, last):
            bus.tell(each)
        async with asyncio.timeout(5):
            async for each in listener:
                if isinstance(each, Notified):
                    if each.component == "the end":
                        break
                    heard.append(each)
    return heard


async def test_an_action_that_waits_for_a_yes_is_told_once_with_its_packages_and_what_is_lost(bus: Bus) -> None:
    first, *more = await told(bus, ActionChanged(ASKED), ActionChanged(ASKED))
    assert more == []
    assert (first.event, first.title) == ("approval_needed", "approval needed: upgrade all packages (1)")
    for words in ("tablet", "tzdata 1 -> 2", "tzdata cannot be taken back", "dunebugger-updater approve a-1"):
        assert words in first.body
    again = await told(bus, ActionChanged(replace(ASKED, plan_hash="h2")))
    assert [each.event for each in again] == ["approval_needed"], "another plan needs another yes"


@pytest.mark.req("HC-73")
async def test_an_upgrade_is_told_by_its_action_and_not_again_by_its_run(bus: Bus) -> None:
    heard = await told(bus, ActionChanged(BEGUN), Ended(RUN), ActionChanged(DONE), Ended(RUN))
    assert [(each.event, each.title, each.run) for each in heard] == [
        ("update_succeeded", "done: upgrade all packages (1)", "r-1")
    ]


async def test_after_a_restart_the_run_tells_and_the_action_does_not_tell_again(bus: Bus) -> None:
    heard = await told(bus, Ended(RUN), ActionChanged(DONE))
    assert [each.event for each in heard] == ["update_succeeded"]


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        ("rolled_back", "rolled_back"),
        ("stuck", "stuck"),
        ("failed", "update_failed"),
        ("refused", "update_failed"),
        (None, "update_failed"),
    ],
)
def test_a_failure_is_told_with_its_reason_and_the_last_lines(outcome: str | None, event: str) -> None:
    output = "\n".join(f"line {number}" for number in range(100))
    result = ActionResult(success=False, output=output, error="dpkg failed", outcome=outcome)
    made = notification(replace(BEGUN, status=ActionStatus.FAILED, result=result), NOW)
    assert made is not None
    assert made.event == event
    assert "dpkg failed" in made.body
    assert "| line 99" in made.body
    assert "line 50" not in made.body


def test_what_needs_no_telling_is_not_told() -> None:
    quiet = [
        replace(ASKED, status=status) for status in ActionStatus if status.value not in {"pending_approval", "failed"}
    ]
    quiet.append(replace(DONE, action_type=ActionType.APT_UPDATE))
    assert [each.status for each in quiet if notification(each, NOW) is not None] == []
