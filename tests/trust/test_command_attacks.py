"""``manifest keygen | sign | verify | keys`` as publishers and suspicious owners type it, attacked in the same ways."""

import json
import stat
from pathlib import Path
from typing import get_args

import pytest
from doubles.signers import ANNA, BERTA, RING, artifact, chained, document, link, manifest, signed

from dunebugger_updater.cli import main
from dunebugger_updater.trust import Refusal, chain, follow, pinned, signing, verify
from dunebugger_updater.trust.refusal import Reason
from trust.test_manifest_attacks import FRESHNESS, IDENTITY
from trust.test_plan_attacks import ATTACKS as PLANS
from trust.test_rotation_attacks import ATTACKS as ROTATIONS
from trust.test_signature_attacks import ATTACKS, TEXT

TYPED = {
    name: attack for name, attack in ATTACKS.items() if attack[2].keys and not attack[2].revoked
}  # keys are given as words, and nobody types a list of revoked ones
Screen = pytest.CaptureFixture[str]


def test_at_every_level_there_are_at_least_sixty_attacks_and_every_reason_is_met() -> None:
    assert len(ATTACKS) + len(ROTATIONS) + len(IDENTITY) + len(FRESHNESS) >= 60
    assert len(PLANS) + len(ATTACKS) >= 60
    assert len(TYPED) >= 50
    tables = (ATTACKS, ROTATIONS, IDENTITY, FRESHNESS, PLANS)
    met = {attack[-1] for table in tables for attack in table.values()}
    elsewhere = {"image_unlisted", "signature_gone"}  # test_manifest_attacks, each in a test of its own
    assert set(get_args(Reason)) == met | elsewhere


@pytest.mark.parametrize("name", TYPED)
def test_verify_refuses_each_attack_with_its_reason_and_status_1(name: str, tmp_path: Path, capsys: Screen) -> None:
    content, signatures, ring, reason = TYPED[name]
    (tmp_path / "update-manifest.yaml").write_bytes(content)
    (tmp_path / "update-manifest.sig").write_bytes(signatures)
    keys = [word for key in ring.keys for word in ("--key", key.text)]
    words = ["manifest", "verify", *keys, "--threshold", str(ring.threshold), str(tmp_path / "update-manifest.yaml")]
    assert main([*words, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["valid"], told["reason"]) == (False, reason)
    assert main(words) == 1
    screen = capsys.readouterr()
    assert screen.out == ""
    assert screen.err.startswith("cannot ")
    assert screen.err.endswith(f"({reason})\n")


def keygen(folder: Path, name: str, capsys: Screen) -> str:
    assert main(["manifest", "keygen", "--output", str(folder), "--name", name, "--json"]) == 0
    screen = capsys.readouterr()
    private = (folder / f"{name}.key").read_text()
    assert screen.err == ""
    for line in private.splitlines():
        assert line not in screen.out, "of the private key nothing is ever printed"
    return str(json.loads(screen.out)["keyid"])


def test_a_publisher_makes_keys_signs_and_verifies(tmp_path: Path, capsys: Screen) -> None:
    ids = [keygen(tmp_path / "keys", name, capsys) for name in ("one", "two")]
    private = tmp_path / "keys" / "one.key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    said = tmp_path / "update-manifest.json"
    said.write_bytes(manifest("1.4.0", 7))
    for name in ("one", "two", "two"):
        assert main(["manifest", "sign", "--key", str(tmp_path / "keys" / f"{name}.key"), str(said)]) == 0
    capsys.readouterr()
    public = [word for name in ("one", "two") for word in ("--key", str(tmp_path / "keys" / f"{name}.pub"))]
    assert main(["manifest", "verify", *public, "--threshold", "2", "--json", str(said)]) == 0
    assert json.loads(capsys.readouterr().out) == {"valid": True, "file": str(said), "keyids": ids}
    elsewhere = (tmp_path / "update-manifest.sig").rename(tmp_path / "moved.sig")
    assert main(["manifest", "verify", *public, str(said)]) == 1
    assert main(["manifest", "verify", *public, str(said), str(elsewhere)]) == 0


def test_a_key_from_the_environment_signs_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "update-manifest.yaml"
    said.write_bytes(manifest("1.4.0", 7))
    monkeypatch.setenv("SIGNING_KEY", signing.pem(ANNA.private).decode())
    assert main(["manifest", "sign", "--key", "env:SIGNING_KEY", str(said)]) == 0
    assert not isinstance(verify(said.read_bytes(), (tmp_path / "update-manifest.sig").read_bytes(), RING), Refusal)


def test_keygen_never_writes_over_a_key(tmp_path: Path, capsys: Screen) -> None:
    keygen(tmp_path, "release", capsys)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["manifest", "keygen", "--output", str(tmp_path)]) == 2
    (tmp_path / "release.pub").unlink()
    assert main(["manifest", "keygen", "--output", str(tmp_path)]) == 2
    assert "there already" in capsys.readouterr().err
    assert (tmp_path / "release.key").read_bytes() == before["release.key"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release.key"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"version: [", "cannot sign"),
        (manifest("1.4.0", None), "its sequence"),
        (manifest("1.4.0", 7, component=None, repo=None), "its component, its repo"),
        (b"#" * 131_073, "no more than 131072 bytes"),
    ],
)
def test_what_no_device_could_use_is_not_signed(tmp_path: Path, capsys: Screen, content: bytes, told: str) -> None:
    said, key = tmp_path / "update-manifest.yaml", tmp_path / "a.key"
    said.write_bytes(content)
    key.write_bytes(signing.pem(ANNA.private))
    assert main(["manifest", "sign", "--key", str(key), str(said)]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "update-manifest.sig").exists()


