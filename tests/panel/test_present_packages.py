"""What the pages show of packages and actions, decided without a page."""

import pytest
from doubles.panel_packages import FIXES, INVENTORY, NOW, pending

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.actions import ActionResult, ActionStatus, ActionType, ActionView, Parameters
from dunebugger_updater.model.packages import Change, Inventory
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.model.wire import DeviceView
from panel import package_rows, present_actions, present_packages
from panel.places import Places
from panel.present import Summary
from panel.words import ENGLISH

PLACES = Places()
SYSTEM = ComponentView(
    name="system", type="apt", has_releases=False, current="x", status="update_available", message="some"
)


def action(kind: ActionType = ActionType.APT_UPGRADE_ALL, **more: object) -> ActionView:
    usual: dict[str, object] = {"action_id": "a1", "status": ActionStatus.PENDING_APPROVAL, "created_at": NOW}
    return ActionView(action_type=kind, **(usual | more))  # type: ignore[arg-type]  # examples override any field


def device(**more: object) -> DeviceView:
    usual: dict[str, object] = {"id": "local", "name": "dune", "online": True, "version": "1", "components": (SYSTEM,)}
    return DeviceView(**(usual | more))  # type: ignore[arg-type]  # examples override any field


@pytest.mark.parametrize(
    "address",
    [
        None, "", "http://example.org/a", "javascript:alert(1)", "data:text/html,x", "//example.org/a", "https://",
        "https:///a", "https://bank.example@example.org/", "https://example.org/a b", 'https://example.org/"x',
        "https://example.org/\u202ex", "https://example.org/\n", "https://[", "HTTPS:evil", "https:\\\\example.org",
    ],
)  # fmt: skip
def test_an_address_that_is_not_plainly_a_web_page_is_no_link(address: str | None) -> None:
    assert package_rows.secure_link(address) is None


def test_an_address_of_a_changelog_is_a_link_as_it_is() -> None:
    good = "https://metadata.example.org/changelogs/main/g/g++_4%3a12.2.0-3_changelog?a=1#top"
    assert package_rows.secure_link(good) == good


def test_an_apt_action_at_work_comes_before_one_that_only_waits() -> None:
    waits, works = action(), action(action_id="a2", status=ActionStatus.OVERDUE)
    assert present_actions.apt_at_work([waits, works]) == works
    assert present_actions.apt_at_work([action(ActionType.CLEAR_LOGS)]) is None
    assert present_actions.apt_at_work([action(status=ActionStatus.SUCCEEDED)]) is None


def test_a_package_counts_as_security_only_when_the_version_with_the_fix_is_installed() -> None:
    inventory = Inventory(packages=(pending("a", "1", "3", security=True, security_version="2"),))
    fixed = [present_actions.security_names(action(changes=(Change("a", "1", to),)), inventory) for to in ("2", "3")]
    assert fixed == [{"a"}, {"a"}]
    assert present_actions.security_names(action(changes=(Change("a", "1", "1.5", (FIXES,)),)), inventory) == set()
    done = action(changes=(Change("z", "1", "2", (FIXES,)), Change("y", "1", "2", ("Debian:12/stable",))))
    assert present_actions.security_names(done, inventory) == {"z"}, "it is not pending any more"
    ubuntu = action(changes=(Change("z", "1", "2", ("Ubuntu:22.04/jammy-security",)),))
    assert present_actions.security_names(ubuntu, None) == {"z"}


def test_what_is_unusual_in_a_plan_stands_first() -> None:
    changes = (Change("b", "1", "2"), Change("new", None, "1"), Change("a", "1", "2"), Change("gone", "1", None))
    rows = present_actions.changes(action(changes=changes), {"b"}, ENGLISH)
    assert [(row.name, row.word) for row in rows] == [("gone", "removed"), ("new", "new"), ("b", ""), ("a", "")]


@pytest.mark.parametrize(
    ("upgraded", "words"),
    [(0, "No package was upgraded"), (1, "1 package was upgraded"), (12, "12 packages were upgraded")],
)
def test_how_much_was_done_is_said_in_words(upgraded: int, words: str) -> None:
    done = action(status=ActionStatus.SUCCEEDED, result=ActionResult(True, "", packages_upgraded=upgraded))
    assert present_actions.counted(done, ENGLISH) == words
    assert present_actions.sentence(done, ENGLISH) == f"It worked. {words}."


@pytest.mark.parametrize("status", list(ActionStatus))
def test_every_status_has_a_tone_a_word_and_a_sentence(status: ActionStatus) -> None:
    shown = action(status=status)
    assert present_actions.tone(shown)
    assert present_actions.status(shown, ENGLISH)
    assert present_actions.sentence(shown, ENGLISH)


@pytest.mark.parametrize("kind", list(ActionType))
def test_every_kind_has_a_title(kind: ActionType) -> None:
    assert "{" not in present_actions.title(action(kind, parameters=Parameters(service="ssh.service")), ENGLISH)


def test_an_approved_action_says_what_it_waits_for() -> None:
    approved = action(status=ActionStatus.APPROVED)
    assert present_actions.sentence(approved, ENGLISH) == "It begins as soon as nothing else is under way."
    window = action(status=ActionStatus.APPROVED, parameters=Parameters(in_window=True))
    assert present_actions.sentence(window, ENGLISH) == "It begins in the next maintenance window."
    assert present_actions.sentence(action(status=ActionStatus.APPROVED, waiting="waits"), ENGLISH) == ""


def test_all_kept_back_is_another_reason_than_nothing_to_do() -> None:
    kept = Inventory(packages=(pending("a", "1", "2", security=True, kept_back="phased"),))
    shown = present_packages.updates(kept, None, PLACES, ENGLISH)
    assert shown.why == ("All security updates are kept back or held.", "All of them are kept back or held.")
    assert shown.sentence == "1 package has a newer version, and is kept back or held."


def test_packages_are_told_beside_components_in_the_overviews_one_line() -> None:
    good, news = Summary("good", ("Everything is up to date",)), Summary("news", ("1 update available",))
    told = ("6 packages to upgrade", "3 security fixes")
    assert present_packages.with_packages(good, INVENTORY, ENGLISH) == Summary("unsure", told)
    assert present_packages.with_packages(news, INVENTORY, ENGLISH).sentences == ("1 update available", *told)
    assert present_packages.with_packages(good, None, ENGLISH) == good


def test_packages_with_releases_of_their_own_are_no_reason_for_the_card() -> None:
    released = ComponentView(name="tools", type="apt", current="1.0", status="up_to_date", message="up to date")
    assert not present_packages.has_apt(device(components=(released,)))
    assert present_packages.has_apt(device())


def test_somebody_who_may_only_look_is_told_of_what_is_under_way_before_their_role() -> None:
    halted = present_packages.blocked(device(), [action()], Role.VIEWER, PLACES, ENGLISH)
    assert halted is not None
    assert (halted.word, halted.link) == ("Pending approval", "/actions/a1")
