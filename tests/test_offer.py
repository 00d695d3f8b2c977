"""What is on offer, from catalogues as projects really publish them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunebugger_updater.model.release import Catalogue, Release
from dunebugger_updater.model.version import Scheme, compare_tags
from dunebugger_updater.offer import Offer, Rules, choose, named, notes, ready_at

NOBODY = frozenset[str]()
DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
BETA = Rules(channel="prerelease")
STABLE = Rules()


def published(*tags: str, marked: tuple[str, ...] = ()) -> Catalogue:
    """Releases published a day apart in this order; those in ``marked`` carry the publisher's prerelease mark."""
    releases = tuple(
        Release(tag, prerelease=tag in marked, notes=f"about {tag}", published_at=DAY + timedelta(days=place))
        for place, tag in enumerate(tags)
    )
    return Catalogue(repository_id=1, releases=releases)


def tagged(*tags: str) -> Catalogue:
    """A project that only pushes tags: no dates, no notes, no marks."""
    return Catalogue(repository_id=1, releases=tuple(Release(tag) for tag in tags))


def chosen(
    installed: str | None, catalogue: Catalogue, rules: Rules = STABLE, quarantined: frozenset[str] = NOBODY
) -> Offer:
    found = choose(installed, catalogue, rules, quarantined=quarantined)
    assert found is not None
    return found


def by_name(installed: str | None, catalogue: Catalogue, version: str, rules: Rules = STABLE) -> Offer:
    found = named(installed, catalogue, rules, version)
    assert isinstance(found, Offer), found
    return found


def nothing(
    installed: str | None, catalogue: Catalogue, rules: Rules = STABLE, quarantined: frozenset[str] = NOBODY
) -> bool:
    return choose(installed, catalogue, rules, quarantined=quarantined) is None


def tags(offer: Offer) -> list[str]:
    return [release.tag for release in offer.crossed]


# --- the highest version of the channel ---


@pytest.mark.req("DB-001")
@pytest.mark.req("DB-004")
def test_a_back_port_published_last_is_not_the_newest() -> None:
    catalogue = published("v2.0.0", "v1.9.5")
    assert chosen("1.9.4", catalogue).version == "2.0.0"
    assert nothing("2.0.0", catalogue)


def test_what_is_on_offer_never_goes_down() -> None:
    assert nothing("1.0.1", published("v1.0.0", "v0.9"))


@pytest.mark.req("DB-107")
def test_numbers_are_compared_as_numbers() -> None:
    assert chosen("v1.0.0-beta.8", tagged("v1.0.0-beta.8", "v1.0.0-beta.15"), BETA).version == "1.0.0-beta.15"


def test_a_project_with_bare_prerelease_tags_has_nothing_for_a_stable_device_and_no_remarks_for_a_prerelease_one() -> (
    None
):
    catalogue = tagged("v1.0.0-beta.8", "v1.0.0-beta.15")
    assert nothing("1.0.0-beta.8", catalogue)
    assert chosen("1.0.0-beta.8", catalogue, BETA).warnings == ()


def test_the_finished_release_follows_its_beta() -> None:
    offer = chosen("1.0.0-beta.15", tagged("v1.0.0", "v1.0.0-beta.15"))
    assert (offer.version, offer.release.tag, offer.downgrade) == ("1.0.0", "v1.0.0", False)


def test_another_build_of_the_installed_release_is_not_newer() -> None:
    assert nothing("1.36.3+k3s1", published("v1.36.3+k3s2", "v1.36.3"))


def test_of_two_builds_of_one_release_the_one_published_last_is_on_offer_and_the_other_named() -> None:
    offer = chosen("1.0.0", published("v2.0.0+b10", "v2.0.0+b9"))
    assert offer.version == "2.0.0+b9"
    assert offer.warnings == ("2.0.0+b10 ranks the same as 2.0.0+b9; the one published last is on offer",)


@pytest.mark.req("DB-087")
def test_tags_that_are_no_versions_are_left_out() -> None:
    catalogue = published(
        "v1.1.0", "nightly", "latest", "kustomize/v9.0.0", "untagged-4d73c4bc0bd7002949e1", "20260818", "3.7b"
    )
    assert chosen("1.0.0", catalogue, BETA).version == "1.1.0"
    assert nothing(None, published("nightly", "edge"), BETA)


