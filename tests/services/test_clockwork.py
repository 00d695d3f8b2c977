"""A year of an agent's clock: real decisions, a device in memory, and time that passes as fast as it is slept away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dunebugger_updater.events import Closed, Opened, Outcome
from dunebugger_updater.model.release import Catalogue, Release
from dunebugger_updater.model.settings import Component, Settings, Updater, Window
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.model.wire import Checked
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services.auto import Readiness
from dunebugger_updater.services.clockwork import Clockwork
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.services.watch import Heard
from dunebugger_updater.story import Story, Told

START = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
LASTS = timedelta(minutes=12)
"""How long each update takes."""
EVERY = timedelta(days=9, hours=5)
"""How often there is a new release."""


class PowerCut(Exception):  # noqa: N818  (it is no error: somebody pulled the plug)
    pass


@dataclass
class World:
    """One device, its publisher, and what happened.  Times are true ones unless ``shown`` says otherwise."""

    now: datetime = START
    wrong_by: timedelta = timedelta()
    right_from: datetime = START
    """Until then the clock shows ``wrong_by``, and says that it cannot be believed."""
    off_at: datetime = START + YEAR
    zone: str = "Europe/Rome"
    windows: tuple[Window, ...] = ()
    installed: str = "1.0"
    heard_at: datetime | None = None
    checks: list[datetime] = field(default_factory=list)
    taken: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    kept: dict[Path, bytes] = field(default_factory=dict)
    stories: list[Story] = field(default_factory=list)
    disk_full: bool = False
    left_alone_until: datetime = START
    answer: Refusal | None = None

    @property
    def shown(self) -> datetime:
        return self.now if self.now >= self.right_from else self.now + self.wrong_by

    def pass_(self, span: timedelta) -> None:
        self.now += span
        if self.now >= self.off_at:
            self.now = self.off_at
            raise PowerCut

    def published(self) -> Sequence[Release]:
        known = self.heard_at or START - EVERY
        count = int((known - START) / EVERY)
        return [Release(f"v1.{number}", published_at=START + EVERY * number) for number in range(1, count + 1)]

    def newest(self) -> str:
        return (self.published() or [Release("v1.0")])[-1].tag[1:]

    async def live(self) -> None:
        """Be on until the power goes."""
        component = Component(name="core", type="python_app", policy="auto")
        updater = Updater(state_path=Path("/state"), maintenance_windows=self.windows, timezone=self.zone)
        settings = Settings(updater=updater, components=(component,))
        small: Any = Small(self)  # a device, watch, updates and fleet in one: each sees its own side
        past: Any = Past(self)
        clockwork = Clockwork(settings, small, small, small, past, small, name="dune", zone="UTC")
        try:
            await clockwork.run()
        except PowerCut:
            return


class Past:
    """The runs that are over."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ids(self) -> Sequence[str]:
        return [str(number) for number in range(len(self.world.stories))]

    def read(self, run: str) -> Story:
        return self.world.stories[int(run)]


