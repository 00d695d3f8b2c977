"""The same from end to end: somebody who owns the project's GitHub account, but no key, meets the whole device."""

import json
from collections.abc import Callable
from datetime import timedelta

import aiohttp
import pytest
from doubles.github import Trouble
from doubles.signed_world import FILE, SignedWorld
from doubles.signers import ANNA, BERTA, CARLA, EVE, artifact, chained, document, link, manifest, signed, spelled

from dunebugger_updater.effects import github_api
from dunebugger_updater.manifest import Complaints, Manifest, read
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import vouching
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.steps import Download
from trust.test_signature_attacks import ATTACKS as SIGNATURES

Attack = Callable[[SignedWorld], object]
YESTERDAY = timedelta(days=-1)


def at(world: SignedWorld, delta: timedelta) -> str:
    return (world.clock.now() + delta).isoformat()


def two_needed(world: SignedWorld) -> SignedWorld:
    world.keys, world.threshold = (ANNA, BERTA), 2
    return world


def required(world: SignedWorld, policy: str) -> SignedWorld:
    world.policy = policy  # type: ignore[assignment]  # one of the three words
    return world


def exchanged(world: SignedWorld, content: bytes, digest: str = "right") -> None:
    """The archive, after everything was signed."""
    archive = next(each for each in world.publish("1.4.0", 7).assets if each.name.endswith(".gz"))
    archive.content, archive.digest = content, digest


def keys(world: SignedWorld, content: bytes) -> None:
    world.publish("1.4.0", 7, files={"update-keys.json": content})


