"""Packages and actions while they are used: by mouse and by keyboard, live, on a phone, and with no script at all."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doubles.browser_kit import Open
from doubles.panel_fleet import PanelFleet, half_way, plan
from doubles.panel_packages import FAILURE, INVENTORY, NOW, SUCCESS, many
from doubles.panel_served import Served, served
from msgspec.structs import replace
from playwright.async_api import Page, expect

from dunebugger_updater.model.access import Role, Who
from dunebugger_updater.model.actions import ActionResult, ActionStatus, ActionType
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.wire import CreateAction, Progressed

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

RUN = "apt-1"


@pytest_asyncio.fixture(loop_scope="module")
async def house() -> AsyncIterator[Served]:
    async with served(PanelFleet().with_past().with_packages()) as it:
        yield it


def begin(house: Served, action: str = "a7") -> None:
    house.fleet.known[RUN] = half_way(RUN, 3, plan("b", "a", "system"), NOW)
    house.fleet.queue.begin(action, RUN)


def print_line(house: Served, message: str, done: float) -> None:
    house.fleet.tell(Progressed(RUN, "system", "upgrade", 4, 8, "progress", message, done))


async def status(page: Page, words: str) -> None:
    await expect(page.locator(".head .badge")).to_have_text(words)


@pytest.mark.req("HC-57")
@pytest.mark.req("HC-65")
async def test_refreshing_the_list_shows_what_is_new_with_no_page_loaded_by_hand(house: Served, look: Open) -> None:
    page = await look("/packages")
    other = await look("/packages")
    await page.get_by_role("link", name="Refresh List").click()
    await expect(page.locator(".command")).to_have_text("apt-get update")
    await page.get_by_label("Approve it at once").check()
    await page.get_by_role("button", name="Queue Action").click()
    await status(page, "Approved")
    await expect(other.locator("#press-apt_update")).to_contain_text("In progress")
    begin(house)
    await status(page, "In progress")
    house.fleet.inventory = replace(INVENTORY, packages=INVENTORY.packages[:2], checked_at=NOW)
    house.fleet.queue.end("a7", ActionResult(True, "Hit:1 stable InRelease"))
    await status(page, "Succeeded")
    await expect(page.locator("#live-action .output")).to_contain_text("stable InRelease")
    await expect(other.get_by_role("link", name="Apply All (2)")).to_be_visible()
    await expect(other.locator(".packages li")).to_have_count(2)


@pytest.mark.req("HC-31")
@pytest.mark.req("HC-59")
@pytest.mark.req("HC-61")
@pytest.mark.req("HC-62")
@pytest.mark.req("HC-66")
async def test_security_updates_from_the_button_to_their_output(house: Served, look: Open) -> None:
    page = await look("/")
    await page.get_by_role("link", name="Apply Security (3)").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Apply security updates on dune-garden?")
    await expect(page.locator(".changes li")).to_have_count(3)
    await page.get_by_role("button", name="Queue Action").click()
    await status(page, "Pending approval")
    await page.get_by_role("button", name="Approve").click()
    await status(page, "Approved")
    begin(house)
    await status(page, "In progress")
    await expect(page.locator("#announce")).to_have_text("Apply security updates: In progress")
    print_line(house, "Unpacking openssl", 0.25)
    print_line(house, "Setting up openssl", 0.5)
    await expect(page.locator("#doing")).to_have_text("50% – Setting up openssl")  # noqa: RUF001  (as the page says it)
    await expect(page.locator("#printed-lines")).to_have_text("Unpacking openssl\nSetting up openssl")
    await expect(page.locator(".share")).to_have_attribute("value", "0.4375")
    house.fleet.inventory = Inventory(packages=INVENTORY.packages[-2:], checked_at=NOW)
    house.fleet.queue.end("a7", SUCCESS)
    await status(page, "Succeeded")
    await expect(page.locator("#live-action .output")).to_contain_text("Setting up openssl (3.0.15-1~deb12u1)")
    await expect(page.locator("#printing")).to_have_count(0)
    await page.get_by_role("link", name="Packages", exact=True).first.click()
    await expect(page.locator("#press-apt_upgrade_security")).to_have_text("Apply Security (0)")


@pytest.mark.req("HC-63")
async def test_a_failure_tells_what_failed_and_offers_to_look_again(house: Served, look: Open) -> None:
    house.fleet.queue.answer(CreateAction(ActionType.APT_UPGRADE_ALL), "owner")
    page = await look("/actions/a7")
    begin(house)
    await status(page, "In progress")
    house.fleet.queue.end("a7", FAILURE)
    await status(page, "Failed")
    await expect(page.locator(".failure")).to_contain_text("its maintainer script failed")
    await page.get_by_role("link", name="Look again").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Apply all updates on dune-garden?")


async def test_selected_packages_on_a_phone(house: Served, look: Open) -> None:
    page = await look("/packages", size="phone")
    button = page.locator("#apply-selected")
    await expect(button).to_have_text("Apply Selected (0)")
    await expect(button).to_be_disabled()
    await page.get_by_label("bash").check()
    await page.get_by_label("tzdata").check()
    await expect(button).to_have_text("Apply Selected (2)")
    await button.click()
    await expect(page.locator(".changes li strong")).to_have_text(["bash", "tzdata"])
    await page.get_by_role("button", name="Queue Action").click()
    await status(page, "Pending approval")
    assert house.fleet.queue.actions[-1].parameters.packages == ("bash", "tzdata")


async def test_the_list_is_sifted_while_somebody_types_and_ticks_stay(house: Served, look: Open) -> None:
    page = await look("/packages")
    shown = page.locator(".packages li:visible")
    await page.get_by_label("tzdata").check()
    await page.get_by_label("Search").fill("ssl")
    await expect(shown).to_have_count(1)
    await page.get_by_label("Search").fill("")
    await page.get_by_label("Security 4").check()
    await expect(shown).to_have_count(4)
    await page.get_by_role("button", name="Tick all shown").click()
    await expect(page.locator("#apply-selected")).to_have_text("Apply Selected (5)")
    await page.get_by_label("Search").fill("nothing of that name")
    await expect(page.get_by_text("No package fits")).to_be_visible()
    assert "?" not in page.url


async def test_ticks_and_the_place_in_the_list_stay_when_the_page_renews_itself(house: Served, look: Open) -> None:
    page = await look("/packages")
    await page.get_by_label("bash").check()
    house.fleet.queue.answer(CreateAction(ActionType.APT_UPDATE), "somebody")
    await expect(page.locator("#why-updates")).to_contain_text("Pending approval: Refresh the package list")
    await expect(page.get_by_label("bash")).to_be_checked()
    await expect(page.locator("#apply-selected")).to_be_disabled()
    house.fleet.inventory = replace(INVENTORY, packages=INVENTORY.packages[:-1])
    house.fleet.queue.end("a7", ActionResult(True, ""))
    await expect(page.locator(".packages li")).to_have_count(7)
    await expect(page.get_by_label("bash")).to_be_checked()
    await expect(page.locator("#apply-selected")).to_have_text("Apply Selected (1)")
    await expect(page.locator("#apply-selected")).to_be_enabled()


async def test_a_plan_that_changes_under_somebodys_eyes_is_not_approved_and_the_page_goes_on(
    house: Served, look: Open
) -> None:
    house.fleet.queue.answer(CreateAction(ActionType.APT_UPGRADE_ALL), "owner")
    page = await look("/actions/a7")
    house.fleet.inventory = replace(INVENTORY, packages=INVENTORY.packages[:2])
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("alert")).to_contain_text("The plan changed since you looked.")
    await expect(page.locator(".changes li")).to_have_count(2)
    await page.get_by_role("button", name="Approve").click()
    await status(page, "Approved")


async def test_a_page_that_told_of_a_refusal_still_lives(house: Served, look: Open) -> None:
    house.fleet.queue.answer(CreateAction(ActionType.APT_UPGRADE_ALL), "owner")
    page = await look("/actions/a7")
    house.fleet.inventory = replace(INVENTORY, packages=INVENTORY.packages[:2])
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    house.fleet.queue._keep(replace(house.fleet.queue.actions[-1], status=ActionStatus.EXPIRED))
    await status(page, "Expired")
    await expect(page.get_by_role("alert")).to_be_visible()


async def test_without_any_script_packages_are_chosen_confirmed_approved_and_followed(
    house: Served, look: Open
) -> None:
    page = await look("/packages?q=z", scripts=False)
    await page.get_by_label("tzdata").check()
    await page.get_by_role("button", name="Apply Selected").click()
    await page.get_by_role("button", name="Queue Action").click()
    await status(page, "Pending approval")
    await page.get_by_role("button", name="Approve").click()
    await status(page, "Approved")
    begin(house)
    await status(page, "In progress")
    house.fleet.queue.end("a7", SUCCESS)
    await expect(page.locator(".head .badge")).to_have_text("Succeeded", timeout=15_000)


async def test_the_keyboard_alone_is_enough(house: Served, look: Open) -> None:
    page = await look("/packages")
    await page.get_by_role("link", name="Apply All (6)").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Apply all updates on dune-garden?")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await page.locator(":focus").get_attribute("name") == "at_once":
            break
    await page.keyboard.press("Space")
    for _ in range(5):
        await page.keyboard.press("Tab")
        if "Queue Action" in (await page.locator(":focus").inner_text()):
            break
    await page.keyboard.press("Enter")
    await status(page, "Approved")


async def test_an_operator_queues_and_sees_why_approving_is_not_theirs(house: Served, look: Open) -> None:
    house.accounts.sessions["session-1"] = Who("kiosk", Role.OPERATOR, "csrf-1")
    page = await look("/actions/confirm?type=apt_upgrade_security")
    await expect(page.get_by_label("Approve it at once")).to_have_count(0)
    await page.get_by_role("button", name="Queue Action").click()
    await expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    await expect(page.locator("#why-not")).to_contain_text("You are signed in as operator.")


async def test_a_service_that_runs_replaced_files_is_restarted_by_the_same_way(house: Served, look: Open) -> None:
    page = await look("/packages")
    await page.get_by_role("link", name="Restart ssh.service", exact=True).click()
    await expect(page.locator(".command")).to_have_text("systemctl restart ssh.service")
    await page.get_by_role("link", name="Close, and queue nothing").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    await page.get_by_label("Service to restart").fill("nothing.service")
    await page.get_by_role("button", name="Restart a service").click()
    await expect(page.get_by_role("alert")).to_contain_text("systemd knows no such unit")
    assert len(house.fleet.queue.actions) == 6


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_nothing_moves_while_the_page_is_made_and_while_it_renews_itself(
    house: Served, look: Open, size: str
) -> None:
    house.fleet.inventory = many(300)
    page = await look("/packages", size=size)
    await page.evaluate(
        """() => { window.moved = 0; new PerformanceObserver((list) => { for (const each of list.getEntries())
             window.moved += each.value; }).observe({ type: "layout-shift", buffered: true }); }"""
    )
    before = await page.locator("#list").bounding_box()
    house.fleet.queue.answer(CreateAction(ActionType.CLEAR_LOGS), "somebody")
    await expect(page.locator("#live-actions")).to_contain_text("somebody")
    assert await page.locator("#list").bounding_box() == before
    assert float(await page.evaluate("window.moved")) < 0.1


async def test_three_hundred_packages_are_there_soon_and_sifted_at_once(house: Served, look: Open) -> None:
    house.fleet.inventory = many(300)
    page = await look("/packages", size="phone")
    await expect(page.locator(".packages li")).to_have_count(300)
    took = await page.evaluate(
        """() => { const field = document.querySelector("input[name=q]"); const began = performance.now();
             for (const text of ["v", "ve", "ver", "very"]) {
               field.value = text; field.dispatchEvent(new Event("input", { bubbles: true }));
               document.body.offsetHeight;
             } return performance.now() - began; }"""
    )
    assert took < 2000, f"four letters took {took:.0f} ms"
    await expect(page.locator(".packages li:visible")).to_have_count(240)


async def test_whoever_pressed_sees_that_a_plan_is_being_made(house: Served, look: Open) -> None:
    page = await look("/packages")
    # The browser goes nowhere: what the page shows meanwhile is what is looked at.
    await page.evaluate("document.addEventListener('click', (event) => event.preventDefault())")
    await page.get_by_role("link", name="Apply All (6)").click()
    await expect(page.locator("#press-apt_upgrade_all")).to_have_class("button waits")
    await expect(page.locator("#announce")).to_contain_text("Working out what would happen.")
