"""A device's own packages are a component: looked at, remembered, and looked at again when something has changed."""

from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest
from doubles.world import World
from stories.scenes import UPDATER

from dunebugger_updater.model.packages import Change, Inventory, Package, Pending
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.ports import EffectError, Releases, Report
from dunebugger_updater.services.history import Runs
from dunebugger_updater.services.holds import Holds
from dunebugger_updater.services.packages_words import in_words, looked, notes, warnings
from dunebugger_updater.services.watch import Watch

SYSTEM = Component(name="system", type="apt")
AT = datetime(2026, 1, 31, 3, tzinfo=UTC)


class NoRuns:
    def ids(self) -> list[str]:
        return []


@pytest.fixture
def world() -> World:
    made = World()
    for name in ("openssl", "bash", "tzdata"):
        made.debian.here[name] = Package(name, "1.0")
        made.debian.archive[name] = "1.0"
    return made


def watch_of(world: World) -> Watch:
    holds = Holds(world.device.files, UPDATER.state_path / "holds.json")
    releases, runs = cast("Releases", object()), cast("Runs", NoRuns())  # packages need neither
    return Watch(Settings(updater=UPDATER, components=(SYSTEM,)), world.device, releases, runs, holds)


async def seen(watch: Watch) -> ComponentView:
    return (await watch.known())["system"]


async def test_a_check_fetches_the_lists_and_says_what_they_mean(world: World) -> None:
    watch = watch_of(world)
    view = (await watch.check())["system"]
    assert (view.status, view.update_available, view.current) == ("up_to_date", False, view.latest)
    assert view.current is not None
    world.debian.archive["openssl"] = "1.1"
    view = (await watch.check(force=True))["system"]
    assert (view.status, view.update_available) == ("update_available", True)
    assert view.message.startswith("1 package can be updated")
    assert view.latest != view.current
    assert view.last_checked == world.device.clock.now()


async def test_what_was_offered_becomes_what_is_installed(world: World) -> None:
    watch = watch_of(world)
    world.debian.archive["openssl"] = "1.1"
    offered = (await watch.check(force=True))["system"]
    world.debian.here["openssl"] = Package("openssl", "1.1")  # whoever did that
    view = await seen(watch)
    assert (view.current, view.status) == (offered.latest, "up_to_date")


async def test_a_page_sees_what_is_remembered_and_what_is_old_is_looked_at_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watch_of(world)
    assert (await watch.packages()).packages == ()
    world.debian.archive["openssl"] = "1.1"
    assert (await watch.packages()).packages == ()  # remembered a moment ago
    monkeypatch.setattr("dunebugger_updater.services.watch.LOOKED", -1.0)
    assert (await watch.packages()).packages == ()  # nobody waits for the new look
    assert watch._look is not None
    await watch._look
    assert [each.name for each in (await watch.packages()).packages] == ["openssl"]
    await watch._look


async def test_a_page_sees_the_truth_when_something_else_is_installed_than_was_remembered(world: World) -> None:
    watch = watch_of(world)
    world.debian.archive["openssl"] = "1.1"
    assert [each.name for each in (await watch.packages()).packages] == ["openssl"]
    world.debian.here["openssl"] = Package("openssl", "1.1")
    assert (await watch.packages()).packages == ()


async def test_lists_that_cannot_be_fetched_are_unknown_and_the_old_ones_are_still_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watch_of(world)
    world.debian.archive["openssl"] = "1.1"
    await watch.check(force=True)

    async def refused(job: str, report: Report) -> None:
        raise EffectError("cannot refresh the package lists: the archive is not reachable")

    monkeypatch.setattr(world.debian, "refresh", refused)
    began = world.device.clock.now()
    view = (await watch.check(force=True))["system"]
    assert view.status == "unknown"
    assert view.message.startswith(f"unknown since {began:%Y-%m-%d %H:%M} UTC: cannot refresh the package lists")
    assert "say: 1 package can be updated" in view.message
    assert view.update_available
    assert (view.problem, view.problem_since) == (
        "cannot refresh the package lists: the archive is not reachable",
        began,
    )


async def test_an_answer_that_is_fresh_is_not_fetched_again_unless_that_is_wanted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, asked = watch_of(world), []

    async def count(job: str, report: Report) -> None:
        asked.append(job)

    monkeypatch.setattr(world.debian, "refresh", count)
    await watch.check()
    await watch.check()
    assert len(asked) == 1
    await watch.check(force=True)
    assert len(asked) == 2


