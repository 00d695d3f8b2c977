"""The command line over a whole story: a sick release, a good one, back again; and a run that needs a person."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stories.real_app import CHECKOUT, RealDevice
from stories.tiny import Said, configuration, say, tiny_device

from dunebugger_updater.effects.clock import SystemClock
from dunebugger_updater.effects.journal import RunDirectory
from dunebugger_updater.events import Answered, AnyEvent, Began, Opened, Restarted, TurnedBack
from dunebugger_updater.plan import Plan
from dunebugger_updater.steps import PointLink, RemovePath


class Story:
    """What was said, in the order in which it was asked."""

    def __init__(self, device: RealDevice) -> None:
        def update() -> Said:
            return Said(*device.call("update", "core", "--yes", "--json"))

        self.device = device
        self.sick, self.good, self.nothing = update(), update(), update()
        self.running = device.running["version"]
        self.doctor = self.ask("doctor", "--json")
        self.back = self.unwatched("rollback", "core", "--yes", "--json")

    def ask(self, *words: str) -> Said:
        return say(*words, "--config", self.device.conf)

    def unwatched(self, *words: str) -> Said:
        """Nobody reads its standard error."""
        argv = [sys.executable, "-m", "dunebugger_updater", *words, "--config", str(self.device.conf)]
        with subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stderr is not None
            program.stderr.close()
            out = program.stdout.read()
        return Said(program.returncode, out, "")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with tiny_device(tmp_path_factory.mktemp("tiny")) as device:
        yield Story(device)


@pytest.mark.req("DB-013")
@pytest.mark.req("DB-035")
def test_a_sick_release_ends_with_4_and_says_that_the_old_one_is_back(story: Story) -> None:
    told = story.sick.document
    assert story.sick.code == 4
    assert (told["component"], told["success"], told["outcome"]) == ("core", False, "rolled_back")
    assert (told["from"], told["to"], told["dry_run"]) == ("1.0.0", "1.2.0", False)
    assert "the sound card does not answer" in told["message"]
    assert told["evidence"]


@pytest.mark.req("DB-035")
def test_a_good_release_ends_with_0_and_tells_run_steps_and_downtime(story: Story) -> None:
    told = story.good.document
    assert story.good.code == 0
    assert (told["success"], told["outcome"], told["to"]) == (True, "updated", "1.1.0")
    assert told["run"].endswith("-core")
    assert [step["state"] for step in told["steps"]] == ["done"] * len(told["steps"])
    assert 0 < told["downtime_seconds"] < told["seconds"]
    assert story.running == "1.1.0"


def test_the_release_that_failed_is_not_tried_again_and_that_is_no_failure(story: Story) -> None:
    assert story.nothing.code == 0
    assert story.nothing.document["outcome"] == "nothing_to_do"
    assert "1.2.0" in story.nothing.document["message"]


@pytest.mark.req("DB-098")
def test_a_rollback_by_hand_is_done_and_ends_with_0_also_when_nobody_watches_any_more(story: Story) -> None:
    told = story.back.document
    assert story.back.code == 0
    assert (told["success"], told["outcome"]) == (True, "rolled_back")
    assert story.device.running["version"] == "1.0.0"


def test_history_is_newest_first_and_can_be_read_by_people_too(story: Story) -> None:
    told: list[dict[str, Any]] = story.ask("history", "core", "--json").document
    assert [(each["verb"], each["outcome"]) for each in told] == [
        ("rollback", "rolled_back"),
        ("update", "updated"),
        ("update", "rolled_back"),
    ]
    rows = story.ask("history").out.splitlines()
    assert rows[0].split()[0] == "RUN"
    assert [row.split()[0] for row in rows[1:]] == [each["run"] for each in told]


def test_a_run_is_shown_event_by_event(story: Story) -> None:
    run = story.sick.document["run"]
    said = story.ask("show", run, "--json")
    told = said.document
    assert said.code == 0
    assert told["run"] == run
    kinds = [each["event"]["event"] for each in told["events"]]
    assert (kinds[0], kinds[-1]) == ("opened", "closed")
    assert "turned_back" in kinds
    assert [each["n"] for each in told["events"]] == list(range(len(kinds)))
    words = story.ask("show", run)
    assert words.code == 0
    assert "going back" in words.out


def test_on_standard_error_an_update_tells_its_progress_as_lines_of_json(story: Story) -> None:
    lines = [line for line in story.good.err.splitlines() if line]
    assert lines
    assert all(line.startswith("{") and line.endswith("}") for line in lines)


@pytest.mark.req("DB-112")
def test_after_a_sick_release_the_doctor_says_why_it_is_not_offered_and_finds_the_device_well(story: Story) -> None:
    assert story.doctor.code == 0
    told = story.doctor.document
    assert told["healthy"] is True
    found = {each["id"]: each for each in told["findings"]}
    assert "the sound card does not answer" in found["core.quarantined.1.2.0"]["sentence"]
    assert found["core.service"]["severity"] == "fine"
    assert found["core.health"]["severity"] == "fine"
    assert found["core.environment"]["severity"] == "fine"
    assert "1.1.0" in found["core.version"]["sentence"]
    assert "core.recovery" not in found
    assert "core.leftovers" not in found


async def _leave(directory: Path, *events: AnyEvent) -> str:
    run, journal = RunDirectory(directory, SystemClock()).create("core")
    await journal.write(events[0] if not isinstance(events[0], Opened) else Opened(run, events[0].plan))
    for event in events[1:]:
        await journal.write(event)
    journal.close()
    return run


@pytest.mark.req("DB-111")
def test_a_run_that_is_interrupted_again_and_again_on_its_way_back_ends_with_5_and_names_the_commands(
    tmp_path: Path,
) -> None:
    conf = configuration(tmp_path)
    link, old, new = tmp_path / "core", tmp_path / "core.releases/1.0.0", tmp_path / "core.releases/1.1.0"
    plan = Plan("core", "update", "1.0.0", "1.1.0", steps=(PointLink(link, new), RemovePath(new)))
    began = Began(0, (PointLink(link, old),))
    asked = (Answered("health", ()), Answered("before", ()))
    cuts = [Restarted()] * 4
    asyncio.run(_leave(tmp_path / "state/runs", Opened("", plan), *asked, began, TurnedBack("no power"), *cuts))

    before = say("doctor", "--json", "--config", conf)
    recovered = say("recover", "--json", "--config", conf)
    after = say("doctor", "--json", "--config", conf)

    unfinished = {each["id"]: each for each in before.document["findings"]}["core.unfinished"]
    assert "dunebugger-updater recover" in unfinished["commands"]
    assert recovered.code == 5
    assert recovered.document[0]["outcome"] == "stuck"
    by_hand = f"ln -sfn {old} {link}"
    assert any(by_hand in command for command in recovered.document[0]["commands"])
    found = {each["id"]: each for each in after.document["findings"]}
    assert after.code == 1
    assert found["core.stuck"]["severity"] == "problem"
    assert any(by_hand in command for command in found["core.stuck"]["commands"])
    assert found["core.recovery"]["commands"]
