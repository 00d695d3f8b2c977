import pytest
import versions

from dunebugger_updater.model.version import Scheme, parse


@pytest.mark.req("RM-016")
@pytest.mark.parametrize(
    ("described", "is_"),
    [
        ("v0.2.0", "0.2.0"),
        ("0.2.0", "0.2.0"),
        ("v0.2.0-dirty", "0.2.0+dirty"),
        ("v0.2.0-5-gabc1234", "0.2.0+5.gabc1234"),
        ("v1.0.0-rc.1-3-gabc1234-dirty", "1.0.0-rc.1+3.gabc1234.dirty"),
        ("v1.0.0-rc.1", "1.0.0-rc.1"),
        ("abc1234", "0.1.0+abc1234"),
        ("1234567", "0.1.0+1234567"),
        ("7654321-dirty", "0.1.0+7654321.dirty"),
    ],
)
def test_what_git_says_becomes_a_version_that_can_be_ordered(described: str, is_: str) -> None:
    assert versions.version(described, "0.1.0") == is_
    assert parse(is_, Scheme.SEMVER) is not None


@pytest.mark.parametrize(
    ("version", "is_"),
    [("1.0.0", "1.0.0"), ("1.0.0-rc.1", "1.0.0~rc.1"), ("1.0.0-a-b+5.gabc", "1.0.0~a.b+5.gabc")],
)
def test_dpkg_orders_a_prerelease_before_its_release(version: str, is_: str) -> None:
    assert versions.for_debian(version) == is_
