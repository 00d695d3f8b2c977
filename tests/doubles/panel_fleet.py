"""A fleet with a past: components in every state, runs that went well and badly, one that goes on while watched."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from doubles.fleet import FakeFleet
from doubles.panel_packages import INVENTORY, Queue, past

from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.service import SystemdUnit
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.model.wire import (
    AnyReply,
    AnyRequest,
    CreateAction,
    DecideAction,
    Declined,
    DeviceHealth,
    DeviceView,
    Ended,
    ListActions,
    LookAtPackages,
    PackagesSeen,
    Planned,
    Progressed,
    Started,
    Update,
)
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import (
    Answered,
    AnyEvent,
    Began,
    Closed,
    Committed,
    Finished,
    Opened,
    Outcome,
    TurnedBack,
    Undone,
)
from dunebugger_updater.services import history
from dunebugger_updater.steps import (
    AnyStep,
    BuildVenv,
    CarryOver,
    Download,
    KeepBackup,
    PointLink,
    StartService,
    StopService,
    Unpack,
)
from dunebugger_updater.story import Story, Told

NOW = datetime.now(UTC).replace(microsecond=0)
HOME = Path("/opt/dunebugger/core.releases")
TOOK = (8.0, 4.0, 3.0, 42.0, 1.2, 0.8, 0.1, 2.5)
LONG = "very-long-component-name-that-somebody-really-gave-to-a-thing-in-a-configuration-file-" + "x" * 60
NOTES = """## 1.1.0

### Faster dunes

