"""Every page as people see it: pictures for artifacts/, nothing wider than the screen, nothing serious for axe."""

from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it has no stubs
from doubles.browser_kit import ARTIFACTS, Open
from doubles.panel_fleet import LONG, UPDATER, PanelFleet, component, half_way, plan
from doubles.panel_packages import HOSTILE, INVENTORY, NOW, many
from doubles.panel_served import Served
from playwright.async_api import Page

from dunebugger_updater.model.actions import ActionType
from dunebugger_updater.model.packages import Inventory
from dunebugger_updater.model.wire import CreateAction

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
    Scene("overview-system", "/"),
    Scene("overview-approval", "/"),
    Scene("packages", "/packages"),
    Scene("packages-300", "/packages"),
    Scene("packages-none", "/packages"),
    Scene("packages-hostile", "/packages"),
    Scene("packages-working", "/packages"),
    Scene("confirm", "/actions/confirm?type=apt_upgrade_all"),
    Scene("confirm-refused", "/actions/confirm?type=restart_service&service=nothing.service"),
    Scene("actions-approval", "/actions"),
    Scene("action-approval", "/actions/a7"),
    Scene("action-working", "/actions/a7"),
    Scene("action-good", "/actions/a2"),
    Scene("action-failed", "/actions/a3"),
    Scene("component-system", "/components/system"),
    Scene("component-updater", "/components/updater"),
    Scene("sorry", "/runs/nope"),
    Scene("login", "/login", signed_in=False),
    Scene("setup", "/setup", signed_in=False),
)


WITH_PACKAGES = ("overview-system", "overview-approval", "packages", "confirm", "action", "component-")


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
    if scene.startswith(WITH_PACKAGES):
        with_packages(fleet, scene)
    if scene == "setup":
        house.accounts.owned = False


def with_packages(fleet: PanelFleet, scene: str) -> None:
    fleet.with_packages()
    fleet.shown = (*fleet.shown, UPDATER)
    fleet.inventory = {"packages-300": many(300), "packages-none": Inventory(), "packages-hostile": HOSTILE}.get(
        scene, INVENTORY
    )
    if scene.endswith(("-approval", "-working")):
        fleet.queue.answer(CreateAction(ActionType.APT_UPGRADE_SECURITY), "owner")
    if scene.endswith("-working"):
        fleet.known["apt-1"] = half_way("apt-1", 3, plan("b", "a", "system"), NOW)
        fleet.queue.begin("a7", "apt-1", late=scene.startswith("action"))


async def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    found: Any = (await Axe().run(page)).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@pytest.mark.timeout(480)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_every_page_fits_reads_well_and_is_accessible(house: Served, look: Open, size: str, scheme: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    for scene in SCENES:
        fleet, owned = PanelFleet().with_past(), house.accounts.owned
        house.fleet.shown, house.fleet.known, house.fleet.live = fleet.shown, fleet.known, ""
        house.fleet.queue.actions = []
        prepare(house, scene.name)
        page = await look(scene.path, size=size, scheme=scheme, signed_in=scene.signed_in)
        wider = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        await page.screenshot(path=ARTIFACTS / f"{scene.name}-{size}-{scheme}.png", full_page=True)
        wrong += [f"{scene.name}: {wider} pixels wider than the screen"] if wider else []
        wrong += [f"{scene.name}: {each}" for each in await serious(page)]
        house.accounts.owned = owned
        await page.context.close()
    assert wrong == []


@pytest.mark.parametrize("path", ["/packages", "/actions/confirm?type=apt_upgrade_all", "/actions/a7", "/actions"])
async def test_the_smallest_phones_need_not_scroll_sideways(house: Served, look: Open, path: str) -> None:
    with_packages(house.fleet, "packages-300")
    house.fleet.queue.answer(CreateAction(ActionType.APT_UPGRADE_ALL), "owner")
    page = await look(path, size="phone")
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0


@pytest.mark.parametrize("path", ["/", "/components/core", "/settings", "/packages", "/actions/a7", "/actions"])
async def test_what_is_pressed_on_a_phone_is_large_enough(house: Served, look: Open, path: str) -> None:
    with_packages(house.fleet, "action-approval")
    page = await look(path, size="phone")
    small = await page.evaluate(
        """[...document.querySelectorAll("main .button, main select, nav a, summary, .segments label")]
           .filter((each) => each.offsetParent && each.getBoundingClientRect().height < 44)
           .map((each) => each.textContent)"""
    )
    assert small == []


async def test_axe_would_find_something_serious(look: Open) -> None:
    page = await look("/")
    await page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input><img src=\"/x.png\">')")
    assert await serious(page)