async def test_apt_is_asked_again_only_when_something_else_is_installed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, looks = watch_of(world), []
    real = world.debian.inventory

    async def count() -> Inventory:
        looks.append(1)
        return await real()

    monkeypatch.setattr(world.debian, "inventory", count)
    await watch.check()
    await seen(watch)
    await seen(watch_of(world))  # another process: it is on the disk
    assert len(looks) == 1
    world.debian.here["bash"] = Package("bash", "2.0")
    await seen(watch)
    assert len(looks) == 2
    await watch.look()  # an action says that something was done
    assert len(looks) == 3


async def test_packages_that_cannot_be_looked_at_are_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused() -> Inventory:
        raise EffectError("cannot read the package lists: line 2 of /etc/apt/sources.list is not understood")

    monkeypatch.setattr(world.debian, "inventory", refused)
    view = (await watch_of(world).check())["system"]
    assert (view.status, view.current, view.update_available) == ("unknown", None, False)
    assert "line 2 of /etc/apt/sources.list" in view.message


READY = Pending("openssl", "1.0", "1.1", security=True, origins=())
PLAIN = Pending("bash", "1.0", "1.1", security=False, origins=())
KEPT = Pending("tzdata", "1.0", "1.1", security=True, origins=(), kept_back="it would remove x")


@pytest.mark.parametrize(
    ("inventory", "status", "message"),
    [
        (Inventory(), "up_to_date", "up to date"),
        (Inventory(packages=(PLAIN,)), "update_available", "1 package can be updated, none of them security fixes"),
        (Inventory(packages=(PLAIN, READY)), "update_available", "2 packages can be updated, 1 of them a security fix"),
        (
            Inventory(packages=(PLAIN, READY, KEPT)),
            "update_available",
            "2 packages can be updated, 1 of them a security fix; 1 kept back, 1 of them with a security fix",
        ),
        (Inventory(packages=(KEPT,)), "up_to_date", "up to date; 1 kept back, 1 of them with a security fix"),
        (
            Inventory(packages=(PLAIN,), security_known=False),
            "update_available",
            "1 package can be updated; security fixes cannot be told apart here",
        ),
        (Inventory(reboot_required=True, broken=("x",)), "up_to_date", "up to date; 1 half done; a reboot is needed"),
        (Inventory(problem="never fetched"), "unknown", "unknown: never fetched"),
    ],
)
def test_the_state_in_words(inventory: Inventory, status: str, message: str) -> None:
    assert in_words(inventory, None, None) == (status, message)


def test_an_unknown_state_says_since_when_and_what_the_old_lists_say() -> None:
    status, message = in_words(Inventory(packages=(PLAIN,), checked_at=AT), "no network", AT)
    assert status == "unknown"
    assert message == (
        "unknown since 2026-01-31 03:00 UTC: no network; the lists of 2026-01-31 03:00 UTC say: "
        "1 package can be updated, none of them security fixes"
    )
    assert in_words(Inventory(problem="never fetched"), "no network", AT)[1] == "unknown: no network"


def test_the_label_of_what_would_come_counts_what_comes_along_and_not_what_stays() -> None:
    installed = {"openssl": "1.0", "tzdata": "1.0"}
    with_new = Inventory(packages=(READY, KEPT), new=(Change("libnew", None, "3"),))
    expected = looked(Inventory(), {"openssl": "1.1", "tzdata": "1.0", "libnew": "3"}, "debian-12.5")
    assert looked(with_new, installed, "debian-12.5").latest == expected.current


def test_what_would_come_is_listed_with_security_first() -> None:
    assert notes(Inventory(packages=(PLAIN, READY, KEPT))) == (
        "- **openssl** 1.0 → 1.1 (security)\n- **bash** 1.0 → 1.1"
    )
    many = tuple(msgspec.structs.replace(PLAIN, name=f"lib{number}") for number in range(103))
    assert (notes(Inventory(packages=many)) or "").endswith("- and 3 more")
    assert notes(Inventory()) is None


def test_what_the_owner_should_know_besides_is_told() -> None:
    said = warnings(
        Inventory(
            security_unknown="nobody marks them",
            reboot_required=True,
            reboot_packages=("dbus",),
            stale_services=("ssh.service",),
            broken=("tb is half configured",),
        )
    )
    assert [each.split(":")[0] for each in said] == [
        "tb is half configured",
        "security fixes cannot be told apart here",
        "a reboot is needed by dbus",
        "these services still run replaced files, a restart helps",
    ]
