"""Watching for releases: ask, remember what was heard, and say honestly what is not known."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from dunebugger_updater.kinds.base import Installed
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.release import Catalogue, Release
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.model.version import Scheme
from dunebugger_updater.model.views import ComponentView, Status
from dunebugger_updater.offer import Offer, Rules, choose, notes
from dunebugger_updater.ports import Device, EffectError, Releases
from dunebugger_updater.services import components, packages_watch
from dunebugger_updater.services.auto import Readiness
from dunebugger_updater.services.history import Runs, quarantined, stories
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.packages_words import Looked

FRESH = timedelta(minutes=10)
"""An answer not older than this is given again, unless the owner insists: a whole house shares one limit."""

LOOKED = 600.0
"""Seconds for which a look at the packages holds: by then somebody else may have restarted a service, or refreshed."""
_KEPT_RELEASES = 100
_KEPT_NOTES = 20_000
"""Characters of one release's notes."""


class Heard(msgspec.Struct, frozen=True):
    """What is remembered of asking about one component."""

    catalogue: Catalogue | None = None
    asked_at: datetime | None = None
    """The last time that it worked."""
    problem: str | None = None
    """Why it did not work since."""
    problem_since: datetime | None = None
    packages: Looked | None = None
    """For ``apt``: what was seen the last time."""


def rules(component: Component) -> Rules:
    """Answer what the owner wants of one component, as the comparison needs it."""
    return Rules(
        component.channel, component.tag_pattern, Scheme(component.version_scheme), component.minimum_age_hours
    )


class Watch:
    """Knows what is installed and what is on offer."""

    def __init__(self, settings: Settings, device: Device, releases: Releases, runs: Runs, holds: Holds) -> None:
        self._settings = settings
        self.holds = holds
        self._device = device
        self._releases = releases
        self._runs = runs
        self._unkept: dict[str, Heard] = {}
        """What could not be written down: it is known as long as we live."""
        self._looking = asyncio.Lock()
        self._looked: float | None = None
        """When the packages were last looked at, since boot."""
        self.waiting: Mapping[str, Readiness] = {}
        """What is not taken by itself now, by component; the agent's clock says it."""
        self._look: asyncio.Task[None] | None = None

    async def check(self, names: Sequence[str] = (), *, force: bool = False) -> dict[str, ComponentView]:
        """Ask about these components, or all, side by side.  A failed check is a state of its own, never an error."""
        wanted = [each for each in self._settings.components if not names or each.name in names]
        heard = await asyncio.gather(*(self._ask(each, force=force) for each in wanted))
        return {each.name: await self._told(each, answer) for each, answer in zip(wanted, heard, strict=True)}

    async def known(self, names: Sequence[str] = ()) -> dict[str, ComponentView]:
        """Answer what is known without asking anybody."""
        wanted = [each for each in self._settings.components if not names or each.name in names]
        return {each.name: await self._told(each, await self.heard(each)) for each in wanted}

    async def heard(self, component: Component) -> Heard:
        """Answer what is remembered; nothing when it cannot be read."""
        if component.name in self._unkept:
            return self._unkept[component.name]
        content = await self._device.files.read(self._memory(component), 16 * 1024**2)
        if content is None:
            return Heard()
        try:
            return from_json(content, Heard)
        except msgspec.MsgspecError:
            return Heard()  # a damaged memory costs one question more

    async def _told(self, component: Component, heard: Heard) -> ComponentView:
        view = await self.view(component, heard)
        why = self.waiting.get(component.name)
        if why is None or why.now or not view.update_available or view.policy != "auto":
            return view
        return msgspec.structs.replace(view, waits=why.reason or None, untrusted=why.untrusted)

    async def view(self, component: Component, heard: Heard) -> ComponentView:
        """Say how one component stands."""
        if component.type == "apt" and not component.repository:
            return await self._view_of_packages(component, heard)
        try:
            there = await components.installed(component, self._settings, self._device)
            trouble = None
        except EffectError as error:
            there, trouble = Installed(), str(error)
        obstacle = components.obstacle(component, self._device)
        bad = quarantined(stories(self._runs, component.name))
        offer = None
        if heard.catalogue is not None:
            offer = choose(there.version, heard.catalogue, rules(component), quarantined=bad)
        status, message = _in_words(there, heard, offer, trouble)
        if bad and status == "up_to_date":
            message += f"; {', '.join(sorted(bad))} failed here or was taken back, and is only taken by name"
        if offer is not None and obstacle:
            message += f"; {obstacle}"
        return ComponentView(
            name=component.name,
            type=component.type,
            current=there.version,
            detail=there.detail,
            latest=offer.version if offer else (there.version if status == "up_to_date" else None),
            update_available=offer is not None and status == "update_available",
            release_notes=_notes(offer, component) if offer else None,
            last_checked=heard.asked_at,
            status=status,
            message=message,
            policy="never" if obstacle or component.name in await self.holds.held() else component.policy,
            quarantined=tuple(sorted(bad)),
            kept=await self._kept(component),
            warnings=(*(heard.catalogue.warnings if heard.catalogue else ()), *(offer.warnings if offer else ())),
            problem=trouble or heard.problem,
            problem_since=None if trouble else heard.problem_since,
        )

    async def look(self, names: Sequence[str] = ()) -> dict[str, ComponentView]:
        """Look at the packages again without asking an archive, since something was done to them; else as ``known``."""
        for each in self._settings.components:
            if each.type == "apt" and not each.repository and (not names or each.name in names):
                heard = await self.heard(each)
                await self._remember(each, msgspec.structs.replace(heard, packages=None))
        return await self.known(names)

    async def packages(self) -> Inventory:
        """What is pending, as it was seen while nothing else is installed; what is old is looked at anew beside that.

        ``EffectError`` when it cannot be looked at.
        """
        component = next(
            (each for each in self._settings.components if each.type == "apt" and not each.repository), None
        )
        if component is None:
            return await self._device.packages.inventory()
        seen = (await self.heard(component)).packages
        if seen is None or not await packages_watch.is_still(seen, self._device):
            return (await self._looked_at(component)).inventory
        if self._looked is None or self._device.clock.up() - self._looked > LOOKED:
            self._looked = self._device.clock.up()
            self._look = asyncio.create_task(self._anew(component))  # whoever asks next hears of it
        return seen.inventory

    async def _anew(self, component: Component) -> None:
        with contextlib.suppress(EffectError):  # who looks by hand is told why not
            await self._looked_at(component)

    async def _looked_at(self, component: Component) -> Looked:
        asked = self._device.clock.up()
        async with self._looking:
            heard = await self.heard(component)
            if heard.packages is not None and self._looked is not None and self._looked > asked:
                return heard.packages  # somebody else looked while we waited
            seen = await packages_watch.look(self._device)
            await self._remember(component, msgspec.structs.replace(heard, packages=seen))
            self._looked = self._device.clock.up()
            return seen

    async def _view_of_packages(self, component: Component, heard: Heard) -> ComponentView:
        seen, trouble = heard.packages, None
        try:
            if seen is None or not await packages_watch.is_still(seen, self._device):
                seen = await self._looked_at(component)
        except EffectError as error:
            seen, trouble = None, str(error)
        problem = packages_watch.Problem(heard.problem, heard.problem_since) if heard.problem else None
        return packages_watch.view(
            component,
            seen,
            trouble=trouble,
            problem=problem,
            asked_at=heard.asked_at,
            policy="never" if component.name in await self.holds.held() else component.policy,
            bad=quarantined(stories(self._runs, component.name)),
            kept=await self._kept(component),
        )

    async def _kept(self, component: Component) -> tuple[str, ...]:
        try:
            return await components.kept(component, self._settings, self._device)
        except EffectError:
            return ()  # what cannot be looked at was told with the installed version already

    async def _ask(self, component: Component, *, force: bool) -> Heard:
        before = await self.heard(component)
        now = self._device.clock.now()
        if not force and before.problem is None and before.asked_at and now - FRESH < before.asked_at <= now:
            return before
        if component.type == "apt" and not component.repository:
            problem = await packages_watch.refresh(self._device)
            asked_at = before.asked_at if problem else now
            heard = Heard(None, asked_at, problem, (before.problem_since or now) if problem else None)
            await self._remember(component, heard)  # looked at when it is shown
            return heard
        pinned = before.catalogue.repository_id if before.catalogue else None
        try:
            catalogue = await self._releases.catalogue(component.repository, component.source, pinned)
        except EffectError as error:
            since = before.problem_since or now
            heard = msgspec.structs.replace(before, problem=str(error), problem_since=since)
        else:
            heard = Heard(_shortened(catalogue), now)
        await self._remember(component, heard)
        return heard

    async def _remember(self, component: Component, heard: Heard) -> None:
        try:
            await self._device.files.write(self._memory(component), to_json(heard))
        except EffectError:  # who may not write here may still ask
            self._unkept[component.name] = heard
        else:
            self._unkept.pop(component.name, None)

    def _memory(self, component: Component) -> Path:
        return self._settings.updater.state_path / "checks" / f"{component.name}.json"


