"""The comparator against real tags and against SemVer's own examples."""

import csv
from itertools import pairwise, product
from pathlib import Path

import pytest

from dunebugger_updater.model.version import (
    DEFAULT_PATTERN,
    LONGEST,
    Scheme,
    Version,
    check_pattern,
    compare_tags,
    order,
    parse,
    strip,
)

CAPTURES = Path(__file__).parents[1] / "captures" / "github"
SIGNS = {"<": -1, "=": 0, ">": 1, "": None}


def rows(name: str) -> list[dict[str, str]]:
    with (CAPTURES / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


PAIRS = rows("ordering_pairs.csv")
TAGS = rows("tags.csv")

# What the owner of such a component would write into the configuration.
PATTERNS = {
    "hub4j-test-org/github-api": r"^github-api-(.+)$",
    "kubernetes-sigs/kustomize": r"^kustomize/v(.+)$",
    "stapler/stapler": r"^stapler-parent-(.+)$",
    "haskell/cabal/cabal-install": r"^cabal-install-v(.+)$",
    "psastras/sarif-rs/shellcheck-sarif": r"^shellcheck-sarif-v(.+)$",
    "yamafaktory/jql": r"^jql-v(.+)$",
    "linkerd/linkerd2": r"^edge-(.+)$",
    "oxc-project/oxc/oxlint": r"^oxlint_v(.+)$",
}
SCHEMES = {"rust-lang/rust-analyzer": Scheme.CALVER, "WebAssembly/binaryen": Scheme.NUMERIC}


def version(text: str, scheme: Scheme = Scheme.SEMVER) -> Version:
    found = parse(text, scheme)
    assert found is not None, text
    return found


@pytest.mark.req("DB-107")
@pytest.mark.req("DB-076")
@pytest.mark.parametrize("row", PAIRS, ids=lambda row: f"{row['class']}:{row['a']}~{row['b']}")
def test_every_recorded_pair_is_ordered_as_its_project_meant_it_or_refused(row: dict[str, str]) -> None:
    project = row["project"]
    numbered = {"WebAssembly/binaryen": r"^version_(\d+)$"}
    pattern = PATTERNS.get(project) or numbered.get(project, DEFAULT_PATTERN)
    scheme = SCHEMES.get(project, Scheme.SEMVER)
    assert compare_tags(row["a"], row["b"], scheme=scheme, pattern=pattern) == SIGNS[row["expected"]]
    turned = SIGNS[row["expected"]]
    back = compare_tags(row["b"], row["a"], scheme=scheme, pattern=pattern)
    assert back == (None if turned is None else -turned)


def test_the_pairs_that_must_be_refused_are_refused_without_any_configuration() -> None:
    refused = [row for row in PAIRS if not row["expected"]]
    assert len(refused) == 5
    assert [compare_tags(row["a"], row["b"]) for row in refused] == [None] * 5


# --- the recorded tags ---

# Neither SemVer nor a known dialect of it, for different reasons; all others with a number in front can be read.
UNREADABLE = {
    "v1beta1.2": "an API level",
    "v2.0.0.-alpha.3": "a slip of the publisher",
    "v2.3.2.post0": "a PEP 440 correction",
    "v0.8.3b": "lnav: after 0.8.3, not before it",
    "v3.7b": "tmux: after 3.7, not before it",
    "v12.0.4a": "tokei: a letter of its own",
    "81b1373f17855a4dc21156cfe1694c31d7d1792e": "a commit",
    "20260818080626": "a date",
}
DATED = ("2020-12-21", "2022-03-26", "2025-02-01", "2026-08-17.4")


def readable_as_semver(row: dict[str, str]) -> bool:
    if row["semver"] in ("strict", "after-v"):
        return True
    return row["tag"].lstrip("vV")[0].isdigit() and row["tag"] not in UNREADABLE and row["tag"] not in DATED


@pytest.mark.req("DB-087")
@pytest.mark.parametrize("row", TAGS, ids=lambda row: row["tag"])
def test_a_recorded_tag_is_read_as_semver_exactly_when_it_begins_like_one(row: dict[str, str]) -> None:
    text = strip(row["tag"])
    assert text is not None
    assert (parse(text, Scheme.SEMVER) is not None) == readable_as_semver(row)


@pytest.mark.parametrize("row", TAGS, ids=lambda row: row["tag"])
def test_a_recorded_tag_is_read_as_pep440_exactly_when_packaging_reads_it(row: dict[str, str]) -> None:
    found = parse(row["tag"], Scheme.PEP440)
    if found is not None and found.described:
        return  # git's description of a readable version; packaging knows none
    assert (found is not None) == (row["parses"] == "yes")
    if found is not None:
        assert str(found.prerelease).lower() == row["is_prerelease"]


@pytest.mark.parametrize("row", [r for r in TAGS if "calendar version" in r["note"]], ids=lambda row: row["tag"])
def test_a_recorded_date_is_read_as_calver(row: dict[str, str]) -> None:
    assert parse(row["tag"], Scheme.CALVER) is not None


@pytest.mark.parametrize("scheme", list(Scheme))
def test_all_recorded_tags_of_one_shape_stand_in_one_line(scheme: Scheme) -> None:
    read = [found for row in TAGS if (found := parse(strip(row["tag"]) or "", scheme))]
    assert len(read) >= 3
    for shape in {found.shape for found in read}:
        line = sorted((found for found in read if found.shape == shape), key=lambda found: found.key)
        places = {line[0]: 0}
        for before, after in pairwise(line):
            places[after] = places[before] + (order(before, after) != 0)
        # The place in a line is total, antisymmetric and transitive, so an order that agrees with it everywhere is too.
        for one, other in product(line, repeat=2):
            assert order(one, other) == (places[one] > places[other]) - (places[one] < places[other])


# --- what a version says ---


def test_semvers_own_example_is_in_its_order() -> None:
    stages = ["-alpha", "-alpha.1", "-alpha.beta", "-beta", "-beta.2", "-beta.11", "-rc.1"]
    line = [*(f"1.0.0{stage}" for stage in stages), "1.0.0", "2.0.0", "2.1.0", "2.1.1"]
    assert [compare_tags(a, b) for a, b in pairwise(line)] == [-1] * 10


def test_the_usual_words_are_in_the_order_in_which_people_live_through_them() -> None:
    line = (
        "1.0-0 1.0-dev.9 1.0-a8 1.0-M9 1.0-Beta.1 1.0-b2 1.0-gamma 1.0-pre3 1.0-preview.4 1.0RC4 1.0c5 1.0-stable 1.0"
    )
    assert [compare_tags(a, b) for a, b in pairwise(line.split())] == [-1] * 12


def test_a_glued_a_dotted_and_a_dashed_counter_are_the_same() -> None:
    spellings = ["1.0rc1", "1.0-rc1", "1.0-rc.1", "1.0.0-rc-1", "v1.0.0.RC1", "1.0_rc1", "1-rc.01"]
    assert {compare_tags("1.0.0-rc.1", spelling) for spelling in spellings} == {0}


def test_a_dash_and_a_number_is_before_the_release_in_semver_and_after_it_in_pep440() -> None:
    assert compare_tags("1.2.0-5", "1.2.0") == -1
    assert compare_tags("1.2.0-5", "1.2.0", scheme=Scheme.PEP440) == 1


def test_builds_of_one_release_are_of_equal_rank() -> None:
    assert compare_tags("v1.36.3+k3s1", "v1.36.3+k3s2") == 0
    assert compare_tags("v1.36.3+k3s1", "v1.36.3") == 0


@pytest.mark.req("RM-016")
def test_a_description_by_git_is_after_its_release_and_before_the_next() -> None:
    line = ["1.0.0-beta.3", "v1.0.0-beta.3-5-gabc1234", "v1.0.0-beta.3-12-gabc1234-dirty", "1.0.0-beta.4", "1.0.0"]
    assert [compare_tags(a, b) for a, b in pairwise(line)] == [-1] * 4
    assert [version(text).described for text in line] == [False, True, True, False, False]


def test_a_changed_tree_on_a_release_is_of_its_rank_but_described() -> None:
    assert compare_tags("v1.2.0-dirty", "1.2.0") == 0
    assert version("v1.2.0-dirty").described


@pytest.mark.parametrize("bare", ["abc1234", "1234567", "81b1373", "81b1373-dirty", "latest", "", "v", "-", "0x10"])
def test_a_hash_a_word_and_nothing_are_no_versions_and_never_zero(bare: str) -> None:
    assert parse(bare, Scheme.SEMVER) is None
    assert parse(bare if not bare.isdigit() else "x", Scheme.PEP440) is None


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3\n",
        " 1.2.3",
        "1.2.3 ",
        "1.2.\u0663",
        "1..2",
        "1.2.",
        ".1",
        "1.2.3.4.5.6.7",
        "81b13",
        "1rc1",
        "1.0-",
        "1.0+",
    ],
)
def test_what_only_resembles_a_version_is_none(text: str) -> None:
    assert parse(text, Scheme.SEMVER) is None


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_text_beyond_the_limit_is_no_version(scheme: Scheme) -> None:
    # The longest that passes shows that it is the limit, not the digits, that refuses.
    longest = "1" * LONGEST if scheme is Scheme.NUMERIC else "2026.".ljust(LONGEST, "1")
    assert parse(longest, scheme)
    assert parse(longest + "1", scheme) is None
    assert strip(longest + "1") is None


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("space", ["\r", "\t", " ", "\n", "\x00", "\u2003"])
def test_a_version_with_a_space_or_a_control_character_is_none_though_packaging_would_take_it(
    space: str, scheme: Scheme
) -> None:
    assert [parse(text, scheme) for text in (f"2026.1{space}", f"{space}2026.1", f"{space}7", f"7{space}")] == [
        None
    ] * 4


