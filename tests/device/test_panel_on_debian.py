"""The owner's packages in a real browser, on a real Debian with real apt: from the first visit to the way back.

The panel's other stories have made-up packages; here nothing is.  What the pages say is held to what dpkg says.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from device.bed.archive import Archive
from device.bed.debian import CONF, CONFIGURATION, PORT, UNITS, Debian, Look
from device.bed.device import Device

pytestmark = [pytest.mark.device, pytest.mark.browser, pytest.mark.timeout(900)]

try:
    from doubles.browser_kit import FLAGS, SIZES, program
    from playwright.sync_api import Page, expect, sync_playwright
except ImportError:
    if os.environ.get("REQUIRE_BROWSER") == "1":
        raise
    pytest.skip("needs playwright: see requirements-dev.txt", allow_module_level=True)

PICTURES = Path(__file__).parents[2] / "artifacts" / "debian"
PASSWORD = "a long enough secret"
HERE = ("tb-tool", "tb-ssl", "tb-lib", "tb-conf", "tb-held", "tb-badpost", "tb-epoch")
FIRST = tuple(set(HERE) - {"tb-epoch"})
"""What is published newer at the beginning."""
LONG = 120_000
"""Milliseconds that apt may take."""


@dataclass
class Owner:
    """Somebody with a browser, who takes pictures on a desk's screen and on a phone."""

    page: Page
    care: Debian
    origin: str
    taken: list[str] = field(default_factory=list)

    def picture(self, name: str) -> None:
        self.taken.append(name)
        PICTURES.mkdir(parents=True, exist_ok=True)
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            file = PICTURES / f"{len(self.taken):02}-{name}-{size}.png"
            self.page.screenshot(path=file, full_page=True)
            too_wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert too_wide <= 0, f"{name} is {too_wide} px wider than a {size}"

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name).first.click()

    def status(self, words: str) -> None:
        expect(self.page.locator(".head .badge")).to_have_text(words, timeout=LONG)

    def queue(self) -> None:
        self.press("Queue Action")
        self.status("Pending approval")

    def approve(self) -> None:
        self.press("Approve")

    def now(self) -> Look:
        return self.care.look()


@pytest.fixture
def care(device: Device, archive: Archive) -> Debian:
    """A device whose agent the browser reaches from outside."""
    care = Debian(device, archive)
    device.write(CONF, CONFIGURATION.format(port=PORT).replace("127.0.0.1", "0.0.0.0"))
    archive.connect(device)
    archive.install(device, *(set(HERE) - {"tb-lib"}), auto=["tb-lib"])
    device.exec("apt-mark", "hold", "tb-held")
    archive.publish(*FIRST)
    care.start_agent()
    return care


@pytest.fixture
def owner(care: Debian) -> Iterator[Owner]:
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        context = browser.new_context(locale="en-GB", timezone_id="Europe/Rome")
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield Owner(page, care, f"http://{care.device.address}:{PORT}")
        browser.close()
    assert wrong == []


@pytest.mark.req("HC-21", "HC-22", "HC-23", "HC-24", "HC-25", "HC-26", "HC-57", "HC-65")
def test_an_owner_looks_after_the_packages_of_a_real_debian(owner: Owner) -> None:
    for chapter in CHAPTERS:
        chapter(owner)
        owner.care.is_sound()
    assert owner.care.units() == [], UNITS


def first_visit(owner: Owner) -> None:
    owner.go("/")
    code = re.findall(r"one-time code: (\d{4}-\d{4}-\d{4})", owner.care.device.journal("dunebugger-updater"))[-1]
    owner.page.get_by_label("Code").fill(code)
    owner.page.get_by_label("New password").fill(PASSWORD)
    owner.page.get_by_label("The same password again").fill(PASSWORD)
    owner.page.locator("main form button").click()
    expect(owner.page.get_by_role("heading", name="System Updates")).to_be_visible(timeout=LONG)
    owner.picture("first-look")