def test_a_description_by_git_is_never_on_offer() -> None:
    catalogue = tagged("v0.12.0", "v0.12.0-85-gd785b396", "v0.13.0-dirty")
    assert nothing("0.12.0", catalogue, BETA)


def test_a_device_on_work_after_a_release_is_offered_the_next_one_only() -> None:
    assert nothing("v0.12.0-85-gd785b396", published("v0.12.0"))
    assert chosen("v0.12.0-85-gd785b396", published("v0.12.0", "v0.12.1")).version == "0.12.1"


def test_a_component_with_tags_of_its_own_is_found_among_others() -> None:
    rules = Rules(pattern=r"^core-v(.+)$")
    catalogue = published("core-v1.2.0", "remote-v9.0.0", "v7.0.0")
    assert chosen("1.1.0", catalogue, rules).version == "1.2.0"
    assert chosen("core-v1.1.0", catalogue, rules).version == "1.2.0"


def test_a_project_that_changed_its_scheme_is_not_ordered_across_the_change() -> None:
    rules = Rules(scheme=Scheme.CALVER)
    assert nothing("22.05", published("22.04", "2026.08.17"), rules)
    assert chosen("22.05", published("22.06", "2026.08.17"), rules).version == "22.06"


def test_a_device_with_nothing_installed_follows_the_way_of_counting_that_was_published_last() -> None:
    rules = Rules(scheme=Scheme.CALVER)
    assert chosen(None, published("20261231", "22.04", "22.06"), rules).version == "22.06"


# --- unknown, held, quarantined ---


@pytest.mark.parametrize("installed", [None, "latest", "abc1234"])
def test_an_unknown_installed_version_takes_the_highest_and_says_that_it_is_unknown(installed: str | None) -> None:
    offer = chosen(installed, published("v1.0.0", "v1.1.0"))
    assert (offer.version, tags(offer)) == ("1.1.0", ["v1.1.0"])
    assert len(offer.warnings) == 1
    assert offer.warnings[0].endswith("so this may be the same or an older one")
    assert (installed or "unknown") in offer.warnings[0]


@pytest.mark.parametrize("failed", ["1.2.0", "v1.2.0"])
def test_a_version_that_failed_here_is_skipped_until_it_is_named(failed: str) -> None:
    catalogue = published("v1.1.0", "v1.2.0")
    assert chosen("1.0.0", catalogue, quarantined=frozenset({failed})).version == "1.1.0"
    assert nothing("1.1.0", catalogue, quarantined=frozenset({failed}))
    assert by_name("1.1.0", catalogue, "1.2.0").version == "1.2.0"


def test_a_newer_release_gets_past_a_version_that_failed_and_its_notes_are_still_crossed() -> None:
    offer = chosen("1.1.0", published("v1.2.0", "v1.2.1"), quarantined=frozenset({"1.2.0"}))
    assert tags(offer) == ["v1.2.0", "v1.2.1"]


def test_a_held_component_is_offered_nothing() -> None:
    assert choose("1.0.0", published("v2.0.0"), STABLE, quarantined=NOBODY, held=True) is None


# --- the channel, and who says what a prerelease is ---


def test_a_release_marked_as_prerelease_is_not_stable_though_its_tag_looks_so() -> None:
    offer = chosen("1.0.0", published("v1.1.0", "v1.2.0", marked=("v1.2.0",)))
    assert offer.version == "1.1.0"
    assert offer.warnings == ("published as prereleases, though their tags do not say so, and taken as such: 1.2.0",)


def test_a_tag_that_reads_as_prerelease_is_not_stable_though_it_is_not_marked() -> None:
    offer = chosen("4.0", published("v4.1", "v4.2-stable"))
    assert offer.version == "4.1"
    assert offer.warnings[0].startswith(
        "published as stable, but prereleases by their tags, and taken as such: 4.2-stable;"
    )
    assert chosen("4.0", published("v4.2-stable"), Rules(pattern="^v(.+?)(?:-stable)?$")).version == "4.2"


def test_a_long_disagreement_is_told_in_one_sentence_with_the_newest_first() -> None:
    offer = chosen("1.0", published("v1.1-x", "v1.2-x", "v1.4-x", "v1.3-x", "v1.5-x", "v2.0"))
    assert len(offer.warnings) == 1
    assert "1.5-x, 1.4-x, 1.3-x and 2 more;" in offer.warnings[0]


def test_marks_and_tags_that_agree_are_no_remark() -> None:
    assert chosen("1.0", published("v1.1-rc.1", "v1.1", marked=("v1.1-rc.1",)), BETA).warnings == ()


