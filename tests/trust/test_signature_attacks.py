"""What somebody who does not hold a trusted key may try with a signature file.  Each try fails for its own reason."""

import base64
import json
import os
import random
from collections.abc import Callable

import pytest
from doubles.signers import ANNA, BERTA, CARLA, EVE, RING, TWO, Signer, signed, spelled

from dunebugger_updater.trust import Keyring, Refusal, Verified, key, keyring, verify
from dunebugger_updater.trust.keys import Key
from dunebugger_updater.trust.signatures import KEYS

TEXT = b"version: '1.4.0'\nsequence: 7\n"
GOOD = ANNA.entry(TEXT)
L = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's group: adding it to a signature's second half changes no equation."""


def sig(change: Callable[[bytes], bytes]) -> bytes:
    """Anna's signature file with the bytes of the signature changed."""
    return spelled([GOOD | {"sig": base64.b64encode(change(base64.b64decode(GOOD["sig"]))).decode()}])


def text(change: Callable[[str], str]) -> bytes:
    """The same with its base64 changed."""
    return spelled([GOOD | {"sig": change(GOOD["sig"])}])


def entry(**changed: object) -> bytes:
    return spelled([GOOD | changed])


def malleable(signature: bytes) -> bytes:
    second = int.from_bytes(signature[32:], "little") + L
    return signature[:32] + second.to_bytes(32, "little")


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[: at // 8] + bytes([raw[at // 8] ^ (1 << at % 8)]) + raw[at // 8 + 1 :]


def other_spare_bits(spelling: str) -> str:
    """The same 64 bytes for a lenient reader: two letters before the padding hold four bits that mean nothing."""
    assert spelling.endswith("==")
    assert spelling[-3] in "AQgw"
    return spelling[:-3] + chr(ord(spelling[-3]) + 1) + "=="


Attack = tuple[bytes, bytes, Keyring, str]
REVOKED = Keyring((BERTA.key,), 1, frozenset({ANNA.id}), 2)
PURPOSELESS = spelled([{"keyid": ANNA.id, "sig": base64.b64encode(ANNA.private.sign(TEXT)).decode()}])
ATTACKS: dict[str, Attack] = {
    # who signed
    "a stranger's key": (TEXT, signed(TEXT, EVE), RING, "signature_unknown"),
    "a stranger under a trusted name": (TEXT, spelled([EVE.entry(TEXT) | {"keyid": ANNA.id}]), RING, "signature_wrong"),
    "a trusted signature under a stranger's name": (TEXT, entry(keyid=EVE.id), RING, "signature_unknown"),
    "a key that was revoked": (TEXT, signed(TEXT, ANNA), REVOKED, "key_revoked"),
    "a key that was revoked, and a stranger": (TEXT, signed(TEXT, EVE, ANNA), REVOKED, "key_revoked"),
    "a key that was rotated out": (
        TEXT,
        signed(TEXT, ANNA),
        Keyring((BERTA.key,), 1, frozenset(), 2),
        "signature_unknown",
    ),
    "one signature where two are needed": (TEXT, signed(TEXT, ANNA), TWO, "threshold_missed"),
    "one trusted and one strange where two are needed": (TEXT, signed(TEXT, ANNA, EVE), TWO, "threshold_missed"),
    "one of two signatures is wrong": (TEXT, spelled([GOOD, BERTA.entry(b"other")]), TWO, "signature_wrong"),
    "the same key counted twice": (TEXT, spelled([GOOD, GOOD]), TWO, "signature_twice"),
    "a right and a wrong one by the same key": (TEXT, spelled([GOOD, ANNA.entry(b"")]), RING, "signature_twice"),
    "no key is trusted at all": (TEXT, signed(TEXT, ANNA), Keyring(), "no_keys"),
    # what was signed
    "one byte more": (TEXT + b"\n", signed(TEXT, ANNA), RING, "signature_wrong"),
    "one byte less": (TEXT[:-1], signed(TEXT, ANNA), RING, "signature_wrong"),
    "another version in the text": (TEXT.replace(b"1.4.0", b"1.4.1"), signed(TEXT, ANNA), RING, "signature_wrong"),
    "other line ends": (TEXT.replace(b"\n", b"\r\n"), signed(TEXT, ANNA), RING, "signature_wrong"),
    "a byte order mark in front": (b"\xef\xbb\xbf" + TEXT, signed(TEXT, ANNA), RING, "signature_wrong"),
    "the same text in another encoding": (TEXT.decode().encode("utf-16"), signed(TEXT, ANNA), RING, "signature_wrong"),
    "nothing instead of the text": (b"", signed(TEXT, ANNA), RING, "signature_wrong"),
    "a signature of the keys document": (TEXT, spelled([ANNA.entry(TEXT, KEYS)]), RING, "signature_wrong"),
    "a signature without a purpose": (TEXT, PURPOSELESS, RING, "signature_wrong"),
    "a signature of another program's": (TEXT, spelled([ANNA.entry(TEXT, b"other-v1\n")]), RING, "signature_wrong"),
    "a signature for a later form": (
        TEXT,
        spelled([ANNA.entry(TEXT, b"dunebugger-updater-manifest-v2\n")]),
        RING,
        "signature_wrong",
    ),
    "the purpose moved into the text": (
        b"dunebugger-updater-manifest-v1\n" + TEXT,
        signed(TEXT, ANNA),
        RING,
        "signature_wrong",
    ),
    "a yaml bomb that nobody signed": (
        b"a: &a [x,x]\nb: &b [*a,*a]\n" * 9,
        signed(TEXT, ANNA),
        RING,
        "signature_wrong",
    ),
    "more text than anybody signs": (b"#" * 131_073, signed(TEXT, ANNA), RING, "content_too_large"),
    # the bytes of the signature
    "a truncated signature": (TEXT, sig(lambda raw: raw[:-1]), RING, "signature_malformed"),
    "a signature with a byte more": (TEXT, sig(lambda raw: raw + b"\0"), RING, "signature_malformed"),
    "a signature of nothing but zeros": (TEXT, sig(lambda _: bytes(64)), RING, "signature_wrong"),
    "the same signature with another second half": (TEXT, sig(malleable), RING, "signature_wrong"),
    "both halves exchanged": (TEXT, sig(lambda raw: raw[32:] + raw[:32]), RING, "signature_wrong"),
    "one bit of it turned": (TEXT, sig(flipped(100)), RING, "signature_wrong"),
    "its highest bit turned": (TEXT, sig(flipped(511)), RING, "signature_wrong"),
    # its spelling
    "base64 with a line break": (TEXT, text(lambda given: given[:40] + "\n" + given[40:]), RING, "signature_malformed"),
    "base64 without its padding": (TEXT, text(lambda given: given.rstrip("=")), RING, "signature_malformed"),
    "base64 with more padding": (TEXT, text(lambda given: given + "===="), RING, "signature_malformed"),
    "base64 with other spare bits": (TEXT, text(other_spare_bits), RING, "signature_malformed"),
    "base64 of the web": (TEXT, text(lambda given: given[:-3] + "-_=="), RING, "signature_malformed"),
    "base64 in wide letters": (TEXT, text(lambda given: "\uff21" + given[1:]), RING, "signature_malformed"),
    "hexadecimal digits": (TEXT, entry(sig=base64.b64decode(GOOD["sig"]).hex()), RING, "signature_malformed"),
    "a name in capitals": (TEXT, entry(keyid=ANNA.id.upper()), RING, "signature_unknown"),
    "a name with a letter that looks the same": (TEXT, entry(keyid=ANNA.id[:-1] + "\u0430"), RING, "signature_unknown"),
    "a name cut short": (TEXT, entry(keyid=ANNA.id[:8]), RING, "signature_unknown"),
    "a name drawn out": (TEXT, entry(keyid=ANNA.id + "00"), RING, "signature_unknown"),
    # the file
    "no signature file": (TEXT, b"", RING, "signature_missing"),
    "an empty list": (TEXT, b"[]", RING, "signature_missing"),
    "not JSON": (TEXT, b"- keyid: x\n", RING, "signatures_unreadable"),
    "half of it": (TEXT, signed(TEXT, ANNA)[:-20], RING, "signatures_unreadable"),
    "an object instead of a list": (TEXT, json.dumps(GOOD).encode(), RING, "signatures_unreadable"),
    "a field that nobody knows": (TEXT, entry(threshold=0), RING, "signatures_unreadable"),
    "a field that is missing": (TEXT, spelled([{"keyid": ANNA.id}]), RING, "signatures_unreadable"),
    "a number where text belongs": (TEXT, entry(sig=7), RING, "signatures_unreadable"),
    "something behind the end": (TEXT, signed(TEXT, ANNA) + b"[]", RING, "signatures_unreadable"),
    "no text at all": (TEXT, b"\xff\xfe" + os.urandom(64), RING, "signatures_unreadable"),
    "a hundred thousand brackets": (TEXT, b"[" * 16_000, RING, "signatures_unreadable"),
    "one key more than are looked at": (
        TEXT,
        signed(TEXT, *map(Signer, map(str, range(21)))),
        RING,
        "signatures_too_many",
    ),
    "a file without end": (TEXT, b" " * 20_000 + signed(TEXT, ANNA), RING, "signatures_too_large"),
}


@pytest.mark.req("DB-085")
@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_on_a_signature_gets_through(name: str) -> None:
    content, signatures, ring, reason = ATTACKS[name]
    refused = verify(content, signatures, ring)
    assert isinstance(refused, Refusal)
    assert refused.reason == reason
    assert refused.sentence.startswith("cannot ")


@pytest.mark.parametrize(
    ("signatures", "ring", "by"),
    [
        (signed(TEXT, ANNA), RING, {ANNA.id}),
        (signed(TEXT, ANNA, BERTA), TWO, {ANNA.id, BERTA.id}),
        (signed(TEXT, EVE, BERTA, CARLA, ANNA), TWO, {ANNA.id, BERTA.id}),
        (signed(TEXT, BERTA, ANNA), REVOKED, {BERTA.id}),
        (b"\n" + signed(TEXT, ANNA) + b"\n", RING, {ANNA.id}),
    ],
    ids=["one", "two", "among strangers", "an old key beside the new one", "with line breaks around it"],
)
def test_what_enough_trusted_keys_signed_is_believed(signatures: bytes, ring: Keyring, by: set[str]) -> None:
    proof = verify(TEXT, signatures, ring)
    assert isinstance(proof, Verified)
    assert (proof.content, set(proof.by)) == (TEXT, by)


def test_of_ten_thousand_damaged_signature_files_none_is_believed() -> None:
    dice = random.Random(20261127)
    good = signed(TEXT, ANNA)
    for _ in range(10_000):
        damaged = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(damaged))
            damaged[at : at + dice.randint(0, 2)] = bytes(dice.randrange(256) for _ in range(dice.randint(0, 2)))
        proof = verify(TEXT, bytes(damaged), RING)
        # the one spelling of the very same signature is no attack: a space beside a comma, say
        assert isinstance(proof, Refusal) or json.loads(damaged) == json.loads(good), bytes(damaged)