def test_a_version_keeps_its_text_and_tells_a_prerelease() -> None:
    assert version("v04.6").text == "v04.6"
    assert [version(text).prerelease for text in ("0.1", "1.0.0-rc.1", "1.0+rc", "1.0.0-4", "1.0dev")] == [
        False, True, False, True, True,
    ]  # fmt: skip


def test_versions_of_two_schemes_are_not_ordered() -> None:
    assert order(version("1.0"), version("1.0", Scheme.PEP440)) is None


@pytest.mark.parametrize(("a", "b"), [("22.05", "2022.06"), ("20260818", "2026.08.19"), ("20260818", "20260818080626")])
def test_a_project_that_changed_its_way_of_writing_dates_is_not_ordered(a: str, b: str) -> None:
    assert parse(a, Scheme.CALVER)
    assert parse(b, Scheme.CALVER)
    assert compare_tags(a, b, scheme=Scheme.CALVER) is None


def test_dates_are_in_order_whatever_stands_between_their_numbers() -> None:
    line = ["2020-07-06", "2020.12.21", "2026.8.2b1", "2026-08-02", "2026-08-02.4", "2026-08-17-rc.1", "2026-08-17"]
    assert [compare_tags(a, b, scheme=Scheme.CALVER) for a, b in pairwise(line)] == [-1] * 6
    assert compare_tags("20260818", "20260818.1", scheme=Scheme.CALVER) == -1


