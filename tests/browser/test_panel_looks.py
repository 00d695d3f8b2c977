"""Every page as people see it: pictures for artifacts/, nothing wider than the screen, nothing serious for axe."""

from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it has no stubs
from doubles.browser_kit import ARTIFACTS, Open
from doubles.panel_fleet import LONG, PanelFleet, component
from doubles.panel_served import Served
from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Scene:
    name: str
    path: str
    signed_in: bool = True


SCENES = (
    Scene("overview", "/"),
    Scene("overview-30", "/"),
    Scene("overview-empty", "/"),
    Scene("component", "/components/core"),
    Scene("plan", "/components/core/plan"),
    Scene("run-live", "/runs/live-1"),
    Scene("run-failed", "/runs/r07"),
    Scene("run-stuck", "/runs/r09"),
    Scene("run-good", "/runs/r06"),
    Scene("history", "/history"),
    Scene("history-empty", "/history"),
    Scene("settings", "/settings"),
    Scene("sorry", "/runs/nope"),
    Scene("login", "/login", signed_in=False),
    Scene("setup", "/setup", signed_in=False),
)


def prepare(house: Served, scene: str) -> None:
    """Make the world of one scene."""
    fleet: PanelFleet = house.fleet
    if scene == "run-live":
        fleet.start()
    if scene.endswith("-empty"):
        fleet.shown, fleet.known = (), {}
    if scene == "overview-30":
        news: dict[str, object] = {"latest": "1.9.0", "status": "update_available", "update_available": True}
        names = [LONG + str(number) if number % 7 == 0 else f"part-{number:02}" for number in range(30)]
        fleet.shown = tuple(component(name, **(news if number % 5 == 0 else {})) for number, name in enumerate(names))
    if scene == "setup":
        house.accounts.owned = False


async def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    found: Any = (await Axe().run(page)).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_every_page_fits_reads_well_and_is_accessible(house: Served, look: Open, size: str, scheme: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    for scene in SCENES:
        fleet, owned = PanelFleet().with_past(), house.accounts.owned
        house.fleet.shown, house.fleet.known, house.fleet.live = fleet.shown, fleet.known, ""
        prepare(house, scene.name)
        page = await look(scene.path, size=size, scheme=scheme, signed_in=scene.signed_in)
        wider = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        await page.screenshot(path=ARTIFACTS / f"{scene.name}-{size}-{scheme}.png", full_page=True)
        wrong += [f"{scene.name}: {wider} pixels wider than the screen"] if wider else []
        wrong += [f"{scene.name}: {each}" for each in await serious(page)]
        house.accounts.owned = owned
        await page.context.close()
    assert wrong == []


@pytest.mark.parametrize("path", ["/", "/components/core", "/settings"])
async def test_what_is_pressed_on_a_phone_is_large_enough(look: Open, path: str) -> None:
    page = await look(path, size="phone")
    small = await page.evaluate(
        """[...document.querySelectorAll("main .button, main select, nav a")]
           .filter((each) => each.getBoundingClientRect().height < 44).map((each) => each.textContent)"""
    )
    assert small == []


async def test_axe_would_find_something_serious(look: Open) -> None:
    page = await look("/")
    await page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input><img src=\"/x.png\">')")
    assert await serious(page)
