"""The pages as a browser without any script gets them, through the real front door."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from doubles.fleet import FakeAccounts
from doubles.panel_fleet import CORE, LONG, PanelFleet, component
from doubles.panel_served import served
from doubles.panel_visitor import Balance, Visitor

from dunebugger_updater.model.access import Role, Who
from dunebugger_updater.model.wire import CancelRun, CheckNow, Declined, RollBack, SetMaintenance, Update

PAGES = (
    "/", "/components/core", "/components/scheduler", "/components/core/plan", "/runs/r06", "/runs/r07", "/runs/r09",
    "/runs/r03", "/history", "/history?component=core&outcome=bad", "/history?outcome=stuck", "/settings", "/runs/nope",
)  # fmt: skip


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async with served() as house, aiohttp.ClientSession() as client:
        yield Visitor(house, client)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_well_formed_and_takes_nothing_from_elsewhere(visitor: Visitor, path: str) -> None:
    page = await visitor.get(path)
    balance = Balance()
    balance.feed(page.text)
    assert (balance.wrong, balance.open) == ([], [])
    assert len(balance.ids) == len(set(balance.ids))
    assert page.text.count("<h1") == 1
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.req("DB-072")
async def test_the_overview_shows_every_component_with_its_state_in_words(visitor: Visitor) -> None:
    page = await visitor.get("/")
    for words in (
        "1.1.0 available",
        "Up to date, checked 2 h ago",
        "cannot reach api.github.com: name not resolved",
        "The show is running",
        "Install 0.3.0",
        "Nothing newer is on offer.",
        "4.2 GB free of 32 GB",
        "58°",
    ):
        assert words in page.words


async def test_no_name_breaks_out_of_the_page(visitor: Visitor) -> None:
    evil = '<script>alert("1")</script>"\'/?#%'
    visitor.house.fleet.shown = (component(evil, message="<b onclick=x>"), component(LONG))
    page = await visitor.get("/")
    assert "<script>alert" not in page.text
    balance = Balance()
    balance.feed(page.text)
    assert balance.wrong == []
    link = re.search(r'href="(/components/%3Cscript[^"]+)"', page.text)
    assert link is not None
    assert "&lt;script&gt;" in (await visitor.get(link[1])).text


async def test_a_component_shows_its_notes_without_running_them(visitor: Visitor) -> None:
    page = await visitor.get("/components/core")
    assert "<strong>engine</strong>" in page.text
    assert "&lt;script&gt;alert" in page.text
    assert "track.png" not in page.text
    assert "Not taken again: 1.0.9" in page.words


async def test_a_quarantine_is_told_once_on_its_components_page(visitor: Visitor) -> None:
    told = "up to date; 1.0.9 failed here or was taken back, and is only taken by name"
    visitor.house.fleet.shown = (component("core", message=told, quarantined=("1.0.9",)),)
    assert "1.0.9 failed here or was taken back" in (await visitor.get("/")).words
    page = await visitor.get("/components/core")
    assert page.words.count("is only taken by name") == 1
    assert "Up to date, checked 2 h ago" in page.words


async def test_what_is_not_taken_by_itself_says_why_on_its_card_and_its_page(visitor: Visitor) -> None:
    offer: dict[str, Any] = {"status": "update_available", "update_available": True, "latest": "1.4.0"}
    why = "waits for the window at 2026-11-28 02:00 UTC"
    visitor.house.fleet.shown = (
        component("core", policy="auto", waits=why, **offer),
        component("lamp", policy="auto", waits="was not updated by itself: no", untrusted="<b>forged</b>", **offer),
    )
    for address in ("/", "/components/core"):
        assert f"core {why}" in (await visitor.get(address)).words
    for address in ("/", "/components/lamp"):
        page = (await visitor.get(address)).text
        assert "1.4.0 is not trusted and was not taken." in page
        assert "&lt;b&gt;forged" in page
        assert "was not updated by itself" not in page
    card = re.search(r'<li class="card bad">(.*?)</li>', (await visitor.get("/")).text, re.DOTALL)
    assert card is not None
    assert ">lamp</a>" in card[1]
    assert "Not trusted" in card[1]
    assert "primary" not in card[1], "nobody should be invited"


async def test_a_version_can_be_taken_by_name_and_one_in_quarantine_is_warned_of_before_it_runs(
    visitor: Visitor,
) -> None:
    page = await visitor.get("/components/core")
    assert re.findall(
        r'<form class="row" method="get" action="([^"]+)">\s*<label>Version <input name="version"', page.text
    )
    assert re.findall(r'<option value="([^"]+)">', page.text) == ["1.1.0", "1.0.9"]
    assert "1.0.9, careful: it failed here" in page.words
    warned = "Careful: 1.0.9 failed here before or was taken back."
    assert warned in (await visitor.get("/components/core/plan?version=1.0.9")).words
    assert "Careful" not in (await visitor.get("/components/core/plan?version=1.0.8")).words


@pytest.mark.req("DB-033")
async def test_a_plan_shows_steps_sizes_downtime_and_the_way_back_before_anything_runs(visitor: Visitor) -> None:
    page = await visitor.get("/components/core/plan")
    for words in (
        "stop dunebugger.service", "18 MB", "Expected downtime 5 s", "Takes about 72 s",
        "1.0.0 is put back by itself", "From here on core is touched", "version is 1.1.0",
    ):  # fmt: skip
        assert words in page.words
    assert [request for _, request in visitor.house.fleet.asked] == [Update("core", dry_run=True)]


@pytest.mark.req("DB-072")
async def test_the_update_that_was_shown_is_the_one_that_begins_and_leads_to_its_run(visitor: Visitor) -> None:
    page = await visitor.send("/components/core/update", version="1.1.0")
    assert (page.status, page.headers["Location"]) == (303, "/runs/live-1")
    assert visitor.house.fleet.asked == [("owner", Update("core", version="1.1.0", by_owner=True))]
    assert [(entry.action, entry.detail) for entry in visitor.house.accounts.entries] == [("update", "core 1.1.0")]


async def test_an_open_run_is_live_without_a_script_too(visitor: Visitor) -> None:
    visitor.house.fleet.start()
    page = await visitor.get("/runs/live-1")
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in page.text
    assert "Step 4 of 8: build the virtual environment of 1.1.0" in page.words
    assert 'aria-current="step"' in page.text
    visitor.house.fleet.finish()
    page = await visitor.get("/runs/live-1")
    assert "http-equiv" not in page.text
    assert "core updated to 1.1.0 and healthy" in page.words


async def test_a_failed_run_tells_what_failed_what_was_done_and_what_to_do(visitor: Visitor) -> None:
    page = await visitor.get("/runs/r07")
    for words in (
        "What failed", "expected active for 10 s, got failed after 2.1 s", "ModuleNotFoundError",
        "8 steps were put back; 1.0.0 runs again.", "1.0.9 is not offered again by itself",
    ):  # fmt: skip
        assert words in page.words
    assert "systemctl start dunebugger.service" in (await visitor.get("/runs/r09")).words


async def test_history_can_be_filtered_by_component_and_outcome(visitor: Visitor) -> None:
    runs = re.compile(r'href="/runs/(r\d+)"')
    assert len(runs.findall((await visitor.get("/history")).text)) == 9
    assert runs.findall((await visitor.get("/history?component=core&outcome=bad")).text) == ["r07", "r03"]
    assert runs.findall((await visitor.get("/history?outcome=stuck")).text) == ["r09"]
    assert runs.findall((await visitor.get("/history?limit=2")).text) == ["r09", "r08"]
    assert "The newest 2 runs." in (await visitor.get("/history?limit=2")).words
    assert "All runs." in (await visitor.get("/history?limit=9")).words
    assert "All runs that fit." in (await visitor.get("/history?outcome=stuck")).words
    assert "No run fits these filters" in (await visitor.get("/history?component=nothing")).words
    assert (await visitor.get("/history?limit=-1&outcome=%00&component=%3Cx%3E")).status == 200


@pytest.mark.parametrize(
    ("path", "fields", "asked", "leads_to"),
    [
        ("/check", {}, CheckNow(force=True), "/?done=checked"),
        (
            "/components/scheduler/rollback",
            {"to": "1.9.3"},
            RollBack("scheduler", to="1.9.3", by_owner=True),
            "/runs/run-10",
        ),
        (
            "/settings/maintenance",
            {"on": "yes", "minutes": "30"},
            SetMaintenance(True, 30),
            "/settings?done=maintenance_on",
        ),
        ("/settings/maintenance", {"on": "yes", "minutes": "0"}, SetMaintenance(True), "/settings?done=maintenance_on"),
        ("/settings/maintenance", {"on": "no"}, SetMaintenance(False), "/settings?done=maintenance_off"),
    ],
)
async def test_a_form_asks_the_device_and_leads_on(
    visitor: Visitor, path: str, fields: dict[str, str], asked: object, leads_to: str
) -> None:
    visitor.house.fleet.stories = dict.fromkeys(
        (f"s{number}" for number in range(9)), next(iter(visitor.house.fleet.known.values()))
    )
    page = await visitor.send(path, **fields)
    assert (page.status, page.headers["Location"]) == (303, leads_to)
    assert visitor.house.fleet.asked == [("owner", asked)]


async def test_what_was_done_is_said_once_and_only_in_our_words(visitor: Visitor) -> None:
    assert "Maintenance mode is on." in (await visitor.get("/settings?done=maintenance_on")).words
    assert "pwned" not in (await visitor.get("/settings?done=pwned")).words


async def test_a_run_can_be_stopped_and_a_late_wish_is_declined_in_words(visitor: Visitor) -> None:
    visitor.house.fleet.answers = lambda request: (
        Declined("too_late", "too late: the update counts already") if isinstance(request, CancelRun) else None
    )
    page = await visitor.send("/runs/r06/cancel")
    assert page.status == 409
    assert "Too late: the update counts already" in page.words


async def test_a_component_can_be_held_and_let_go(visitor: Visitor) -> None:
    assert (await visitor.send("/components/core/hold", on="yes")).status == 303
    assert "This component is held" in (await visitor.get("/components/core")).words
    await visitor.send("/components/core/hold", on="no")
    assert visitor.house.held.names == set()
    assert (await visitor.send("/components/nothing/hold", on="yes")).status == 404


async def test_a_token_is_shown_once_and_can_be_revoked(visitor: Visitor) -> None:
    page = await visitor.send("/settings/tokens", name="the <kiosk>", role="viewer")
    assert "secret-of-t1" in page.words
    assert "the &lt;kiosk&gt;" in page.text
    again = await visitor.get("/settings")
    assert "secret-of-t1" not in again.text
    assert "the &lt;kiosk&gt;" in again.text
    assert (await visitor.send("/settings/tokens/t1/revoke")).headers["Location"] == "/settings?done=revoked"
    assert "No tokens yet." in (await visitor.get("/settings")).words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "", "role": "viewer"}, "A token needs a name."),
        ({"name": "x", "role": "king"}, "one of the roles viewer, operator and owner"),
        ({"name": "x"}, "one of the roles viewer, operator and owner"),
    ],
)
async def test_a_token_that_cannot_be_made_says_why(visitor: Visitor, fields: dict[str, str], words: str) -> None:
    page = await visitor.send("/settings/tokens", **fields)
    assert page.status == 400
    assert words in page.words
    assert visitor.house.accounts.views == {}


async def test_a_test_notification_is_sent_or_says_why_not(visitor: Visitor) -> None:
    assert (await visitor.send("/settings/notifications")).headers["Location"] == "/settings?done=tested"
    assert visitor.house.postman.sent == 1
    visitor.house.postman.problem = "cannot reach ntfy.example.org: no route to host"
    assert "no route to host" in (await visitor.send("/settings/notifications")).words


async def test_diagnostics_come_as_a_file(visitor: Visitor) -> None:
    page = await visitor.get("/settings/diagnostics")
    assert page.text == "token: (left out)\n"
    assert page.headers["Content-Disposition"].startswith('attachment; filename="dunebugger-updater-')


@pytest.mark.parametrize("path", ["/settings/maintenance", "/check", "/components/core/update", "/settings/tokens"])
async def test_a_form_from_elsewhere_or_out_of_date_does_nothing(visitor: Visitor, path: str) -> None:
    visitor.csrf = "old"
    page = await visitor.send(path, on="yes", name="x", role="owner")
    assert page.status == 403
    assert "load it again" in page.words
    assert visitor.house.fleet.asked == []


async def test_a_viewer_sees_everything_and_can_press_nothing(visitor: Visitor) -> None:
    visitor.house.accounts.sessions["session-1"] = Who("guest", Role.VIEWER, "csrf-1")
    page = await visitor.get("/")
    assert "You may look, but not update." in page.words
    assert "<form" not in page.text.replace('<form method="post" action="/logout">', "")
    assert "Only the owner may change this." in (await visitor.get("/settings")).words
    assert (await visitor.send("/components/core/update")).status == 403
    assert visitor.house.fleet.asked == []


async def test_a_stranger_is_led_to_the_door_and_from_there_in(visitor: Visitor) -> None:
    visitor.cookie = ""
    assert (await visitor.get("/")).headers["Location"] == "/login"
    assert "Password" in (await visitor.get("/login")).words
    wrong = await visitor.send("/login", password="guess")
    assert (wrong.status, "wrong password" in wrong.words) == (403, True)
    right = await visitor.send("/login", password="open sesame")
    assert right.headers["Location"] == "/"
    assert "dunebugger_session=" in right.headers["Set-Cookie"]
    assert "HttpOnly" in right.headers["Set-Cookie"]


async def test_who_guesses_too_often_is_told_to_wait(visitor: Visitor) -> None:
    visitor.house.accounts.wrong["127.0.0.1"] = 5
    page = await visitor.send("/login", password="open sesame")
    assert (page.status, page.headers["Retry-After"]) == (429, "901")
    assert "too many tries" in page.words


async def test_the_first_visit_sets_the_password_with_the_code() -> None:
    async with served(accounts=FakeAccounts(owned=False)) as house, aiohttp.ClientSession() as client:
        visitor = Visitor(house, client)
        visitor.cookie = ""
        assert (await visitor.get("/")).headers["Location"] == "/setup"
        assert (await visitor.get("/login")).headers["Location"] == "/setup"
        assert "one-time" not in (await visitor.get("/setup")).words
        differ = await visitor.send("/setup", code="1234-5678", password="open sesame", again="open")
        assert (differ.status, "The two passwords are not the same." in differ.words) == (400, True)
        wrong = await visitor.send("/setup", code="0", password="open sesame", again="open sesame")
        assert (wrong.status, "that is not the one-time code" in wrong.words) == (403, True)
        right = await visitor.send("/setup", code="1234-5678", password="open sesame", again="open sesame")
        assert right.headers["Location"] == "/"
        assert (await visitor.get("/setup")).headers["Location"] == "/login"


async def test_signing_out_ends_the_session(visitor: Visitor) -> None:
    assert (await visitor.send("/logout")).headers["Location"] == "/login"
    assert (await visitor.get("/")).headers["Location"] == "/login"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/components/nothing", "There is no component called nothing."),
        ("/components/nothing/plan", "There is no component called nothing."),
        ("/runs/nothing", "There is no run called nothing."),
        ("/nothing", "There is nothing at this address"),
    ],
)
async def test_what_is_not_there_is_a_page_with_a_sentence(visitor: Visitor, path: str, words: str) -> None:
    page = await visitor.get(path)
    assert (page.status, words in page.words) == (404, True)


async def test_a_plan_that_cannot_be_made_says_why(visitor: Visitor) -> None:
    page = await visitor.get("/components/scheduler/plan")
    assert page.status == 409
    assert "scheduler is up to date (2.0.0)" in page.words


async def test_whatever_is_missing_says_plainly_that_it_comes_later() -> None:
    fleet = PanelFleet(shown=(), health=None)
    async with served(fleet, bare=True) as house, aiohttp.ClientSession() as client:
        visitor = Visitor(house, client)
        assert (await visitor.get("/settings")).words.count("This comes with a later version.") == 3
        assert "No components yet" in (await visitor.get("/")).words
        assert "Nothing has happened yet" in (await visitor.get("/history")).words
        fleet.shown = (CORE,)
        assert "write policy = never" in (await visitor.get("/components/core")).words
        for path in ("/components/core/hold", "/settings/notifications"):
            assert (await visitor.send(path, on="yes")).status == 501
        assert (await visitor.get("/settings/diagnostics")).status == 501


async def test_static_files_are_asked_for_again_but_sent_once(visitor: Visitor) -> None:
    first = await visitor.get("/static/panel.js")
    assert first.headers["Content-Type"].startswith("text/javascript")
    again = await visitor.get("/static/panel.js", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    assert (await visitor.get("/static/../routes.py")).status == 404


async def test_a_device_that_is_offline_or_under_maintenance_says_so(visitor: Visitor) -> None:
    visitor.house.fleet.online = False
    visitor.house.fleet.maintenance = True
    page = await visitor.get("/")
    assert "This device is offline" in page.words
    assert "Maintenance mode is on" in page.words
    assert "Switch off" in (await visitor.get("/settings")).words


async def test_a_hub_serves_the_same_pages_with_the_device_before_every_address() -> None:
    async with served(prefix="/devices/{device}") as house, aiohttp.ClientSession() as client:
        visitor = Visitor(house, client)
        page = await visitor.get("/devices/local/")
        places = re.findall(r'(?:href|action)="(/[^"]*)"', page.text)
        common = ("/static/", "/logout")
        assert [place for place in places if not place.startswith(("/devices/local/", *common))] == []
        begun = await visitor.send("/devices/local/components/core/update", version="1.1.0")
        assert begun.headers["Location"] == "/devices/local/runs/live-1"
        assert (await visitor.get("/devices/local/runs/live-1")).status == 200
        assert "There is no such device." in (await visitor.get("/devices/other/")).words