# --- what is crossed ---


@pytest.mark.req("DB-118")
def test_the_notes_of_every_release_crossed_are_kept_oldest_first() -> None:
    offer = chosen("1.0.0", published("v1.2.0", "v1.0.0", "v1.1.0", "v1.2.0-rc.1", "v0.9.0", marked=("v1.2.0-rc.1",)))
    assert notes(offer) == (("1.1.0", "about v1.1.0"), ("1.2.0", "about v1.2.0"))


def test_the_prerelease_channel_crosses_prereleases_too() -> None:
    catalogue = published("v1.1.0", "v1.1.0-rc.1", "v1.1.0-rc.2", marked=("v1.1.0-rc.1", "v1.1.0-rc.2"))
    assert tags(chosen("1.0.0", catalogue, BETA)) == ["v1.1.0-rc.1", "v1.1.0-rc.2", "v1.1.0"]


def test_notes_are_called_by_the_components_own_pattern_and_may_be_empty() -> None:
    offer = chosen("1.0", tagged("core-v1.1"), Rules(pattern="^core-v(.+)$"))
    assert notes(offer, "^core-v(.+)$") == (("1.1", ""),)
    assert notes(offer, "^other-(.+)$") == (("core-v1.1", ""),)


# --- by name ---


@pytest.mark.req("DB-098")
@pytest.mark.parametrize("wanted", ["1.1.0", "v1.1.0"])
def test_an_older_version_named_by_a_person_is_a_downgrade(wanted: str) -> None:
    offer = by_name("1.3.0", published("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"), wanted)
    assert (offer.version, offer.downgrade, tags(offer)) == ("1.1.0", True, ["v1.1.0", "v1.2.0"])


def test_a_newer_version_named_by_a_person_crosses_what_lies_between() -> None:
    offer = by_name("1.0.0", published("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"), "1.2.0")
    assert (offer.downgrade, tags(offer), offer.warnings) == (False, ["v1.1.0", "v1.2.0"], ())


def test_the_installed_version_can_be_named_and_says_so() -> None:
    offer = by_name("1.0.0", published("v1.0.0", "v1.0.0+b2"), "1.0.0")
    assert (offer.downgrade, tags(offer)) == (False, ["v1.0.0"])
    assert offer.warnings == ("1.0.0 ranks the same as the installed 1.0.0",)


def test_a_prerelease_named_on_a_stable_device_is_offered_with_a_word() -> None:
    offer = by_name("1.0.0", tagged("v1.1.0-rc.1"), "1.1.0-rc.1")
    assert offer.warnings == ("1.1.0-rc.1 is a prerelease, and this component follows stable releases",)


def test_work_between_two_releases_can_be_named() -> None:
    offer = by_name("0.12.0", tagged("v0.12.0-85-gd785b396"), "v0.12.0-85-gd785b396")
    assert offer.warnings == ("0.12.0-85-gd785b396 is work between two releases, not a release",)


def test_a_version_named_over_an_unknown_one_is_no_downgrade_but_says_that_it_may_be() -> None:
    offer = by_name("main", published("v1.0.0", "v2.0.0"), "1.0.0")
    assert (offer.downgrade, tags(offer), len(offer.warnings)) == (False, ["v1.0.0"], 1)


def test_a_version_of_another_way_of_counting_can_be_named_and_says_so() -> None:
    offer = by_name("22.05", published("2026.08.17"), "2026.08.17", Rules(scheme=Scheme.CALVER))
    assert offer.warnings == ("cannot say whether 2026.08.17 is newer or older than the installed 22.05",)


def test_the_tag_to_the_letter_wins_over_the_same_version_under_another_tag() -> None:
    catalogue = published("v1.0", "1.0")
    assert by_name("0.9", catalogue, "v1.0").release.tag == "v1.0"
    assert by_name("0.9", catalogue, "1.0").release.tag == "1.0"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("1.2.9", "cannot find 1.2.9 among the releases: the nearest of the 3 that were read: 1.2.8, 1.3.0-rc.1"),
        ("0.1", "cannot find 0.1 among the releases: the nearest of the 3 that were read: 1.0.0"),
        ("9", "cannot find 9 among the releases: the nearest of the 3 that were read: 1.3.0-rc.1"),
        ("1.0", "cannot find 1.0 among the releases: the nearest of the 3 that were read: 1.0.0, 1.2.8"),
        ("main", "cannot find main among the releases: the nearest of the 3 that were read: 1.3.0-rc.1"),
        ("x\ny", "cannot find x\\ny among the releases: the nearest of the 3 that were read: 1.3.0-rc.1"),
        ("edge", "cannot offer the tag edge: edge is no semver version"),
    ],
)
def test_what_cannot_be_offered_by_name_is_told_in_a_sentence(wanted: str, sentence: str) -> None:
    assert named("1.0.0", published("v1.0.0", "v1.3.0-rc.1", "v1.2.8", "edge"), STABLE, wanted) == sentence


