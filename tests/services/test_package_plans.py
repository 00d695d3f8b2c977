"""What becomes of an action before it is one: which services may be restarted, and what there is to do."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from doubles.world import World
from hypothesis import given
from hypothesis import strategies as st

from dunebugger_updater.checks import ServiceSteady
from dunebugger_updater.model.actions import ActionType, Parameters
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.model.packages import Package
from dunebugger_updater.model.service import Service, ServiceState, SystemdUnit, UnitState
from dunebugger_updater.model.settings import Component, Settings, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.packages import KEPT_DAYS, PackagePlans, jobs
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.steps import ClearLogs, PutBackPackages, RefreshLists, RestartUnit

STATE = Path("/var/lib/dunebugger-updater")
RESTART = ActionType.RESTART_SERVICE


def plans(world: World, *components: Component) -> PackagePlans:
    return PackagePlans(
        Settings(updater=Updater(state_path=STATE, backup_path=STATE), components=components), world.device
    )


def planned(world: World, action_type: ActionType, **told: Any) -> Plan | Refusal:
    return asyncio.run(plans(world).plan(action_type, Parameters(**told)))


@pytest.mark.req("HP-02")
@pytest.mark.parametrize(
    "name", ["ssh", "ssh.service", "getty@tty1", "dbus-org.freedesktop.login1", "a\\x2db", "a:b_c"]
)
def test_a_service_by_its_name_or_its_units_is_restarted_and_watched(name: str) -> None:
    plan = planned(World(), RESTART, service=name)
    assert isinstance(plan, Plan), plan
    unit = name if name.endswith(".service") else f"{name}.service"
    assert plan.steps == (RestartUnit(unit),)
    assert plan.after == (ServiceSteady(SystemdUnit(unit)),)
    assert plan.watch == SystemdUnit(unit)


@pytest.mark.parametrize(
    "name",
    [
        *("", "-h", "--all", ".service", "@x", "a b", "a;b", "a\n", "../ssh", "/etc/x", "a" * 300),
        *("ssh.socket", "multi-user.target", "apt.timer", "$(x)", "a*", "[a]", "ä"),
    ],
)
def test_what_is_no_service_is_refused_before_systemd_hears_of_it(name: str) -> None:
    plan = planned(World(), RESTART, service=name)
    assert isinstance(plan, Refusal), plan
    assert plan.outcome is Outcome.REFUSED
    assert "it is not the name of a service" in plan.message


@given(st.text(max_size=12))
def test_no_text_becomes_an_option_or_a_second_word(text: str) -> None:
    plan = planned(World(), RESTART, service=text)
    if isinstance(plan, Plan):
        (step,) = plan.steps
        assert isinstance(step, RestartUnit)
        assert step.unit.endswith(".service")
        assert step.unit[0].isalnum()
        assert not set(step.unit) & set(" \t\n/;*?[]$\"'")


@pytest.mark.parametrize(
    "name", ["dunebugger-updater", "dunebugger-updater.service", "dunebugger-updater-apt-up-1", "dunebugger-updater-x"]
)
def test_the_updater_does_not_restart_itself(name: str) -> None:
    plan = planned(World(), RESTART, service=name)
    assert isinstance(plan, Refusal), plan
    assert "it is the updater itself, and would not see the end" in plan.message


@pytest.mark.parametrize("why", ["systemd knows no x.service", "x.service is masked; run systemctl unmask x.service"])
def test_a_service_that_is_missing_or_masked_is_told_and_nothing_is_planned(why: str) -> None:
    world = World()

    async def state(service: Service) -> ServiceState:
        raise EffectError(f"cannot ask for the state of {service.label}: {why}")

    world.runners.state = state  # type: ignore[method-assign]  # what systemd says in this one test
    plan = planned(world, RESTART, service="x")
    assert plan == Refusal(Outcome.FAILED, f"cannot ask for the state of x.service: {why}")


@pytest.mark.req("HC-08", "HP-03")
def test_the_small_ones_say_what_they_do_and_take_nothing_back() -> None:
    refresh = planned(World(), ActionType.APT_UPDATE)
    clear = planned(World(), ActionType.CLEAR_LOGS)
    assert isinstance(refresh, Plan)
    assert isinstance(clear, Plan)
    assert (refresh.steps, refresh.component) == ((RefreshLists("refresh"),), "system")
    assert clear.steps == (ClearLogs(KEPT_DAYS, "logs"),)
    assert clear.steps[0].by_hand == "journalctl --vacuum-time=7d"
    assert clear.before == (), "no package stands in its way"
    assert [len(each.back) for each in (refresh, clear)] == [0, 0]
    assert list(jobs(clear)) == ["logs-repair", "logs"]


@pytest.mark.parametrize(
    ("action_type", "told", "words"),
    [
        (ActionType.APT_UPGRADE_ALL, {}, "nothing to upgrade"),
        (ActionType.APT_UPGRADE_SECURITY, {}, "No security updates available"),
        (ActionType.APT_UPGRADE_ALL, {"security_only": True}, "No security updates available"),
        (ActionType.APT_UPGRADE_PACKAGES, {"packages": ("tzdata",)}, "nothing to upgrade"),
    ],
)
def test_nothing_to_do_is_said_in_plain_words(action_type: ActionType, told: dict[str, Any], words: str) -> None:
    world = World()
    world.debian.here = {"tzdata": Package("tzdata", "1")}
    world.debian.archive = {"tzdata": "1"}
    assert planned(world, action_type, **told) == Refusal(Outcome.NOTHING_TO_DO, words)


def test_the_owners_own_name_for_the_packages_is_used_and_a_released_set_is_not_taken_for_them() -> None:
    radio = Component(name="radio", type="apt", repository="owner/radio")
    mine = Component(name="debian", type="apt")
    plan = asyncio.run(plans(World(), radio, mine).plan(ActionType.APT_UPDATE, Parameters()))
    assert isinstance(plan, Plan)
    assert plan.component == "debian"


def test_a_service_that_broke_with_a_package_and_stays_down_is_started_after_going_back() -> None:
    """Only its library was replaced: no script of a package that goes back knows of it."""
    world, noted = World(), STATE / "units.json"
    names = ("radio.service", "was-ill.service", "by-hand.service")
    before = {
        "radio.service": UnitState("running", enabled=True),
        "was-ill.service": UnitState("failed"),
        "by-hand.service": UnitState("stopped"),
    }
    world.disk.put(noted, to_json(before))
    for name in names:
        world.runners.home[name] = Path("/opt/app")
        world.runners.failed.add(name)
    world.disk.put(Path("/opt/app") / "VERSION", b"1")
    world.debian.here = {"libx": Package("libx", "1")}
    asyncio.run(PutBackPackages((), (), STATE, "back", noted).apply(world.device))
    assert set(world.runners.running) == {"radio.service"}
    world.disk.put(noted, b"nonsense")
    asyncio.run(PutBackPackages((), (), STATE, "back", noted).apply(world.device))
    assert set(world.runners.running) == {"radio.service"}, "who cannot know starts nothing"


def test_a_package_that_is_not_here_is_refused_as_wrongly_asked_for() -> None:
    world = World()
    world.debian.here = {"tb-tool": Package("tb-tool", "1.0")}
    told = planned(world, ActionType.APT_UPGRADE_PACKAGES, packages=("tb-tool", "tb-nowhere"))
    assert told == Refusal(Outcome.REFUSED, "cannot upgrade tb-nowhere: it is not installed", wrong=True)
