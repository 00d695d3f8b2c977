"""Each thing is told once, and nothing gets lost on the way out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from doubles.clock import Clock
from msgspec.structs import replace

from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.model.settings import Notifications
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.model.wire import AnyNews, CheckEnded, Ended, Notified
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.services.notify import Notifier

WANTED = Notifications(urls=("json://token@example.test/hook",))
AVAILABLE = CheckEnded(
    {
        "core": ComponentView(
            name="core", type="python_app", current="1.0.0", latest="1.1.0", update_available=True,
            status="update_available", message="1.1.0 available", release_notes="more light",
        )
    }
)  # fmt: skip
FAILED = Ended(
    RunView(
        run="r1", component="core", verb="update", success=False, outcome="rolled_back", message="it did not work",
        from_version="1.0.0", to_version="1.1.0", evidence=("boom",),
    )
)  # fmt: skip


class Post:
    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.closed = False

    async def deliver(self, urls: Sequence[str], title: str, body: str) -> None:
        if self.closed:
            raise EffectError("cannot notify by json: the service did not take it")
        self.taken.append((title, body))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def told(tmp_path: Path, post: Post) -> AsyncIterator[Bus]:
    async with listening(tmp_path, post) as bus:
        yield bus


class listening:  # noqa: N801  (reads as a word: async with listening(...))
    def __init__(self, place: Path, post: Post, wanted: Notifications = WANTED, past: Sequence[RunView] = ()) -> None:
        self.past = past
        self.bus = Bus()
        self.notifier = Notifier(wanted, DiskFiles(), Clock(), place / "outbox.json", post, self.bus)

    async def __aenter__(self) -> Bus:
        self.task = asyncio.ensure_future(self.notifier.run(self.past))
        async with asyncio.timeout(5):
            while not self.bus._listeners:  # noqa: ASYNC110  (nobody tells who begins to listen)
                await asyncio.sleep(0)
        return self.bus

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def settled(bus: Bus, news: AnyNews) -> list[AnyNews]:
    heard: list[AnyNews] = []
    async with bus.listening() as listener:
        bus.tell(news)
        try:
            async with asyncio.timeout(0.5):
                async for each in listener:
                    heard.append(each)  # noqa: PERF401  (it ends by the limit, and what came until then counts)
        except TimeoutError:
            return heard
    return heard


async def test_a_version_that_is_not_trusted_is_told_once_beside_that_it_is_there(told: Bus, post: Post) -> None:
    view = replace(AVAILABLE.components["core"], untrusted="signed by nobody that is trusted here")
    for _ in range(2):
        await settled(told, CheckEnded({"core": view}))
    assert post.taken == [
        ("core 1.1.0 is available", "core 1.1.0 is available; installed is 1.0.0.\n\nmore light"),
        (
            "core 1.1.0 is not trusted",
            "signed by nobody that is trusted here\n\nNothing was changed: core stays at 1.0.0.",
        ),
    ]


@pytest.mark.req("DB-100")
@pytest.mark.req("DB-101")
@pytest.mark.req("DB-102")
async def test_what_is_available_is_told_once_in_the_panel_and_elsewhere(told: Bus, post: Post) -> None:
    heard = [each for each in await settled(told, AVAILABLE) if isinstance(each, Notified)]
    assert [each.event for each in heard] == ["update_available"]
    assert post.taken[0][0] == "core 1.1.0 is available"
    assert "more light" in post.taken[0][1]
    assert not [each for each in await settled(told, AVAILABLE) if isinstance(each, Notified)]
    assert len(post.taken) == 1


@pytest.mark.req("HC-73")
async def test_a_failed_update_is_told_with_its_reason_and_last_words(told: Bus, post: Post) -> None:
    await settled(told, FAILED)
    assert post.taken[0][0] == "core is back at 1.0.0"
    assert "it did not work" in post.taken[0][1]
    assert "boom" in post.taken[0][1]


async def test_what_could_not_be_delivered_waits_over_a_restart(tmp_path: Path, post: Post) -> None:
    post.closed = True
    async with listening(tmp_path, post) as bus:
        await settled(bus, FAILED)
    assert post.taken == []
    post.closed = False
    async with listening(tmp_path, post) as bus:
        await settled(bus, FAILED)
    assert [title for title, _ in post.taken] == ["core is back at 1.0.0"]


async def test_only_wanted_events_are_told(tmp_path: Path, post: Post) -> None:
    async with listening(tmp_path, post, Notifications(urls=WANTED.urls, events=("stuck",))) as bus:
        heard = await settled(bus, AVAILABLE)
    assert post.taken == []
    assert not [each for each in heard if isinstance(each, Notified)]


async def test_a_test_says_what_is_in_the_way(tmp_path: Path, post: Post) -> None:
    assert "set urls" in str(await listening(tmp_path, post, Notifications()).notifier.send_test())
    post.closed = True
    assert "did not take it" in str(await listening(tmp_path, post).notifier.send_test())
    post.closed = False
    assert await listening(tmp_path, post).notifier.send_test() is None


async def test_a_run_that_ended_just_before_we_were_killed_is_told_by_the_next_start(
    tmp_path: Path, post: Post
) -> None:
    async with listening(tmp_path, post) as bus:
        await settled(bus, AVAILABLE)
    for _ in range(2):
        async with listening(tmp_path, post, past=(FAILED.view,)) as bus:
            await settled(bus, AVAILABLE)
    assert [title for title, _ in post.taken] == ["core 1.1.0 is available", "core is back at 1.0.0"]


async def test_runs_from_before_the_first_start_are_old_news(tmp_path: Path, post: Post) -> None:
    for _ in range(2):
        async with listening(tmp_path, post, past=(FAILED.view,)) as bus:
            await settled(bus, AVAILABLE)
    assert [title for title, _ in post.taken] == ["core 1.1.0 is available"]
