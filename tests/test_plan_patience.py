"""How long a plan waits for the new version is its publisher's business; how long for the old one is not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from stories.scenes import APP, HOME, NOW, OFFER, UPDATER

from dunebugger_updater.checks import ContainerSteady, HealthEndpoint, ServiceSteady
from dunebugger_updater.kinds import compose_service
from dunebugger_updater.kinds.base import PATIENT, Artifact, Wish
from dunebugger_updater.kinds.python_app import Place
from dunebugger_updater.kinds.python_app_plans import plan_update
from dunebugger_updater.kinds.way_back import plan_back
from dunebugger_updater.manifest import Guidance
from dunebugger_updater.model.settings import Component
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import ComposeService, ContainerState, ImageState, RemoteImage
from dunebugger_updater.run import Began, Opened
from dunebugger_updater.steps import StartService


def planned(start_limit: int) -> Plan:
    component = Component(
        name="app", type="python_app", repository="owner/app", install_path=APP, service="app", asset="app.tar.gz"
    )
    guidance = Guidance(version="1.1.0", start_limit=start_limit)
    place = Place(install_path=APP, live=HOME / "1.0.0", plain=False, version="1.0.0")
    artifact = Artifact(Path("app.tar.gz").name, "http://release.test/app.tar.gz", 100, "0" * 64)
    return plan_update(Wish(component, UPDATER, OFFER, guidance, NOW), artifact, place)


def planned_container(start_limit: int) -> Plan:
    file, image = Path("/opt/stack/docker-compose.yml"), ImageState("sha256:old", (), "1.0.0")
    component = Component(
        name="app", type="container", repository="owner/app", service="app", compose_path=file, image="app"
    )
    which = ComposeService("app", "stack", (file,), file.parent)
    running = ContainerState("app", image.id, "app:1.0.0", running=True, status="running")
    place = compose_service.Place(which, file, file.with_name(".env"), False, Path("/var/lib/docker"), running, image)
    wish = Wish(component, UPDATER, OFFER, Guidance(version="1.1.0", start_limit=start_limit), NOW)
    return compose_service.plan_update(wish, "app:1.1.0", RemoteImage("sha256:new", here=True), place)


def limits(checks: object) -> set[float]:
    assert isinstance(checks, tuple)
    return {check.limit for check in checks if isinstance(check, ServiceSteady | HealthEndpoint | ContainerSteady)}


@pytest.mark.parametrize("planned", [planned, planned_container])
def test_a_publisher_in_a_hurry_gives_the_former_version_no_less_time_than_usual(
    planned: Callable[[int], Plan],
) -> None:
    plan = planned(1)
    assert limits(plan.after) == {1.0}
    assert limits(plan.back) == {PATIENT}


@pytest.mark.parametrize("planned", [planned, planned_container])
def test_a_publisher_with_patience_gives_it_to_the_former_version_too(planned: Callable[[int], Plan]) -> None:
    assert limits(planned(600).back) == {600.0}


def test_going_back_by_hand_gives_the_former_version_its_usual_time_as_well() -> None:
    plan = planned(1)
    start = next(number for number, step in enumerate(plan.steps) if isinstance(step, StartService))
    taken_back = plan_back((Opened("run", plan), Began(start, (plan.steps[start],))))
    assert taken_back is not None
    assert limits(taken_back.after) == limits(taken_back.back) == {PATIENT}
