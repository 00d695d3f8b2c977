"""Over HTTP: the components, checking, updating, taking back, the runs, maintenance mode."""

from http import HTTPStatus

from dunebugger_updater.api import asking
from dunebugger_updater.api.bodies import (
    ActionsView,
    CancelView,
    CheckBody,
    ComponentsView,
    DevicesView,
    DoneView,
    HistoryBody,
    MaintenanceBody,
    MaintenanceView,
    PlannedView,
    RollBackBody,
    RunDetail,
    RunStarted,
    RunsView,
    UpdateBody,
)
from dunebugger_updater.api.doors import Answer, Asked, B, Nothing, Problem
from dunebugger_updater.model.packages_view import packages_view
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.model.wire import (
    ActionSeen,
    ActionsSeen,
    AnyReply,
    AnyRequest,
    CancelRun,
    Checked,
    CheckNow,
    Declined,
    DeviceView,
    Done,
    Operate,
    PackagesSeen,
    Planned,
    RollBack,
    SetMaintenance,
    Started,
    Update,
)


async def devices(asked: Asked[Nothing]) -> Answer | Problem:
    """The devices: an agent has one."""
    return Answer(DevicesView(tuple(await asked.house.fleet.devices())))


async def components(asked: Asked[Nothing]) -> Answer | Problem:
    """All components, as they stand now."""
    device = await asking.the_device(asked.house, asked.device)
    if isinstance(device, Problem):
        return device
    return Answer(ComponentsView({each.name: each for each in device.components}))


async def component(asked: Asked[Nothing]) -> Answer | Problem:
    """One component, as it stands now."""
    device = await asking.the_device(asked.house, asked.device)
    if isinstance(device, Problem):
        return device
    return _component(device, asked.path["name"])


async def check(asked: Asked[CheckBody]) -> Answer | Problem:
    """Look for new releases."""
    return await asked_for(asked, CheckNow(asked.body.force, asked.body.components or ()))


async def update(asked: Asked[UpdateBody]) -> Answer | Problem:
    """Update a component, or tell what that would do."""
    return await asked_for(asked, Update(asked.path["name"], asked.body.dry_run, asked.body.version))


async def rollback(asked: Asked[RollBackBody]) -> Answer | Problem:
    """Take a component back, or tell what that would do."""
    return await asked_for(asked, RollBack(asked.path["name"], asked.body.dry_run, asked.body.to))


async def start(asked: Asked[Nothing]) -> Answer | Problem:
    """Start a component's service."""
    return await asked_for(asked, Operate(asked.path["name"], start=True))


async def stop(asked: Asked[Nothing]) -> Answer | Problem:
    """Stop a component's service."""
    return await asked_for(asked, Operate(asked.path["name"], start=False))


async def runs(asked: Asked[HistoryBody]) -> Answer | Problem:
    """Open and past runs, newest first."""
    device = await asking.the_device(asked.house, asked.device)
    if isinstance(device, Problem):
        return device
    return Answer(RunsView(tuple(await asked.house.fleet.history(device.id, asked.body.component, asked.body.limit))))


async def run(asked: Asked[Nothing]) -> Answer | Problem:
    """One run, event by event."""
    device = await asking.the_device(asked.house, asked.device)
    return device if isinstance(device, Problem) else await one_run(asked, device.id, asked.path["id"])


async def one_run(asked: Asked[B], device: str, run: str) -> Answer | Problem:
    """One run, event by event."""
    fleet = asked.house.fleet
    story = await fleet.run(device, run)
    if story is None or not story.told:
        return Problem(HTTPStatus.NOT_FOUND, "run_not_found", f"cannot find a run {run!r}")
    known = await fleet.history(device, story.opened.plan.component, 1000)
    view = next((each for each in known if each.run == run), None)
    if view is None:
        return Problem(HTTPStatus.NOT_FOUND, "run_not_found", f"cannot find a run {run!r}")
    return Answer(RunDetail(view, story.told))


async def cancel(asked: Asked[Nothing]) -> Answer | Problem:
    """Stop a run: free until something was touched, then it goes back, after the commit it is too late."""
    run = asked.path["id"]
    told = await asked_for(asked, CancelRun(run))
    if isinstance(told, Answer) and isinstance(told.value, DoneView):
        return Answer(CancelView(run, success=True, message=told.value.message))
    return told


async def maintenance(asked: Asked[Nothing]) -> Answer | Problem:
    """Whether somebody is at work on the device."""
    device = await asking.the_device(asked.house, asked.device)
    if isinstance(device, Problem):
        return device
    return Answer(MaintenanceView(device.maintenance, device.maintenance_until))


async def set_maintenance(asked: Asked[MaintenanceBody]) -> Answer | Problem:
    """Switch maintenance mode, perhaps for a while."""
    told = await asked_for(asked, SetMaintenance(asked.body.on, asked.body.minutes))
    if isinstance(told, Problem):
        return told
    device = await asking.the_device(asked.house, asked.device)
    if isinstance(device, Problem):
        return device
    return Answer(MaintenanceView(device.maintenance, device.maintenance_until))


async def asked_for(asked: Asked[B], request: AnyRequest) -> Answer | Problem:
    """Ask the device that is meant, and say what it answers as HTTP does."""
    device = await asking.the_device(asked.house, asked.device)
    if isinstance(device, Problem):
        return device
    return _answer(await asking.ask(asked, device.id, request))


def _answer(reply: AnyReply) -> Answer | Problem:
    match reply:
        case Declined():
            return asking.problem_of(reply)
        case Checked(components=views):
            return Answer(ComponentsView(views))
        case Started(run=run, component=name):
            return Answer(RunStarted(run, name), HTTPStatus.ACCEPTED)
        case Planned(view=view, before=before, after=after, way_back=way_back):
            return Answer(PlannedView(view, before, after, way_back))
        case Done(message=message):
            return Answer(DoneView(message))
        case PackagesSeen(inventory=inventory):
            return Answer(packages_view(inventory))
        case ActionSeen(action=action):
            return Answer(action)
        case ActionsSeen(actions=actions):
            return Answer(ActionsView(actions))


def _component(device: DeviceView, name: str) -> Answer | Problem:
    found: ComponentView | None = next((each for each in device.components if each.name == name), None)
    if found is None:
        known = ", ".join(each.name for each in device.components) or "none"
        return Problem(
            HTTPStatus.NOT_FOUND, "component_not_found", f"cannot find a component {name!r}: configured are {known}"
        )
    return Answer(found)
