"""How long a plan waits for the new version is its publisher's business; how long for the old one is not."""

from pathlib import Path

from stories.scenes import APP, HOME, NOW, OFFER, UPDATER

from dunebugger_updater.checks import HealthEndpoint, ServiceSteady
from dunebugger_updater.kinds.base import PATIENT, Artifact, Wish
from dunebugger_updater.kinds.python_app import Place
from dunebugger_updater.kinds.python_app_plans import plan_update
from dunebugger_updater.manifest import Guidance
from dunebugger_updater.model.settings import Component
from dunebugger_updater.plan import Plan


def planned(start_limit: int) -> Plan:
    component = Component(
        name="app", type="python_app", repository="owner/app", install_path=APP, service="app", asset="app.tar.gz"
    )
    guidance = Guidance(version="1.1.0", start_limit=start_limit)
    place = Place(install_path=APP, live=HOME / "1.0.0", plain=False, version="1.0.0")
    artifact = Artifact(Path("app.tar.gz").name, "http://release.test/app.tar.gz", 100, "0" * 64)
    return plan_update(Wish(component, UPDATER, OFFER, guidance, NOW), artifact, place)


def limits(checks: object) -> set[float]:
    assert isinstance(checks, tuple)
    return {check.limit for check in checks if isinstance(check, ServiceSteady | HealthEndpoint)}


def test_a_publisher_in_a_hurry_gives_the_former_version_no_less_time_than_usual() -> None:
    plan = planned(start_limit=1)
    assert limits(plan.after) == {1.0}
    assert limits(plan.back) == {PATIENT}


def test_a_publisher_with_patience_gives_it_to_the_former_version_too() -> None:
    assert limits(planned(start_limit=600).back) == {600.0}
