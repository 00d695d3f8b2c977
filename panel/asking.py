"""What the pages ask a device about packages and actions; a device that does not answer is shown without."""

import asyncio
from collections.abc import Sequence

import msgspec

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.actions import ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.wire import (
    ActionSeen,
    ActionsSeen,
    AnyReply,
    CreateAction,
    Declined,
    DeviceView,
    ListActions,
    LookAtPackages,
    PackagesSeen,
)
from panel import present_packages
from panel.frame import Visit

RECENT = 20
_NO_PACKAGES = Declined("not_yet", "")


class Looked(msgspec.Struct, frozen=True):
    """What is known of a device's packages and actions."""

    inventory: Inventory | None
    why: str
    """Why there is no inventory; empty when there is, or when there is no apt."""
    actions: tuple[ActionView, ...]
    has_apt: bool


async def looked(visit: Visit, device: DeviceView, limit: int = RECENT) -> Looked:
    """Look at both at once."""
    apt = present_packages.has_apt(device)
    if not device.online and not apt:
        return Looked(None, "", (), apt)
    packages, actions = await asyncio.gather(
        visit.look(device.id, LookAtPackages(remembered=True)) if apt else _nothing(), recent(visit, device, limit)
    )
    return Looked(
        packages.inventory if isinstance(packages, PackagesSeen) else None,
        packages.message if isinstance(packages, Declined) else "",
        tuple(actions),
        apt,
    )


async def recent(visit: Visit, device: DeviceView, limit: int) -> Sequence[ActionView]:
    """The newest actions; none where the device knows no queue."""
    reply = await visit.look(device.id, ListActions(limit))
    return reply.actions if isinstance(reply, ActionsSeen) else ()


async def one(visit: Visit, device: DeviceView, action: str) -> ActionView | None:
    """One action."""
    reply = await visit.look(device.id, ListActions(action_id=action))
    found = reply.actions if isinstance(reply, ActionsSeen) else ()
    return next((each for each in found if each.action_id == action), None)


class Wish(msgspec.Struct, frozen=True):
    """What a form says that somebody wants."""

    kind: ActionType
    parameters: Parameters
    at_once: bool = False
    """Approved by who asks: heard from an owner only."""

    def request(self, role: Role, *, dry_run: bool = False, plan_hash: str | None = None) -> CreateAction:
        """The same as a request."""
        owner = role >= Role.OWNER
        return CreateAction(
            self.kind,
            self.parameters,
            requires_approval=not (self.at_once and owner),
            by_owner=owner,
            dry_run=dry_run,
            plan_hash=plan_hash,
        )


async def wish(visit: Visit) -> Wish | None:
    """Read one from the address, or from a form; ``None`` when it names nothing that we know."""
    sent = await visit.request.post() if visit.request.method == "POST" else visit.request.query
    told = {
        name: value for name in ("type", "service", "at_once", "in_window") if isinstance(value := sent.get(name), str)
    }
    kind = next((each for each in ActionType if each == told.get("type")), None)
    if kind is None:
        return None
    named = tuple(dict.fromkeys(each for each in sent.getall("p", []) if isinstance(each, str) and each))
    parameters = Parameters(
        packages=named if kind is ActionType.APT_UPGRADE_PACKAGES else (),
        service=(told.get("service", "").strip() or None) if kind is ActionType.RESTART_SERVICE else None,
        in_window=told.get("in_window") == "yes",
    )
    return Wish(kind, parameters, told.get("at_once") == "yes")


async def planned(visit: Visit, device: DeviceView, wanted: Wish) -> ActionView | Declined:
    """What it would do.  Nothing is queued."""
    reply: AnyReply = await visit.look(device.id, wanted.request(visit.who.role, dry_run=True))
    if isinstance(reply, ActionSeen):
        return reply.action
    return reply if isinstance(reply, Declined) else Declined("refused", visit.words.plan_refused)


async def _nothing() -> AnyReply:
    return _NO_PACKAGES