class Small:
    """Every other part that ``Clockwork`` speaks to, as far as it does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.next_check: datetime | None = None
        self.waiting: Mapping[str, Readiness] = {}
        self.clock = self.files = self

    # Clock
    def now(self) -> datetime:
        return self.world.shown

    def trusted(self) -> str | None:
        return None if self.world.now >= self.world.right_from else "the clock has not been set"

    async def sleep(self, seconds: float) -> None:
        self.world.pass_(timedelta(seconds=seconds))

    # Files
    async def read(self, path: Path, limit: int) -> bytes | None:
        return self.world.kept.get(path)

    async def write(self, path: Path, content: bytes) -> None:
        if self.world.disk_full:
            raise EffectError(f"cannot write {path}: no space left on device")
        self.world.kept[path] = content

    # Watch
    async def known(self) -> Mapping[str, ComponentView]:
        return {"core": self._view()}

    async def heard(self, component: Component) -> Heard:
        return Heard(Catalogue(1, tuple(self.world.published())), self.world.heard_at)

    def _view(self) -> ComponentView:
        newest = self.world.newest()
        new = newest != self.world.installed
        return ComponentView(
            name="core", type="python_app", current=self.world.installed, latest=newest, update_available=new,
            status="update_available" if new else "up_to_date", message="", policy="auto",
        )  # fmt: skip

    # Updates
    async def plan_update(self, name: str) -> Plan:
        return Plan(name, "update", self.world.installed, self.world.newest())

    # Fleet
    async def left_alone(self) -> bool:
        return self.world.now < self.world.left_alone_until

    async def ask(self, device: str, request: object, actor: str) -> Checked:
        assert actor == "schedule"
        self.world.checks.append(self.world.now)
        self.world.heard_at = self.world.now
        return Checked({"core": self._view()})

    async def carry_out(self, plan: Plan, actor: str) -> Story | Refusal:
        assert actor == "policy"
        world, began = self.world, self.world.now
        if world.answer is not None:
            world.taken.append((plan.to_version, began, began))
            return world.answer
        world.pass_(LASTS)
        world.installed = plan.to_version
        world.taken.append((plan.to_version, began, world.now))
        story = Story(
            f"r{len(world.taken)}",
            (
                Told(0, began, began.timestamp(), Opened("r", plan)),
                Told(1, world.now, world.now.timestamp(), Closed(Outcome.UPDATED)),
            ),
        )
        world.stories.append(story)
        return story


def inside(window: Window, zone: str, first: datetime, last: datetime) -> bool:
    """Whether this span lies in one occurrence of the window; told by looking at the local clock minute by minute."""
    place = ZoneInfo(window.zone or zone)
    for day in (first.astimezone(place).date() - timedelta(days=offset) for offset in (0, 1)):
        midnight = datetime.combine(day, time(0), UTC) - timedelta(hours=14)
        minutes = (midnight + timedelta(minutes=number) for number in range(40 * 60))
        local = ((minute, minute.astimezone(place)) for minute in minutes)
        begin = next(minute for minute, wall in local if wall.date() == day and wall.time() >= window.start)
        if day.weekday() in window.days and begin <= first and last <= begin + timedelta(minutes=window.minutes):
            return True
    return False


def days_of_change(zone: str) -> set[date]:
    place = ZoneInfo(zone)
    noons = [datetime(2026, 1, 1, 12, tzinfo=place) + timedelta(days=number) for number in range(365)]
    return {noon.date() for noon in noons if noon.utcoffset() != (noon - timedelta(days=1)).utcoffset()}


@pytest.mark.parametrize("zone", ["Europe/Rome", "America/New_York", "Australia/Lord_Howe"])
async def test_for_a_year_everything_new_is_taken_in_the_window_and_never_outside(zone: str) -> None:
    window = Window(tuple(range(7)), time(2, 15), 60, zone)
    world = World(windows=(window,))
    await world.live()
    assert 364 <= len(world.checks) <= 366
    assert len(world.taken) == int((YEAR - timedelta(days=2)) / EVERY)
    assert [version for version, _, _ in world.taken] == [f"1.{number}" for number in range(1, len(world.taken) + 1)]
    for version, began, ended in world.taken:
        assert inside(window, zone, began, ended), f"{version} was taken at {began.astimezone(ZoneInfo(zone))}"
        assert began - (START + EVERY * int(version[2:])) <= timedelta(hours=48), version


@pytest.mark.parametrize("zone", ["Europe/Rome", "America/New_York", "Australia/Lord_Howe"])
async def test_in_the_nights_when_the_clocks_change_the_window_is_where_its_owner_sees_it(zone: str) -> None:
    for day in days_of_change(zone):
        window = Window((day.weekday(),), time(2, 15), 60, zone)
        world = World(windows=(window,), heard_at=START, installed="0.9")
        world.now = datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC) - timedelta(days=2)
        world.off_at = world.now + timedelta(days=4)
        await world.live()
        (_, began, ended) = world.taken[0]
        assert inside(window, zone, began, ended)
        assert began.astimezone(ZoneInfo(zone)).date() == day


@pytest.mark.req("DB-002")
async def test_a_device_that_is_often_off_and_wakes_with_a_wrong_clock_still_keeps_to_its_windows() -> None:
    window, luck = Window((4, 5, 6), time(23, 30), 90, None), Random(7)
    world, on = World(windows=(window,)), timedelta()
    while world.now < START + YEAR:
        world.off_at = world.now + timedelta(hours=luck.uniform(0.5, 60))
        began = world.now
        await world.live()
        on += world.now - began
        away = timedelta(hours=luck.uniform(0.1, 40))
        # Without a battery the clock goes on where it stood, until the network tells it better.
        world.now, world.wrong_by = world.now + away, -away
        world.right_from = world.now + timedelta(minutes=luck.uniform(0, 90))
    assert len(world.taken) >= 20
    for version, first, last in world.taken:
        assert inside(window, world.zone, first, last), f"{version} was taken at {first}"
    assert len(world.checks) <= on / timedelta(hours=24) * 3, "not a storm of checks after each start"
    assert len(world.checks) >= 150


async def test_a_clock_that_nobody_has_set_yet_opens_no_window() -> None:
    window, now = Window(tuple(range(7)), time(2), 120, "UTC"), datetime(2026, 2, 1, 15, tzinfo=UTC)
    world = World(windows=(window,), now=now, wrong_by=timedelta(hours=-13), heard_at=now - timedelta(hours=20))
    world.right_from, world.off_at = now + timedelta(minutes=90), now + timedelta(days=1)
    assert world.shown.hour == 2, "the clock shows the middle of the night"
    await world.live()
    assert [began.hour for _, began, _ in world.taken] == [2]


async def test_what_is_refused_for_now_is_tried_again_in_the_same_window_and_not_at_once() -> None:
    window = Window(tuple(range(7)), time(2), 120, "UTC")
    busy = Refusal(Outcome.REFUSED, "busy: another dunebugger-updater is changing this device")
    now = START + EVERY
    world = World(windows=(window,), now=now, off_at=now + timedelta(days=1), answer=busy)
    await world.live()
    assert 5 <= len(world.taken) <= 8, "every quarter of an hour, as long as it can be finished"
    assert all(inside(window, "UTC", first, last) for _, first, last in world.taken)


async def test_nothing_is_taken_while_somebody_is_at_work_and_soon_after_that_it_is() -> None:
    now = START + EVERY
    over = now + timedelta(hours=30)
    world = World(now=now, off_at=now + timedelta(days=3), left_alone_until=over)
    await world.live()
    assert len(world.checks) == 3, "to look is no harm"
    assert [over <= began <= over + timedelta(minutes=20) for _, began, _ in world.taken] == [True]


async def test_a_full_disk_does_not_stop_the_clock() -> None:
    world = World(off_at=START + timedelta(days=30), disk_full=True)
    await world.live()
    assert 28 <= len(world.checks) <= 31
    assert len(world.taken) == 3
