"""Carrying over between made-up trees of any shape, and what it costs on a big one."""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from doubles.owned_trees import carry, content, fill, later, release
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunebugger_updater.effects.files import DiskFiles
from dunebugger_updater.model.record import RECORD_NAME

PATHS = st.lists(st.sampled_from(["a", "b", "a.new", "conf"]), min_size=1, max_size=3).map("/".join)


def _fitting(wanted: Mapping[str, str]) -> dict[str, str]:
    """Without what cannot be: a file inside a file."""
    kept: dict[str, str] = {}
    for path, text in wanted.items():
        if not any(path.startswith(each + "/") or each.startswith(path + "/") for each in kept):
            kept[path] = text
    return kept


TREES = st.dictionaries(PATHS, st.sampled_from(["1", "2", "3"]), max_size=5).map(_fitting)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TREES, mine=TREES, meanwhile=TREES, after=TREES, restarted=st.booleans())
async def test_whatever_the_trees_no_byte_of_the_owner_is_lost(
    *,
    tmp_path: Path,
    before: dict[str, str],
    mine: dict[str, str],
    meanwhile: dict[str, str],
    after: dict[str, str],
    restarted: bool,
) -> None:
    shutil.rmtree(tmp_path)
    old, new = release(tmp_path / "1", before), release(tmp_path / "2", after)
    files = DiskFiles(later)
    for state in (mine, meanwhile):
        for each in old.iterdir():
            if each.name != RECORD_NAME:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        fill(old, state)
        await carry(old, new, files=files)
        files = DiskFiles(later) if restarted else files
        found = content(new)
        for path, text in state.items():
            if before.get(path) != text:
                assert found[path] == text
        # Nor is anything of the release: where it gave way, it lies beside, unless it is what it was before.
        for path, text in after.items():
            assert found.get(path) == text or before.get(path) == text or text in found.values()
        # And nothing is there that nobody put there.
        assert {path for path in found if ".new" not in path} <= set(state) | set(after)
    fresh = release(tmp_path / "3", after)
    await carry(old, fresh)
    assert content(new) == content(fresh)


@pytest.mark.bench
async def test_figures_of_the_second_pass(tmp_path: Path) -> None:
    old, new = release(tmp_path / "1", {f"app/{n}.py": str(n) for n in range(500)}), release(tmp_path / "2", {})
    for number in range(4500):
        path = old / f"data/{number // 50}/{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(11_000))
    files = DiskFiles(later)
    for name in ("first", "second", "third, after a restart of the agent"):
        start = time.perf_counter()
        done = await carry(old, new, files=files)
        print(f"{name}: {(time.perf_counter() - start) * 1000:.1f} ms, {done.copied} copied")  # noqa: T201  (figures are read)
    assert done.copied == 0
