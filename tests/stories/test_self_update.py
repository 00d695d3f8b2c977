"""The updater updates itself on this machine, by the real launcher; this test starts it again as systemd would."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from device.bed.here import Here
from device.bed.selves import REPOSITORY, Spoil, Versions, mood, versions
from device.bed.shop import Shop, opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LIMIT = 280


@pytest.fixture(scope="module")
def published() -> Iterator[Versions]:
    with versions(python=sys.executable) as made:
        yield made


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as made:
        yield made


def updated(here: Here, published: Versions, shop: Shop, spoil: Spoil | None = None) -> list[dict[str, object]]:
    """Update to 1.1.0, and answer what the run told; somebody has to start the launcher again all the time."""
    shop.offer(REPOSITORY, {"v1.1.0": published.release("1.1.0", spoil)})
    here.run_on(lambda: here.version == "1.0.0", LIMIT)
    here.update()
    here.run_on(lambda: bool(here.told()) and here.told()[-1]["event"] == "closed", LIMIT)
    here.run_on(lambda: here.version is not None, LIMIT)
    return here.told()


@pytest.fixture
def here(tmp_path: Path, published: Versions, shop: Shop) -> Iterator[Here]:
    made = Here(tmp_path / "here", published.folder("1.0.0"), shop)
    yield made
    made.end()


@pytest.mark.req("RM-060")
def test_a_new_version_goes_on_with_the_run_that_the_old_one_began(here: Here, published: Versions, shop: Shop) -> None:
    told = updated(here, published, shop)
    assert told[-1]["outcome"] == "updated", told[-1]
    assert [each["event"] for each in told].count("restarted") == 1
    assert (here.version, here.slot.name[:6]) == ("1.1.0", "1.1.0-")
    assert not (here.home / "trial").exists()


@pytest.mark.parametrize(
    ("script", "reason", "blame"),
    [
        ("exit 3", "1.1.0 did not stay up", True),
        ("(sleep 7; kill -KILL $$) &", "1.1.0 did not stay up", True),
    ],
    ids=["never starts", "ends in its trial"],
)
def test_a_version_that_does_not_stay_up_is_taken_back_and_the_old_one_tells_why(
    here: Here, published: Versions, shop: Shop, script: str, reason: str, blame: bool
) -> None:
    told = updated(here, published, shop, mood(script))
    turned = next(each for each in told if each["event"] == "turned_back")
    assert (told[-1]["outcome"], turned["blame"]) == ("rolled_back", blame), told[-1]
    assert reason in str(turned["reason"])
    assert here.version == "1.0.0"
    assert sorted(each.name for each in here.home.iterdir()) == ["slots"]
