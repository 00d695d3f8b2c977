"""What is remembered is never told about another state, nor is a failure."""

import shutil
from pathlib import Path

import pytest
from doubles.small_debian import STABLE, SmallDebian

from dunebugger_updater.effects.apt_asking import Asking
from dunebugger_updater.effects.apt_memo import Remembered
from dunebugger_updater.effects.apt_packages import AptPackages
from dunebugger_updater.ports import EffectError


async def test_an_answer_that_came_after_a_change_is_not_of_the_new_state() -> None:
    memo: Remembered[str] = Remembered()

    async def new() -> str:
        return "new"

    async def old() -> str:
        assert await memo.answer(2, "x", new) == "new"  # the state changes while this one is asked
        return "old"

    assert await memo.answer(1, "x", old) == "old"
    assert await memo.answer(2, "x", old) == "new"


async def test_what_failed_or_is_not_to_be_kept_is_asked_again() -> None:
    memo: Remembered[int] = Remembered()
    asked: list[int] = []

    async def fail() -> int:
        raise EffectError("cannot")

    async def count() -> int:
        asked.append(1)
        return len(asked)

    with pytest.raises(EffectError):
        await memo.answer(1, "x", fail)
    assert [await memo.answer(1, "x", count, keep=lambda told: told > 1) for _ in range(3)] == [1, 2, 2]


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="only where apt is")
async def test_a_second_plan_of_the_same_state_asks_apt_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SmallDebian(tmp_path)
    made.has("tb-app")
    made.offers(STABLE, "tb-app", "1.1")
    packages = AptPackages(made.write())
    first = await packages.simulate({"tb-app": "1.1"})
    with monkeypatch.context() as without:
        without.setattr(Asking, "plan", None)
        assert await packages.simulate({"tb-app": "1.1"}) == first
    made.offers(STABLE, "tb-lib", "1.0")
    made.has("tb-other")
    made.offers(STABLE, "tb-app", "1.2", Depends="tb-lib")
    made.write()
    assert {each.name for each in await packages.simulate({"tb-app": "1.2"})} == {"tb-app", "tb-lib"}
    made.has("tb-more", Depends="tb-app (<< 1.1)")
    made.write()
    assert await packages.simulate({"tb-app": "1.1"}) != first
