"""What apt-get would do is read to the last line, or not at all."""

from pathlib import Path

import pytest

from dunebugger_updater.effects.apt_plans import read_plan, why_kept
from dunebugger_updater.model.packages import Change
from dunebugger_updater.ports import EffectError

CAPTURES = Path(__file__).parents[2] / "captures/apt"
PLAN = """\
Reading package lists...
Building dependency tree...
The following packages were automatically installed and are no longer required:
   tb-orphan (1.0)
Use 'apt autoremove' to remove it.
The following packages will be REMOVED:
   tb-old
   tb-older* (0.1)
The following NEW packages will be installed:
   tb-new (1.1)
   tb-new:armhf (1.1)
The following packages have been kept back:
   tb-held (1.0 => 1.1)
The following packages will be upgraded:
   g++ (4:1.0 => 4:1.1)
   tb-lib (1.0 => 1.2)
The following packages will be DOWNGRADED:
   tb-down (1.2 => 1.1~rc1)
2 upgraded, 2 newly installed, 1 downgraded, 2 to remove and 1 not upgraded.
1 not fully installed or removed.
Need to get 700 B of archives.
'http://archive.test/g%2b%2b_4:1.1.deb' g++_4%3a1.1_all.deb 300 SHA256:00
'http://archive.test/tb-new_1.1_armhf.deb' tb-new_1.1_armhf.deb 400 SHA256:00
"""


def test_nothing_of_a_plan_is_hidden() -> None:
    planned = read_plan(PLAN, {"tb-old": "0.9"}, "amd64")
    assert planned.changes == (
        Change("g++", "4:1.0", "4:1.1", size=300),
        Change("tb-down", "1.2", "1.1~rc1"),
        Change("tb-lib", "1.0", "1.2"),
        Change("tb-new", None, "1.1"),
        Change("tb-new:armhf", None, "1.1", size=400),
        Change("tb-old", "0.9", None),
        Change("tb-older", "0.1", None),
    )
    assert planned.kept == {"tb-held"}
    assert planned.downgraded == {"tb-down"}


@pytest.mark.parametrize(
    "line",
    [line for line in PLAN.splitlines() if line.startswith("   ") and "orphan" not in line and "held" not in line],
)
def test_a_line_that_is_missing_is_noticed(line: str) -> None:
    with pytest.raises(EffectError, match="do not add up"):
        read_plan(PLAN.replace(f"{line}\n", ""), {"tb-old": "0.9"}, "amd64")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("2 upgraded, 2 newly", "3 upgraded, 2 newly", "do not add up"),
        ("2 upgraded, 2 newly installed, 1 downgraded, 2 to remove and 1 not upgraded.", "", "do not add up"),
        ("REMOVED:", "taken away:", "do not add up"),
        (" (1.0 => 1.2)", " (1.2)", "without its versions"),
        ("tb-new (1.1)", "tb-new", "without a version"),
    ],
)
def test_words_that_are_not_understood_are_no_plan(before: str, after: str, words: str) -> None:
    assert before in PLAN
    with pytest.raises(EffectError, match=words):
        read_plan(PLAN.replace(before, after), {}, "amd64")


def test_a_recorded_upgrade_is_read() -> None:
    planned = read_plan((CAPTURES / "apt-s-upgrade-verbose.stdout.txt").read_text(), {}, "amd64")
    assert len(planned.changes) == 15
    assert Change("tb-tool", "1.0", "1.1+deb12u1") in planned.changes
    assert planned.kept == {"tb-breaks", "tb-held", "tb-newdep", "tb-phased", "tb-unmet"}


def test_nothing_to_do_is_a_plan_too() -> None:
    assert read_plan((CAPTURES / "apt-s-upgrade-nothing.stdout.txt").read_text(), {}, "amd64").changes == ()


def test_why_something_is_kept_back_is_told_from_what_its_own_upgrade_would_do() -> None:
    unmet = (CAPTURES / "apt-install-unmet.stdout.txt").read_text()
    assert why_kept("tb-unmet", unmet, None) == "it depends on tb-does-not-exist, which is not installable"
    conflict = (
        (CAPTURES / "apt-install-conflict.stdout.txt")
        .read_text()
        .replace("  tb-breaks\n", "   tb-breaks (1.0 => 1.1)\n")
    )
    assert why_kept("tb-breaks", conflict, read_plan(conflict, {"tb-old": "1.0"}, "amd64")) == "it would remove tb-old"


@pytest.mark.parametrize(
    ("part", "counts", "words"),
    [
        (
            "The following packages will be DOWNGRADED:\n   b (2 => 1)\n",
            "1 upgraded, 0 newly installed, 1 downgraded, ",
            "downgrade b",
        ),
        (
            "The following NEW packages will be installed:\n   b (2)\n",
            "1 upgraded, 1 newly installed, ",
            "needs new packages: b",
        ),
        ("", "1 upgraded, 0 newly installed, ", "can be upgraded by name"),
    ],
)
def test_other_reasons_to_keep_back(part: str, counts: str, words: str) -> None:
    text = f"The following packages will be upgraded:\n   a (1 => 2)\n{part}{counts}0 to remove and 0 not upgraded.\n"
    assert words in why_kept("a", text, read_plan(text, {}, "amd64"))


def test_what_apt_does_not_explain_is_said_to_be_unexplained() -> None:
    assert why_kept("a", "E: something else", None) == "apt finds no way to upgrade it"
    others = " b : Depends: c (= 1) but 2 is to be installed\n"
    assert why_kept("a", others, None) == "b depends on c (= 1) but 2 is to be installed"