def _in_words(there: Installed, heard: Heard, offer: Offer | None, trouble: str | None) -> tuple[Status, str]:
    if trouble is not None:
        return "unknown", f"unknown: {trouble}"
    if heard.problem is not None:
        since = f" since {heard.problem_since:%Y-%m-%d %H:%M} UTC" if heard.problem_since else ""
        return "unknown", f"unknown{since}: {heard.problem}"
    if heard.catalogue is None:
        return "unknown", "not checked yet"
    if offer is not None:
        if not there.present:
            return "not_installed", f"not installed; {offer.version} is available"
        return "update_available", f"{offer.version} available"
    if not there.present:
        return "not_installed", "not installed, and nothing on offer"
    if not heard.catalogue.releases:
        return "unknown", "nothing was released yet in this channel"
    if there.version is None:
        return "not_compared", f"cannot compare: {there.detail or 'the installed version is unknown'}"
    return "up_to_date", "up to date"


def _notes(offer: Offer, component: Component) -> str | None:
    told = [f"## {version}\n\n{text}" for version, text in notes(offer, component.tag_pattern) if text]
    return "\n\n".join(reversed(told)) or None


def _shortened(catalogue: Catalogue) -> Catalogue:
    """Keep what comparing and showing need: other people's essays do not fill an SD card."""

    def short(release: Release) -> Release:
        if release.notes is None or len(release.notes) <= _KEPT_NOTES:
            return release
        return msgspec.structs.replace(release, notes=release.notes[:_KEPT_NOTES] + "\n\n(shortened)")

    return msgspec.structs.replace(
        catalogue, releases=tuple(short(release) for release in catalogue.releases[:_KEPT_RELEASES])
    )
