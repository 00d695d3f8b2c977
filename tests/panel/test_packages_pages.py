"""Packages and actions as a browser without any script gets them, through the real front door."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from doubles.panel_fleet import SYSTEM, UPDATER, PanelFleet, component, half_way, plan
from doubles.panel_packages import EVIL, FAILURE, HOSTILE, INVENTORY, NOW, SUCCESS, many, pending
from doubles.panel_served import served
from doubles.panel_visitor import Balance, Page, Visitor
from msgspec.structs import replace

from dunebugger_updater.model.access import Role, Who
from dunebugger_updater.model.actions import ActionResult, ActionStatus, ActionType, Parameters
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.wire import CreateAction, DecideAction, Declined, ListActions, LookAtPackages

PAGES = (
    "/", "/packages", "/packages?show=security", "/packages?show=held&q=g", "/packages?q=%3Cnothing%3E", "/actions",
    "/actions?status=bad", "/actions?kind=services&all=yes", "/actions/a1", "/actions/a2", "/actions/a3", "/actions/a5",
    "/actions/confirm?type=apt_update", "/actions/confirm?type=apt_upgrade_all", "/actions/confirm?type=clear_logs",
    "/actions/confirm?type=restart_service&service=ssh.service", "/actions/confirm?type=apt_upgrade_security",
    "/actions/nothing", "/components/system", "/components/updater", "/settings", "/history",
)  # fmt: skip
SECURITY = ("curl", "openssh-server", "openssl")


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    fleet = PanelFleet().with_past().with_packages()
    fleet.shown = (*fleet.shown, UPDATER)
    async with served(fleet) as house, aiohttp.ClientSession() as client:
        yield Visitor(house, client)


def sign_in_as(visitor: Visitor, role: Role) -> None:
    visitor.house.accounts.sessions["session-1"] = Who("guest", role, "csrf-1")


def sound(page: Page) -> list[str]:
    balance = Balance()
    balance.feed(page.text)
    return [*balance.wrong, *balance.open, *sorted({each for each in balance.ids if balance.ids.count(each) > 1})]


def hidden(page: Page, name: str) -> list[str]:
    return re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)">', page.text)


async def queued(visitor: Visitor, kind: str = "apt_upgrade_security", **more: str) -> str:
    """Queue one as a person does it: from its confirmation.  Answers where that leads."""
    shown = await visitor.get(f"/actions/confirm?type={kind}")
    page = await visitor.send("/actions", type=kind, plan_hash=hidden(shown, "plan_hash")[0], **more)
    assert page.status == 303, page.words
    return page.headers["Location"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_well_formed_and_takes_nothing_from_elsewhere(visitor: Visitor, path: str) -> None:
    page = await visitor.get(path)
    assert sound(page) == []
    assert page.text.count("<h1") == 1


@pytest.mark.req("HC-21")
@pytest.mark.req("HC-22")
@pytest.mark.req("HC-23")
@pytest.mark.req("HC-24")
@pytest.mark.parametrize("path", ["/", "/packages"])
async def test_the_card_tells_counts_when_that_was_checked_and_what_can_be_done(visitor: Visitor, path: str) -> None:
    page = await visitor.get(path)
    for words in (
        "Available 8", "Security 4", "Kept back or held 2", f"{INVENTORY.checked_at:%Y-%m-%d %H:%M} UTC",
        "Refresh List", "Apply Security (3)", "Apply All (6)", "6 packages can be upgraded. 3 of them have security",
        "A reboot is needed because of linux-image-6.1.0-22-amd64, dbus. Nothing here reboots",
    ):  # fmt: skip
        assert words in page.words
    for kind in ("apt_update", "apt_upgrade_security", "apt_upgrade_all"):
        assert f'href="/actions/confirm?type={kind}"' in page.text


async def test_the_overview_counts_packages_apart_from_components_and_gives_them_one_card(visitor: Visitor) -> None:
    page = await visitor.get("/")
    assert "6 packages to upgrade · 3 security fixes" in page.words
    assert 'href="/components/system"' not in page.text
    visitor.house.fleet.shown = (SYSTEM,)
    visitor.house.fleet.inventory = replace(INVENTORY, packages=())
    page = await visitor.get("/")
    assert "Everything is up to date" in page.words
    assert "No components yet" not in page.words


async def test_a_device_without_apt_is_not_asked_and_shows_no_card() -> None:
    asked: list[object] = []
    fleet = PanelFleet(answers=asked.append).with_past()
    async with served(fleet) as house, aiohttp.ClientSession() as client:
        visitor = Visitor(house, client)
        assert "System Updates" not in (await visitor.get("/")).words
        assert (await visitor.get("/packages")).status == 404
        assert [each for each in asked if isinstance(each, LookAtPackages)] == []


@pytest.mark.req("HC-83")
async def test_the_list_tells_versions_origin_size_and_why_something_stays(visitor: Visitor) -> None:
    page = await visitor.get("/packages")
    for words in (
        "openssl security 3.0.11-1~deb12u2 → 3.0.15-1~deb12u1 Debian-Security:12/stable-security · 1.4 MB",
        "Kept back: it would remove linux-headers-6.1.0-21-amd64",
        "Held by somebody: apt leaves it as it is until apt-mark unhold.",
        "The security fix is in 1:9.2p1-2+deb12u3",
        "dunebugger.service Restart",
    ):
        assert words in page.words
    assert (
        '<a href="https://example.org/changes/openssl" rel="noopener noreferrer nofollow" target="_blank">' in page.text
    )
    assert re.search(r'<input type="checkbox" name="p" value="g\+\+" id="[^"]+" disabled', page.text)
    assert 'href="/actions/confirm?type=restart_service&amp;service=dunebugger.service"' in page.text


async def test_the_list_can_be_filtered_without_a_script(visitor: Visitor) -> None:
    names = re.compile(r'<li data-name="([^"]+)"')
    assert names.findall((await visitor.get("/packages?show=security")).text) == [
        "curl", "linux-image-amd64", "openssh-server", "openssl",
    ]  # fmt: skip
    assert names.findall((await visitor.get("/packages?show=kept")).text) == ["linux-image-amd64"]
    assert names.findall((await visitor.get("/packages?show=held")).text) == ["g++"]
    assert names.findall((await visitor.get("/packages?q=SSL")).text) == ["openssl"]
    assert "No package fits" in (await visitor.get("/packages?q=nothing")).words
    assert len(names.findall((await visitor.get("/packages?show=<x>")).text)) == 8


async def test_where_security_cannot_be_told_apart_that_is_said_instead_of_a_zero(visitor: Visitor) -> None:
    visitor.house.fleet.inventory = Inventory(
        packages=(pending("bash", "1", "2"),), security_known=False, security_unknown="the archive mixes them"
    )
    page = await visitor.get("/packages")
    assert "Security cannot be told apart here" in page.words
    assert "Apply Security (?)" in page.words
    assert "The archive mixes them" in page.words
    assert "Apply All takes them too." in page.words
    assert "Last checked not known" in page.words


@pytest.mark.parametrize("path", ["/", "/packages", "/actions/confirm?type=apt_upgrade_all", "/actions/a9"])
async def test_no_name_and_no_address_of_an_archive_breaks_out_of_the_page(visitor: Visitor, path: str) -> None:
    visitor.house.fleet.inventory = HOSTILE
    for _ in range(3):
        visitor.house.fleet.queue.answer(CreateAction(ActionType.RESTART_SERVICE, Parameters(service=EVIL)), EVIL)
    page = await visitor.get(path)
    assert sound(page) == []
    assert "<img" not in page.text
    assert "javascript:" not in page.text
    assert re.findall(r'href="(https?:[^"]*)"', page.text) == []


@pytest.mark.req("HC-53")
@pytest.mark.req("HC-55")
async def test_with_nothing_to_do_a_button_says_so(visitor: Visitor) -> None:
    visitor.house.fleet.inventory = Inventory(checked_at=NOW)
    page = await visitor.get("/packages")
    assert "No security updates available. Nothing to upgrade." in page.words
    assert "Apply All (0)" in page.words
    assert page.text.count('href="/actions/confirm') == 1  # the list can always be refreshed
    confirm = await visitor.get("/actions/confirm?type=apt_upgrade_security")
    assert "No security updates available. Queued all the same, it succeeds with 0 packages." in confirm.words


async def test_an_interrupted_installation_is_told_and_can_be_finished_though_nothing_is_pending(
    visitor: Visitor,
) -> None:
    visitor.house.fleet.inventory = Inventory(checked_at=NOW, broken=("bash is half-configured",))
    page = await visitor.get("/packages")
    assert "Bash is half-configured" in page.words
    assert 'href="/actions/confirm?type=apt_upgrade_all"' in page.text


@pytest.mark.req("HC-28")
@pytest.mark.req("HC-29")
@pytest.mark.req("HC-30")
async def test_the_confirmation_tells_device_command_packages_and_that_approval_applies(visitor: Visitor) -> None:
    page = await visitor.get("/actions/confirm?type=apt_upgrade_security")
    for words in (
        "Apply security updates on dune-garden?", "Device dune-garden", "Packages 3", "With security fixes 3",
        "apt-get install --only-upgrade curl openssh-server openssl", "curl security 7.88.1-10+deb12u5 → 7.88.1-10",
        "It waits for approval, unless the device is in maintenance mode.", "cannot be taken back",
        "Queue Action", "Cancel", "Approve it at once", "Wait for the next maintenance window",
    ):  # fmt: skip
        assert words in page.words
    assert '<a class="close" href="/packages" aria-label="Close, and queue nothing">' in page.text
    assert visitor.house.fleet.queue.actions[-1].action_id == "a6"  # nothing was queued by looking


@pytest.mark.req("HC-57")
@pytest.mark.req("HC-58")
@pytest.mark.req("HC-59")
@pytest.mark.req("HC-68")
@pytest.mark.parametrize("kind", ["apt_update", "apt_upgrade_all", "apt_upgrade_security", "clear_logs"])
async def test_what_was_confirmed_is_queued_with_the_plan_that_was_shown_and_waits(visitor: Visitor, kind: str) -> None:
    place = await queued(visitor, kind)
    assert place == "/actions/a7?done=queued"
    made = visitor.house.fleet.queue.actions[-1]
    assert (made.action_type, made.status, made.created_by) == (kind, ActionStatus.PENDING_APPROVAL, "owner")
    asked = visitor.house.fleet.asked[-1][1]
    assert isinstance(asked, CreateAction)
    assert (asked.plan_hash, asked.requires_approval, asked.dry_run) == (made.plan_hash, True, False)
    assert [(entry.action, entry.detail) for entry in visitor.house.accounts.entries] == [("queue action", kind)]
    assert "It is queued." in (await visitor.get(place)).words


async def test_ticked_packages_are_confirmed_and_queued_and_no_others(visitor: Visitor) -> None:
    shown = await visitor.send("/actions/confirm", type="apt_upgrade_packages", p=["bash", "tzdata", "bash"])
    assert hidden(shown, "p") == ["bash", "tzdata"]
    assert "Packages 2" in shown.words
    page = await visitor.send(
        "/actions", type="apt_upgrade_packages", p=hidden(shown, "p"), plan_hash=hidden(shown, "plan_hash")[0]
    )
    assert page.headers["Location"] == "/actions/a7?done=queued"
    assert visitor.house.fleet.queue.actions[-1].parameters.packages == ("bash", "tzdata")
    nothing = await visitor.send("/actions/confirm", type="apt_upgrade_packages")
    assert (nothing.status, "tick at least one" in nothing.words) == (400, True)


async def test_hundreds_of_ticks_fit_into_one_form(visitor: Visitor) -> None:
    visitor.house.fleet.inventory = many(1000)
    names = [each.name for each in visitor.house.fleet.inventory.ready]
    page = await visitor.send("/actions/confirm", type="apt_upgrade_packages", p=names)
    assert (page.status, hidden(page, "p")) == (200, names)


@pytest.mark.parametrize(("role", "status"), [(Role.OWNER, "approved"), (Role.OPERATOR, "pending_approval")])
async def test_only_an_owner_approves_at_once(visitor: Visitor, role: Role, status: str) -> None:
    sign_in_as(visitor, role)
    assert ("Approve it at once" in (await visitor.get("/actions/confirm?type=apt_update")).words) == (
        role is Role.OWNER
    )
    await queued(visitor, "apt_update", at_once="yes")
    assert visitor.house.fleet.queue.actions[-1].status == status


@pytest.mark.req("HC-60")
async def test_in_maintenance_mode_it_begins_without_approval_and_the_confirmation_says_so(visitor: Visitor) -> None:
    visitor.house.fleet.maintenance = True
    page = await visitor.get("/actions/confirm?type=apt_upgrade_all")
    assert "it begins at once, without approval" in page.words
    assert "It waits for approval" not in page.words
    assert (await queued(visitor, "apt_upgrade_all", in_window="yes")).endswith("done=queued_approved")
    assert visitor.house.fleet.queue.actions[-1].parameters.in_window


@pytest.mark.req("HC-25")
@pytest.mark.req("HC-26")
@pytest.mark.req("HC-27")
@pytest.mark.req("HC-47")
async def test_while_one_waits_or_works_every_button_says_so(visitor: Visitor) -> None:
    await queued(visitor)
    page = await visitor.get("/packages")
    assert "Apply Security (3) Pending approval" in page.words
    assert "Pending approval: Apply security updates, asked for by owner. Show it" in page.words
    assert 'href="/actions/confirm?type=apt' not in page.text
    assert 'class="spin"' not in page.text
    assert "1 action waits for approval:" in (await visitor.get("/")).words
    visitor.house.fleet.queue.begin("a7")
    page = await visitor.get("/packages")
    assert "Apply Security (3) In progress" in page.words
    assert page.text.count('class="spin"') == 1
    visitor.house.fleet.queue.end("a7", SUCCESS)
    assert 'href="/actions/confirm?type=apt_upgrade_all"' in (await visitor.get("/packages")).text


async def test_a_run_of_the_packages_that_no_action_began_keeps_the_buttons_waiting_too(visitor: Visitor) -> None:
    fleet = visitor.house.fleet
    fleet.live, fleet.known["live-1"] = "live-1", half_way("live-1", 2, plan("b", "a", "system", "rollback"), NOW)
    page = await visitor.get("/packages")
    assert "In progress: an update of system. Show it" in page.words
    assert 'href="/runs/live-1"' in page.text


@pytest.mark.parametrize(
    ("role", "online", "reason"),
    [(Role.VIEWER, True, "You may look, but not update."), (Role.OWNER, False, "The device is offline.")],
)
async def test_a_button_that_cannot_be_pressed_says_why(
    visitor: Visitor, role: Role, online: bool, reason: str
) -> None:
    sign_in_as(visitor, role)
    visitor.house.fleet.online = online
    page = await visitor.get("/packages")
    assert reason in page.words
    assert 'href="/actions/confirm?type=apt' not in page.text


@pytest.mark.req("HC-79")
async def test_a_conflict_is_told_in_words_and_loses_nothing_that_was_chosen(visitor: Visitor) -> None:
    shown = await visitor.send("/actions/confirm", type="apt_upgrade_packages", p=["bash", "tzdata"])
    await queued(visitor)
    page = await visitor.send(
        "/actions", type="apt_upgrade_packages", p=["bash", "tzdata"], in_window="yes",
        plan_hash=hidden(shown, "plan_hash")[0],
    )  # fmt: skip
    assert page.status == 409
    assert "It cannot be queued now. Cannot queue this: apt_upgrade_security of owner is not over yet" in page.words
    assert hidden(page, "p") == ["bash", "tzdata"]
    assert 'name="in_window" value="yes" checked' in page.text
    assert len(visitor.house.fleet.queue.actions) == 7


async def test_a_plan_that_changed_before_it_was_queued_is_shown_anew_and_can_be_queued(visitor: Visitor) -> None:
    old = hidden(await visitor.get("/actions/confirm?type=apt_upgrade_all"), "plan_hash")[0]
    visitor.house.fleet.inventory = replace(INVENTORY, packages=INVENTORY.packages[:2])
    page = await visitor.send("/actions", type="apt_upgrade_all", plan_hash=old)
    assert (page.status, "other packages are pending now" in page.words, "Packages 2" in page.words) == (
        409,
        True,
        True,
    )
    again = await visitor.send("/actions", type="apt_upgrade_all", plan_hash=hidden(page, "plan_hash")[0])
    assert again.status == 303


async def test_what_cannot_even_be_planned_says_why_and_offers_to_look_again(visitor: Visitor) -> None:
    page = await visitor.get("/actions/confirm?type=restart_service&service=nothing.service")
    assert page.status == 409
    assert "Cannot restart nothing.service: systemd knows no such unit" in page.words
    assert "Queue Action" not in page.words
    assert (await visitor.send("/actions/confirm", type="restart_service", service="ssh.service")).status == 200
    assert (await visitor.get("/actions/confirm?type=format_disk")).status == 400


@pytest.mark.req("HC-61")
async def test_an_owner_approves_exactly_what_was_shown(visitor: Visitor) -> None:
    await queued(visitor)
    page = await visitor.get("/actions/a7")
    for words in ("Pending approval", "by owner", "Expires", "Approve", "Reject", "Packages 3", "cannot be taken back"):
        assert words in page.words
    hashed = hidden(page, "plan_hash")[0]
    done = await visitor.send("/actions/a7/decide", verdict="approve", plan_hash=hashed)
    assert done.headers["Location"] == "/actions/a7?done=approved"
    assert visitor.house.fleet.asked[-1] == ("owner", DecideAction("a7", True, hashed))
    assert visitor.house.accounts.entries[-1].action == "approve action"


async def test_a_rejected_action_did_nothing_and_can_be_asked_for_anew(visitor: Visitor) -> None:
    await queued(visitor)
    assert (await visitor.send("/actions/a7/decide", verdict="reject")).headers["Location"].endswith("done=rejected")
    page = await visitor.get("/actions/a7")
    assert "It was rejected: nothing was done." in page.words
    assert 'href="/actions/confirm?type=apt_upgrade_security">Look again' in page.text
    assert (await visitor.send("/actions/a7/decide", verdict="reject")).status == 409
    assert (await visitor.send("/actions/a7/decide", verdict="perhaps")).status == 400


async def test_a_plan_that_changed_before_it_was_approved_is_shown_anew_with_the_reason(visitor: Visitor) -> None:
    await queued(visitor, "apt_upgrade_all")
    old = hidden(await visitor.get("/actions/a7"), "plan_hash")[0]
    visitor.house.fleet.inventory = replace(INVENTORY, packages=INVENTORY.packages[:2])
    page = await visitor.send("/actions/a7/decide", verdict="approve", plan_hash=old)
    assert page.status == 409
    assert "other packages are pending now The plan changed since you looked." in page.words
    assert "Packages 2" in page.words
    assert 'data-at="/actions/a7"' in page.text  # a page that lives asks for itself, not for what was sent
    again = await visitor.send("/actions/a7/decide", verdict="approve", plan_hash=hidden(page, "plan_hash")[0])
    assert again.status == 303


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_who_may_not_approve_sees_why(visitor: Visitor, role: Role) -> None:
    await queued(visitor)
    sign_in_as(visitor, role)
    page = await visitor.get("/actions/a7")
    assert f"Only the owner may approve or reject this. You are signed in as {role.word}." in page.words
    assert (await visitor.send("/actions/a7/decide", verdict="approve")).status == 403
    assert visitor.house.fleet.queue.actions[-1].status is ActionStatus.PENDING_APPROVAL


async def test_an_approval_can_be_withdrawn_until_it_begins(visitor: Visitor) -> None:
    await queued(visitor, "apt_update", at_once="yes")
    page = await visitor.get("/actions/a7")
    assert "Withdraw the approval" in page.words
    visitor.house.fleet.queue.begin("a7")
    assert "Withdraw" not in (await visitor.get("/actions/a7")).words


async def test_an_action_at_work_leads_to_its_run_and_lives_without_a_script(visitor: Visitor) -> None:
    await queued(visitor)
    visitor.house.fleet.known["apt-1"] = half_way("apt-1", 3, plan("b", "a", "system"), NOW)
    visitor.house.fleet.queue.begin("a7", "apt-1", late=True)
    page = await visitor.get("/actions/a7")
    for words in ("Takes long", "is never killed", "Step 4 of 8", "Show the whole run"):
        assert words in page.words
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in page.text
    assert 'data-run="apt-1"' in page.text


@pytest.mark.req("HC-62")
@pytest.mark.req("HC-63")
@pytest.mark.req("HC-70")
async def test_what_came_of_it_is_told_with_its_output_or_with_what_failed(visitor: Visitor) -> None:
    good = await visitor.get("/actions/a2")
    assert "It worked. 3 packages were upgraded." in good.words
    assert "Setting up openssl (3.0.15-1~deb12u1) ..." in good.text
    bad = await visitor.get("/actions/a3")
    for words in ("What failed", "its maintainer script failed", "(exit status 100)", "error processing package"):
        assert words in bad.words
    assert "It did not work, and was taken back: everything is as it was before." in bad.words
    past = await visitor.get("/actions")
    assert "Cannot configure openssh-server" in past.words
    assert past.text.count("<details>") == 4


async def test_what_was_taken_back_by_hand_is_no_upgrade_and_no_failure(visitor: Visitor) -> None:
    queue = visitor.house.fleet.queue
    await queued(visitor)
    done = ActionResult(True, "Unpacking openssl", return_code=0, packages_upgraded=2, outcome="rolled_back")
    queue.end("a7", done)
    queue._keep(replace(queue.actions[-1], verb="rollback"))
    for address in ("/actions", "/actions/a7"):
        page = (await visitor.get(address)).words
        assert "Take packages back" in page
        assert "2 packages were taken back" in page


async def test_output_comes_as_plain_text_without_a_terminals_marks(visitor: Visitor) -> None:
    told = replace(FAILURE, output="10%\r20%\r\x1b[31mdone\x1b[0m <b>bold</b>\r\n" + "x\n" * 900 + "last")
    await queued(visitor)
    visitor.house.fleet.queue.end("a7", told)
    text = (await visitor.get("/actions/a7")).text
    assert "<b>bold" not in text
    assert "\x1b" not in text
    assert text.count("\nx") < 500
    assert "last</pre>" in text


async def test_actions_can_be_filtered(visitor: Visitor) -> None:
    items = re.compile(r'href="/actions/(a\d)"')
    assert items.findall((await visitor.get("/actions")).text) == ["a6", "a5", "a4", "a3", "a2", "a1"]
    assert items.findall((await visitor.get("/actions?status=bad")).text) == ["a5", "a4", "a3"]
    assert items.findall((await visitor.get("/actions?status=good&kind=services")).text) == ["a6"]
    assert "No action fits these filters" in (await visitor.get("/actions?status=active")).words
    assert (await visitor.get("/actions?status=%00&kind=<x>&all=no")).status == 200


async def test_a_device_whose_packages_cannot_be_looked_at_says_why_and_offers_to_refresh(visitor: Visitor) -> None:
    why = "cannot read the package lists: sudo required"
    visitor.house.fleet.answers = lambda request: (
        Declined("failed", why) if isinstance(request, LookAtPackages | ListActions) else None
    )
    for path in ("/", "/packages"):
        page = await visitor.get(path)
        assert "Cannot read the package lists: sudo required" in page.words
        assert "It is not known what is pending" in page.words
        assert "Apply All (?)" in page.words
        assert 'href="/actions/confirm?type=apt_update"' in page.text
    assert (await visitor.get("/actions/a1")).status == 404


async def test_the_updater_itself_tells_what_its_restart_looks_like(visitor: Visitor) -> None:
    page = await visitor.get("/components/updater")
    assert "The updater itself" in page.words
    assert "the page says so and comes back by itself" in page.words


async def test_the_component_of_packages_leads_to_their_page_and_can_be_taken_back(visitor: Visitor) -> None:
    visitor.house.fleet.shown = (component("system", type="apt", has_releases=False, latest=None),)
    page = await visitor.get("/components/system")
    assert '<a class="button" href="/packages">See the packages' in page.text
    assert "Take a version by name" not in page.words
    assert "available" not in page.words.split("What is new")[0]


async def test_a_hub_serves_the_same_pages_with_the_device_before_every_address() -> None:
    fleet = PanelFleet().with_past().with_packages()
    async with served(fleet, prefix="/devices/{device}") as house, aiohttp.ClientSession() as client:
        visitor = Visitor(house, client)
        for path in ("/packages", "/actions", "/actions/a3", "/actions/confirm?type=apt_upgrade_all"):
            page = await visitor.get(f"/devices/local{path}")
            places = re.findall(r'(?:href|action|data-at)="(/[^"]*)"', page.text)
            assert page.status == 200
            common = ("/static/", "/logout", "/devices/local/")
            assert [place for place in places if not place.startswith(common)] == []
