"""Pending packages and an action queue for the panel: what is asked for goes on when the test says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from msgspec.structs import replace

from dunebugger_updater.model.actions import ActionResult, ActionStatus, ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Change, Inventory, Pending
from dunebugger_updater.model.wire import (
    ActionChanged,
    ActionSeen,
    ActionsSeen,
    AnyNews,
    AnyReply,
    CreateAction,
    DecideAction,
    Declined,
    ListActions,
)

NOW = datetime.now(UTC).replace(microsecond=0)
STABLE, FIXES = "Debian:12/stable", "Debian-Security:12/stable-security"


def pending(name: str, old: str, new: str, **more: object) -> Pending:
    security = bool(more.pop("security", False))
    usual: dict[str, object] = {"size": 240_000, "changelog": f"https://example.org/changes/{name}"}
    origins = (FIXES,) if security else (STABLE,)
    return Pending(name, old, new, security, origins, **(usual | more))  # type: ignore[arg-type]  # examples


PACKAGES = (
    pending("bash", "5.2.15-2+b2", "5.2.15-2+b7", size=1_490_000),
    pending("curl", "7.88.1-10+deb12u5", "7.88.1-10+deb12u8", security=True, size=316_000),
    pending(
        "openssh-server", "1:9.2p1-2+deb12u2", "1:9.2p1-2+deb12u5", security=True, size=456_000,
        security_version="1:9.2p1-2+deb12u3",
    ),
    pending("openssl", "3.0.11-1~deb12u2", "3.0.15-1~deb12u1", security=True, size=1_430_000),
    pending("tzdata", "2024a-0+deb12u1", "2024b-0+deb12u1", changelog=None),
    pending(
        "linux-image-amd64", "6.1.90-1", "6.1.119-1", security=True, size=None,
        kept_back="it would remove linux-headers-6.1.0-21-amd64",
    ),
    pending("g++", "4:12.2.0-3", "4:12.2.0-4", held=True),
    pending("base-files", "12.4+deb12u5", "12.4+deb12u8", size=70_000),
)  # fmt: skip
INVENTORY = Inventory(
    packages=PACKAGES,
    checked_at=NOW - timedelta(hours=3),
    reboot_required=True,
    reboot_packages=("linux-image-6.1.0-22-amd64", "dbus"),
    stale_services=("dunebugger.service", "ssh.service"),
)
EVIL = '<img src=x onerror=alert(1)>"&'
HOSTILE = Inventory(
    packages=(
        pending(EVIL, EVIL, EVIL, kept_back=EVIL, changelog='https://example.org/"><script>alert(1)</script>'),
        pending("script", "1", "2", changelog="javascript:alert(1)"),
        pending("plain", "1", "2", changelog="http://example.org/changes"),
        pending("user", "1", "2", changelog="https://bank.example@example.org/changes"),
    ),
    checked_at=NOW,
    security_known=False,
    security_unknown=f"the archive {EVIL} mixes them",
    stale_services=(EVIL,),
    broken=(f"{EVIL} is half-configured",),
    problem=f"cannot reach {EVIL}",
)


def many(count: int) -> Inventory:
    """As many packages as a device that nobody looked after has."""
    made = (
        pending(f"lib{'very-' * (number % 5)}long-name-{number:03}", f"1.{number}-1+deb12u1", f"1.{number}-1+deb12u2",
                security=number % 9 == 0, held=number % 50 == 49)
        for number in range(count)
    )  # fmt: skip
    return Inventory(packages=tuple(made), checked_at=NOW - timedelta(minutes=4))


@dataclass
class Queue:
    """The action queue of one device."""

    inventory: Callable[[], Inventory]
    tell: Callable[[AnyNews], None]
    maintenance: Callable[[], bool]
    actions: list[ActionView] = field(default_factory=list)
    """The oldest first."""

    def answer(self, request: CreateAction | DecideAction | ListActions, actor: str) -> AnyReply:
        match request:
            case ListActions(limit=limit, action_id=only):
                found = (
                    self.actions[::-1] if only is None else [each for each in self.actions if each.action_id == only]
                )
                return ActionsSeen(tuple(found[:limit]))
            case CreateAction():
                return self._create(request, actor)
            case DecideAction():
                return self._decide(request, actor)

    def _create(self, request: CreateAction, actor: str) -> AnyReply:
        if request.parameters.service == "nothing.service":
            return Declined("refused", "cannot restart nothing.service: systemd knows no such unit")
        plan = self.plan(request.action_type, request.parameters)
        if request.dry_run:
            return ActionSeen(plan)
        busy = next((each for each in self.actions if each.action_type.is_apt and each.status.is_active), None)
        if busy is not None and request.action_type.is_apt:
            return Declined("CONFLICT", f"cannot queue this: {busy.title} of {busy.created_by} is not over yet")
        if request.plan_hash not in {None, plan.plan_hash}:
            return Declined("plan_changed", "cannot queue what was shown: other packages are pending now")
        approved = self.maintenance() or (not request.requires_approval and request.by_owner)
        made = replace(
            plan,
            action_id=f"a{len(self.actions) + 1}",
            created_by=actor,
            status=ActionStatus.APPROVED if approved else ActionStatus.PENDING_APPROVAL,
            requires_approval=not approved,
            decided_by=actor if approved else None,
            decided_at=NOW if approved else None,
        )
        return self._keep(made)

    def _decide(self, request: DecideAction, actor: str) -> AnyReply:
        found = next(each for each in self.actions if each.action_id == request.action_id)
        if found.status is not ActionStatus.PENDING_APPROVAL:
            return Declined("CONFLICT", f"cannot decide {found.action_id}: it is {found.status} already")
        if request.approve:
            now = self.plan(found.action_type, found.parameters)
            if request.plan_hash != now.plan_hash:
                self._keep(replace(found, changes=now.changes, plan_hash=now.plan_hash, command=now.command))
                return Declined("plan_changed", "cannot approve what was shown: other packages are pending now")
        status = ActionStatus.APPROVED if request.approve else ActionStatus.REJECTED
        return self._keep(replace(found, status=status, decided_by=actor, decided_at=NOW))

    def plan(self, kind: ActionType, parameters: Parameters) -> ActionView:
        """What would be done."""
        changes = self._changes(kind, parameters)
        names = " ".join(change.name for change in changes)
        commands = {
            ActionType.APT_UPDATE: "apt-get update",
            ActionType.RESTART_SERVICE: f"systemctl restart {parameters.service}",
            ActionType.CLEAR_LOGS: "journalctl --vacuum-time=7d",
        }
        notes = (
            "a configuration file that you changed and the package changes too stays as you have it",
            "what the maintainer scripts of openssh-server do to its data cannot be taken back",
        )
        return ActionView(
            action_id="",
            action_type=kind,
            status=ActionStatus.PENDING_APPROVAL,
            created_at=NOW,
            parameters=parameters,
            title=str(kind),
            command=commands.get(kind, f"apt-get install --only-upgrade {names}"),
            changes=changes,
            notes=notes if changes else (),
            plan_hash=sha256(repr((kind, parameters.service, changes)).encode()).hexdigest(),
            expires_at=NOW + timedelta(days=7),
        )

    def _changes(self, kind: ActionType, parameters: Parameters) -> tuple[Change, ...]:
        seen = self.inventory()
        chosen: Sequence[Pending] = {
            ActionType.APT_UPGRADE_ALL: seen.ready,
            ActionType.APT_UPGRADE_SECURITY: [each for each in seen.ready if each.security],
            ActionType.APT_UPGRADE_PACKAGES: [each for each in seen.packages if each.name in parameters.packages],
        }.get(kind, ())
        return tuple(Change(each.name, each.installed, each.candidate, each.origins, each.size) for each in chosen)

    def begin(self, action: str, run: str | None = None, *, late: bool = False) -> None:
        status = ActionStatus.OVERDUE if late else ActionStatus.EXECUTING
        self._keep(replace(self._one(action), status=status, started_at=NOW, run=run))

    def end(self, action: str, result: ActionResult) -> None:
        status = ActionStatus.SUCCEEDED if result.success else ActionStatus.FAILED
        self._keep(replace(self._one(action), status=status, ended_at=NOW + timedelta(seconds=42), result=result))

    def _one(self, action: str) -> ActionView:
        return next(each for each in self.actions if each.action_id == action)

    def _keep(self, action: ActionView) -> ActionSeen:
        self.actions = [*(each for each in self.actions if each.action_id != action.action_id), action]
        self.actions.sort(key=lambda each: int(each.action_id[1:]))
        self.tell(ActionChanged(action))
        return ActionSeen(action)


OUTPUT = """Reading package lists... Done
Unpacking openssl (3.0.15-1~deb12u1) over (3.0.11-1~deb12u2) ...
Setting up openssl (3.0.15-1~deb12u1) ...
Processing triggers for man-db (2.11.2-2) ..."""
SUCCESS = ActionResult(success=True, output=OUTPUT, return_code=0, packages_upgraded=3, outcome="updated")
FAILURE = ActionResult(
    success=False,
    output="Setting up openssh-server (1:9.2p1-2+deb12u5) ...\n"
    "dpkg: error processing package openssh-server (--configure):\n"
    " post-installation script subprocess returned error exit status 1",
    error="cannot configure openssh-server: its maintainer script failed with exit status 1; "
    "the former versions of 3 packages were put back",
    return_code=100,
    outcome="rolled_back",
)


def past(queue: Queue) -> None:
    """Fill the history: one that worked, one that failed, one that was rejected, one of another kind."""
    kinds = ActionType
    told: Sequence[tuple[ActionType, Parameters, ActionStatus, ActionResult | None, float]] = (
        (kinds.APT_UPDATE, Parameters(), ActionStatus.SUCCEEDED, ActionResult(True, "Hit:1 stable InRelease"), 9.0),
        (kinds.APT_UPGRADE_SECURITY, Parameters(), ActionStatus.SUCCEEDED, SUCCESS, 8.0),
        (kinds.APT_UPGRADE_ALL, Parameters(), ActionStatus.FAILED, FAILURE, 5.0),
        (kinds.APT_UPGRADE_PACKAGES, Parameters(packages=("tzdata",)), ActionStatus.REJECTED, None, 3.0),
        (kinds.RESTART_SERVICE, Parameters(service="ssh.service"), ActionStatus.EXPIRED, None, 2.0),
        (kinds.CLEAR_LOGS, Parameters(), ActionStatus.SUCCEEDED, ActionResult(True, "Vacuuming done"), 1.0),
    )
    for number, (kind, parameters, status, result, days) in enumerate(told, 1):
        at = NOW - timedelta(days=days)
        ran = result is not None
        decided = status is not ActionStatus.EXPIRED
        queue.actions.append(
            replace(
                queue.plan(kind, parameters), action_id=f"a{number}", status=status, created_at=at, result=result,
                created_by="owner", decided_by="owner" if decided else None, decided_at=at if decided else None,
                started_at=at + timedelta(minutes=2) if ran else None,
                ended_at=at + timedelta(minutes=3) if ran else None,
            )
        )  # fmt: skip
