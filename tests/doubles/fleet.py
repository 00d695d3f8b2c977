"""A fleet of one that behaves, and accounts that remember: what the edge and the panel are tried on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from dunebugger_updater.fleet import FromDevice
from dunebugger_updater.model.access import AuditEntry, Denied, Role, Session, TokenView, Who
from dunebugger_updater.model.actions import ActionStatus, ActionView
from dunebugger_updater.model.packages import Change, Inventory, Pending
from dunebugger_updater.model.views import ComponentView, RunView, StepView
from dunebugger_updater.model.wire import (
    ActionChanged,
    ActionSeen,
    ActionsSeen,
    AnyNews,
    AnyReply,
    AnyRequest,
    CancelRun,
    Checked,
    CheckEnded,
    CheckNow,
    CreateAction,
    DecideAction,
    Declined,
    DeviceHealth,
    DeviceView,
    Done,
    Ended,
    ListActions,
    LookAtPackages,
    Operate,
    PackagesSeen,
    Planned,
    Progressed,
    RollBack,
    SetMaintenance,
    Started,
    Update,
)
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Closed, Opened, Outcome
from dunebugger_updater.services.bus import Bus
from dunebugger_updater.story import Story, Told

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CORE = ComponentView(
    name="core",
    type="python_app",
    current="1.0.0",
    latest="1.1.0",
    update_available=True,
    release_notes="# 1.1.0\n\nFaster <b>dunes</b>.",
    last_checked=NOW,
    status="update_available",
    message="1.1.0 is on offer",
)
SCHEDULER = ComponentView(
    name="scheduler",
    type="container",
    current="2.0.0",
    latest="2.0.0",
    last_checked=NOW,
    status="up_to_date",
    message="up to date",
)

TZDATA = Pending("tzdata", "2025b-0+deb12u1", "2025b-0+deb12u2", security=False, origins=("Debian:12/stable-updates",))


@dataclass
class FakeFleet:
    """One device called ``local`` with two components; what is asked of it happens, at once."""

    components: dict[str, ComponentView] = field(default_factory=lambda: {"core": CORE, "scheduler": SCHEDULER})
    asked: list[tuple[str, AnyRequest]] = field(default_factory=list)
    """Who asked for what: what changed, or could have."""
    stories: dict[str, Story] = field(default_factory=dict)
    views: dict[str, RunView] = field(default_factory=dict)
    answers: Callable[[AnyRequest], AnyReply | Exception | None] = lambda _: None
    """Answers of a test's own; ``None`` for the usual one."""
    bus: Bus = field(default_factory=Bus)
    inventory: Inventory = field(default_factory=lambda: Inventory(packages=(TZDATA,), checked_at=NOW))
    actions: dict[str, ActionView] = field(default_factory=dict)
    maintenance: bool = False
    until: datetime | None = None
    running: str | None = None
    """The component of a run that is under way."""
    thinking: float = 0.0
    """Seconds between the news of what was asked for and the answer."""

    async def devices(self) -> Sequence[DeviceView]:
        return [
            DeviceView(
                id="local",
                name="dune",
                online=True,
                version="9.9.9",
                components=tuple(self.components.values()),
                maintenance=self.maintenance,
                maintenance_until=self.until,
                health=DeviceHealth(
                    disk_total=32_000_000_000,
                    disk_free=9_000_000_000,
                    memory_total=1_000_000_000,
                    memory_available=400_000_000,
                    temperature=48.5,
                    load=0.25,
                    up_seconds=3600.0,
                ),
            )
        ]

    async def device(self, device: str) -> DeviceView | None:
        return next((each for each in await self.devices() if each.id == device), None)

    async def ask(self, device: str, request: AnyRequest, actor: str) -> AnyReply:
        self.asked.append((actor, request))
        own = self.answers(request)
        if isinstance(own, Exception):
            raise own
        reply = own if own is not None else self._usual(request, actor)
        await asyncio.sleep(self.thinking)
        return reply

    @asynccontextmanager
    async def news(self) -> AsyncIterator[AsyncIterator[FromDevice]]:
        async with self.bus.listening() as listener:

            async def from_here() -> AsyncIterator[FromDevice]:
                async for each in listener:
                    yield FromDevice("local", each)

            yield from_here()

    async def history(self, device: str, component: str | None = None, limit: int = 100) -> Sequence[RunView]:
        found = [view for view in self.views.values() if component in {None, view.component}]
        return found[::-1][:limit]

    async def run(self, device: str, run: str) -> Story | None:
        return self.stories.get(run)

    def tell(self, *news: AnyNews) -> None:
        """Make something be heard."""
        for each in news:
            self.bus.tell(each)

    def _usual(self, request: AnyRequest, actor: str) -> AnyReply:
        match request:
            case CheckNow(components=names):
                if unknown := [name for name in names if name not in self.components]:
                    return _unknown(unknown[0])
                found = {name: view for name, view in self.components.items() if not names or name in names}
                self.tell(CheckEnded(found))
                return Checked(found)
            case Update(component=name, version=version, dry_run=dry):
                return self._begin(name, "update", version or "1.1.0", actor, dry=dry)
            case RollBack(component=name, to=to, dry_run=dry):
                return self._begin(name, "rollback", to or "0.9.0", actor, dry=dry)
            case CancelRun(run=run):
                return Done("it will stop") if run in self.stories else Declined("too_late", f"{run} is not under way")
            case Operate(component=name, start=start):
                return (
                    Done(f"{name} {'started' if start else 'stopped'}") if name in self.components else _unknown(name)
                )
            case SetMaintenance(on=on, minutes=minutes):
                self.maintenance = on
                self.until = NOW + timedelta(minutes=minutes) if on and minutes else None
                return Done("maintenance mode is " + ("on" if on else "off"))
            case LookAtPackages():
                return PackagesSeen(self.inventory)
            case ListActions() | CreateAction() | DecideAction():
                return self._queued(request, actor)

    def _queued(self, request: ListActions | CreateAction | DecideAction, actor: str) -> AnyReply:
        match request:
            case ListActions(action_id=wanted, limit=limit):
                found = [each for each in self.actions.values() if wanted in {None, each.action_id}]
                return ActionsSeen(tuple(found[::-1][:limit]))
            case CreateAction():
                waits = request.requires_approval or not request.by_owner
                view = ActionView(
                    action_id=f"a-{len(self.actions) + 1}",
                    action_type=request.action_type,
                    status=ActionStatus.PENDING_APPROVAL if waits else ActionStatus.APPROVED,
                    created_at=NOW,
                    created_by=actor,
                    plan_hash="h1",
                    parameters=request.parameters,
                    changes=(Change("tzdata", "2025b-0+deb12u1", "2025b-0+deb12u2"),),
                )
            case DecideAction(action_id=wanted):
                if wanted not in self.actions:
                    return Declined("action_not_found", f"cannot find an action {wanted!r}")
                if request.plan_hash not in {None, self.actions[wanted].plan_hash}:
                    return Declined("plan_changed", "the plan has changed since it was shown", "refused")
                status = ActionStatus.APPROVED if request.approve else ActionStatus.REJECTED
                view = msgspec.structs.replace(self.actions[wanted], status=status, decided_by=actor)
        if isinstance(request, CreateAction) and request.dry_run:
            return ActionSeen(msgspec.structs.replace(view, action_id=""))
        self.actions[view.action_id] = view
        self.tell(ActionChanged(view))
        return ActionSeen(view)

    def _begin(self, name: str, verb: str, to: str, actor: str, *, dry: bool) -> AnyReply:
        if name not in self.components:
            return _unknown(name)
        current = self.components[name].current
        if self.running is not None:
            return Declined("update_in_progress", f"an update of {self.running} is running", "refused")
        if current == to or (name == "scheduler" and verb == "update"):
            return Declined("already_up_to_date", f"{name} is up to date ({current})", "nothing_to_do")
        view = RunView(
            run="" if dry else f"run-{len(self.stories) + 1}",
            component=name,
            verb=verb,
            success=True,
            outcome="planned" if dry else "updated",
            message=f"would {verb} {name} to {to}" if dry else f"{name} updated to {to} and healthy",
            dry_run=dry,
            from_version=current,
            to_version=to,
            actor=actor,
            started_at=NOW,
            steps=(StepView(0, "download"),),
        )
        if dry:
            return Planned(view, ("enough space",), ("healthy",), "the link goes back")
        plan = Plan(name, verb, current, to)
        told = (Told(0, NOW, 1.0, Opened(view.run, plan, actor)), Told(1, NOW, 2.0, Closed(Outcome.UPDATED)))
        self.stories[view.run], self.views[view.run] = Story(view.run, told), view
        self.components[name] = msgspec.structs.replace(self.components[name], current=to)
        progress = Progressed(view.run, name, "download", 1, 1, "began", "download")
        self.tell(progress, msgspec.structs.replace(progress, state="done"), Ended(view))
        return Started(view.run, name)


