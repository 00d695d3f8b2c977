"""The whole story as the owner of a device lives it: a real browser, the real agent, a real app, real updates."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from doubles.browser_kit import SIZES
from playwright.async_api import Browser, Page, expect
from stories.agents import PASSWORD, Agent, agent_device
from stories.real_releases import Publisher, publisher

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

PICTURES = Path(__file__).parents[2] / "artifacts" / "story"
NOTES = "### More light\n\n- the *storm* is louder\n- <script>alert('no')</script> is text\n"


@pytest.fixture(scope="module")
def github() -> Iterator[Publisher]:
    with publisher() as published:
        yield published


@pytest.fixture
def agent(tmp_path: Path, github: Publisher) -> Iterator[Agent]:
    shelf = github.shelf("1.1.0")
    repository = next(each for each in github.fake.repositories if each.full_name == shelf.repository)
    repository.releases[0].notes = NOTES
    with agent_device(tmp_path / "d", shelf) as made:
        yield made


@dataclass
class Owner:
    """Somebody with a browser, who takes pictures."""

    page: Page
    agent: Agent
    size: str
    taken: list[str] = field(default_factory=list)

    async def picture(self, name: str) -> None:
        self.taken.append(name)
        file = PICTURES / f"{self.size}-{len(self.taken):02}-{name}.png"
        await asyncio.to_thread(PICTURES.mkdir, parents=True, exist_ok=True)
        await self.page.screenshot(path=file, full_page=True)
        too_wide = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert too_wide <= 0, f"{name} is {too_wide} px wider than the screen"

    async def go(self, path: str) -> None:
        await self.page.goto(self.agent.origin + path)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).first.click()

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name).first.click()

    async def title(self, text: str | re.Pattern[str]) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(text, timeout=20_000)

    async def ends(self, words: str) -> None:
        """Look on until the run is over; nothing is loaded by hand."""
        await expect(self.page.locator("#live-run")).to_have_attribute("data-open", "no", timeout=60_000)
        await expect(self.page.locator(".head")).to_contain_text(words)


@pytest_asyncio.fixture(loop_scope="module", params=["desktop", "phone"])
async def owner(request: pytest.FixtureRequest, browser: Browser, agent: Agent) -> AsyncIterator[Owner]:
    await asyncio.to_thread(agent.begin)
    width, height = SIZES[request.param]
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    context.set_default_timeout(15_000)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield Owner(page, agent, request.param)
    await context.close()
    assert wrong == []


@pytest.mark.req("DB-072")
@pytest.mark.req("DB-073")
async def test_from_the_first_visit_through_a_good_and_a_bad_update_to_a_killed_agent(owner: Owner) -> None:
    await first_visit(owner)
    await good_update(owner)
    await bad_update(owner)
    await back_by_hand(owner)
    await history_and_settings(owner)
    await killed_in_the_middle(owner)


async def first_visit(owner: Owner) -> None:
    page = owner.page
    await owner.go("/")
    await owner.title("Welcome")
    code = re.findall(r"one-time code: (\d{4}-\d{4}-\d{4})", owner.agent.said)[0]
    await page.get_by_label("Code").fill("1234-5678-9012")
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await owner.picture("welcome")
    await page.locator("main form button").click()
    await expect(page.get_by_role("alert")).to_contain_text("not the one-time code")
    await owner.picture("wrong-code")
    await page.get_by_label("Code").fill(code)
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await page.locator("main form button").click()
    await expect(page.get_by_role("link", name="core", exact=True)).to_be_visible()
    await owner.picture("nothing-known")
    await owner.press("Check now")
    await expect(page.get_by_role("link", name="Update to 1.1.0")).to_be_visible()
    await owner.picture("update-available")


async def good_update(owner: Owner) -> None:
    page = owner.page
    await owner.follow("core")
    await owner.title("core")
    await expect(page.locator(".notes")).to_contain_text("the storm is louder")
    await expect(page.locator(".notes script")).to_have_count(0)
    await owner.picture("notes")
    await owner.follow("Update to 1.1.0")
    await owner.title("Update core to 1.1.0")
    assert owner.agent.device.journals() == [], "a plan is no run"
    await owner.picture("plan")
    await owner.press("Update now")
    await owner.title("Update of core to 1.1.0")
    await expect(page.locator('[aria-current="step"]')).to_have_count(1)
    await owner.picture("live")
    await owner.ends("1.1.0")
    await owner.picture("updated")
    assert owner.agent.device.running["version"] == "1.1.0"


async def bad_update(owner: Owner) -> None:
    page = owner.page
    owner.agent.device.shelf.offer("1.1.0", "1.3.0")
    await owner.go("/")
    await owner.press("Check now")
    await owner.follow("Update to 1.3.0")
    await owner.press("Update now")
    await owner.ends("1.1.0")
    await expect(page.locator(".failure")).to_contain_text("cannot find its sound card")
    await owner.picture("rolled-back")
    assert owner.agent.device.running["version"] == "1.1.0"
    await owner.go("/components/core")
    await expect(page.locator("main")).to_contain_text("Not taken again: 1.3.0")
    await owner.picture("quarantine")


async def back_by_hand(owner: Owner) -> None:
    await owner.follow("Roll back the last update")
    await owner.title("Take core back to 1.0.0")
    await owner.picture("plan-back")
    await owner.press("Roll back now")
    await owner.ends("1.0.0")
    await expect(owner.page.locator(".log li").last).to_have_text(re.compile("ended: Taken back$"))
    await owner.picture("taken-back")
    assert owner.agent.device.running["version"] == "1.0.0"


async def history_and_settings(owner: Owner) -> None:
    page = owner.page
    await owner.follow("History")
    await expect(page.locator(".runs li")).to_have_count(3)
    await owner.picture("history")
    await owner.follow("Settings")
    await owner.press("Switch on")
    await expect(page.locator("main")).to_contain_text("Maintenance mode is on")
    await page.get_by_label("Name").fill("night watch")
    await owner.press("Make a token")
    secret = await page.locator(".made pre").inner_text()
    await owner.picture("settings")
    kept, owner.agent.token = owner.agent.token, secret.strip()
    assert owner.agent.ask("GET", "/api/v1/components")[0] == 200
    assert owner.agent.good("GET", "maintenance")["on"]
    owner.agent.token = kept
    await owner.press("Switch off")


async def killed_in_the_middle(owner: Owner) -> None:
    page, agent = owner.page, owner.agent
    run = await asyncio.to_thread(agent.update, "1.1.0")
    await owner.go(f"/runs/{run}")
    await asyncio.to_thread(agent.kill)
    await expect(page.locator("#trouble")).to_contain_text("It may be restarting", timeout=20_000)
    await owner.picture("agent-gone")
    await asyncio.to_thread(agent.begin)
    await expect(page.locator("#live-run")).to_have_attribute("data-open", "no", timeout=60_000)
    await expect(page.locator("#trouble")).to_be_empty()
    await owner.picture("recovered")
    view = await asyncio.to_thread(agent.ended, run)
    assert view["outcome"] in {"updated", "rolled_back", "failed"}
    assert agent.device.running["version"] == ("1.1.0" if view["outcome"] == "updated" else "1.0.0")
    assert agent.device.ask("/health")[0] == 200
