"""The comparator against anything at all: it never raises, and its order is one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dunebugger_updater.model.version import LONGEST, Scheme, check_pattern, compare_tags, parse, strip

# The first PEP 440 example imports a library; on a busy machine that is longer than Hypothesis likes.
patient = settings(deadline=None)

SCHEME = st.sampled_from(list(Scheme))
SCRAPS = "0 1 9 10 2026 20260818 . - + _ v a b M rc dev RC beta pre preview post zeta -3-gabc1234 -dirty g ! \u0661"
NEARLY = st.lists(st.sampled_from([*SCRAPS.split(), "\n"]), max_size=9).map("".join)

NUMBERS = st.lists(st.sampled_from(["0", "1", "2", "10", "26", "2026"]), min_size=1, max_size=4).map(".".join)
STAGED = "-rc.1 rc1 -rc10 -dev .dev3 a1 -M1 -b.2 -Beta3 -nightly -Zulu -cd5 -0.pre -5 -alpha-3 -x.y.z"
STAGES = st.just("") | st.sampled_from(STAGED.split())
ENDS = st.just("") | st.sampled_from(["+b1", "-3-gabc1234", "-10-gffff", "-dirty"])
TEXTS = st.builds("{}{}{}".format, NUMBERS, STAGES, ENDS)


@patient
@given(st.text(max_size=200) | NEARLY, SCHEME)
def test_reading_never_raises_and_never_changes_the_text(text: str, scheme: Scheme) -> None:
    found = parse(text, scheme)
    assert found is None or (found.text == text and found.scheme is scheme and len(text) <= LONGEST)


@patient
@given(st.text(max_size=40) | st.text(alphabet="()[]{}?+*|^$.v1\\d:", max_size=12))
def test_checking_a_pattern_never_raises_and_a_good_one_can_be_used(text: str) -> None:
    if check_pattern(text) is None:
        found = strip("v1.0", text)
        assert found is None or found in "v1.0"


@patient
@given(NEARLY | TEXTS, NEARLY | TEXTS, SCHEME)
def test_the_order_turned_round_is_the_opposite(a: str, b: str, scheme: Scheme) -> None:
    forth, back = compare_tags(a, b, scheme=scheme), compare_tags(b, a, scheme=scheme)
    assert back == (None if forth is None else -forth)


@patient
@given(TEXTS, TEXTS, TEXTS, SCHEME)
def test_the_order_never_goes_in_a_circle(a: str, b: str, c: str, scheme: Scheme) -> None:
    first, second, third = (compare_tags(*pair, scheme=scheme) for pair in ((a, b), (b, c), (a, c)))
    if first is not None and second is not None and first * second >= 0:
        assert third == (first or second)


@patient
@given(TEXTS)
def test_a_version_is_of_equal_rank_with_a_v_before_it(text: str) -> None:
    assert compare_tags(text, f"v{text}") == (0 if parse(text, Scheme.SEMVER) else None)


def test_most_of_the_texts_made_here_are_versions() -> None:
    # Otherwise the properties above would hold for nothing.
    made = [f"{numbers}{stage}" for numbers in ("1.0", "2026.10.2") for stage in ["", *STAGED.split()]]
    assert [text for text in made if parse(text, Scheme.SEMVER) is None] == []
