"""Asking a device for something in somebody's name: the same for HTTP and the WebSocket."""

from http import HTTPStatus

import msgspec

from dunebugger_updater.api.doors import Asked, B, Caller, House, Problem
from dunebugger_updater.model.access import Role
from dunebugger_updater.model.wire import (
    AnyReply,
    AnyRequest,
    CancelRun,
    CheckNow,
    CreateAction,
    DecideAction,
    Declined,
    DeviceView,
    ListActions,
    LookAtPackages,
    Operate,
    RollBack,
    SetMaintenance,
    Update,
)

_STATUS = {
    "bad_parameters": HTTPStatus.BAD_REQUEST,
    "approval_needed": HTTPStatus.FORBIDDEN,
    "action_not_found": HTTPStatus.NOT_FOUND,
    "component_not_found": HTTPStatus.NOT_FOUND,
    "host_not_found": HTTPStatus.NOT_FOUND,
    "failed": HTTPStatus.BAD_GATEWAY,
    "send_failed": HTTPStatus.BAD_GATEWAY,
}
_CONFLICTS = frozenset({"already_up_to_date", "update_in_progress", "host_offline"})
"""RM-065…067: these keep their own code, every other conflict is a ``CONFLICT``."""


async def the_device(house: House, wanted: str | None) -> DeviceView | Problem:
    """Find the device that is meant; nobody has to name it where there is only one."""
    if wanted is not None:
        found = await house.fleet.device(wanted)
        return found or Problem(HTTPStatus.NOT_FOUND, "host_not_found", f"cannot find a device {wanted!r}")
    devices = await house.fleet.devices()
    if len(devices) == 1:
        return devices[0]
    return Problem(HTTPStatus.BAD_REQUEST, "device_needed", f"say which of the {len(devices)} devices is meant")


async def ask(asked: Asked[B], device: str, request: AnyRequest) -> AnyReply:
    """Ask, and remember who did.  It is written down first: what cannot be written down is not done."""
    if isinstance(request, Update | RollBack | CreateAction):
        request = msgspec.structs.replace(request, by_owner=_is_owner(asked.caller))
    if not isinstance(request, LookAtPackages | ListActions):  # to look is no deed
        action, detail = words(request)
        await asked.house.accounts.note(asked.actor, action, detail, asked.address)
    return await asked.house.fleet.ask(device, request, asked.actor)


def _is_owner(caller: Caller) -> bool:
    return caller.who is not None and caller.who.role >= Role.OWNER


def problem_of(declined: Declined) -> Problem:
    """How HTTP says that something is not done."""
    status = _STATUS.get(declined.code, HTTPStatus.CONFLICT)
    code = declined.code if status is not HTTPStatus.CONFLICT or declined.code in _CONFLICTS else "CONFLICT"
    return Problem(status, code, declined.message)


def words(request: AnyRequest) -> tuple[str, str]:
    """What the audit says that somebody asked for."""
    match request:
        case CheckNow(components=names, force=force):
            return "check", " ".join([*names, *(["(forced)"] if force else [])])
        case Update(component=name, version=version, dry_run=dry):
            return "update", _target(name, version, dry=dry)
        case RollBack(component=name, to=to, dry_run=dry):
            return "rollback", _target(name, to, dry=dry)
        case CancelRun(run=run):
            return "cancel", run
        case Operate(component=name, start=start):
            return "start" if start else "stop", name
        case SetMaintenance(on=on, minutes=minutes):
            return "maintenance", ("on" if on else "off") + (f" for {minutes} minutes" if on and minutes else "")
        case LookAtPackages() | ListActions():
            return "look", "packages" if isinstance(request, LookAtPackages) else "actions"
        case CreateAction(action_type=kind, parameters=told, dry_run=dry):
            named = [*told.packages, *([told.service] if told.service else [])]
            return "queue action", _target(" ".join([kind.value, *named]), None, dry=dry)
        case DecideAction(action_id=action, approve=approve):
            return "approve action" if approve else "reject action", action


def _target(name: str, version: str | None, *, dry: bool) -> str:
    return name + (f" {version}" if version else "") + (" (dry run)" if dry else "")
