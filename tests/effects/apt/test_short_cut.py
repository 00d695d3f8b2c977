"""The short cut to apt's plan never says anything else than the whole way does."""

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from doubles.small_debian import NATIVE, SECURITY, STABLE, SmallDebian

from dunebugger_updater.effects import apt_small
from dunebugger_updater.effects.apt_asking import Asking
from dunebugger_updater.effects.apt_packages import AptPackages
from dunebugger_updater.effects.apt_small import Short
from dunebugger_updater.model.packages import Inventory

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="only where apt is")


async def both_ways(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, Inventory, Inventory]:
    """Whether the short cut was taken, what came of it, and what the whole way says."""
    taken: list[bool] = []
    real = apt_small.plan

    async def noted(asking: Asking, shown: str, wanted: frozenset[str], installed: Mapping[str, str]) -> Short:
        told = await real(asking, shown, wanted, installed)
        taken.append(told.planned is not None)
        return told

    async def never(*words: object) -> Short:
        return Short()

    monkeypatch.setattr(apt_small, "plan", noted)
    short = await AptPackages(root).inventory()
    monkeypatch.setattr(apt_small, "plan", never)
    return taken == [True], short, await AptPackages(root).inventory()


async def test_versions_that_fit_together_take_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = SmallDebian(tmp_path)
    made.has("tb-lib", Recommends="tb-doc (>= 1), tb-more")
    made.has("tb-app", Depends="tb-lib (= 1.0)")
    made.has(f"tb-arch:{NATIVE}", Multi_Arch="same")
    made.has("tb-held", status="hold ok installed")
    made.offers(STABLE, "tb-lib", "1.0", Recommends="tb-doc (>= 1), tb-more")  # the installed one is still there
    made.offers(STABLE, "tb-lib", "1.1", Recommends="tb-doc (>= 2), tb-more")
    made.offers(SECURITY, "tb-app", "1.1", Depends="tb-lib (= 1.1)")
    made.offers(STABLE, f"tb-arch:{NATIVE}", "1.1", Multi_Arch="same")
    made.offers(STABLE, "tb-held", "1.1")
    taken, short, long = await both_ways(made.write(), monkeypatch)
    assert taken
    assert short == long
    assert {each.name for each in short.ready} == {"tb-lib", "tb-app", "tb-arch"}


@pytest.mark.parametrize(
    "fields",
    [
        {"Depends": "tb-new"},
        {"Recommends": "tb-new"},
        {"Depends": "tb-nowhere"},
        {"Conflicts": "tb-other"},
        {"Breaks": "tb-other (<< 2)"},
        {"Depends": "tb-held (>= 1.1)"},
        {"Phased_Update_Percentage": "0"},
    ],
)
async def test_what_brings_others_or_does_not_fit_goes_the_whole_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    made = SmallDebian(tmp_path)
    made.has("tb-app")
    made.has("tb-other")
    made.has("tb-held", status="hold ok installed")
    made.offers(STABLE, "tb-app", "1.1", **fields)
    made.offers(STABLE, "tb-new", "1.0")
    made.offers(STABLE, "tb-held", "1.1")
    taken, short, long = await both_ways(made.write(), monkeypatch)
    assert not taken
    assert short == long


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
async def test_made_up_archives_have_the_same_answer_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    names = [f"tb-{number:02}" for number in range(14)]
    made = SmallDebian(tmp_path)
    for number, name in enumerate(names[:10]):
        needs = ", ".join(f"{each} (>= 1.0)" for each in names[:number] if chance.random() < 0.2)
        held = chance.random() < 0.1
        made.has(name, status=f"{'hold' if held else 'install'} ok installed", **({"Depends": needs} if needs else {}))
    for number, name in enumerate(names):
        if chance.random() < 0.3 and number < 10:
            continue
        fields = {}
        for field, likely in (("Depends", 0.12), ("Breaks", 0.02), ("Recommends", 0.03), ("Conflicts", 0.01)):
            told = [
                f"{each} ({'<< 1.1' if field == 'Breaks' else '>= 1.' + str(chance.randrange(2))})"
                for each in names
                if each != name and chance.random() < likely / 2
            ]
            if told:
                fields[field] = ", ".join(told)
        made.offers(chance.choice((STABLE, SECURITY)), name, "1.1", **fields)
    _, short, long = await both_ways(made.write(), monkeypatch)
    assert short == long