@dataclass
class FakeAccounts:
    """A session, three tokens, and a password ``open sesame``; five wrong ones, and an address has to wait."""

    owned: bool = True
    sessions: dict[str, Who] = field(default_factory=lambda: {"session-1": Who("owner", Role.OWNER, "csrf-1")})
    secrets: dict[str, Who] = field(
        default_factory=lambda: {f"{role.word}-token": Who(role.word, role) for role in Role}
    )
    views: dict[str, TokenView] = field(default_factory=dict)
    entries: list[AuditEntry] = field(default_factory=list)
    wrong: dict[str, int] = field(default_factory=dict)
    """Wrong passwords, by address."""

    def needs_owner(self) -> bool:
        return not self.owned

    async def set_owner(self, code: str, password: str, address: str) -> Session | Denied:
        if self.owned:
            return Denied("the owner's password is set already: sign in with it")
        if code != "1234-5678":
            return Denied("that is not the one-time code")
        self.owned = True
        return self._session()

    async def login(self, password: str, address: str) -> Session | Denied:
        await asyncio.sleep(0)
        if self.wrong.get(address, 0) >= 5:
            return Denied("too many tries: wait a quarter of an hour", 900.0)
        if password != "open sesame" or not self.owned:
            self.wrong[address] = self.wrong.get(address, 0) + 1
            return Denied("wrong password")
        return self._session()

    async def session(self, secret: str) -> Who | None:
        return self.sessions.get(secret)

    async def logout(self, secret: str) -> None:
        self.sessions.pop(secret, None)

    async def bearer(self, token: str) -> Who | None:
        return self.secrets.get(token)

    async def create_token(self, name: str, role: Role, actor: str) -> tuple[str, TokenView]:
        if any(view.name == name for view in self.views.values()):
            raise ValueError(f"there is a token called {name!r} already")
        view = TokenView(f"t{len(self.views) + 1}", name, role.word, NOW)
        self.views[view.id] = view
        self.secrets[f"secret-of-{view.id}"] = Who(name, role)
        return f"secret-of-{view.id}", view

    async def tokens(self) -> Sequence[TokenView]:
        return list(self.views.values())

    async def revoke(self, token: str, actor: str) -> bool:
        self.secrets.pop(f"secret-of-{token}", None)
        return self.views.pop(token, None) is not None

    async def note(self, actor: str, action: str, detail: str, address: str) -> None:
        self.entries.append(AuditEntry(NOW, actor, action, detail, address))

    async def audit(self, limit: int) -> Sequence[AuditEntry]:
        return self.entries[::-1][:limit]

    def _session(self) -> Session:
        secret = f"session-{len(self.sessions) + 1}"
        self.sessions[secret] = Who("owner", Role.OWNER, f"csrf-{len(self.sessions) + 1}")
        return Session(secret, self.sessions[secret].csrf or "", NOW + timedelta(hours=12))


def _unknown(name: str) -> Declined:
    return Declined(
        "component_not_found", f"cannot find a component {name!r}: configured are core, scheduler", "refused"
    )
