"""Rightly signed, and still not for this device, this release or this day: each try fails for its own reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from doubles.signers import ANNA, RING, artifact, manifest, signed
from msgspec.structs import replace

from dunebugger_updater.manifest import Complaints, Guidance, read
from dunebugger_updater.model.release import Asset
from dunebugger_updater.trust import Refusal, Verified, verify
from dunebugger_updater.trust.memory import Remembered, Vouched, raised
from dunebugger_updater.trust.rules import FARTHEST, Accepted, Facing, images, judge, unsigned

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FILE = "core-1.4.0.tar.gz"
ARTIFACT = artifact(FILE, b"the release")
ASSET = Asset(FILE, "https://example.org/core", ARTIFACT["size"], ARTIFACT["sha256"])
BEFORE = Remembered("1.3.0", 6, 4, NOW - timedelta(days=30))
FACING = Facing(
    component="core",
    component_type="python_app",
    version="1.4.0",
    repository="dunebugger/core",
    repository_id=77,
    channel="stable",
    assets=(ASSET,),
    asset=FILE,
    machine="aarch64",
    now=NOW,
    doubt=None,
    remembered=BEFORE,
)
SOON, PAST = (NOW + timedelta(days=90)).isoformat(), (NOW - timedelta(days=1)).isoformat()
UNSET = {"now": datetime(1970, 1, 1, 0, 5, tzinfo=UTC), "doubt": "the clock has not been set"}


def judged(facing: Facing, **said: Any) -> Accepted | Refusal:
    """From bytes and signature to the verdict, as the device does it."""
    fields: dict[str, Any] = {"artifacts": [ARTIFACT], "expires": SOON} | said
    content = manifest(fields.pop("version", "1.4.0"), fields.pop("sequence", 7), **fields)
    proof = verify(content, signed(content, ANNA), RING)
    assert isinstance(proof, Verified)
    found = read(proof.content)
    if isinstance(found, Complaints):
        return Refusal("manifest_unreadable", "; ".join(found.sentences))
    return judge(found, proof.by, facing)


IDENTITY: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another component's manifest": ({"component": "remote"}, {}, "component_other"),
    "a manifest for whatever takes it": ({"component": None}, {}, "component_unsaid"),
    "this program's own manifest": ({"component": "updater"}, {}, "component_other"),
    "another repository's manifest": ({"repo": "eve/core"}, {}, "repository_other"),
    "a manifest for any repository": ({"repo": None}, {}, "repository_unsaid"),
    "a repository that took over the name": ({"repo_id": 78}, {}, "repository_id_other"),
    "a repository whose number nobody knows": ({"repo_id": 77}, {"repository_id": None}, "repository_id_other"),
    "another version's manifest": ({"version": "1.3.9"}, {}, "version_other"),
    "an old manifest under a new tag": ({"version": "1.2.0", "sequence": 5}, {}, "version_other"),
    "another kind of component": ({}, {"component_type": "container", "asset": None}, "type_other"),
    "no sequence": ({"sequence": None}, {}, "sequence_unsaid"),
    "another file was signed": ({"artifacts": [artifact("other.tar.gz", b"x")]}, {}, "artifact_unlisted"),
    "no file was signed": ({"artifacts": None}, {}, "artifact_unlisted"),
    "a source archive, which nobody can sign": ({}, {"asset": ""}, "artifact_unnamed"),
    "a file that the release does not have": ({}, {"assets": ()}, "artifact_missing"),
    "a file for another machine": ({"artifacts": [ARTIFACT | {"arch": "x86_64"}]}, {}, "artifact_machine"),
    "a file that has grown since": ({}, {"assets": (replace(ASSET, size=ASSET.size + 1),)}, "artifact_size"),
    "a file exchanged since": ({}, {"assets": (replace(ASSET, sha256="0" * 64),)}, "artifact_digest"),
    "a sequence below none": ({"sequence": -1}, {}, "manifest_unreadable"),
    "a sequence beyond what can be counted": ({"sequence": 2**53 + 1}, {}, "manifest_unreadable"),
    "a sequence as text": ({"sequence": "7"}, {}, "manifest_unreadable"),
    "a sequence with a fraction": ({"sequence": 7.5}, {}, "manifest_unreadable"),
    "a floor above itself": ({"sequence": 7, "min_sequence": 8}, {}, "manifest_unreadable"),
    "over before it was issued": ({"issued": SOON, "expires": PAST}, {}, "manifest_unreadable"),
    "a field that nobody knows": ({"run": "rm"}, {}, "manifest_unreadable"),
    "one file listed twice": ({"artifacts": [ARTIFACT, ARTIFACT | {"sha256": "0" * 64}]}, {}, "manifest_unreadable"),
    "a file of another folder": ({"artifacts": [ARTIFACT | {"name": "../core"}]}, {}, "manifest_unreadable"),
    "a component that only looks the same": ({"component": "c\u043ere"}, {}, "manifest_unreadable"),
    "a repository that only looks the same": ({"repo": "dunebugger/c\u043ere"}, {}, "manifest_unreadable"),
    "a version with unseen letters": ({"version": "1.4.0\u200b"}, {}, "manifest_unreadable"),
    "a later form of manifest": ({"schema": 2}, {}, "manifest_unreadable"),
}
"""What was signed, what it came to, and the reason: nobody may overrule these."""

FRESHNESS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "expired yesterday": ({"expires": PAST}, {}, "expired"),
    "expires this very second": ({"expires": NOW.isoformat()}, {}, "expired"),
    "expired before the clock was lost": ({"expires": (NOW - timedelta(days=31)).isoformat()}, UNSET, "expired"),
    "signed the day after tomorrow": ({"issued": (NOW + timedelta(days=2)).isoformat()}, {}, "issued_in_the_future"),
    "a prerelease shown as stable": ({"channel": "prerelease"}, {}, "channel_other"),
    "older than what was here": ({"sequence": 5}, {}, "rolled_back"),
    "no longer safe": ({"sequence": 3}, {}, "below_minimum"),
    "the first one ever again": ({"sequence": 0}, {}, "below_minimum"),
    "a number used twice": ({"sequence": 6}, {}, "sequence_reused"),
    "a number that nothing can follow": ({"sequence": 2**53}, {}, "fast_forward"),
    "a number just too far": ({"sequence": 6 + FARTHEST + 1}, {}, "fast_forward"),
}
"""The same of what the owner may overrule by naming the version."""


@pytest.mark.parametrize("name", IDENTITY)
def test_what_was_signed_for_something_else_does_not_count_here_even_by_name(name: str) -> None:
    said, come, reason = IDENTITY[name]
    for named in (False, True):
        refused = judged(replace(FACING, **come, named=named), **said)
        assert isinstance(refused, Refusal)
        assert refused.reason == reason


@pytest.mark.parametrize("name", FRESHNESS)
def test_what_is_not_fresh_is_taken_by_name_only_and_says_why(name: str) -> None:
    said, come, reason = FRESHNESS[name]
    refused = judged(replace(FACING, **come), **said)
    assert isinstance(refused, Refusal)
    assert refused.reason == reason
    assert "--version 1.4.0" in refused.sentence
    taken = judged(replace(FACING, **come, named=True), **said)
    assert isinstance(taken, Accepted)
    assert any("by name" in warning for warning in taken.warnings)


@pytest.mark.parametrize(
    ("said", "come"),
    [
        ({}, {}),
        ({"sequence": 8}, {}),
        ({"sequence": 6 + FARTHEST}, {}),
        ({"sequence": 0}, {"remembered": None}),
        ({"sequence": 6, "version": "1.3.0"}, {"version": "1.3.0"}),
        ({"repo": "Dunebugger/Core", "repo_id": 77}, {}),
        ({"version": "v1.4.0"}, {}),
        ({"expires": None}, {}),
        ({"issued": (NOW + timedelta(hours=23)).isoformat()}, {}),
        ({"channel": "prerelease"}, {"channel": "prerelease"}),
        ({"artifacts": [ARTIFACT | {"arch": "aarch64"}]}, {}),
        ({"artifacts": [ARTIFACT | {"arch": "arm64"}]}, {}),
        ({"artifacts": [ARTIFACT | {"arch": "armv7l"}]}, {"machine": "armhf"}),
        ({}, {"assets": (replace(ASSET, sha256=None),)}),
        ({}, UNSET),
    ],
)
def test_a_manifest_for_this_very_release_counts(said: dict[str, Any], come: dict[str, Any]) -> None:
    accepted = judged(replace(FACING, **come), **said)
    assert isinstance(accepted, Accepted), accepted
    assert accepted.warnings == ()
    assert accepted.vouched.by == (ANNA.id,)


def test_where_the_clock_is_unset_expiry_is_a_warning_and_the_signature_still_counts() -> None:
    doubtful = replace(FACING, doubt="the clock has not been set")
    accepted = judged(doubtful, expires=PAST)
    assert isinstance(accepted, Accepted)
    assert accepted.warnings == (
        "the manifest would have expired on 2026-11-19, and nobody knows whether it has: the clock has not been set",
    )
    content = manifest("1.4.0", 7, artifacts=[ARTIFACT], expires=PAST)
    assert isinstance(verify(content, b"", RING), Refusal)


def test_a_clock_that_went_back_does_not_make_an_expired_manifest_good_again() -> None:
    late = replace(BEFORE, issued=NOW)
    refused = judged(replace(FACING, remembered=late, now=NOW - timedelta(days=300), doubt=None), expires=PAST)
    assert isinstance(refused, Refusal)
    assert refused.reason == "expired"


@pytest.mark.parametrize(
    ("policy", "before", "bare", "reason"),
    [
        ("signed", None, False, "signature_missing"),
        ("signed", None, True, "manifest_missing"),
        ("signed", BEFORE, True, "manifest_missing"),
        ("required", None, False, "signature_missing"),
        ("required", None, True, "manifest_missing"),
        ("optional", BEFORE, False, "signature_gone"),
        ("optional", BEFORE, True, "signature_gone"),
        ("required", BEFORE, False, "signature_gone"),
    ],
)
def test_a_signature_that_was_taken_away_is_missed(
    policy: str, before: Remembered | None, bare: bool, reason: str
) -> None:
    refused = unsigned(policy, "core", "v1.4.0", before, bare=bare)
    assert isinstance(refused, Refusal)
    assert refused.reason == reason


def test_where_it_was_never_signed_and_need_not_be_the_manifest_is_not_used_and_that_is_said() -> None:
    assert unsigned("optional", "core", "v1.4.0", None, bare=True) == ()
    told = unsigned("optional", "core", "v1.4.0", None, bare=False)
    assert told == ("the update manifest of v1.4.0 is not used: it is not signed, and trustedKeys are set",)


def test_a_signed_manifest_of_a_container_has_to_state_the_image_s_digest() -> None:
    box = replace(FACING, component="scheduler", component_type="container", asset=None)
    refused = images(Guidance(version="1.4.0", image_tag="1.4.0"), box)
    assert refused is not None
    assert refused.reason == "image_unlisted"
    assert images(Guidance(version="1.4.0", image_tag="1.4.0", image_digest="sha256:" + "0" * 64), box) is None
    assert images(Guidance(version="1.4.0"), FACING) is None


def test_memory_only_rises_each_of_its_numbers_by_itself() -> None:
    first = Vouched((ANNA.id,), "1.0.0", 5, 3, NOW)
    older = Vouched((ANNA.id,), "0.9.0", 4, 4, NOW + timedelta(days=1))
    assert raised(None, []) is None
    assert raised(None, [first]) == Remembered("1.0.0", 5, 3, NOW)
    assert raised(None, [first, older]) == raised(None, [older, first])
    assert raised(None, [first, older]) == Remembered("1.0.0", 5, 4, NOW + timedelta(days=1))
    assert raised(BEFORE, [first]) == Remembered("1.3.0", 6, 4, NOW)
    assert raised(BEFORE, []) == BEFORE