def test_a_tag_of_another_component_is_refused_with_the_pattern() -> None:
    said = named("1.0", published("remote-v1.1"), Rules(pattern="^core-v(.+)$"), "remote-v1.1")
    assert said == "cannot use the tag remote-v1.1: it does not match this component's tagPattern ^core-v(.+)$"


def test_a_project_without_a_single_version_says_so() -> None:
    said = named("1.0", tagged("edge", "latest"), STABLE, "1.1")
    assert said == "cannot find 1.1 among the releases: none of the 2 that were read is a semver version by tagPattern"


def test_a_very_long_name_is_cut_in_the_sentence() -> None:
    said = named("1.0", tagged("v1.0"), STABLE, "9" * 10_000)
    assert isinstance(said, str)
    assert len(said) < 200


# --- when the device may take it by itself ---

NOW = DAY + timedelta(days=30)


def test_a_release_ripens_from_its_publication() -> None:
    offer = chosen("1.0", published("v1.1"))
    assert ready_at(offer, Rules(minimum_age_hours=48), NOW, first_seen=NOW) == DAY + timedelta(hours=48)


def test_a_bare_tag_ripens_from_the_day_it_was_first_seen_and_else_from_now() -> None:
    offer = chosen("1.0", tagged("v1.1"))
    patient = Rules(minimum_age_hours=0.5)
    assert ready_at(offer, patient, NOW, first_seen=DAY) == DAY + timedelta(minutes=30)
    assert ready_at(offer, patient, NOW) == NOW + timedelta(minutes=30)


def test_without_a_minimum_age_it_is_ready_now() -> None:
    assert ready_at(chosen("1.0", published("v1.1")), STABLE, DAY - timedelta(days=1)) == DAY - timedelta(days=1)


def test_going_down_is_never_ready_by_itself() -> None:
    assert ready_at(by_name("2.0", published("v1.0"), "1.0"), STABLE, NOW) is None


# --- anything at all ---

TAG = st.builds(
    "{}{}{}".format,
    st.sampled_from(["v", "", "x-"]),
    st.sampled_from(["1.0", "1.0.0", "1.1", "2.0", "1.10", "2026.08.01", "22.05", "20260801", "nightly"]),
    st.sampled_from(["", "", "-rc.1", "rc2", "+b1", "-4-gabc1234", "-dirty"]),
)


@settings(deadline=None)
@given(
    st.none() | TAG,
    st.lists(TAG, max_size=8, unique=True),
    st.sampled_from(list(Scheme)),
    st.sampled_from([STABLE, BETA]),
    st.data(),
)
def test_an_offer_is_newer_than_what_is_installed_and_nothing_in_the_channel_is_newer_than_it(
    installed: str | None, listed: list[str], scheme: Scheme, channel: Rules, data: st.DataObject
) -> None:
    rules = Rules(channel=channel.channel, scheme=scheme)
    failed = data.draw(st.sets(TAG))
    offer = choose(installed, published(*listed), rules, quarantined=frozenset(failed))
    shuffled = msgspec.structs.replace(
        published(*listed), releases=tuple(data.draw(st.permutations(published(*listed).releases)))
    )
    again = choose(installed, shuffled, rules, quarantined=frozenset(failed))
    for tag in listed:
        by_hand = named(installed, published(*listed), rules, tag)
        assert isinstance(by_hand, str) or by_hand.release.tag == tag
    if offer is None:
        assert again is None
        return
    assert offer.release.tag not in failed
    assert offer.crossed[-1] == offer.release
    if installed is not None and compare_tags(installed, installed, scheme=scheme) == 0:
        assert all(compare_tags(one.tag, installed, scheme=scheme) == 1 for one in offer.crossed)
        assert again is not None
        assert compare_tags(again.release.tag, offer.release.tag, scheme=scheme) == 0