def test_a_plain_version_is_no_date_and_a_dotted_one_no_number() -> None:
    assert parse("1.0.0", Scheme.CALVER) is None
    assert parse("7", Scheme.CALVER) is None
    assert parse("1.0", Scheme.NUMERIC) is None
    assert compare_tags("b390", "b1200", scheme=Scheme.NUMERIC, pattern="^b(.+)$") == -1


# --- patterns ---


def test_a_pattern_has_to_cover_the_whole_tag() -> None:
    assert strip("v2-rc1", r"v(\d+)") is None
    assert strip("kustomize/v5.1.0", "kustomize/v(.+)") == "5.1.0"
    assert strip("cli/v1.9.4", "^kustomize/v(.+)$") is None
    assert strip("release-", "^release-(.*)$") is None


@pytest.mark.parametrize("tag", ["v1.0\n", "v1.0\nv2.0", ""])
def test_a_tag_with_a_line_break_or_nothing_in_it_is_no_candidate(tag: str) -> None:
    assert strip(tag) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("^v(.+", "cannot read '^v(.+' as a regular expression: missing ), unterminated subpattern"),
        ("^v.+$", "cannot use '^v.+$': it needs exactly one group, (…), around the version, and has 0"),
        (r"^(v)(.+)$", "and has 2"),
        ("[[a](.+)", "Possible nested set"),
    ],
)
def test_a_pattern_that_cannot_serve_is_told_in_a_sentence(text: str, fault: str) -> None:
    assert fault in (check_pattern(text) or "")


@pytest.mark.parametrize("pattern", [DEFAULT_PATTERN, *PATTERNS.values(), r"^(?:v|release-)(\d.*)$"])
def test_the_patterns_that_owners_write_can_be_used(pattern: str) -> None:
    assert check_pattern(pattern) is None
