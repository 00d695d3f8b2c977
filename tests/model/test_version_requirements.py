"""What one component asks of another: ``remote >= 1.0.0``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunebugger_updater.model.version import Scheme, check_requirement, satisfies


@pytest.mark.req("DB-039")
@pytest.mark.parametrize(
    ("version", "requirement", "answer"),
    [
        ("1.0.0", ">=1.0.0", True),
        ("v1.0", ">= 1.0.0", True),
        ("1.0.0-beta.15", ">=1.0.0", False),
        ("1.0.0-beta.15", ">=1.0.0-beta.8", True),
        ("1.10.0", ">= 1.9, <2", True),
        ("2.0", ">= 1.9, <2", False),
        ("1.2.3", "==1.2.3", True),
        ("1.2.3+build.7", "==v1.2.3", True),
        ("1.2.4", "==1.2.3", False),
        ("1.2.4", "!=1.2.3", True),
        ("1.2.3", "!=1.2.3", False),
        ("1.2.3", ">1.2.3", False),
        ("1.2.3", "<=1.2.3", True),
        ("1.2.4", "<=1.2.3", False),
    ],
)
def test_a_version_meets_a_requirement_when_it_meets_every_clause(
    version: str, requirement: str, answer: object
) -> None:
    assert satisfies(version, requirement, Scheme.SEMVER) is answer


def test_a_version_alone_means_this_or_newer() -> None:
    assert satisfies("1.3.0", "1.2.3", Scheme.SEMVER) is True
    assert satisfies("1.2.2", "1.2.3", Scheme.SEMVER) is False


@pytest.mark.parametrize("scheme", [Scheme.SEMVER, Scheme.PEP440])
def test_below_two_keeps_out_the_prereleases_of_two(scheme: Scheme) -> None:
    assert satisfies("2.0.0rc1", "<2", scheme) is False
    assert satisfies("1.9.0rc1", "<2", scheme) is True
    assert satisfies("2.0.0rc1", "<2.0rc2", scheme) is True


@pytest.mark.parametrize(
    ("version", "requirement", "scheme"),
    [
        ("nightly", ">=1.0", Scheme.SEMVER),
        ("1.0", ">=latest", Scheme.SEMVER),
        ("1.0", "", Scheme.SEMVER),
        ("1.0", ">=0.5,", Scheme.SEMVER),
        ("2.0", "<1, >=2020-07-06", Scheme.SEMVER),
        ("22.05", ">=2022.1", Scheme.CALVER),
    ],
)
def test_what_cannot_be_compared_is_neither_met_nor_missed(version: str, requirement: str, scheme: Scheme) -> None:
    assert satisfies(version, requirement, scheme) is None


@pytest.mark.parametrize("text", ["", ">=", "~=1.0", "=1.0", ">=1.0,", ">=1.0 <2", "core>=1", "^1.2", ">= latest"])
def test_a_requirement_that_cannot_be_read_is_told_in_a_sentence(text: str) -> None:
    assert (check_requirement(text) or "").startswith("cannot read the requirement")


@pytest.mark.parametrize("text", [">=1.0.0", ">= 1.0, <2", "==1.2.3", "1.2.3", " v1 ", "!=1.0-rc.1,>=1.0"])
def test_a_requirement_as_people_write_it_can_be_used(text: str) -> None:
    assert check_requirement(text) is None
    assert check_requirement(text, Scheme.SEMVER) is None


def test_a_requirement_that_is_no_version_of_that_scheme_is_told() -> None:
    fault = "cannot read '2020-07-06' in the requirement '>= 2020-07-06' as a semver version"
    assert check_requirement(">= 2020-07-06") is None
    assert check_requirement(">= 2020-07-06", Scheme.SEMVER) == fault


@given(st.text(max_size=60), st.text(alphabet="<>=! ,.0123456789av-+", max_size=30), st.sampled_from(list(Scheme)))
def test_asking_never_raises_and_an_unreadable_requirement_is_never_met(
    version: str, text: str, scheme: Scheme
) -> None:
    for one in (version, "1.0", "2026.1"):
        answer = satisfies(one, text, scheme)
        if check_requirement(text, scheme) is not None:
            assert answer is None
