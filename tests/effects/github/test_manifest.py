"""The manifest of a release, and its small files."""

import pytest
from doubles.github import Link, Submodule
from doubles.github_world import CORE, World

from dunebugger_updater.ports import EffectError


async def test_the_manifest_is_read_at_the_commit_of_the_release(world: World) -> None:
    world.core.trees["a" * 40] = {"update-manifest.yaml": b"version: 1\n"}
    assert await world.github.manifest(CORE, "v1", "a" * 40) == b"version: 1\n"
    assert len(world.fake.seen) == 1


@pytest.mark.parametrize("annotated", [True, False])
@pytest.mark.parametrize("tag", ["v1", "cli/v1.9.4", "@scope/pkg@2 %2F"])
async def test_the_commit_of_a_tag_is_found_first_when_it_is_not_known(world: World, tag: str, annotated: bool) -> None:
    world.core.tags[tag] = "a" * 40
    world.core.annotated = {tag: "b" * 40} if annotated else {}
    world.core.trees["a" * 40] = {"update-manifest.yaml": b"version: 1\n"}
    assert await world.github.manifest(CORE, tag, None) == b"version: 1\n"
    assert world.fake.asked()[-1].endswith(f"update-manifest.yaml?ref={'a' * 40}")


async def test_a_release_without_a_manifest_has_none(world: World) -> None:
    world.core.trees["a" * 40] = {}
    assert await world.github.manifest(CORE, "v1", "a" * 40) is None


async def test_a_tag_that_is_gone_is_told_as_such(world: World) -> None:
    with pytest.raises(EffectError, match=f"cannot find the tag v1 in {CORE}"):
        await world.github.manifest(CORE, "v1", None)


@pytest.mark.parametrize(
    ("entry", "said"), [(Link("folder"), "symlink"), (Submodule(), "submodule"), (None, "directory")]
)
async def test_a_manifest_that_is_no_file_is_refused(world: World, entry: Link | Submodule | None, said: str) -> None:
    tree = {"update-manifest.yaml/x": b""} if entry is None else {"update-manifest.yaml": entry}
    world.core.trees["a" * 40] = dict(tree)
    with pytest.raises(EffectError, match=f"it is a {said}, not a file"):
        await world.github.manifest(CORE, "v1", "a" * 40)


async def test_a_manifest_larger_than_a_manifest_can_be_is_refused(world: World) -> None:
    world.core.trees["a" * 40] = {"update-manifest.yaml": b"#" * 262_145}
    with pytest.raises(EffectError, match="larger than 262,144 bytes"):
        await world.github.manifest(CORE, "v1", "a" * 40)


async def test_a_small_asset_is_read_whole_or_not_at_all(world: World) -> None:
    world.fake.release(world.core, "v1", {"sums.txt": b"0123456789"})
    (release,) = (await world.github.catalogue(CORE, "releases", None)).releases
    assert await world.github.read_asset(release.assets[0].url, 10) == b"0123456789"
    with pytest.raises(EffectError, match="larger than 9 bytes"):
        await world.github.read_asset(release.assets[0].url, 9)
    with pytest.raises(EffectError, match=r"cannot fetch none\.txt: it is not there any more"):
        await world.github.read_asset(release.assets[0].url.replace("sums", "none"), 9)