def the_list_is_refreshed(owner: Owner) -> None:
    before = owner.now()
    owner.go("/packages")
    owner.follow("Refresh List")
    expect(owner.page.locator(".command")).to_have_text("apt-get update")
    owner.queue()
    owner.approve()
    owner.status("Succeeded")
    owner.picture("refreshed")
    assert owner.now() == before
    owner.go("/")
    card = owner.page.locator(".system")
    expect(card.get_by_role("link", name="Apply All (5)")).to_be_visible(timeout=LONG)
    expect(card.get_by_role("link", name="Apply Security (2)")).to_be_visible()
    expect(card.locator(".utc")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$"))
    owner.picture("overview")


def two_are_chosen(owner: Owner) -> None:
    before = owner.now()
    owner.go("/packages")
    owner.picture("packages")
    expect(owner.page.get_by_label("tb-held")).to_be_disabled()
    owner.page.get_by_label("Security 2").check()
    expect(owner.page.locator(".packages li:visible")).to_have_count(2)
    owner.page.get_by_label(re.compile(r"^All \d")).check()
    owner.page.get_by_label("Search").fill("tb-to")
    expect(owner.page.locator(".packages li:visible")).to_have_count(1)
    owner.page.get_by_label("tb-tool").check()
    owner.page.get_by_label("Search").fill("")
    owner.page.get_by_label("tb-conf").check()
    owner.press("Apply Selected (2)")
    expect(owner.page.locator(".changes li strong")).to_have_text(["tb-conf", "tb-tool"])
    expect(owner.page.locator(".command")).to_contain_text("tb-tool=1.1")
    owner.picture("confirm")
    owner.queue()
    owner.picture("pending")
    owner.approve()
    owner.status("Succeeded")
    expect(owner.page.locator("#live-action .output")).to_contain_text("Setting up tb-tool (1.1)")
    owner.picture("succeeded")
    assert owner.now().versions == {**before.versions, "tb-tool": "1.1", "tb-conf": "1.1"}


def what_changed_meanwhile_is_asked_again(owner: Owner) -> None:
    before = owner.now()
    owner.go("/packages")
    owner.follow("Apply All (3)")
    owner.queue()
    owner.care.archive.publish(*HERE)
    owner.care.archive.refresh(owner.care.device)
    owner.approve()
    expect(owner.page.get_by_role("alert")).to_contain_text("The plan changed since you looked.", timeout=LONG)
    expect(owner.page.locator(".changes li strong")).to_contain_text(["tb-epoch"])
    owner.picture("changed")
    owner.press("Reject")
    owner.status("Rejected")
    assert owner.now() == before


def security_alone(owner: Owner) -> None:
    before = owner.now()
    other = owner.page.context.new_page()
    other.goto(owner.origin + "/packages")
    owner.go("/packages")
    owner.follow("Apply Security (2)")
    owner.queue()
    expect(other.locator("#why-updates")).to_contain_text("Pending approval", timeout=LONG)
    expect(other.locator("#press-apt_upgrade_all")).to_be_disabled()
    owner.approve()
    owner.status("Succeeded")
    expect(owner.page.locator(".changes .badge")).to_have_text(["security", "security"])
    owner.picture("security")
    expect(other.locator("#press-apt_upgrade_security")).to_have_text("Apply Security (0)", timeout=LONG)
    other.close()
    # tb-lib has a fix in 1.1 and something newer, 1.2, that is no security update
    assert owner.now().versions == {**before.versions, "tb-ssl": "1.1", "tb-lib": "1.1"}


def a_broken_one_is_taken_back(owner: Owner) -> None:
    before = owner.now()
    owner.go("/packages")
    owner.page.get_by_label("tb-badpost").check()
    owner.press("Apply Selected (1)")
    owner.queue()
    owner.approve()
    owner.status("Failed")
    expect(owner.page.locator(".failure")).to_contain_text("post-installation script")
    expect(owner.page.locator(".lead")).to_contain_text("everything is as it was before")
    owner.picture("failed")
    assert owner.now() == before


def the_last_upgrade_is_taken_back_by_hand(owner: Owner) -> None:
    before = owner.now()
    owner.go("/components/system")
    owner.picture("system")
    owner.follow("Roll back the last update")
    owner.picture("plan-back")
    owner.press("Roll back now")
    expect(owner.page.locator("#live-run, #live-action")).to_have_attribute("data-open", "no", timeout=LONG)
    owner.picture("taken-back")
    assert owner.now().versions == {**before.versions, "tb-ssl": "1.0", "tb-lib": "1.0"}
    assert owner.now().auto == before.auto


def all_of_it_is_told(owner: Owner) -> None:
    owner.go("/actions")
    owner.picture("actions")
    told = owner.page.locator(".runs li")
    expect(told.filter(has_text="Failed")).to_have_count(1)
    expect(told.filter(has_text="Rejected")).to_have_count(1)
    expect(told.filter(has_text="Take packages back")).to_contain_text("2 packages were taken back")
    expect(owner.page.locator("details")).not_to_have_count(0)
    owner.go("/history")
    owner.picture("history")


CHAPTERS: tuple[Callable[[Owner], None], ...] = (
    first_visit,
    the_list_is_refreshed,
    two_are_chosen,
    what_changed_meanwhile_is_asked_again,
    security_alone,
    a_broken_one_is_taken_back,
    the_last_upgrade_is_taken_back_by_hand,
    all_of_it_is_told,
)
