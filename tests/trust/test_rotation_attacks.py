"""Keys change only by the keys before them.  What others try at that fails, each for its own reason."""

import json

import msgspec
import pytest
from doubles.signers import ANNA, BERTA, CARLA, EVE, RING, Signer, chained, document, link

from dunebugger_updater.trust import Keyring, Link, Refusal, Signature, chain, follow, keyring, pinned
from dunebugger_updater.trust.rotation import MOST_LINKS
from dunebugger_updater.trust.signatures import MANIFEST

FIRST = Keyring((ANNA.key,), 1, frozenset(), 1)
"""What a program has built in: keys 1."""
BOTH = Keyring((ANNA.key, BERTA.key), 2, frozenset(), 1)
AFTER_CARLA = Keyring((ANNA.key,), 1, frozenset({CARLA.id}), 4)
TO_BERTA = document(2, BERTA)
GONE = {"revoked": [ANNA.id]}

ATTACKS: dict[str, tuple[Keyring, bytes, str]] = {
    "keys that a stranger signed": (FIRST, chained(link(document(2, EVE), EVE)), "keys_not_from_the_old"),
    "keys that nobody signed": (FIRST, chained(link(TO_BERTA)), "keys_not_from_the_old"),
    "keys that only the new ones signed": (FIRST, chained(link(TO_BERTA, BERTA)), "keys_not_from_the_old"),
    "new keys that did not sign": (FIRST, chained(link(TO_BERTA, ANNA)), "keys_not_by_the_new"),
    "too few of the old": (BOTH, chained(link(document(2, EVE), ANNA, EVE)), "keys_not_from_the_old"),
    "too few of the new": (
        FIRST,
        chained(link(document(2, ANNA, BERTA, threshold=2), ANNA)),
        "keys_not_by_the_new",
    ),
    "a version left out": (FIRST, chained(link(document(3, BERTA), ANNA, BERTA)), "keys_skipped"),
    "a version left out in the middle": (
        FIRST,
        chained(link(TO_BERTA, ANNA, BERTA), link(document(4, CARLA), BERTA, CARLA)),
        "keys_skipped",
    ),
    "the farthest version": (FIRST, chained(link(document(2**53, EVE, ANNA), EVE, ANNA)), "keys_skipped"),
    "a key that was rotated out": (
        FIRST,
        chained(link(TO_BERTA, ANNA, BERTA), link(document(3, ANNA), ANNA)),
        "keys_not_from_the_old",
    ),
    "a key that was revoked": (
        FIRST,
        chained(link(document(2, BERTA, **GONE), ANNA, BERTA), link(document(3, EVE, **GONE), ANNA, EVE)),
        "key_revoked",
    ),
    "a revoked key comes back": (
        AFTER_CARLA,
        chained(link(document(5, CARLA, ANNA), ANNA, CARLA)),
        "keys_revived",
    ),
    "a key is trusted and revoked at once": (
        FIRST,
        chained(link(document(2, ANNA, BERTA, **GONE), ANNA, BERTA)),
        "keys_revived",
    ),
    "a revocation is forgotten": (AFTER_CARLA, chained(link(document(5, BERTA), ANNA, BERTA)), "keys_unrevoked"),
    "the keys of another component": (
        FIRST,
        chained(link(document(2, BERTA, component="core"), ANNA, BERTA)),
        "keys_of_another",
    ),
    "a component that only looks the same": (
        FIRST,
        chained(link(document(2, BERTA, component="updat\u0435r"), ANNA, BERTA)),
        "keys_of_another",
    ),
    "keys signed as a manifest": (
        FIRST,
        chained(link(TO_BERTA, ANNA, BERTA, purpose=MANIFEST)),
        "keys_not_from_the_old",
    ),
    "a document changed after it was signed": (
        FIRST,
        chained(Link(json.dumps(document(2, EVE)), link(TO_BERTA, ANNA, BERTA).signatures)),
        "keys_not_from_the_old",
    ),
    "the same signature twice for two": (
        BOTH,
        chained(Link(json.dumps(TO_BERTA), (Signature(**ANNA.entry(json.dumps(TO_BERTA).encode())),) * 2)),
        "keys_not_from_the_old",
    ),
    "no key at all": (FIRST, chained(link(document(2), ANNA)), "keys_unreadable"),
    "a key of small order": (
        FIRST,
        chained(link(document(2, BERTA) | {"keys": ["AQ" + "A" * 41 + "="]}, ANNA)),
        "key_weak",
    ),
    "a key of 31 bytes": (FIRST, chained(link(document(2) | {"keys": ["AAAA"]}, ANNA)), "key_malformed"),
    "one key listed twice": (FIRST, chained(link(document(2, BERTA, BERTA, threshold=2), ANNA, BERTA)), "key_twice"),
    "a threshold of none": (
        FIRST,
        chained(link(document(2, BERTA, threshold=0), ANNA, BERTA)),
        "keys_threshold_impossible",
    ),
    "a threshold that nobody can reach": (
        FIRST,
        chained(link(document(2, BERTA, threshold=2), ANNA, BERTA)),
        "keys_threshold_impossible",
    ),
    "a version before the first": (FIRST, chained(link(document(0, BERTA), ANNA, BERTA)), "keys_unreadable"),
    "a version that is no number": (FIRST, chained(link(TO_BERTA | {"version": "2"}, ANNA, BERTA)), "keys_unreadable"),
    "a version that is nearly one": (FIRST, chained(link(TO_BERTA | {"version": 2.5}, ANNA, BERTA)), "keys_unreadable"),
    "another kind of document": (FIRST, chained(link(TO_BERTA | {"kind": "other"}, ANNA, BERTA)), "keys_unreadable"),
    "a field that nobody knows": (FIRST, chained(link(TO_BERTA | {"until": "never"}, ANNA, BERTA)), "keys_unreadable"),
    "not JSON inside": (FIRST, chained(link("keys: [a]", ANNA, BERTA)), "keys_unreadable"),
    "not JSON outside": (FIRST, b"keys: [a]", "keys_unreadable"),
    "no text": (FIRST, b'[{"document": "\xff", "signatures": []}]', "keys_unreadable"),
    "brackets without end": (FIRST, b"[" * 200_000, "keys_unreadable"),
    "a document of many pages": (
        FIRST,
        chained(link(json.dumps(TO_BERTA) + " " * 17_000, ANNA, BERTA)),
        "keys_too_large",
    ),
    "a file of many pages": (FIRST, b" " * 262_145, "keys_too_large"),
    "more changes than anybody makes": (
        FIRST,
        msgspec.json.encode([Link("{}", ())] * (MOST_LINKS + 1)),
        "keys_too_large",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_on_the_keys_gets_through(name: str) -> None:
    ring, content, reason = ATTACKS[name]
    links = chain(content)
    refused = links if isinstance(links, Refusal) else follow(ring, links)
    assert isinstance(refused, Refusal)
    assert refused.reason == reason
    assert refused.sentence.startswith("cannot ")


def test_a_device_that_slept_through_two_changes_follows_them_step_by_step() -> None:
    links = (
        link(TO_BERTA, ANNA, BERTA),
        link(document(3, BERTA, CARLA, threshold=2, **GONE), BERTA, CARLA),
    )
    followed = follow(FIRST, links)
    assert not isinstance(followed, Refusal)
    ring, new = followed
    assert (ring.version, ring.threshold, ring.revoked) == (3, 2, frozenset({ANNA.id}))
    assert ring.keys == (BERTA.key, CARLA.key)
    assert new == links
    assert follow(ring, links) == (ring, ()), "what is known already changes nothing"


def test_what_an_attack_reaches_before_it_fails_is_not_kept() -> None:
    attack = (link(TO_BERTA, ANNA, BERTA), link(document(3, EVE), EVE))
    assert isinstance(follow(FIRST, attack), Refusal)


def test_keys_that_the_owner_wrote_down_can_change_too() -> None:
    written = keyring([ANNA.key.text])
    assert written == RING
    followed = follow(RING, (link(document(1, BERTA, component="core"), ANNA, BERTA),), "core")
    assert not isinstance(followed, Refusal)
    assert followed[0].keys == (BERTA.key,)


def test_a_checkout_trusts_no_key_and_a_build_those_in_its_document() -> None:
    assert pinned(b"") == pinned(b"\n") == Keyring()
    assert pinned(json.dumps(document(1, ANNA)).encode()) == FIRST


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (document(1), "keys_unreadable"),
        (document(1, ANNA, component="core"), "keys_of_another"),
        (document(1, ANNA, threshold=2), "keys_threshold_impossible"),
    ],
)
def test_a_build_with_keys_that_cannot_hold_trusts_nothing(said: dict[str, object], reason: str) -> None:
    refused = pinned(json.dumps(said).encode())
    assert isinstance(refused, Refusal)
    assert refused.reason == reason


def test_rings_are_told_apart_by_what_they_trust_and_not_by_how_it_was_written() -> None:
    same = keyring([BERTA.key.text, ANNA.key.text], 1)
    other = keyring([BERTA.key.text, ANNA.key.text], 2)
    assert isinstance(same, Keyring)
    assert isinstance(other, Keyring)
    assert same.fingerprint == Keyring((ANNA.key, BERTA.key)).fingerprint
    assert len({same.fingerprint, other.fingerprint, Keyring().fingerprint, RING.fingerprint}) == 4
    many = [Signer(str(number)).id for number in range(9)]
    assert len({Keyring(revoked=frozenset(order)).fingerprint for order in (many, many[::-1])}) == 1
