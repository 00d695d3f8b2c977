"""Actions on packages, and the two small ones beside them: from what somebody wants to a plan."""

from dunebugger_updater.model.actions import ActionType, Parameters
from dunebugger_updater.model.packages import Change
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.updates import Refusal


class PackagePlans:
    """Knows how an action is done."""

    def __init__(self, settings: Settings, device: Device) -> None:
        self._settings = settings
        self._device = device

    async def plan(self, action_type: ActionType, parameters: Parameters) -> Plan | Refusal:
        """Plan it; changes nothing.  ``Refusal`` with ``nothing_to_do`` when all is done already."""
        return Refusal(Outcome.FAILED, f"cannot plan {action_type.value} yet")

    async def output(self, plan: Plan) -> str:
        """Answer the end of what the programs of this plan have printed so far; empty before they began."""
        return ""


def changes(plan: Plan) -> tuple[Change, ...]:
    """Answer the packages that a plan would change."""
    return ()