# Under a key of small order one signature fits many texts: that of the neutral element below fits every one.
NEUTRAL = (1).to_bytes(32, "little")
SMALL = {
    "neutral element": NEUTRAL.hex(),
    "order 2": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 4": "0" * 64,
    "order 4, other sign": "0" * 62 + "80",
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8, other sign": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "order 8, the other": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order 8, the other, other sign": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}
UNUSUAL = {
    "zero as p": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "one as p + 1": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "all ones": "f" * 64,
}


def spell(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize("name", SMALL)
def test_a_key_under_which_one_signature_fits_any_text_is_no_key(name: str) -> None:
    refused = key(spell(bytes.fromhex(SMALL[name])))
    assert isinstance(refused, Refusal)
    assert refused.reason == "key_weak"


def test_without_that_rule_such_a_key_would_have_signed_everything() -> None:
    forged = spelled([{"keyid": Key(NEUTRAL).id, "sig": spell(NEUTRAL + bytes(32))}])
    for anything in (TEXT, b"", b"rm"):
        assert isinstance(verify(anything, forged, Keyring((Key(NEUTRAL),))), Verified)


@pytest.mark.parametrize(
    "given",
    [
        *(spell(bytes.fromhex(each)) for each in UNUSUAL.values()),
        spell(ANNA.key.raw[:-1]),
        spell(ANNA.key.raw + b"\0"),
        ANNA.key.text.rstrip("="),
        f" {ANNA.key.text}",
        ANNA.key.raw.hex(),
        "",
        "\u00e9" * 44,
    ],
)
def test_a_key_has_one_spelling_only(given: str) -> None:
    refused = key(given)
    assert isinstance(refused, Refusal)
    assert refused.reason == "key_malformed"


@pytest.mark.parametrize(
    ("keys", "threshold", "reason"),
    [
        ([ANNA, ANNA], 2, "key_twice"),
        ([ANNA], 2, "keys_threshold_impossible"),
        ([ANNA], 0, "keys_threshold_impossible"),
        ([ANNA], -1, "keys_threshold_impossible"),
        ([Signer(str(number)) for number in range(21)], 1, "keys_threshold_impossible"),
    ],
)
def test_a_ring_of_keys_that_cannot_hold_is_refused(keys: list[Signer], threshold: int, reason: str) -> None:
    refused = keyring([one.key.text for one in keys], threshold)
    assert isinstance(refused, Refusal)
    assert refused.reason == reason