- The **engine** starts in half the time, see [the measurements](https://example.org/measurements).
- `config.yaml` may name a *second* sensor.

| sensor | before | now |
|---|---|---|
| wind | 40 ms | 12 ms |

![a picture of a dune](https://example.org/track.png)

<script>alert("no")</script>

## 1.0.1

- Mends a crash when no sensor was connected.

> Thanks to all who told us.
"""


def plan(version: str, before: str | None, component: str = "core", verb: str = "update") -> Plan:
    """The plan of a Python app, as it would be on a device."""
    unit, new, old = SystemdUnit("dunebugger.service"), HOME / version, HOME / (before or "0")
    link = Path("/opt/dunebugger/core")
    steps: tuple[AnyStep, ...] = (
        Download("https://example.org/core.tar.gz", HOME / f"core-{version}.tar.gz", 18_400_000, "ab" * 32),
        Unpack(HOME / f"core-{version}.tar.gz", new),
        KeepBackup(old, Path("/opt/dunebugger/backups/core.20261120T100000Z.tar.gz")),
        BuildVenv(new),
        StopService(unit),
        CarryOver(old, new, link),
        PointLink(link, new),
        StartService(unit),
    )
    return Plan(component, verb, before, version, steps=steps)


def told(began: datetime, events: Sequence[tuple[float, AnyEvent]]) -> tuple[Told, ...]:
    """Events with their times; the numbers are the seconds since the one before."""
    made, passed = [], 0.0
    for number, (seconds, event) in enumerate(events):
        passed += seconds
        made.append(Told(number, began + timedelta(seconds=passed), 1000 + passed, event))
    return tuple(made)


def opening(name: str, of: Plan, actor: str) -> list[tuple[float, AnyEvent]]:
    return [(0, Opened(name, of, actor)), (0.2, Answered("health", ())), (0.3, Answered("before", ()))]


def good(name: str, began: datetime, of: Plan, actor: str = "owner", slow: float = 1.0) -> Story:
    events = opening(name, of, actor)
    for number, seconds in enumerate(TOOK):
        events += [(0.05, Began(number, ())), (seconds * slow, Finished(number))]
    events += [(6.0, Answered("after", ())), (0.1, Committed()), (0.1, _closed(of))]
    return Story(name, told(began, events))


def _closed(of: Plan) -> Closed:
    return Closed(Outcome.UPDATED if of.verb == "update" else Outcome.ROLLED_BACK)


def failed(name: str, began: datetime, of: Plan, *, stuck: bool = False) -> Story:
    """It starts and then does not stay up: everything is put back, or not even that works."""
    events = opening(name, of, "owner")
    for number, seconds in enumerate(TOOK[:7]):
        events += [(0.05, Began(number, ())), (seconds, Finished(number))]
    reason = "dunebugger.service does not stay up: expected active for 10 s, got failed after 2.1 s (exit status 1)"
    evidence = (
        'File "/opt/dunebugger/core/app/main.py", line 41, in start',
        "    sensor = open_sensor(config.sensor)",
        "ModuleNotFoundError: No module named 'dune_sensors'",
        "dunebugger.service: Main process exited, code=exited, status=1/FAILURE",
    )
    events += [(0.05, Began(7, ())), (12.0, TurnedBack(reason, blame=True, evidence=evidence))]
    events += [(0.4, Undone(number)) for number in (7, 6, 5, 4)]
    if stuck:
        commands = ("systemctl start dunebugger.service", "dunebugger-updater doctor")
        events += [(5.0, Closed(Outcome.STUCK, f"{reason}; and the way back is blocked: disk is full", commands))]
    else:
        events += [(0.1, Undone(number)) for number in (3, 2, 1, 0)]
        events += [(4.0, Answered("back", ())), (0.1, Closed(Outcome.ROLLED_BACK, reason))]
    return Story(name, told(began, events))


def refused(name: str, began: datetime, of: Plan) -> Story:
    why = "the show is running: /run/dunebugger/busy exists"
    events = [*opening(name, of, "policy")[:2], (0.1, Answered("before", (why,))), (0.0, Closed(Outcome.REFUSED, why))]
    return Story(name, told(began, events))


def half_way(name: str, steps: int, of: Plan, began: datetime) -> Story:
    events = opening(name, of, "owner")
    for number, seconds in enumerate(TOOK[:steps]):
        events += [(0.05, Began(number, ())), (seconds, Finished(number))]
    return Story(name, told(began, [*events, (0.05, Began(steps, ()))]))


def component(name: str, **more: object) -> ComponentView:
    usual: dict[str, object] = {
        "type": "python_app",
        "current": "1.0.0",
        "latest": "1.0.0",
        "last_checked": NOW - timedelta(hours=2),
        "status": "up_to_date",
        "message": "up to date",
        "detail": "read from its VERSION file",
    }
    return ComponentView(name=name, **(usual | more))  # type: ignore[arg-type]  # examples override any field


CORE = component(
    "core", latest="1.1.0", update_available=True, status="update_available", message="1.1.0 available",
    release_notes=NOTES, quarantined=("1.0.9",),
)  # fmt: skip
SYSTEM = component(
    "system", type="apt", has_releases=False, current="0a1b2c3d4e5f", latest=None, status="update_available",
    update_available=True,
    message="8 packages can be upgraded, 4 with security fixes", detail="1204 packages",
)  # fmt: skip
UPDATER = component("updater", type="updater", current="0.3.0", latest="0.4.0", update_available=True,
                    status="update_available", message="0.4.0 available", release_notes="- starts faster")  # fmt: skip
EVERY = (
    CORE,
    component("scheduler", type="container", current="2.0.0", latest="2.0.0", policy="auto"),
    component(
        "remote", latest=None, status="unknown", message="unknown since 2026-11-17 08:00 UTC: cannot reach",
        problem="cannot reach api.github.com: name not resolved", problem_since=NOW - timedelta(days=3),
    ),
    component("show", latest="3.2.0", status="busy", message="the show is running", update_available=True),
    component(
        "lights", current=None, latest="0.3.0", status="not_installed", message="not installed; 0.3.0 is available"
    ),
    component(
        "sounds", current="g1a2b3c", latest=None, status="not_compared",
        message="cannot compare: the installed version g1a2b3c cannot be read as semver",
    ),
)  # fmt: skip


HEALTH = DeviceHealth(
    disk_total=31_900_000_000, disk_free=4_200_000_000, memory_total=3_980_000_000, memory_available=2_600_000_000,
    temperature=58.4, load=0.42, up_seconds=3.2 * 86_400,
)  # fmt: skip


@dataclass
class PanelFleet(FakeFleet):
    """The same fleet with a rich past, and a run that goes on when the test says so."""

    shown: tuple[ComponentView, ...] = EVERY
    online: bool = True
    health: DeviceHealth | None = HEALTH
    gone: bool = False
    """The agent restarts itself: whatever is asked fails."""
    step: int = 3
    live: str = ""
    """The open run."""
    known: dict[str, Story] = field(default_factory=dict)
    inventory: Inventory = INVENTORY
    queue: Queue = field(init=False)

    def __post_init__(self) -> None:
        self.queue = Queue(lambda: self.inventory, self.tell, lambda: self.maintenance)

    def with_past(self) -> "PanelFleet":
        stories = [
            good("r01", NOW - timedelta(days=60), plan("0.7.0", "0.6.2"), slow=1.3),
            good("r02", NOW - timedelta(days=50), plan("0.8.0", "0.7.0"), "policy"),
            refused("r03", NOW - timedelta(days=41), plan("0.9.0", "0.8.0")),
            good("r04", NOW - timedelta(days=40), plan("0.9.0", "0.8.0"), slow=0.8),
            good("r05", NOW - timedelta(days=33), plan("2.0.0", "1.9.3", "scheduler"), "policy", 0.5),
            good("r06", NOW - timedelta(days=21), plan("1.0.0", "0.9.0"), slow=1.1),
            failed("r07", NOW - timedelta(days=6), plan("1.0.9", "1.0.0")),
            good("r08", NOW - timedelta(days=4), plan("0.9.9", "1.0.0", "lights", "rollback"), slow=0.2),
            failed("r09", NOW - timedelta(hours=5), plan("1.0.9", "1.0.0", "sounds"), stuck=True),
        ]
        self.known |= {story.id: story for story in stories}
        return self

    def with_packages(self) -> "PanelFleet":
        """The device looks after its system packages, too."""
        self.shown = (*self.shown, SYSTEM)
        past(self.queue)
        return self

    async def ask(self, device: str, request: AnyRequest, actor: str) -> AnyReply:
        if isinstance(request, LookAtPackages | ListActions):  # a look changes nothing, nor could it have
            own = self.answers(request)
            if isinstance(own, Exception):
                raise own
            return own if own is not None else self._usual(request, actor)
        return await super().ask(device, request, actor)

    def start(self) -> None:
        """Open a run of ``core`` that stands in its step ``step``."""
        self.live = "live-1"
        self._stand()

    def _stand(self) -> None:
        began = NOW - timedelta(seconds=sum(TOOK[: self.step]))
        self.known[self.live] = half_way(self.live, self.step, plan("1.1.0", "1.0.0"), began)

    def progress(self, done: float, message: str) -> None:
        title = plan("1.1.0", "1.0.0").steps[self.step].title
        self.tell(Progressed(self.live, "core", title, self.step + 1, len(TOOK), "progress", message, done))

    def advance(self) -> None:
        """One step is done, the next begins."""
        self.step += 1
        self._stand()
        title = plan("1.1.0", "1.0.0").steps[self.step].title
        self.tell(Progressed(self.live, "core", title, self.step + 1, len(TOOK), "began", title))

    def finish(self) -> None:
        self.known[self.live] = good(self.live, NOW - timedelta(seconds=70), plan("1.1.0", "1.0.0"))
        ended, self.live = self.live, ""
        self.tell(Ended(history.view(self.known[ended])))

    async def devices(self) -> Sequence[DeviceView]:
        if self.gone:
            raise ConnectionError("the agent restarts")
        running = (history.view(self.known[self.live]),) if self.live else ()
        return [
            DeviceView(
                id="local", name="dune-garden", online=self.online, version="0.3.0", components=self.shown,
                running=running, maintenance=self.maintenance, maintenance_until=self.until,
                next_check=NOW + timedelta(hours=5), health=self.health,
            )
        ]  # fmt: skip

    async def history(self, device: str, component: str | None = None, limit: int = 100) -> Sequence[RunView]:
        views = [history.view(story) for story in self.known.values()]
        return [view for view in views if component in {None, view.component}][::-1][:limit]

    async def run(self, device: str, run: str) -> Story | None:
        return self.known.get(run)

    def _usual(self, request: AnyRequest, actor: str) -> AnyReply:
        if isinstance(request, Update) and request.component == "core":
            of = plan(request.version or "1.1.0", "1.0.0")
            if self.live:
                return Declined("update_in_progress", "an update of core is running", "refused")
            if request.dry_run:
                before = ("room for 64 MB", "the clock is right", "nothing is busy")
                after = ("dunebugger.service runs", "http://127.0.0.1:8080/health answers 200", "version is 1.1.0")
                return Planned(history.planned(of), before, after)
            self.start()
            return Started(self.live, "core")
        if isinstance(request, LookAtPackages):
            return PackagesSeen(self.inventory)
        if isinstance(request, ListActions | CreateAction | DecideAction):
            return self.queue.answer(request, actor)
        return super()._usual(request, actor)
