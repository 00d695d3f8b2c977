"""The pages while they are used: by mouse, by keyboard, live, over a restart, and with no script at all."""

from contextlib import AsyncExitStack

import aiohttp
import pytest
from doubles.browser_kit import Open
from doubles.panel_fleet import CORE, PanelFleet, component
from doubles.panel_served import Served, served
from msgspec.structs import replace
from playwright.async_api import Browser, expect

from dunebugger_updater.model.wire import CheckEnded, SetMaintenance, Update

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.req("DB-072")
@pytest.mark.req("DB-073")
async def test_from_the_overview_to_a_finished_update_with_no_page_loaded_by_hand(house: Served, look: Open) -> None:
    page = await look("/")
    await page.get_by_role("link", name="Update to 1.1.0").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Update core to 1.1.0")
    await page.get_by_role("button", name="Update now").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Update of core to 1.1.0")
    await expect(page.locator('[aria-current="step"]')).to_contain_text("build the virtual environment")
    assert house.fleet.asked[-1] == ("owner", Update("core", version="1.1.0", by_owner=True))
    house.fleet.progress(0.4, "collecting aiohttp")
    await expect(page.locator("#doing")).to_have_text("40% – collecting aiohttp")  # noqa: RUF001  (as the page says it)
    await expect(page.locator(".step-bar")).to_have_attribute("value", "0.4")
    house.fleet.advance()
    await expect(page.locator('[aria-current="step"]')).to_contain_text("stop dunebugger.service")
    await expect(page.locator("#announce")).to_have_text("stop dunebugger.service (5 of 8)")
    house.fleet.finish()
    await expect(page.locator(".head")).to_contain_text("core updated to 1.1.0 and healthy")
    await expect(page.get_by_role("button", name="Stop this run")).to_have_count(0)


async def test_a_run_page_survives_the_restart_of_the_agent_and_goes_on_by_itself(browser: Browser) -> None:
    fleet = PanelFleet().with_past()
    fleet.start()
    async with AsyncExitStack() as first:
        house = await first.enter_async_context(served(fleet))
        context = await browser.new_context()
        await context.add_cookies([{"name": "dunebugger_session", "value": "session-1", "url": house.origin}])
        page = await context.new_page()
        await page.goto(f"{house.origin}/runs/live-1")
        await expect(page.locator('[aria-current="step"]')).to_contain_text("build the virtual environment")
        port = house.port
    await expect(page.locator("#trouble")).to_contain_text("It may be restarting", timeout=15_000)
    fleet.step = 6
    fleet.advance()
    async with served(fleet, port=port):
        await expect(page.locator('[aria-current="step"]')).to_contain_text("start dunebugger.service", timeout=20_000)
        await expect(page.locator("#trouble")).to_be_empty()
        fleet.finish()
        await expect(page.locator(".head")).to_contain_text("updated to 1.1.0 and healthy", timeout=15_000)
    await context.close()


async def test_the_overview_hears_of_a_check_that_somebody_else_asked_for(house: Served, look: Open) -> None:
    house.fleet.shown = (component("core"),)
    page = await look("/")
    await expect(page.locator(".card")).to_contain_text("Up to date")
    house.fleet.shown = (replace(CORE, latest="1.2.0"),)
    house.fleet.tell(CheckEnded({}))
    await expect(page.get_by_role("link", name="Update to 1.2.0")).to_be_visible()


async def test_moments_are_told_in_the_zone_and_manner_of_the_viewer(house: Served, look: Open) -> None:
    page = await look("/runs/r07")
    moment = page.locator(".log time").first
    utc = str(await moment.get_attribute("datetime"))[11:19]
    rome = f"{(int(utc[:2]) + int(await page.evaluate('-new Date().getTimezoneOffset() / 60'))) % 24:02}{utc[2:]}"
    assert rome != utc
    await expect(moment).to_have_text(rome)


async def test_the_keyboard_alone_is_enough(house: Served, look: Open) -> None:
    page = await look("/")
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("Skip to the content")
    await page.keyboard.press("Enter")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if "Update to 1.1.0" in (await page.locator(":focus").inner_text()):
            break
    outline = await page.locator(":focus").evaluate("(each) => getComputedStyle(each).outlineWidth")
    assert outline == "3px"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Update core to 1.1.0")


async def test_focus_stays_where_it_was_when_the_page_renews_itself(house: Served, look: Open) -> None:
    house.fleet.start()
    page = await look("/runs/live-1")
    await page.locator("#cancel").focus()
    house.fleet.advance()
    await expect(page.locator('[aria-current="step"]')).to_contain_text("stop dunebugger.service")
    assert await page.evaluate("document.activeElement.id") == "cancel"


async def test_without_any_script_an_update_can_be_read_started_and_followed(house: Served, look: Open) -> None:
    page = await look("/", scripts=False)
    await expect(page.locator("body")).to_contain_text("Up to date, checked 2 h ago")
    await page.get_by_role("link", name="Update to 1.1.0").click()
    await page.get_by_role("button", name="Update now").click()
    await expect(page.locator('[aria-current="step"]')).to_contain_text("build the virtual environment")
    house.fleet.finish()
    await expect(page.locator(".head")).to_contain_text("core updated to 1.1.0 and healthy", timeout=15_000)


async def test_without_any_script_settings_can_be_changed(house: Served, look: Open) -> None:
    page = await look("/settings", scripts=False)
    await page.get_by_role("button", name="Switch on").click()
    await expect(page.locator(".flash.good")).to_have_text("Maintenance mode is on.")
    assert house.fleet.asked == [("owner", SetMaintenance(True, 120))]
    await page.get_by_label("Name").fill("kiosk")
    await page.get_by_role("button", name="Make a token").click()
    await expect(page.locator(".made pre")).to_have_text("secret-of-t1")


async def test_signing_in_and_out(house: Served, look: Open) -> None:
    page = await look("/", signed_in=False)
    await page.get_by_label("Password").fill("open sesame")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("dune-garden")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


async def test_a_session_that_ends_meanwhile_leads_to_the_door(house: Served, look: Open) -> None:
    page = await look("/")
    house.accounts.sessions.clear()
    house.fleet.tell(CheckEnded({}))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=20_000)


async def test_history_filters_as_soon_as_something_is_chosen(look: Open) -> None:
    page = await look("/history")
    await page.get_by_label("Outcome").select_option("bad")
    await expect(page.locator(".runs li")).to_have_count(3)
    assert "outcome=bad" in page.url


async def test_nothing_is_fetched_from_elsewhere(house: Served, browser: Browser) -> None:
    context = await browser.new_context()
    await context.add_cookies([{"name": "dunebugger_session", "value": "session-1", "url": house.origin}])
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/components/core", "/runs/r07", "/history", "/settings"):
        await page.goto(house.origin + path)
    assert asked
    assert [url for url in asked if not url.startswith(house.origin)] == []
    await context.close()
    async with aiohttp.ClientSession() as client, client.get(f"{house.origin}/static/panel.js") as answer:
        assert answer.status == 200
