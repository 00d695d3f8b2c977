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
from dunebugger_updater.ports import EffectError

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="only where apt is")


async def both_ways(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, Inventory, Inventory]:
    """Whether the short cut was taken, what came of it, and what the whole way says."""
    taken: list[bool] = []
    real = apt_small.plan

    async def noted(asking: Asking, shown: str, wanted: Mapping[str, str], installed: Mapping[str, str]) -> Short:
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


CERTAIN = (
    {"Depends": "tb-new"},
    {"Depends": "tb-new:any"},
    {"Depends": "tb-more"},
    {"Recommends": "tb-new"},
    {"Recommends": "tb-more"},
    {"Recommends": "tb-nowhere"},
    {"Depends": "tb-nowhere"},
    {"Depends": "tb-new (>= 2)"},
    {"Pre-Depends": "tb-new, tb-other (>= 2)"},
    {"Conflicts": "tb-other"},
    {"Conflicts": "tb-wanted"},
    {"Conflicts": "tb-wanted-or-more"},
    {"Breaks": "tb-other (<< 2)"},
    {"Depends": "tb-held (>= 1.1)"},
    {"Depends": "tb-with-app (>= 1.1)"},
    {"Phased_Update_Percentage": "0"},
)
CHOSEN = (
    {"Depends": "tb-virtual"},
    {"Depends": "tb-nowhere | tb-virtual (= 3)"},
    {"Depends": "tb-against"},
    {"Depends": "tb-new", "Conflicts": "tb-more"},
)
"""Where apt has to choose, or to weigh a newcomer against another."""


@pytest.mark.parametrize("fields", [*CERTAIN, *CHOSEN])
async def test_what_brings_others_or_does_not_fit_has_the_same_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    made = kept_back_or_not(tmp_path, fields)
    taken, short, long = await both_ways(made.write(), monkeypatch)
    assert short == long
    assert taken == (fields in CERTAIN)


def kept_back_or_not(root: Path, fields: dict[str, str]) -> SmallDebian:
    made = SmallDebian(root)
    for name in ("tb-app", "tb-other", "tb-wanted", "tb-wanted-or-more", "tb-with-app"):
        made.has(name, **{"Recommends": "tb-nowhere"} if name == "tb-app" else {})
    made.has("tb-wants", Depends="tb-wanted, tb-wanted-or-more | tb-more")
    made.has("tb-held", status="hold ok installed")
    made.offers(STABLE, "tb-app", "1.1", **fields)
    made.offers(STABLE, "tb-with-app", "1.1", Breaks="tb-app (<< 1.1)")
    made.offers(STABLE, "tb-new", "1.0", Recommends="tb-more", Multi_Arch="allowed")
    made.offers(STABLE, "tb-more", "1.0", Depends="tb-new")
    made.offers(STABLE, "tb-gives", "1.0", Provides="tb-virtual", Depends="tb-more")
    made.offers(SECURITY, "tb-gives-too", "1.0", Provides="tb-virtual (= 3)")
    made.offers(STABLE, "tb-against", "1.0", Conflicts="tb-wanted-or-more")
    made.offers(STABLE, "tb-held", "1.1")
    return made


async def test_two_architectures_and_too_many_that_could_come_go_the_whole_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = kept_back_or_not(tmp_path / "two", {"Depends": "tb-new, tb-nowhere"})
    made.foreign("armhf")
    taken, short, long = await both_ways(made.write(), monkeypatch)
    assert (taken, short) == (False, long)
    many = [f"tb-many-{number}" for number in range(200)]
    made = kept_back_or_not(tmp_path / "many", {"Depends": ", ".join([*many, "tb-nowhere"])})
    for name in many:
        made.offers(STABLE, name, "1.0")
    taken, short, long = await both_ways(made.write(), monkeypatch)
    assert (taken, short) == (False, long)
    assert [each.kept_back for each in short.packages if each.name == "tb-app"] == [
        "it depends on tb-nowhere, which is not installable"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
async def test_made_up_archives_have_the_same_answer_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    _, short, long = await both_ways(made_up(tmp_path, random.Random(seed)).write(), monkeypatch)
    assert short == long


@pytest.mark.parametrize("seed", range(12))
async def test_exact_versions_have_the_same_plan_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    root = made_up(tmp_path, chance).write()
    here = await AptPackages(root).installed()
    pending = {each.name: each.candidate for each in (await AptPackages(root).inventory()).packages}
    some = {name: pending[name] for name in sorted(pending) if name in here and chance.random() < 0.7}
    for wanted in (pending, some, dict(list(some.items())[:1])):
        short = await planned(root, wanted)
        with monkeypatch.context() as patched:
            patched.setattr(apt_small, "exact", nothing)
            assert short == await planned(root, wanted)


async def nothing(*_: object) -> None:
    """Stand for a short cut that is never taken."""


async def planned(root: Path, wanted: Mapping[str, str]) -> object:
    try:
        return await AptPackages(root).simulate(wanted)
    except EffectError as error:
        return str(error)


def made_up(root: Path, chance: random.Random) -> SmallDebian:
    """Ten packages that are installed, eight that are not, two names that are only provided, one that nobody has."""
    names = [f"tb-{number:02}" for number in range(18)]
    virtual = ["tb-virtual-a", "tb-virtual-b"]
    wished: dict[str, str] = {}
    dense = chance.choice((0.1, 0.3, 1.0))  # in the densest apt has to choose, and the short cut is rarely taken
    made = SmallDebian(root)
    for number, name in enumerate(names[:10]):
        needs = ", ".join(f"{each} (>= 1.0)" for each in names[:number] if chance.random() < 0.2)
        wished[name] = chance.choice(["", *names, *virtual])
        fields = {"Depends": needs, "Recommends": wished[name] if wished[name] != name else ""}
        fields["Provides"] = chance.choice(["", "", "", *virtual])
        held = chance.random() < 0.1
        status = f"{'hold' if held else 'install'} ok installed"
        made.has(name, status=status, **{key: words for key, words in fields.items() if words})
    for number, name in enumerate(names):
        if chance.random() < 0.3 and number < 10:
            continue
        fields = {}
        for field, likely in (("Depends", 0.12), ("Breaks", 0.02), ("Recommends", 0.03), ("Conflicts", 0.02)):
            told = [
                f"{each} ({'<< 1.1' if field == 'Breaks' else '>= 1.' + str(chance.randrange(2))})"
                for each in names
                if each != name and chance.random() < likely * dense / 2
            ]
            if field == "Depends":
                told = [f"{each} | {chance.choice(names)}" if chance.random() < 0.2 else each for each in told]
                told += [each for each in (*virtual, "tb-nowhere") if chance.random() < 0.07 * dense]
            if field == "Recommends" and chance.random() < dense / 2:
                told += [each for each in (wished.get(name), chance.choice(virtual)) if each and each != name]
            if told:
                fields[field] = ", ".join(told)
        if chance.random() < 0.25:
            fields["Provides"] = chance.choice(virtual)
        made.offers(chance.choice((STABLE, SECURITY)), name, "1.1", **fields)
    return made
