"""The way back from a run that is over: what it wrote down before it acted, walked by hand.

Nothing is worked out anew, so it needs no network and no manifest: it restores the state before that run, as recorded.
Neither a busy device nor a wrong clock is in its way: who goes back by hand has a reason.
"""

from pathlib import Path

import msgspec

from dunebugger_updater.checks import ContainerSteady, HealthEndpoint, ServiceSteady
from dunebugger_updater.kinds import apt_back
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import AnyEvent, Began, Opened
from dunebugger_updater.steps import (
    AnyStep,
    KeepImage,
    PointLink,
    PutBackPackages,
    RecreateService,
    Unadopt,
)


def plan_back(events: tuple[AnyEvent, ...]) -> Plan | None:
    """Plan the state before the run that ``events`` tell; ``None`` when it never touched what the owner runs."""
    opened = events[0]
    if not isinstance(opened, Opened):
        return None
    plan = opened.plan
    steps: list[AnyStep] = []
    for event in reversed(events):
        if isinstance(event, Began) and plan.steps[event.step].live:
            steps += event.way_back
    if not steps:
        return None
    if (packages := next((each for each in steps if isinstance(each, PutBackPackages)), None)) is not None:
        others = [each for each in steps if not isinstance(each, PutBackPackages)]
        return apt_back.back_from(plan, packages, tuple(others))
    return Plan(
        component=plan.component,
        verb="rollback",
        from_version=plan.to_version,
        to_version=plan.from_version or "the state before",
        health=plan.health,
        steps=tuple(steps),
        after=_health(plan),
        back=_health(plan),
        watch=plan.watch,
        notes=("everything is put back as it was before that update, data included",),
    )


def needs(plan: Plan) -> tuple[Path, ...]:
    """Release directories that a way back leads to and that therefore have to be there still."""
    targets = [step.target for step in plan.steps if isinstance(step, PointLink)]
    return tuple(targets + [step.kept_as for step in plan.steps if isinstance(step, Unadopt)])


def images(plan: Plan) -> tuple[str, ...]:
    """Image ids that have to be on the engine still."""
    return tuple(step.image for step in plan.steps if isinstance(step, RecreateService | KeepImage) and step.image)


def _health(plan: Plan) -> tuple[ServiceSteady | HealthEndpoint | ContainerSteady, ...]:
    """The plan's questions about being well, without those about which version it is.

    Those that it would have asked itself after going back: how long the new version may take says nothing here.
    """
    return tuple(
        msgspec.structs.replace(check, times=3)
        for check in plan.back or plan.after
        if isinstance(check, ServiceSteady | HealthEndpoint | ContainerSteady)
    )
