"""What may be taken at night without a person."""

from datetime import UTC, datetime, time, timedelta

import pytest

from dunebugger_updater.model.settings import Component, Window
from dunebugger_updater.services.auto import Readiness, in_order, readiness

NOW = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
NIGHT = Window(tuple(range(7)), time(2), 120, "UTC")


def ask(policy: str = "auto", **changes: object) -> Readiness:
    component = Component(name="core", type="python_app", policy=policy)  # type: ignore[arg-type]  # a word of the table
    known: dict[str, object] = {
        "now": NOW, "old_enough_at": NOW, "windows": (NIGHT,), "zone": "UTC", "lasted": (),
    }  # fmt: skip
    return readiness(component, **{**known, **changes})  # type: ignore[arg-type]  # examples, spelled as keywords


def test_in_its_window_and_old_enough_it_is_taken() -> None:
    assert ask().now


@pytest.mark.parametrize("policy", ["ask", "never"])
def test_only_what_the_owner_allowed_is_taken(policy: str) -> None:
    assert not ask(policy).now
    assert ask(policy).again_at is None


def test_a_young_release_waits_until_it_is_old_enough() -> None:
    later = NOW + timedelta(hours=5)
    assert ask(old_enough_at=later) == Readiness(
        "core", now=False, reason="is too young until 2026-01-05 07:30 UTC", again_at=later
    )


def test_outside_its_window_it_says_when_the_next_one_is() -> None:
    found = ask(now=NOW + timedelta(hours=6), old_enough_at=NOW)
    assert not found.now
    assert found.again_at == datetime(2026, 1, 6, 2, tzinfo=UTC)
    assert "2026-01-06 02:00" in found.reason


def test_what_history_says_will_not_be_finished_is_not_begun() -> None:
    late = NOW + timedelta(minutes=65)  # 25 minutes are left
    assert ask(now=late, lasted=(60.0, 90.0)).now
    assert not ask(now=late, lasted=(60.0, 1200.0)).now
    assert "would not be finished" in ask(now=late, lasted=(1200.0,)).reason
    assert ask(now=late).now, "fifteen minutes, and ten for going back"
    assert not ask(now=late + timedelta(minutes=1)).now


def test_without_windows_any_time_is_right() -> None:
    assert ask(windows=(), now=NOW + timedelta(hours=9)).now


def test_what_another_one_needs_comes_first_and_a_circle_ends() -> None:
    needs = {"core": ["remote", "updater"], "remote": ["scheduler"], "scheduler": []}
    assert in_order(["core", "remote", "scheduler"], needs) == ["scheduler", "remote", "core"]
    assert in_order(["core"], needs) == ["core"]
    assert sorted(in_order(["a", "b"], {"a": ["b"], "b": ["a"]})) == ["a", "b"]