@pytest.mark.parametrize(
    "content", [b"", b"secret that is no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_told_without_what_is_in_it(tmp_path: Path, capsys: Screen, content: bytes) -> None:
    said, key = tmp_path / "update-manifest.yaml", tmp_path / "a.key"
    said.write_bytes(manifest("1.4.0", 7))
    key.write_bytes(content)
    assert main(["manifest", "sign", "--key", str(key), str(said), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["error"].startswith("cannot use this private key")
    assert "secret" not in told["error"]


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "--key", "nonsense", "missing.yaml"],
        ["verify", "--key", ANNA.key.text, "missing.yaml"],
        ["verify", "--key", ANNA.key.text, "--threshold", "2", "missing.yaml"],
        ["sign", "--key", "missing.key", "missing.yaml"],
        ["keygen", "--output", "/proc/nowhere"],
    ],
)
def test_wrong_use_is_a_sentence_and_status_2(words: list[str], capsys: Screen) -> None:
    assert main(["manifest", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("cannot ")
    assert told.count("\n") == 1


def test_keys_are_pinned_and_changed_by_command(tmp_path: Path, capsys: Screen) -> None:
    for one, name in ((ANNA, "anna"), (BERTA, "berta")):
        (tmp_path / f"{name}.key").write_bytes(signing.pem(one.private))
    first, changed = tmp_path / "pinned.json", tmp_path / "update-keys.json"
    about = ["manifest", "keys", "--component", "updater"]
    assert main([*about, "--key", ANNA.key.text, "--output", str(first)]) == 0
    begun = pinned(first.read_bytes())
    assert not isinstance(begun, Refusal)
    onward = [*about, "--key", BERTA.key.text, "--after", str(first), "--revoke", ANNA.id, "--output", str(changed)]
    assert main([*onward, "--sign", str(tmp_path / "anna.key")]) == 2
    assert "its own keys must sign" in capsys.readouterr().err
    assert not changed.exists()
    assert main([*onward, "--sign", str(tmp_path / "anna.key"), "--sign", str(tmp_path / "berta.key")]) == 0
    again = [*about, "--key", BERTA.key.text, "--after", str(first), "--output", str(changed)]
    assert main([*again, "--sign", str(tmp_path / "berta.key")]) == 0
    links = chain(changed.read_bytes())
    assert not isinstance(links, Refusal)
    followed = follow(begun, links)
    assert not isinstance(followed, Refusal)
    assert (followed[0].version, followed[0].keys, followed[0].revoked) == (3, (BERTA.key,), frozenset({ANNA.id}))


def test_a_chain_begins_with_the_keys_that_owners_wrote_down_too(tmp_path: Path) -> None:
    (tmp_path / "anna.pub").write_text(f"{ANNA.key.text}\n")
    for one, name in ((ANNA, "anna"), (BERTA, "berta")):
        (tmp_path / f"{name}.key").write_bytes(signing.pem(one.private))
    words = ["manifest", "keys", "--component", "core", "--key", BERTA.key.text, "--after", str(tmp_path / "anna.pub")]
    both = ["--sign", str(tmp_path / "anna.key"), "--sign", str(tmp_path / "berta.key")]
    assert main([*words, *both, "--output", str(tmp_path / "update-keys.json")]) == 0
    links = chain((tmp_path / "update-keys.json").read_bytes())
    assert not isinstance(links, Refusal)
    assert not isinstance(follow(RING, links, "core"), Refusal)
    assert json.loads(chained(link(document(1, BERTA, component="core"), ANNA, BERTA)))[0]["signatures"]


def test_generate_writes_what_a_signed_manifest_needs(tmp_path: Path, capsys: Screen) -> None:
    (tmp_path / "core-1.4.0.tar.gz").write_bytes(b"release")
    said = tmp_path / "update-manifest.yaml"
    words = ["manifest", "generate", "--type", "python_app", "--version", "1.4.0", "--component", "core"]
    words += ["--repo", "dunebugger/core", "--repo-id", "77", "--sequence", "7", "--min-sequence", "3"]
    words += ["--issued", "2026-11-20T08:00:00Z", "--expires", "2027-11-20T08:00:00Z"]
    words += ["--artifact", str(tmp_path / "core-1.4.0.tar.gz"), "--output", str(said)]
    assert main(words) == 0
    (tmp_path / "a.key").write_bytes(signing.pem(ANNA.private))
    assert main(["manifest", "sign", "--key", str(tmp_path / "a.key"), str(said)]) == 0
    assert (tmp_path / "update-manifest.sig").read_bytes() != signed(TEXT, ANNA)
    assert f'sha256: "{artifact("x", b"release")["sha256"]}"' in said.read_text()
    assert main(["manifest", "generate", "--type", "apt", "--version", "1", "--issued", "yesterday"]) == 2
    assert "issued" in capsys.readouterr().err
