"""Carrying out updates: from a wish to a plan, from a plan to a run, and what a restart finds half done."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from dunebugger_updater.engine import Cancel, Hear, JournalError, drive, resume
from dunebugger_updater.kinds import apt_back, python_app, updater_itself, way_back
from dunebugger_updater.manifest import Guidance
from dunebugger_updater.model.packages import Choice
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.model.version import Scheme, order, parse, satisfies
from dunebugger_updater.offer import Offer, choose, named
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError, Releases
from dunebugger_updater.run import Opened, Outcome, retell
from dunebugger_updater.services import components
from dunebugger_updater.services.history import Runs, last_change, quarantined, stories
from dunebugger_updater.services.own_trial import is_own
from dunebugger_updater.services.vouching import Said, Vouching, unchecked
from dunebugger_updater.services.watch import Watch, rules
from dunebugger_updater.story import Story
from dunebugger_updater.trust import Refusal as Distrust

_log = logging.getLogger(__name__)

MANIFESTS = ("update-manifest.yaml", "update-manifest.json")
_MANIFEST_LIMIT = 131_072
"""Bytes."""


class Refusal(msgspec.Struct, frozen=True):
    """Why something is not done, as a sentence, and how that counts."""

    outcome: Outcome
    message: str
    reason: str = ""
    """The code of ``trust.Reason`` where something was not trusted."""
    wrong: bool = False
    """Whether it is the words that asked for it which are wrong."""


class Lock(Protocol):
    """One process at a time may change a device."""

    def held(self) -> AbstractContextManager[None]:
        """Hold it; ``EffectError`` names who holds it already."""


class Updates:
    """The one who changes the device."""

    def __init__(
        self,
        settings: Settings,
        device: Device,
        releases: Releases,
        watch: Watch,
        runs: Runs,
        lock: Lock,
        *,
        vouching: Vouching,
        version: str,
        end_orphans: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._device = device
        self._releases = releases
        self._watch = watch
        self._runs = runs
        self._lock = lock
        self.vouching = vouching
        self._version = version
        self._end_orphans = end_orphans

    def component(self, name: str) -> Component | Refusal:
        """The component called ``name``, or a sentence that names those there are."""
        found = self._settings.component(name)
        if found is not None:
            return found
        known = ", ".join(each.name for each in self._settings.components) or "none"
        return Refusal(Outcome.REFUSED, f"cannot find a component {name!r}: configured are {known}")

    async def plan_update(self, name: str, version: str | None = None) -> Plan | Refusal:
        """Plan an update to what is on offer, or to a version by name.  Changes nothing."""
        component = self.component(name)
        if isinstance(component, Refusal):
            return component
        if obstacle := components.obstacle(component, self._device):
            return Refusal(Outcome.REFUSED, obstacle)
        try:
            if component.type == "apt" and not component.repository:
                return await self._plan_packages(component, version)
            offer = await self._offer(component, version)
            if isinstance(offer, Refusal):
                return offer
            said = await self._said(component, offer, named=version is not None)
            if isinstance(said, Distrust):
                return Refusal(Outcome.REFUSED, said.sentence, said.reason)
            if problem := await self._unmet(component, said.guidance):
                return Refusal(Outcome.REFUSED, problem)
            if component.type == "apt" and said.guidance is None and said.warnings:
                # Packages have nothing but their manifest to go by.
                return Refusal(Outcome.FAILED, f"cannot update {name}: {said.warnings[0]}")
            plan = await components.plan_update(component, self._settings, offer, said.guidance, self._device)
        except EffectError as error:
            return Refusal(Outcome.FAILED, str(error))
        return msgspec.structs.replace(plan, notes=(*said.warnings, *plan.notes), vouched=said.vouched)

    async def _plan_packages(self, component: Component, version: str | None) -> Plan | Refusal:
        """Plan everything that is pending: the packages of a device have no versions to choose from."""
        problem = await self._unmet(component, None)
        if version is not None:
            problem = (
                f"cannot bring {component.name} to {version}: it follows its archive; rollback --to names kept sets"
            )
        if component.policy == "never" or component.name in await self._watch.holds.held():
            problem = f"{component.name} is held: release it, or queue apt_upgrade_packages for single packages"
        answer = problem or await components.plan_packages(component, self._settings, Choice(), self._device)
        outcome = Outcome.REFUSED if problem else Outcome.NOTHING_TO_DO
        return answer if isinstance(answer, Plan) else Refusal(outcome, answer)

    async def plan_rollback(self, name: str, to: str | None = None) -> Plan | Refusal:
        """Plan the state before the last run, or a kept version.  Needs no network and changes nothing."""
        component = self.component(name)
        if isinstance(component, Refusal):
            return component
        if obstacle := components.obstacle(component, self._device):
            return Refusal(Outcome.REFUSED, obstacle)
        try:
            if component.type == "updater" and to is None:  # it goes by its slots, on trial like any other version
                last = last_change(stories(self._runs, name))
                to = updater_itself.former_of(last.opened.plan) if last else None
            if to is not None:
                now = self._device.clock.now()
                return await components.plan_return(component, self._settings, to, self._device, now)
            story = last_change(stories(self._runs, name))
            plan = way_back.plan_back(story.events) if story else None
            if plan is None:
                return Refusal(Outcome.NOTHING_TO_DO, f"nothing to take back: no update of {name} was made here")
            return await self._still_possible(plan)
        except EffectError as error:
            return Refusal(Outcome.FAILED, str(error))

    async def carry_out(self, plan: Plan, actor: str, hear: Hear, cancel: Cancel | None = None) -> Story | Refusal:
        """Make a plan happen, to its end."""
        try:
            with self._lock.held():
                if open_ := [story for story in stories(self._runs) if story.closed is None]:
                    how = "start its service" if is_own(open_[0]) else "call dunebugger-updater recover first"
                    return Refusal(Outcome.REFUSED, f"run {open_[0].id} is not finished: {how}")
                run, journal = self._runs.create(plan.component)
                opened = Opened(run, plan, actor)
                try:
                    await journal.write(opened)
                except JournalError as error:
                    return Refusal(Outcome.FAILED, f"{error}; nothing changed")
                hear(opened)
                await drive(retell([opened]), self._device, journal, hear, cancel)
        except EffectError as error:
            return Refusal(Outcome.REFUSED, str(error))
        return self._read(run)

    async def recover(
        self, hear: Hear, *, own: bool = False, cancel: Cancel | None = None
    ) -> Sequence[Story] | Refusal:
        """Finish or undo what a power cut left open.  Safe to call always.

        ``own``: the updater's own run, which only its service can carry on, and only once it serves; all others else.
        """
        try:
            with self._lock.held():
                if not own:
                    await self._end_orphans()
                    # Then: a run that goes on has to find running what ran, or its way back would leave it stopped.
                    await self._revive()
                recovered = []
                for story in stories(self._runs):
                    if story.closed is None and own == is_own(story):
                        await resume(retell(story.events), self._device, self._runs.reopen(story), hear, cancel)
                        recovered.append(self._read(story.id))
                return recovered
        except EffectError as error:
            return Refusal(Outcome.REFUSED, str(error))

    async def _revive(self) -> None:
        """Start again what ran by our own hand when the power went."""
        for component in self._settings.components:
            if component.type == "python_app" and component.runner == "process":
                try:
                    runs = python_app.service(component, self._settings.updater)
                    if await self._device.services.interrupted(runs):
                        await self._device.services.start(runs)
                except EffectError as error:
                    # The open run may be what mends it.
                    _log.error("%s", error)

    def _read(self, run: str) -> Story:
        story = self._runs.read(run)
        if story is None:
            raise EffectError(f"cannot read the journal of run {run}")
        return story

    async def _offer(self, component: Component, version: str | None) -> Offer | Refusal:
        views = await self._watch.check([component.name])
        heard = await self._watch.heard(component)
        view = views[component.name]
        if heard.catalogue is None:
            return Refusal(Outcome.FAILED, view.message.removeprefix("unknown: "))
        if version is not None:
            offer = named(view.current, heard.catalogue, rules(component), version)
            if isinstance(offer, str):
                return Refusal(Outcome.REFUSED, offer)
            if _same(component, view.current, offer.version):
                return Refusal(Outcome.NOTHING_TO_DO, f"{component.name} {offer.version} is installed already")
            return offer
        if view.policy == "never":
            words = f"{component.name} is held: name a version with --version to update it all the same"
            return Refusal(Outcome.REFUSED, words)
        bad = quarantined(stories(self._runs, component.name))
        found = choose(view.current, heard.catalogue, rules(component), quarantined=bad)
        if found is not None:
            return found
        if heard.problem is not None:
            return Refusal(Outcome.FAILED, view.message)
        held_back = choose(view.current, heard.catalogue, rules(component), quarantined=frozenset())
        if held_back is not None:
            words = f"{held_back.version} failed here before or was taken back: name it with --version to try it again"
            return Refusal(Outcome.NOTHING_TO_DO, words)
        return Refusal(
            Outcome.NOTHING_TO_DO, f"{component.name} is up to date" + (f" ({view.current})" if view.current else "")
        )

    async def _said(self, component: Component, offer: Offer, *, named: bool) -> Said | Distrust:
        """What the release's manifest says, within its bounds; and what the owner should know about it."""
        content = await self._manifest(component, offer)
        heard = await self._watch.heard(component)
        number = heard.catalogue.repository_id if heard.catalogue else None
        fence = await components.fence(component, self._settings, offer, number, self._device)
        if self.vouching.asks(component):
            return await self.vouching.said(component, offer, content, fence, named=named)
        return unchecked(self._settings.updater.manifest_policy, offer.release.tag, content, fence)

    async def _manifest(self, component: Component, offer: Offer) -> bytes | None:
        for name in MANIFESTS:
            asset = offer.release.asset(name)
            if asset is not None and asset.ready:
                return await self._releases.read_asset(asset.url, _MANIFEST_LIMIT)
        return await self._releases.manifest(component.repository, offer.release.tag, offer.release.commit)

    async def _unmet(self, component: Component, said: Guidance | None) -> str | None:
        """Say which other component has to come first, or ``None``."""
        wanted = {each.component: f"{each.operator}{each.version}" for each in component.requires}
        needs = [*wanted.items(), *(said.needs if said else {}).items()]
        for other, requirement in needs:
            there = await self._version_of(other)
            known = self._settings.component(other)
            scheme = Scheme(known.version_scheme) if known else Scheme.SEMVER
            if there is None or not satisfies(there, requirement, scheme):
                return f"{component.name} needs {other} {requirement}; installed is {there or 'unknown'}"
        return None

    async def _version_of(self, name: str) -> str | None:
        if name == "updater":
            return self._version
        component = self._settings.component(name)
        return (await components.installed(component, self._settings, self._device)).version if component else None

    async def _still_possible(self, plan: Plan) -> Plan | Refusal:
        gone = [str(path) for path in way_back.needs(plan) if not await self._device.files.is_directory(path)]
        gone += [image for image in way_back.images(plan) if await self._device.containers.image(image) is None]
        gone += await apt_back.missing(plan, self._device)
        if gone:
            return Refusal(
                Outcome.REFUSED, f"cannot go back to {plan.to_version}: {', '.join(gone)} is not there any more"
            )
        return plan


def _same(component: Component, current: str | None, wanted: str) -> bool:
    scheme = Scheme(component.version_scheme)
    here, there = parse(current, scheme) if current else None, parse(wanted, scheme)
    return current == wanted or (here is not None and there is not None and order(here, there) == 0)