BY_EVE = link(document(1, EVE, component="core"), EVE)
TO_BERTA = link(document(1, BERTA, component="core", revoked=[ANNA.id]), ANNA, BERTA)
ATTACKS: dict[str, tuple[Attack, str]] = {
    "a stranger signs a release of their own": (lambda w: w.publish("1.4.0", 7, by=(EVE,)), "signature_unknown"),
    "a stranger signs under a trusted name": (
        lambda w: w.publish("1.4.0", 7, sig=spelled([EVE.entry(b"") | {"keyid": ANNA.id}])),
        "signature_wrong",
    ),
    "the manifest is changed after it was signed": (
        lambda w: w.publish("1.4.0", 7, sig=signed(manifest("1.4.0", 6), ANNA)),
        "signature_wrong",
    ),
    "the signature of the release before": (
        lambda w: w.publish("1.4.0", 7, sig=signed(manifest("1.3.0", 6), ANNA)),
        "signature_wrong",
    ),
    "one key where two are needed": (lambda w: two_needed(w).publish("1.4.0", 7), "threshold_missed"),
    "one key twice where two are needed": (
        lambda w: two_needed(w).publish("1.4.0", 7, by=(ANNA, ANNA)),
        "signature_twice",
    ),
    "half a signature file": (lambda w: w.publish("1.4.0", 7, sig=b'[{"keyid": "'), "signatures_unreadable"),
    "an empty signature file": (lambda w: w.publish("1.4.0", 7, sig=b"[]"), "signature_missing"),
    "a signature file of many pages": (lambda w: w.publish("1.4.0", 7, sig=b" " * 20_000), "signatures_too_large"),
    "no signature, and all must be signed": (
        lambda w: required(w, "signed").without(w.publish("1.4.0", 7), "update-manifest.sig"),
        "signature_missing",
    ),
    "no manifest, and all must be signed": (
        lambda w: required(w, "signed").without(w.publish("1.4.0", 7), "update-manifest.sig", "update-manifest.yaml"),
        "manifest_missing",
    ),
    "no signature, and a manifest is required": (
        lambda w: required(w, "required").without(w.publish("1.4.0", 7), "update-manifest.sig"),
        "signature_missing",
    ),
    "a yaml bomb under somebody else's signature": (
        lambda w: w.publish("1.4.0", content=b"a: &a [x,x]\nb: [*a,*a]\n", sig=signed(b"", ANNA)),
        "signature_wrong",
    ),
    "a yaml bomb that a trusted key signed": (
        lambda w: w.publish("1.4.0", content=b"a: &a [x,x]\nb: [*a,*a]\n"),
        "manifest_unreadable",
    ),
    "another component's signed manifest": (lambda w: w.publish("1.4.0", 7, component="remote"), "component_other"),
    "a signed manifest for no component": (lambda w: w.publish("1.4.0", 7, component=None), "component_unsaid"),
    "another project's signed manifest": (lambda w: w.publish("1.4.0", 7, repo="eve/core"), "repository_other"),
    "a signed manifest for no project": (lambda w: w.publish("1.4.0", 7, repo=None), "repository_unsaid"),
    "a project that took over the name": (lambda w: w.publish("1.4.0", 7, repo_id=78), "repository_id_other"),
    "no sequence": (lambda w: w.publish("1.4.0", None), "sequence_unsaid"),
    "the signed manifest of 1.2.0 under the tag of 1.4.0": (
        lambda w: w.publish("1.4.0", content=manifest("1.2.0", 5)),
        "version_other",
    ),
    "a signed prerelease shown as stable": (lambda w: w.publish("1.4.0", 7, channel="prerelease"), "channel_other"),
    "a signed manifest that is over": (lambda w: w.publish("1.4.0", 7, expires=at(w, YESTERDAY)), "expired"),
    "a signed manifest from the future": (
        lambda w: w.publish("1.4.0", 7, issued=at(w, timedelta(days=9))),
        "issued_in_the_future",
    ),
    "another type's signed manifest": (
        lambda w: w.publish("1.4.0", content=manifest("1.4.0", 7, component_type="container")),
        "type_other",
    ),
    "the archive is exchanged, same size": (lambda w: exchanged(w, FILE[::-1]), "artifact_digest"),
    "the archive is exchanged, other size": (lambda w: exchanged(w, FILE + b"!", "null"), "artifact_size"),
    "the archive is not among what was signed": (lambda w: w.publish("1.4.0", 7, artifacts=None), "artifact_unlisted"),
    "the archive is for another machine": (
        lambda w: w.publish("1.4.0", 7, artifacts=[artifact("core-1.4.0.tar.gz", FILE, arch="s390x")]),
        "artifact_machine",
    ),
    "the archive is taken away": (lambda w: w.without(w.publish("1.4.0", 7), "core-1.4.0.tar.gz"), "artifact_missing"),
    "a signed manifest that reaches for another service": (
        lambda w: w.publish(
            "1.4.0", 7, update_steps=[{"action": "stop_service", "service_name": "ssh", "description": "x"}]
        ),
        "manifest_unbounded",
    ),
    "keys that a stranger signed": (lambda w: keys(w, chained(BY_EVE)), "keys_not_from_the_old"),
    "keys of another component": (
        lambda w: keys(w, chained(link(document(1, BERTA), ANNA, BERTA))),
        "keys_of_another",
    ),
    "keys with a version left out": (
        lambda w: keys(w, chained(link(document(2, BERTA, component="core"), ANNA, BERTA))),
        "keys_skipped",
    ),
    "keys that cannot be read": (lambda w: keys(w, b"{"), "keys_unreadable"),
    "keys of many pages": (lambda w: keys(w, b" " * 300_000), "keys_too_large"),
    "a release by a key that its own keys revoke": (lambda w: keys(w, chained(TO_BERTA)), "key_revoked"),
}
ON_THE_WAY = {
    # a file without bytes, or with too many, does not arrive
    "nothing instead of the text",
    "more text than anybody signs",
    "no signature file",
    # an owner's list of keys has no list of revoked ones; that comes with rotation
    "a key that was revoked",
    "a key that was revoked, and a stranger",
}
"""Attacks on the pure rules that have no counterpart here."""


@pytest.mark.req("DB-085")
@pytest.mark.parametrize("name", ATTACKS)
async def test_no_attack_becomes_a_plan(world: SignedWorld, name: str) -> None:
    attack, reason = ATTACKS[name]
    attack(world)
    refused = await world.plan()
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.outcome) == (reason, Outcome.REFUSED)
    assert refused.message.startswith("cannot ")


@pytest.mark.parametrize("name", sorted(SIGNATURES.keys() - ON_THE_WAY))
async def test_no_signature_that_fails_by_itself_becomes_a_plan(world: SignedWorld, name: str) -> None:
    content, signatures, ring, reason = SIGNATURES[name]
    world.keys = tuple(one for one in (ANNA, BERTA, CARLA) if one.key in ring.keys)
    world.threshold, world.policy = ring.threshold, "signed"
    world.publish("1.4.0", content=content, sig=signatures)
    refused = await world.plan()
    assert isinstance(refused, Refusal)
    assert refused.reason == reason


