"""Keys are built into a program from a file, and only keys that hold."""

import json
from pathlib import Path

import make
import pytest
from doubles.signers import ANNA, document

from dunebugger_updater import bundled
from dunebugger_updater.trust import Refusal, pinned


def test_a_build_trusts_the_keys_that_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(document(1, ANNA)))
    make._pin(tmp_path / "folder", keys)
    monkeypatch.setattr(bundled, "root", lambda: tmp_path / "folder" / "_internal")
    ring = pinned(bundled.pinned_keys())
    assert not isinstance(ring, Refusal)
    assert ring.keys == (ANNA.key,)


def test_a_checkout_trusts_none() -> None:
    assert bundled.pinned_keys() == b""


@pytest.mark.parametrize(
    "content", ["", "{}", json.dumps(document(1)), json.dumps(document(1, ANNA, component="core"))]
)
def test_a_build_with_keys_that_do_not_hold_is_not_made(tmp_path: Path, content: str) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(content)
    with pytest.raises(SystemExit, match=r"keys\.json: "):
        make._pin(tmp_path / "folder", keys)
    assert not (tmp_path / "folder").exists()
