"""A real browser.  Missing, its tests are left out and say so; with REQUIRE_BROWSER=1 they fail instead."""

from collections.abc import AsyncIterator

import pytest_asyncio
from doubles.browser_kit import FLAGS, SIZES, Open, program
from doubles.panel_served import Served, served
from playwright.async_api import Browser, BrowserContext, Page, async_playwright


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program(), args=FLAGS)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def house() -> AsyncIterator[Served]:
    async with served() as it:
        yield it


@pytest_asyncio.fixture(loop_scope="module")
async def look(browser: Browser, house: Served) -> AsyncIterator[Open]:
    """Pages complain in the console about whatever the policy forbids; nothing may be heard there."""
    contexts: list[BrowserContext] = []
    heard: list[str] = []

    async def open_page(
        path: str, *, size: str = "desktop", scheme: str = "light", scripts: bool = True, signed_in: bool = True
    ) -> Page:
        width, height = SIZES[size]
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=scripts,
            timezone_id="Europe/Rome",
            locale="en-GB",
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        if signed_in:
            cookie = {"name": "dunebugger_session", "value": "session-1", "url": house.origin}
            await context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict is what it takes
        page = await context.new_page()
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("console", lambda said: heard.append(said.text) if "Content Security Policy" in said.text else None)
        await page.goto(house.origin + path)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert heard == []
