"""Actions on packages, and the two small ones beside them: from what somebody wants to a plan."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from dunebugger_updater.checks import PackagesReady, ServiceSteady
from dunebugger_updater.model.actions import ActionType, Parameters
from dunebugger_updater.model.packages import Change, Choice
from dunebugger_updater.model.service import SystemdUnit
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError, UnfitError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import components
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.steps import (
    AnyStep,
    ClearLogs,
    KeepPackages,
    PutBackPackages,
    RefreshLists,
    RestartUnit,
    UpgradePackages,
)

KEPT_DAYS = 7
"""Of logs that ``clear_logs`` leaves (HP-03)."""
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,200}")
_OTHER = re.compile(r"\.(socket|target|timer|path|mount|automount|swap|slice|scope|device)$")
"""Units that are no services."""
_OURS = re.compile(r"dunebugger-updater(-.*)?\.service")
_CHOICES = {
    ActionType.APT_UPGRADE_ALL: "all",
    ActionType.APT_UPGRADE_SECURITY: "security",
    ActionType.APT_UPGRADE_PACKAGES: "named",
}
_OUTPUT = 262_144
"""Characters of output that are read for one plan."""


class PackagePlans:
    """Knows how an action is done."""

    def __init__(self, settings: Settings, device: Device) -> None:
        self._settings = settings
        self._device = device

    async def plan(self, action_type: ActionType, parameters: Parameters) -> Plan | Refusal:
        """Plan it; changes nothing.  ``Refusal`` with ``nothing_to_do`` when all is done already."""
        try:
            match action_type:
                case ActionType.APT_UPDATE:
                    return _small(self._component.name, "refresh", RefreshLists("refresh"), "the archive's lists")
                case ActionType.RESTART_SERVICE:
                    return await self._restart(parameters.service or "")
                case ActionType.CLEAR_LOGS:
                    return _small("journal", "clear", ClearLogs(KEPT_DAYS, "logs"), f"the last {KEPT_DAYS} days")
                case _:
                    return await self._upgrade(action_type, parameters)
        except UnfitError as error:
            return Refusal(Outcome.REFUSED, str(error), wrong=error.wrong)
        except EffectError as error:
            return Refusal(Outcome.FAILED, str(error))

    async def output(self, plan: Plan) -> str:
        """Answer the end of what the programs of this plan have printed so far; empty before they began."""
        said = [(await self._device.installer.said(job))[0] for job in jobs(plan)]
        return "\n".join(each for each in said if each)[-_OUTPUT:]

    @property
    def _component(self) -> Component:
        """The device's packages as a whole, as the owner configured them."""
        found = next((each for each in self._settings.components if each.type == "apt" and not each.repository), None)
        return found or Component(name="system", type="apt")

    async def _upgrade(self, action_type: ActionType, parameters: Parameters) -> Plan | Refusal:
        which = "security" if parameters.security_only else _CHOICES[action_type]
        choice = Choice(which, parameters.packages if which == "named" else ())  # type: ignore[arg-type]  # checked above
        answer = await components.plan_packages(self._component, self._settings, choice, self._device)
        return answer if isinstance(answer, Plan) else Refusal(Outcome.NOTHING_TO_DO, answer)

    async def _restart(self, service: str) -> Plan | Refusal:
        unit = service if service.endswith(".service") else f"{service}.service"
        if not _UNIT.fullmatch(service) or _OTHER.search(service):
            return Refusal(Outcome.REFUSED, f"cannot restart {service[:60]!r}: it is not the name of a service")
        if _OURS.fullmatch(unit):
            return Refusal(
                Outcome.REFUSED, f"cannot restart {unit}: it is the updater itself, and would not see the end"
            )
        state = await self._device.services.state(SystemdUnit(unit))  # it says when there is none, or it is masked
        was = "running" if state.active else "stopped"
        plan = _small(unit, "restart", RestartUnit(unit), f"{unit} ({was} now)")
        return replace(plan, after=(ServiceSteady(SystemdUnit(unit)),), watch=SystemdUnit(unit))


def changes(plan: Plan) -> tuple[Change, ...]:
    """Answer the packages that a plan would change, or put back."""
    for step in plan.steps:
        if isinstance(step, UpgradePackages):
            return step.changes
        if isinstance(step, PutBackPackages):
            kept = next((each.kept.packages for each in plan.steps if isinstance(each, KeepPackages)), ())
            now = {each.name: each.version for each in kept}
            back = [Change(each.name, now.get(each.name), each.version) for each in step.packages]
            return (*back, *(Change(name, now.get(name), None) for name in step.added))
    return ()


def jobs(plan: Plan) -> Sequence[str]:
    """Answer the names of the jobs under which a plan's programs print, in the order of their running."""
    told = [step.job for step in plan.steps if hasattr(step, "job")]
    backs = [f"{step.job}-back" for step in plan.steps if isinstance(step, UpgradePackages)]
    return [each for job in (*told, *backs) for each in (f"{job}-repair", job)]


def _small(component: str, verb: str, step: AnyStep, what: str) -> Plan:
    """A plan of one step that nobody takes back."""
    ready = () if isinstance(step, RestartUnit | ClearLogs) else (PackagesReady(repaired=True),)
    return Plan(component=component, verb=verb, from_version=None, to_version=what, before=ready, steps=(step,))
