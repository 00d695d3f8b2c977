"""How pending packages become a plan, and how their former versions are kept and found again."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from doubles.world import World
from stories.scenes import UPDATER, Scene, apt_scene
from stories.test_power_cuts import _begin, outcome

from dunebugger_updater.kinds import apt_back, apt_system, way_back
from dunebugger_updater.model.debian_version import is_older
from dunebugger_updater.model.packages import Change, Choice, Inventory, Package, Pending
from dunebugger_updater.model.settings import Component
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError, UnfitError
from dunebugger_updater.ports.packages import Room
from dunebugger_updater.run import Outcome
from dunebugger_updater.steps import KeepPackages, PutBackPackages, RemovePath, RepairPackages, UpgradePackages
from dunebugger_updater.steps.packages import PackageSet

SYSTEM = Component(name="system", type="apt")
HERE = {"a": Package("a", "1.0"), "bb": Package("bb", "1.0", auto=True), "cc": Package("cc", "1.0")}
PENDING = (
    Pending("a", "1.0", "1.2", security=True, origins=("x",), security_version="1.1"),
    Pending("bb", "1.0", "1.1", security=False, origins=("x",)),
    Pending("cc", "1.0", "1.1", security=False, origins=("x",), held=True),
    Pending("d", "1.0", "1.1", security=True, origins=("x",), kept_back="it needs e, which nobody has"),
)
CHANGES = (Change("a", "1.0", "1.1"), Change("bb", "1.0", "1.1"), Change("n", None, "1.0"))


def place(**changes: object) -> apt_system.Place:
    base: dict[str, object] = {"release": "debian-12.5", "here": HERE, "changes": CHANGES}
    base |= {"sources": {"a": "cache", "bb": "repack"}, "room": Room(1000, 5000)}
    return apt_system.Place(**{**base, **changes})  # type: ignore[arg-type]  # examples, spelled as keywords


def test_all_security_and_named_each_take_exactly_what_they_say() -> None:
    inventory = Inventory(packages=PENDING)
    wanted = apt_system.wanted_of
    assert wanted(Choice("all"), inventory, HERE) == {"a": "1.2", "bb": "1.1"}
    assert wanted(Choice("security"), inventory, HERE) == {"a": "1.1"}, "the fix, not what is newer still"
    assert wanted(Choice("named", ("bb",)), inventory, HERE) == {"bb": "1.1"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cc", "it is held; apt-mark unhold cc"),
        ("zzz", "it is not installed"),
        ("bash-", "it is not installed"),
        ("--allow-downgrades", "not the name of a package"),
        ("a b", "not the name of a package"),
        ("a\n", "not the name of a package"),
    ],
)
def test_what_cannot_be_upgraded_is_named_with_the_reason(name: str, words: str) -> None:
    with pytest.raises(UnfitError, match=r"^cannot upgrade ") as caught:
        apt_system.wanted_of(Choice("named", (name,)), Inventory(packages=PENDING), HERE)
    assert words in str(caught.value)
    assert caught.value.wrong == (name != "cc"), "who is held may be let go; the others are no packages here"


@pytest.mark.req("HC-53", "HC-55")
def test_nothing_to_do_says_what_is_known() -> None:
    assert apt_system.nothing(Choice("all"), Inventory()) == "nothing to upgrade"
    assert apt_system.nothing(Choice("security"), Inventory()) == "No security updates available"
    dark = Inventory(security_known=False, security_unknown="this archive does not tell security fixes apart")
    assert apt_system.nothing(Choice("security"), dark) == "this archive does not tell security fixes apart"
    assert "1 kept back" in apt_system.nothing(Choice("all"), Inventory(packages=PENDING[2:3]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("bash", "5", None), "remove bash"),
        (Change("libc6", "2.36", "2.31"), "take libc6 down from 2.36 to 2.31"),
    ],
)
def test_an_upgrade_never_removes_or_goes_down(change: Change, words: str) -> None:
    with pytest.raises(EffectError, match=words):
        apt_system.plan_upgrade(SYSTEM, UPDATER, place(changes=(*CHANGES, change)))


def test_the_same_changes_have_the_same_plan_whenever_it_is_made() -> None:
    first, second = (apt_system.plan_upgrade(SYSTEM, UPDATER, place()) for _ in range(2))
    assert first.hash == second.hash
    assert apt_system.plan_upgrade(SYSTEM, UPDATER, place(changes=CHANGES[:1])).hash != first.hash


def test_the_former_packages_are_kept_before_anything_changes() -> None:
    steps = apt_system.plan_upgrade(SYSTEM, UPDATER, place()).steps
    kinds = [type(step) for step in steps]
    assert kinds.index(KeepPackages) < kinds.index(UpgradePackages)
    assert [step.live for step in steps] == [False, False, False, True]
    keep = next(step for step in steps if isinstance(step, KeepPackages))
    assert keep.kept.packages == (Package("a", "1.0"), Package("bb", "1.0", auto=True))
    assert keep.kept.added == ("n",)


def test_what_cannot_be_taken_back_is_said_before_and_the_rest_is_kept() -> None:
    plan = apt_system.plan_upgrade(SYSTEM, UPDATER, place(sources={"a": "cache"}))
    assert any(note.startswith("cannot be taken back: bb:") for note in plan.notes)
    assert next(step for step in plan.steps if isinstance(step, KeepPackages)).without == ("bb",)
    assert any("also installs n 1.0" in note for note in plan.notes)


def test_what_dpkg_left_half_done_is_finished_first() -> None:
    plan = apt_system.plan_upgrade(SYSTEM, UPDATER, place(broken=("a is half configured",)))
    assert isinstance(plan.steps[0], RepairPackages)
    assert "a is half configured" in plan.notes[0]


def test_old_sets_go_with_their_debs_and_what_others_need_stays() -> None:
    old = PackageSet("old", 1, (Package("z", "0.8"), Package("a", "1.0")))
    sets = (PackageSet("newer", 2, (Package("z", "0.9"),)), old)
    files = ("z_0.8_all.deb", "z_0.9_all.deb", "a_1.0_amd64.deb", "b_1%3a2_all.deb")
    tidy = apt_system.plan_upgrade(SYSTEM, UPDATER, place(sets=sets, debs=files)).tidy
    gone = {step.path.name for step in tidy if isinstance(step, RemovePath)}
    assert {"old.json", "z_0.8_all.deb", "b_1%3a2_all.deb"} <= gone
    assert not gone & {"newer.json", "z_0.9_all.deb", "a_1.0_amd64.deb"}
    full = apt_system.plan_upgrade(SYSTEM, UPDATER, place(sets=sets, debs=files, kept_bytes=apt_system.BUDGET))
    assert "newer.json" in {step.path.name for step in full.tidy if isinstance(step, RemovePath)}
    assert any("more than 1024 MB" in note for note in full.notes)


def test_going_back_over_two_upgrades_takes_the_oldest_versions_and_purges_what_came() -> None:
    sets = (
        PackageSet("two", 2, (Package("a", "1.1"), Package("n", "1.0", auto=True))),
        PackageSet("one", 1, (Package("a", "1.0"), Package("bb", "1.0", auto=True)), added=("n",)),
    )
    here = {"a": Package("a", "1.2"), "bb": Package("bb", "1.1", auto=True), "n": Package("n", "1.1", auto=True)}
    plan = apt_back.plan_return(SYSTEM, UPDATER, place(here=here, changes=(), sets=sets), "one")
    back = plan.steps[-1]
    assert isinstance(back, PutBackPackages)
    assert back.packages == (Package("a", "1.0"), Package("bb", "1.0", auto=True))
    assert back.added == ("n",)
    assert plan.to_version == "one"
    with pytest.raises(EffectError, match="cannot go back to never: kept are two, one"):
        apt_back.plan_return(SYSTEM, UPDATER, place(sets=sets), "never")


def run(scene: Scene, plan: Plan) -> Outcome | None:
    scene.world.journal.told.clear()
    asyncio.run(_begin(Scene(scene.world, plan, scene.verify)))
    return outcome(scene.world)


def updated(**kind: bool) -> Scene:
    scene = apt_scene(**kind)  # type: ignore[arg-type]  # examples, spelled as keywords
    assert run(scene, scene.plan) is Outcome.UPDATED
    return scene


def back_of(world: World) -> Plan:
    plan = way_back.plan_back(tuple(world.journal.told))
    assert plan is not None
    return plan


def test_by_hand_it_goes_back_to_the_exact_packages_and_forward_again_without_an_archive() -> None:
    scene = updated(new=True)
    upgraded = dict(scene.world.debian.here)
    scene.world.debian.archive.clear()
    back = back_of(scene.world)
    assert asyncio.run(apt_back.missing(back, scene.world.device)) == []
    assert run(scene, back) is Outcome.ROLLED_BACK
    scene.verify(scene.world, False)
    assert asyncio.run(apt_system.installed(scene.world.device)).version == scene.plan.from_version
    assert run(scene, back_of(scene.world)) is Outcome.ROLLED_BACK
    assert scene.world.debian.here == upgraded


def test_a_kept_label_can_be_gone_back_to_and_is_used_up_then() -> None:
    scene = updated()
    stood = asyncio.run(apt_system.look(UPDATER, scene.world.device, {}))
    label = scene.plan.from_version or ""
    assert [each.label for each in stood.sets] == [label]
    assert run(scene, apt_back.plan_return(SYSTEM, UPDATER, stood, label)) is Outcome.ROLLED_BACK
    scene.verify(scene.world, False)
    left = asyncio.run(apt_system.kept_sets(UPDATER, scene.world.device))
    assert [each.label for each in left] == [scene.plan.to_version]


def test_a_way_back_whose_debs_are_gone_is_seen_before_it_begins() -> None:
    scene = updated()
    asyncio.run(scene.world.disk.remove(apt_system.debs(UPDATER) / "curl_1.0_all.deb"))
    assert asyncio.run(apt_back.missing(back_of(scene.world), scene.world.device)) == ["the .deb of curl 1.0"]


def test_when_a_version_could_not_be_kept_the_owner_hears_the_truth_afterwards() -> None:
    scene = apt_scene(bad="script")
    keep = scene.plan.steps[1]
    assert isinstance(keep, KeepPackages)
    first, _, get, upgrade = scene.plan.steps
    assert isinstance(upgrade, UpgradePackages)
    steps = (
        first,
        msgspec.structs.replace(keep, without=("curl",)),
        get,
        msgspec.structs.replace(upgrade, without=("curl",)),
    )
    ended = run(scene, msgspec.structs.replace(scene.plan, steps=steps))
    assert ended is Outcome.STUCK
    closed = scene.world.journal.told[-1]
    assert "cannot put back curl 1.0: there is no .deb of it" in getattr(closed, "reason", "")
    assert scene.world.debian.here["nginx"].version == "1:1.0-1", "the others are back all the same"
    kept = "/var/lib/updater/packages/debs"
    assert getattr(closed, "commands", ("",))[0] == (
        f"apt-get install --allow-downgrades --purge {kept}/libc6_1.0_*.deb {kept}/nginx_1%3a1.0-1_*.deb && "
        "apt-mark auto libc6 && apt-get install --allow-downgrades curl=1.0"
    )


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0", "1.1"),
        ("1.9", "1.10"),
        ("1.0~rc1", "1.0"),
        ("1.0", "1.0+b1"),
        ("9.9", "1:0.1"),
        ("1.0-1", "1.0-1+deb12u1"),
        ("1.0-1", "1.0-2"),
        ("1.0", "1.0a"),
        ("2.36-9+deb12u4", "2.36-9+deb12u10"),
        ("1.0-1~bpo12", "1.0-1"),
        ("0.9", "1.0"),
        ("1.0+dfsg", "1.0.1"),
    ],
)
def test_versions_are_ordered_as_dpkg_orders_them(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)
    assert not is_older(newer, newer)


def test_a_place_for_everything_is_below_the_state_path() -> None:
    assert apt_system.debs(UPDATER) == Path("/var/lib/updater/packages/debs")