async def test_a_signed_release_becomes_a_plan_that_carries_what_was_signed(world: SignedWorld) -> None:
    world.policy = "signed"
    world.publish("1.4.0", 7, min_sequence=3, repo_id=77, expires=at(world, -YESTERDAY))
    plan = await world.plan()
    assert isinstance(plan, Plan), plan
    assert plan.vouched is not None
    assert (plan.vouched.by, plan.vouched.sequence, plan.vouched.min_sequence) == ((ANNA.id,), 7, 3)
    fetched = next(step for step in plan.steps if isinstance(step, Download))
    assert (fetched.size, fetched.sha256) == (len(FILE), artifact("x", FILE)["sha256"])


async def test_what_was_signed_counts_even_where_the_forge_states_no_digest(world: SignedWorld) -> None:
    exchanged(world, FILE[::-1], "null")
    plan = await world.plan()
    assert isinstance(plan, Plan), plan
    fetched = next(step for step in plan.steps if isinstance(step, Download))
    assert fetched.sha256 == artifact("x", FILE)["sha256"], "so the download will not agree, and be thrown away"


@pytest.mark.parametrize("by", [(EVE,), (), (ANNA,)])
async def test_nothing_reads_a_manifest_before_its_signature_was_found_good(
    world: SignedWorld, monkeypatch: pytest.MonkeyPatch, by: tuple[object, ...]
) -> None:
    asked: list[bytes] = []

    def watched(content: bytes) -> Manifest | Complaints:
        asked.append(content)
        return read(content)

    monkeypatch.setattr(vouching, "read", watched)
    release = world.publish("1.4.0", 7, by=by or (ANNA,))  # type: ignore[arg-type]  # signers, or none
    if not by:
        world.without(release, "update-manifest.sig")
    await world.plan()
    assert len(asked) == (by == (ANNA,))


async def test_where_signatures_need_not_be_an_unsigned_manifest_is_not_used_and_that_is_said(
    world: SignedWorld,
) -> None:
    world.without(world.publish("1.4.0", 7), "update-manifest.sig")
    plan = await world.plan()
    assert isinstance(plan, Plan), plan
    assert plan.notes[0] == "the update manifest of v1.4.0 is not used: it is not signed, and trustedKeys are set"
    assert plan.vouched is None


@pytest.mark.parametrize("name", ["update-manifest.sig", "update-manifest.yaml"])
async def test_a_file_without_end_is_not_read_to_its_end(world: SignedWorld, name: str) -> None:
    release = world.publish("1.4.0", 7)
    endless = next(each for each in release.assets if each.name == name)
    await world.plan()  # so that the catalogue was heard while all was well
    endless.content = b"#" * 10_000_000
    async with world.device() as built:
        refused = await built.updates.plan_update("core")
    assert isinstance(refused, Refusal)
    assert refused.outcome is Outcome.FAILED
    assert "larger than" in refused.message


async def test_a_file_that_comes_a_drop_at_a_time_is_given_up(
    world: SignedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_api, "_PATIENCE", aiohttp.ClientTimeout(total=0.5))
    world.publish("1.4.0", 7)
    async with world.device() as built:
        await built.watch.check(force=True)
        world.fake.troubles.append(Trouble("", times=99, stall=30))
        refused = await built.updates.plan_update("core")
    assert isinstance(refused, Refusal)
    assert refused.outcome is Outcome.FAILED
    assert "timed out" in refused.message


async def test_a_signature_that_is_still_being_uploaded_is_waited_for(world: SignedWorld) -> None:
    release = world.publish("1.4.0", 7)
    next(each for each in release.assets if each.name == "update-manifest.sig").state = "open"
    refused = await world.plan()
    assert isinstance(refused, Refusal)
    assert refused.outcome is Outcome.FAILED
    assert "not ready" in refused.message


@pytest.mark.parametrize("policy", ["optional", "required", "signed"])
async def test_this_program_takes_nothing_for_itself_that_its_built_in_keys_have_not_signed(
    world: SignedWorld, policy: str
) -> None:
    required(world, policy).name = "updater"
    world.publish("1.4.0", 7, by=(BERTA,), component="updater")
    unsigned_too = [await world.plan()]
    world.built_in = json.dumps(document(1, EVE)).encode()
    unsigned_too.append(await world.plan())
    world.built_in = json.dumps(document(1, BERTA)).encode()
    assert isinstance(await world.plan(), Plan)
    world.without(world.core.releases[0], "update-manifest.sig")
    unsigned_too.append(await world.plan())
    reasons = [each.reason for each in unsigned_too if isinstance(each, Refusal)]
    assert reasons == ["no_keys", "signature_unknown", "signature_missing"]
