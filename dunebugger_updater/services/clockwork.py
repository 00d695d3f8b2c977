"""The agent's clock: looks for releases when it is time, and takes at night what the owner allowed."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.model.wire import AnyNews, Checked, CheckEnded, CheckNow
from dunebugger_updater.offer import choose, ready_at
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.auto import Readiness, in_order, lasted, readiness
from dunebugger_updater.services.history import Runs, quarantined, stories
from dunebugger_updater.services.local import ID, LocalFleet
from dunebugger_updater.services.timetable import Timetable, after_check, at_start, phase, wait
from dunebugger_updater.services.updates import Refusal, Updates
from dunebugger_updater.services.watch import Watch, rules

_log = logging.getLogger(__name__)

NOT_NOW = timedelta(minutes=15)
"""After a check before an update said no."""

NAP = 300.0
"""Seconds after which the wall clock is looked at again: it may have been set meanwhile."""


class Clockwork:
    """What happens by itself."""

    def __init__(
        self,
        settings: Settings,
        device: Device,
        watch: Watch,
        updates: Updates,
        runs: Runs,
        fleet: LocalFleet,
        *,
        name: str,
        zone: str,
        packages: Callable[[], Awaitable[Readiness]] | None = None,
        tell: Callable[[AnyNews], None] | None = None,
    ) -> None:
        """``packages`` takes what apt has, by rules of its own; ``tell`` hears of it when something else waits."""
        self._settings = settings
        self._device = device
        self._watch = watch
        self._updates = updates
        self._runs = runs
        self._fleet = fleet
        self._interval = timedelta(hours=settings.updater.update_check_interval_hours)
        self._own = phase(name, self._interval)
        self._zone = settings.updater.timezone or zone
        self._packages = packages
        self._tell = tell
        self._first_seen: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Look and take, for ever."""
        delay = timedelta(minutes=self._settings.updater.initial_delay_minutes)
        clock = self._device.clock
        # Who wants no delay at all gets none; everybody else is spread, for a whole house comes on together.
        plan = at_start(await self._remembered(), clock.now(), self._interval, delay, min(self._own, delay))
        await self._remember(plan)
        look_again: datetime | None = None
        while True:
            self._fleet.next_check = plan.due
            now = clock.now()
            left = wait(plan, now, self._interval)
            due = left <= timedelta()
            if due:
                plan = after_check(plan, clock.now(), self._interval, well=await self._look())
                await self._remember(plan)
            if due or (look_again is not None and look_again <= now):
                look_again = await self._taken()
                continue
            until = min([left, *([look_again - now] if look_again else [])])
            await clock.sleep(min(NAP, max(1.0, until.total_seconds())))

    async def _taken(self) -> datetime | None:
        now = self._device.clock.now()
        if (doubt := self._device.clock.trusted()) is not None:  # nobody knows whether a window is open
            _log.info("taking nothing by itself yet: %s", doubt)
            return now + NOT_NOW
        try:
            return now + NOT_NOW if await self._fleet.left_alone() else await self.take()
        except EffectError as error:
            _log.warning("cannot take anything by itself: %s", error)
            return now + NOT_NOW

    async def take(self) -> datetime | None:
        """Take what may be taken now, in the order that they need each other; answer when to look again."""
        views = await self._watch.known()
        found = {name: await self._ready(view) for name, view in views.items() if view.update_available}
        waiting = {name: each for name, each in found.items() if each is not None and not each.now}
        later: list[datetime] = []
        needs = {each.name: [need.component for need in each.requires] for each in self._settings.components}
        for name in in_order([name for name, each in found.items() if each is not None and each.now], needs):
            plan = await self._updates.plan_update(name)
            if isinstance(plan, Refusal):
                # what is not trusted may be an attack, and is said louder than that nothing has to be done
                level = logging.WARNING if plan.reason else logging.INFO
                _log.log(level, "not updating %s by itself: %s", name, plan.message)
                why = f"was not updated by itself: {plan.message}"
                untrusted = plan.message if plan.reason else None
                waiting[name] = Readiness(name, now=False, reason=why, untrusted=untrusted)
                continue
            told = await self._fleet.carry_out(plan, "policy")
            if isinstance(told, Refusal):
                _log.warning("could not update %s by itself: %s", name, told.message)
                later.append(self._device.clock.now() + NOT_NOW)  # somebody else is changing the device
            elif told.closed and told.closed.outcome is Outcome.REFUSED:
                later.append(self._device.clock.now() + NOT_NOW)  # busy, perhaps: the show does not last for ever
        if self._packages is not None:
            packages = await self._packages()
            waiting[packages.component] = packages
        before, self._watch.waiting = self._watch.waiting, waiting
        if self._tell is not None and before != waiting:
            self._tell(CheckEnded(await self._watch.known()))
        return min([*later, *(each.again_at for each in waiting.values() if each.again_at)], default=None)

    async def _ready(self, view: ComponentView) -> Readiness | None:
        component = self._settings.component(view.name)
        if component is None or (component.type == "apt" and not component.repository):
            return None  # the device's packages as a whole have rules of their own
        if view.policy == "never":
            return Readiness(view.name, now=False, reason="is held")
        now = self._device.clock.now()
        return readiness(
            component,
            now=now,
            old_enough_at=await self._old_enough_at(component, view, now),
            windows=self._settings.updater.maintenance_windows,
            zone=self._zone,
            lasted=lasted(stories(self._runs, component.name)),
        )

    async def _old_enough_at(self, component: Component, view: ComponentView, now: datetime) -> datetime | None:
        heard = await self._watch.heard(component)
        if heard.catalogue is None or view.current is None:
            return None  # whoever does not know what is installed asks a person
        bad = quarantined(stories(self._runs, component.name))
        offer = choose(view.current, heard.catalogue, rules(component), quarantined=bad)
        if offer is None:
            return None
        seen = self._first_seen.setdefault((component.name, offer.version), now)
        return ready_at(offer, rules(component), now, seen)

    async def _look(self) -> bool:
        try:
            reply = await self._fleet.ask(ID, CheckNow(force=True), "schedule")
        except EffectError as error:
            _log.warning("cannot look for releases: %s", error)
            return False
        return isinstance(reply, Checked) and any(view.status != "unknown" for view in reply.components.values())

    @property
    def _memory(self) -> Path:
        return self._settings.updater.state_path / "timetable.json"

    async def _remembered(self) -> Timetable:
        try:
            content = await self._device.files.read(self._memory, 4096)
            return from_json(content, Timetable) if content else Timetable()
        except (EffectError, msgspec.MsgspecError):
            return Timetable()

    async def _remember(self, plan: Timetable) -> None:
        try:
            await self._device.files.write(self._memory, to_json(plan))
        except EffectError as error:  # a full disk: it is known as long as we live
            _log.warning("%s", error)
