"""What the pages show, decided without a page."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from doubles.panel_fleet import CORE, EVERY, NOW, PanelFleet, component, failed, good, half_way, plan, refused
from msgspec.structs import replace

from dunebugger_updater.model.access import Role
from dunebugger_updater.model.settings import Window
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.model.wire import DeviceHealth, DeviceView
from dunebugger_updater.run import Restarted, TurnedBack
from dunebugger_updater.services import history
from dunebugger_updater.steps import BuildVenv, PointLink
from dunebugger_updater.story import Story, Told
from panel import charts, present, present_log, present_runs, spans
from panel.places import Places
from panel.words import ENGLISH

PLACES = Places()


def device(*components: ComponentView, **more: object) -> DeviceView:
    usual: dict[str, object] = {"id": "local", "name": "dune", "online": True, "version": "1", "components": components}
    return DeviceView(**(usual | more))  # type: ignore[arg-type]  # examples override any field


def card(view: ComponentView, role: Role = Role.OWNER, **more: object) -> present.Card:
    return present.card(view, device(view, **more), role, PLACES, ENGLISH)


@pytest.mark.req("DB-072")
def test_a_component_with_an_update_leads_to_its_plan() -> None:
    shown = card(CORE)
    assert (shown.button.label, shown.button.link) == ("Update to 1.1.0", "/components/core/plan")
    assert (shown.tone, shown.word, shown.sentence) == ("news", "Update available", "1.1.0 available")


def test_up_to_date_says_when_that_was_found_out_and_why_there_is_nothing_to_press() -> None:
    shown = card(component("core"))
    assert (shown.sentence, shown.checked) == ("Up to date, checked", NOW - timedelta(hours=2))
    assert (shown.button.reason, shown.button.link, shown.button.post) == ("Nothing newer is on offer.", "", "")


def test_unknown_says_since_when_and_why_and_offers_to_ask_again() -> None:
    shown = card(EVERY[2])
    assert (shown.sentence, shown.because) == ("Unknown since", "cannot reach api.github.com: name not resolved")
    assert shown.since == EVERY[2].problem_since
    assert (shown.button.label, shown.button.post) == ("Check again", "/check")


@pytest.mark.req("RM-113")
@pytest.mark.parametrize(
    ("role", "more", "reason"),
    [
        (Role.VIEWER, {}, "You may look, but not update."),
        (Role.OWNER, {"online": False}, "The device is offline."),
        (
            Role.OWNER,
            {"running": (history.view(half_way("r", 2, plan("2.0.0", "1.9.0", "scheduler"), NOW)),)},
            "Waits: scheduler is being updated.",
        ),
    ],
)
def test_a_button_that_cannot_be_pressed_says_why(role: Role, more: dict[str, object], reason: str) -> None:
    shown = card(CORE, role, **more)
    assert (shown.button.reason, shown.button.link) == (reason, "")


def test_a_busy_component_says_what_keeps_it_busy() -> None:
    assert card(EVERY[3]).button.reason == "The show is running"


def test_a_component_that_is_being_updated_leads_to_its_run() -> None:
    shown = card(CORE, running=(history.view(half_way("live", 2, plan("1.1.0", "1.0.0"), NOW)),))
    assert (shown.button.label, shown.button.link, shown.tone) == ("Show progress", "/runs/live", "busy")


def test_what_matters_stands_first() -> None:
    shown = present.cards(device(*EVERY), Role.OWNER, PLACES, ENGLISH)
    assert [each.view.name for each in shown] == ["show", "core", "remote", "sounds", "lights", "scheduler"]


@pytest.mark.parametrize(
    ("components", "sentences"),
    [
        (EVERY, ("2 updates available", "2 components unknown")),
        ((CORE,), ("1 update available",)),
        ((component("core"),), ("Everything is up to date",)),
        ((), ("No components yet",)),
    ],
)
def test_the_overview_in_one_line(components: tuple[ComponentView, ...], sentences: tuple[str, ...]) -> None:
    assert present.summary(device(*components), ENGLISH).sentences == sentences


@pytest.mark.parametrize(("free", "tone"), [(50, "good"), (15, "unsure"), (3, "bad")])
def test_a_disk_is_shown_by_how_full_it_is(free: int, tone: str) -> None:
    seen = DeviceHealth(disk_total=100, disk_free=free, memory_total=100, memory_available=90)
    disk, memory, warmth, clock = present.health(seen, ENGLISH)
    assert (disk.tone, disk.share) == (tone, 100 - free)
    assert (memory.tone, warmth.detail, clock.tone) == ("good", "nothing measures it", "good")


def test_a_wrong_clock_says_why_and_a_hot_processor_what_follows() -> None:
    seen = DeviceHealth(
        disk_total=0, disk_free=0, memory_total=0, memory_available=0, temperature=83.0, clock="it is 1970"
    )
    disk, _, warmth, clock = present.health(seen, ENGLISH)
    assert (disk.share, warmth.tone, clock.detail, clock.tone) == (0.0, "bad", "it is 1970", "bad")


def test_what_is_usual_comes_from_runs_that_went_well() -> None:
    past = [history.view(story) for story in PanelFleet().with_past().known.values()]
    core = [run for run in past if run.component == "core"]
    assert present.expected(core, "update", ENGLISH) == present.Expected("72 s", "5 s")
    assert present.expected([], "update", ENGLISH) == present.Expected(None, None)


def test_going_back_is_possible_after_a_run_that_changed_something() -> None:
    runs = [history.view(good("a", NOW, plan("1.0.0", "0.9.0"))), history.view(good("b", NOW, plan("0.9.0", "0.8.0")))]
    assert present.can_go_back(runs)
    assert not present.can_go_back([history.view(refused("c", NOW, plan("1.1.0", "1.0.0")))])


def test_steps_of_an_open_run_show_what_is_done_and_what_is_usual() -> None:
    story = half_way("live", 3, plan("1.1.0", "1.0.0"), NOW)
    usual = present_runs.usual_times([good("a", NOW, plan("1.0.0", "0.9.0"))])
    rows = present_runs.rows(story, usual, ENGLISH)
    assert [row.state for row in rows] == ["done"] * 3 + ["begun"] + ["planned"] * 4
    assert (rows[3].usual, rows[0].took, rows[3].since is not None) == ("usually 42 s", "8 s", True)
    assert present_runs.phase(story, ENGLISH) == "Step 4 of 8: build the virtual environment of 1.1.0"
    assert present_runs.share_done(rows) == pytest.approx(15 / 61.6, abs=0.01)


def test_a_failed_run_says_what_failed_what_was_done_and_what_to_do() -> None:
    story = failed("r", NOW, plan("1.0.9", "1.0.0"))
    told = present_runs.failure(story, ENGLISH)
    assert told is not None
    assert told.what.startswith("dunebugger.service does not stay up: expected active")
    assert told.evidence[-1].endswith("status=1/FAILURE")
    assert told.done == "8 steps were put back; 1.0.0 runs again."
    assert "1.0.9 is not offered again" in told.you
    assert [row.state for row in present_runs.rows(story, {}, ENGLISH)] == ["undone"] * 7 + ["failed"]


def test_a_stuck_run_gives_the_commands_in_their_order() -> None:
    told = present_runs.failure(failed("r", NOW, plan("1.0.9", "1.0.0"), stuck=True), ENGLISH)
    assert told is not None
    assert told.commands == ("systemctl start dunebugger.service", "dunebugger-updater doctor")
    assert not told.again


def test_a_refused_run_can_be_tried_again_and_a_good_one_has_no_failure() -> None:
    told = present_runs.failure(refused("r", NOW, plan("1.1.0", "1.0.0")), ENGLISH)
    assert told is not None
    assert (told.done, told.again) == ("Nothing was changed.", True)
    assert present_runs.failure(good("r", NOW, plan("1.1.0", "1.0.0")), ENGLISH) is None
    assert present_runs.failure(good("r", NOW, plan("1.0.0", "1.1.0", verb="rollback")), ENGLISH) is None


def test_every_event_is_told_as_a_line() -> None:
    for story in PanelFleet().with_past().known.values():
        assert len(present_log.log(story, ENGLISH)) >= len(story.told)


def test_a_restart_is_told_and_spoils_no_duration() -> None:
    whole = good("r", NOW, plan("1.1.0", "1.0.0"))
    cut = [*whole.told[:4], Told(4, NOW, 3.0, Restarted()), *whole.told[4:]]
    story = Story("r", tuple(replace(each, n=number) for number, each in enumerate(cut)))
    assert "found unfinished after a restart; going on" in [line.text for line in present_log.log(story, ENGLISH)]
    assert present_runs.rows(story, {}, ENGLISH)[0].took is None


def test_durations_are_drawn_from_older_to_newer_within_the_drawing() -> None:
    runs = [history.view(story) for story in PanelFleet().with_past().known.values()][::-1]
    drawn = present_runs.durations(runs, ENGLISH)
    assert drawn is not None
    assert drawn.bars[0].title == "Update of core to 0.7.0: 87 s, Updated"
    assert all(0 <= bar.y <= charts.HEIGHT and bar.x + bar.width <= charts.WIDTH for bar in drawn.bars)
    assert present_runs.durations(runs[:1], ENGLISH) is None


def test_hundreds_of_runs_still_fit_the_drawing() -> None:
    drawn = charts.bars([(float(number), "good", "") for number in range(500)])
    assert drawn is not None
    assert len(drawn.bars) == 48
    assert drawn.bars[-1].x + drawn.bars[-1].width <= charts.WIDTH


def test_runs_are_grouped_by_month() -> None:
    runs = [history.view(story) for story in PanelFleet().with_past().known.values()][::-1]
    groups = present_runs.months(runs)
    assert [run for _, those in groups for run in those] == runs
    assert len({(run.started_at or NOW).month for run in runs}) == len(groups)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "under 0.1 s"),
        (0.06, "0.1 s"),
        (3.24, "3.2 s"),
        (5, "5 s"),
        (72, "72 s"),
        (300, "5 min"),
        (7200, "2 h"),
        (90_000, "25 h"),
        (200_000, "2 days"),
    ],
)
def test_spans_have_the_precision_that_matters(seconds: float, words: str) -> None:
    assert spans.span(seconds, ENGLISH) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cannot reach `github`: try `ping`", "Cannot reach github: try ping"),
        ("core is busy", "core is busy"),
        ("dunebugger.service failed", "dunebugger.service failed"),
        ("1.1.0 available", "1.1.0 available"),
        ("/opt/core is gone", "/opt/core is gone"),
        ("unknown: no network", "Unknown: no network"),
        ("", ""),
    ],
)
def test_a_sentence_has_a_capital_unless_it_begins_with_a_name(text: str, words: str) -> None:
    assert spans.sentence(text, "core") == words


def test_a_rollback_was_well_before_the_rollback_and_not_before_an_update() -> None:
    known = PanelFleet().with_past().known
    said = {name: [line.text for line in present_log.log(known[name], ENGLISH)] for name in ("r06", "r08")}
    assert ("well before the update" in said["r06"], "well before the update" in said["r08"]) == (True, False)
    assert "well before the rollback" in said["r08"]


def test_of_a_long_log_the_newest_lines_are_shown() -> None:
    story = PanelFleet().with_past().known["r07"]
    lines = tuple(f"line {number}" for number in range(40))
    told = [
        replace(each, event=replace(each.event, evidence=lines)) if isinstance(each.event, TurnedBack) else each
        for each in story.told
    ]
    shown = present_runs.failure(Story("r07", tuple(told)), ENGLISH)
    assert shown is not None
    assert shown.evidence == lines[-12:]


def test_a_second_release_of_the_same_version_is_told_by_its_version() -> None:
    again = Path("/opt/dunebugger/core.releases/1.1.0~2")
    told = [BuildVenv(again).title, PointLink(Path("/opt/core"), again).title]
    assert told == ["build the virtual environment of 1.1.0", "point /opt/core to 1.1.0"]


def test_moments_are_told_from_now() -> None:
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    told = [
        spans.relative(now + timedelta(seconds=offset), now, ENGLISH) for offset in (-3, -7200, 18_000, -90 * 86_400)
    ]
    assert told == ["just now", "2 h ago", "in 5 h", "2026-08-22"]
    assert spans.weekday(now - timedelta(days=3), now) == "Tuesday"
    assert spans.weekday(now - timedelta(days=30), now) == "2026-10-21"
    assert spans.weekday(now - timedelta(hours=3), now) == "09:00 UTC"


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "unknown size"), (0, "0 B"), (999, "999 B"), (4_200_000_000, "4.2 GB"), (18_400_000, "18 MB")],
)
def test_sizes_are_told_as_disks_are_sold(count: int | None, words: str) -> None:
    assert spans.size(count, ENGLISH) == words


def test_windows_are_told_in_words() -> None:
    assert spans.window(Window((5, 6), time(4, 30), 45), ENGLISH) == "Sat, Sun from 04:30 for 45 min"
    every = Window((0, 1, 2, 3, 4, 5, 6), time(2), 120, "Europe/Rome")
    assert spans.window(every, ENGLISH) == "every day from 02:00 for 2 h (Europe/Rome)"


def test_addresses_hold_any_name_and_a_hub_puts_the_device_before_them() -> None:
    assert Places().component("a/b ?#é") == "/components/a%2Fb%20%3F%23%C3%A9"
    assert Places("/devices/d1").cancel("r1") == "/devices/d1/runs/r1/cancel"
    assert Places().plan_back("core", "1.0+x&y") == "/components/core/plan?verb=rollback&to=1.0%2Bx%26y"
