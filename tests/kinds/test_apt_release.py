"""Packages that somebody publishes releases of: exactly the named versions, as one version, forth and back."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from doubles.packages_world import PackagesWorld, packages_world

from dunebugger_updater.model.packages import Change
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Outcome
from dunebugger_updater.services.packages import changes
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.story import Story

NEW = {"radio": "1.1-1", "radio-data": "1.1-1"}
BEFORE = {"libc6": "1", "radio": "1.0-1", "radio-data": "1.0-1"}


def ended(story: Story) -> Outcome | None:
    return story.closed.outcome if story.closed else None


async def released(world: PackagesWorld) -> Plan:
    """1.1.0 of the radio, planned."""
    world.publish("1.1.0", NEW)
    plan = await world.plan()
    assert isinstance(plan, Plan), plan
    return plan


async def test_a_release_brings_exactly_its_packages_and_is_the_version_then(tmp_path: Path) -> None:
    async with packages_world(tmp_path) as world:
        assert await world.installed() is None
        plan = await released(world)
        assert (plan.from_version, plan.to_version) == (None, "1.1.0")
        assert changes(plan) == (Change("radio", "1.0-1", "1.1-1"), Change("radio-data", "1.0-1", "1.1-1"))
        assert ended(await world.carry_out(plan)) is Outcome.UPDATED
        assert world.versions == {"libc6": "1", **NEW}, "what is not the release's is not touched"
        assert world.debian.here["radio-data"].auto, "marks stay"
        assert await world.installed() == "1.1.0"
        assert "up to date" in await world.refusal()


async def test_by_hand_it_goes_back_and_the_version_with_it(tmp_path: Path) -> None:
    async with packages_world(tmp_path) as world:
        await world.carry_out(await released(world))
        world.debian.archive = {"radio": "1.2-1", "radio-data": "1.2-1"}
        world.publish("1.2.0", dict.fromkeys(NEW, "1.2-1"))
        await world.carry_out(await world.plan())
        assert await world.installed() == "1.2.0"
        world.debian.archive.clear()
        back = await world.updates.plan_rollback("radio")
        assert ended(await world.carry_out(back)) is Outcome.ROLLED_BACK
        assert (await world.installed(), world.versions) == ("1.1.0", {"libc6": "1", **NEW})
        assert "failed here before or was taken back" in await world.refusal()


@pytest.mark.parametrize("ill", ["script", "service"])
async def test_a_release_that_fails_goes_back_by_itself_and_is_not_offered_again(tmp_path: Path, ill: str) -> None:
    async with packages_world(tmp_path) as world:
        if ill == "script":
            world.debian.bad.add("radio=1.1-1")
        else:
            world.debian.breaks["radio=1.1-1"] = "radio.service"
        story = await world.carry_out(await released(world))
        assert ended(story) is Outcome.ROLLED_BACK
        assert story.closed is not None
        assert "radio" in story.closed.reason
        assert (world.versions, await world.installed()) == (BEFORE, None)
        assert "1.1.0 failed here before" in await world.refusal()
        assert isinstance(await world.plan("1.1.0"), Plan), "the owner may try it again, by name"


async def test_packages_that_are_there_already_are_only_noted(tmp_path: Path) -> None:
    async with packages_world(tmp_path) as world:
        world.publish("1.0.0", {"radio": "1.0-1", "radio-data": "1.0-1"})
        plan = await world.plan()
        assert isinstance(plan, Plan), plan
        assert changes(plan) == ()
        assert ended(await world.carry_out(plan)) is Outcome.UPDATED
        assert (world.versions, await world.installed()) == (BEFORE, "1.0.0")


async def test_a_package_that_somebody_else_changed_is_no_release_any_more(tmp_path: Path) -> None:
    async with packages_world(tmp_path) as world:
        await world.carry_out(await released(world))
        world.debian._install("radio", "1.1-2")
        assert await world.installed() is None


def other(packages: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {**NEW, **dict(packages)}


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        (
            other([("radio-plugins", "1.1-1")]),
            "cannot name the package radio-plugins: it is not installed on this device",
        ),
        (other([("radio", "1.3-1")]), "the archive has radio 1.3-1 no more"),
        (other([("radio", "0.9-1")]), "take radio down from 1.0-1 to 0.9-1, which an upgrade never does"),
        (None, "does not say which packages it is made of; its update manifest has to name them"),
    ],
    ids=["not installed", "not available", "older", "no manifest"],
)
async def test_what_cannot_be_planned_is_said_and_nothing_changes(
    tmp_path: Path, packages: dict[str, str] | None, words: str
) -> None:
    async with packages_world(tmp_path) as world:
        world.debian.archive |= {"radio": "0.9-1"} if packages and packages["radio"] == "0.9-1" else {}
        world.publish("1.1.0", packages)
        told = await world.refusal()
        assert told.startswith("cannot "), told
        assert words in told
        assert world.versions == BEFORE


async def test_a_release_that_would_remove_something_is_refused(tmp_path: Path) -> None:
    async with packages_world(tmp_path) as world:
        world.debian.conflicts["radio"] = "libc6"
        world.publish("1.1.0", NEW)
        assert "apt would have to remove libc6, which an upgrade never does" in await world.refusal()
        assert world.versions == BEFORE


async def test_an_approved_plan_that_holds_no_more_changes_nothing(tmp_path: Path) -> None:
    async with packages_world(tmp_path) as world:
        plan = await released(world)
        world.debian.needs["radio"] = "radio-plugins"
        story = await world.carry_out(plan)
        assert ended(story) is Outcome.REFUSED
        assert story.closed is not None
        assert "apt would also change radio-plugins" in story.closed.reason
        assert world.versions == BEFORE
        assert not isinstance(await world.plan(), Refusal), "and it is no stain on the release"
