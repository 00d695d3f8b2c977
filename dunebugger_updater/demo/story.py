"""The story of the demo: an app that runs, a good release, a broken one, and the way back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import msgspec

from dunebugger_updater import __version__
from dunebugger_updater.config_components import itself
from dunebugger_updater.demo import apps
from dunebugger_updater.demo.apps import APP, BEST, BETTER, BROKEN, GOOD, REPOSITORY, SETTINGS, Release
from dunebugger_updater.demo.device import GREETING, MadeUpDevice, clock, service
from dunebugger_updater.demo.lights import LIGHTS, LIGHTS_REPOSITORY, Lights, standing
from dunebugger_updater.demo.release_server import ReleaseServer
from dunebugger_updater.demo.telling import Teller
from dunebugger_updater.engine import Hear, Heard
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.model.settings import Updater
from dunebugger_updater.model.views import RunView
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import history
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.wiring import House, house

_VISITS = 3


class NotAsToldError(Exception):
    """The story went another way.  The text is a sentence for a person."""


class Said(msgspec.Struct, frozen=True):
    """What the app answers to a visitor."""

    version: str
    greeting: str
    visits: int
    tide: str = ""


class Story:
    """One telling, on one made-up device."""

    def __init__(
        self, device: MadeUpDevice, server: ReleaseServer, built: House, teller: Teller, lights: Lights
    ) -> None:
        self._device = device
        self._server = server
        self._house = built
        self._teller = teller
        self._visits = 0
        self.lights = lights

    @property
    def house(self) -> House:
        """The updater of the device that it is told on."""
        return self._house

    async def tell(self) -> None:
        """Tell it.  ``NotAsToldError``: it went another way."""
        await self._set_up()
        await self._update()
        await self._break()

    async def begin(self) -> None:
        """Instead of telling it: have the first release run, and publish what the story would."""
        await self._install()
        self._server.publish(apps.better())
        self._server.publish(apps.broken())

    async def go_on(self) -> None:
        """Afterwards: have one more release on offer."""
        self._server.publish(apps.best())
        view = (await self._house.watch.check(force=True))[APP]
        self._expect(view.latest == BEST and view.update_available, f"{BEST} was not found: {view.message}")

    async def _set_up(self) -> None:
        said = await self._install()
        state = await self._house.device.services.state(service(self._house.settings))
        self._teller.scene(
            "running",
            f"1. {APP} {said.version} is running",
            f"process {state.pid} answers at {self._device.app_url}",
            *self._data(said),
            version=said.version,
            pid=state.pid,
            url=self._device.app_url,
            greeting=said.greeting,
            visits=said.visits,
        )

    async def _install(self) -> Said:
        """Let the updater itself install the first release, and use the app for a while."""
        self._server.publish(apps.good())
        view = await self._run(GOOD, _deaf)
        self._expect(view.outcome == Outcome.UPDATED, f"{APP} {GOOD} was not installed: {view.message}")
        self._device.edit_settings()
        for _ in range(_VISITS):
            said = await self._visit()
        return said

    async def _update(self) -> None:
        """Take a good release."""
        self._server.publish(apps.better())
        await self._find("2. A new release is found", GOOD, BETTER)
        self._teller.scene("updating", "3. The update", f"{GOOD} keeps running while all that is slow is done.")
        view = await self._run(BETTER, self._teller.ear(self._device.root))
        self._expect(view.outcome == Outcome.UPDATED, view.message)
        said = await self._visit()
        beside = self._device.app / f"{SETTINGS}.new"
        self._expect(said.version == BETTER and bool(said.tide), f"{APP} answers as {said.version}, not as {BETTER}")
        self._expect(beside.is_file(), f"the new {SETTINGS} is not beside the edited one")
        self._teller.scene(
            "updated",
            "",
            f"{APP} {said.version} answers over HTTP. From stop to start it took {view.downtime_seconds:.2f} s.",
            *self._data(said),
            f"the release's own {SETTINGS} lies beside it as {SETTINGS}.new",
            version=said.version,
            outcome=view.outcome,
            message=view.message,
            downtime_seconds=view.downtime_seconds,
            greeting=said.greeting,
            visits=said.visits,
        )

    async def _break(self) -> None:
        """Take a broken release, and come back by itself."""
        self._server.publish(apps.broken())
        await self._find("4. Another release, and this one is broken", BETTER, BROKEN)
        self._teller.scene("updating", "", "It starts and stays up, but it is not well. Watch:")
        view = await self._run(BROKEN, self._teller.ear(self._device.root))
        self._expect(view.outcome == Outcome.ROLLED_BACK, f"{BROKEN} was not rolled back: {view.message}")
        said = await self._visit()
        self._expect(said.version == BETTER, f"{APP} answers as {said.version}, not as {BETTER}")
        self._teller.scene(
            "rolled_back",
            "5. Back by itself",
            f"{APP} {said.version} answers over HTTP again. It was away for {view.downtime_seconds:.1f} s.",
            *self._data(said),
            version=said.version,
            outcome=view.outcome,
            message=view.message,
            evidence=view.evidence,
            downtime_seconds=view.downtime_seconds,
            greeting=said.greeting,
            visits=said.visits,
        )
        again = await self._house.updates.plan_update(APP)
        self._expect(isinstance(again, Refusal), f"{BROKEN} is offered again")
        remembered = again.message if isinstance(again, Refusal) else ""
        self._teller.scene("remembered", "", f"Asked once more, the updater says: {remembered}.", message=remembered)

    async def _find(self, title: str, current: str, latest: str) -> None:
        view = (await self._house.watch.check([APP], force=True))[APP]
        found = view.current == current and view.latest == latest and view.update_available
        self._expect(found, f"{latest} was not found: {view.message}")
        notes = (view.release_notes or "").splitlines()
        self._teller.scene(
            "found",
            title,
            f"installed {view.current}, {view.message}:",
            *(f"  {line}" for line in notes if line and not line.startswith("#")),
            current=view.current,
            latest=view.latest,
            release_notes=view.release_notes,
        )

    async def _run(self, version: str, hear: Hear) -> RunView:
        plan = await self._house.updates.plan_update(APP)
        if isinstance(plan, Refusal):
            raise NotAsToldError(f"{version} cannot be planned: {plan.message}")
        told = await self._house.updates.carry_out(plan, "demo", hear)
        if isinstance(told, Refusal):
            raise NotAsToldError(f"{version} was refused: {told.message}")
        return history.view(told)

    async def _visit(self) -> Said:
        """Ask the app over HTTP as a visitor does, and see that its data is what it was, and one visit more."""
        answer = await self._house.device.web.probe(f"{self._device.app_url}/", 5)
        try:
            said = from_json(answer.body.encode(), Said)
        except msgspec.MsgspecError:
            raise NotAsToldError(f"{APP} answered {answer.status}: {answer.body[:200]}") from None
        self._visits += 1
        counted = self._device.visits()
        intact = said.greeting == GREETING and said.visits == counted == self._visits
        self._expect(intact, f"its data is not intact: {said.greeting!r}, {counted} visits of {self._visits}")
        return said

    def _data(self, said: Said) -> tuple[str, str]:
        return (f"its owner's setting: “{said.greeting}”", f"its own database: {said.visits} visits")

    def _expect(self, true: bool, otherwise: str) -> None:  # noqa: FBT001  (a condition, as in assert)
        if not true:
            raise NotAsToldError(otherwise)


@asynccontextmanager
async def telling(device: MadeUpDevice, teller: Teller, *, with_lights: bool = False) -> AsyncIterator[Story]:
    """Make all that a story needs: the release server, the configuration, and the updater as on any device."""
    ours = itself(Updater()).repository
    server = ReleaseServer(REPOSITORY, LIGHTS_REPOSITORY, ours)
    server.publish(Release(__version__, "What you are looking at.", {}), ours)  # so that we are up to date here
    async with server.running(), standing(device.root / LIGHTS) if with_lights else nullcontext(Lights()) as lights:
        for release in lights.releases:
            server.publish(release, LIGHTS_REPOSITORY)
        settings = device.configure(server.url, lights.section)
        # No token: what the viewer's environment holds is none of the demo's business.
        async with house(settings, {}, clock()) as built:
            yield Story(device, server, built, teller, lights)


def _deaf(_: Heard) -> None:
    """Nobody listens to the setting up."""
