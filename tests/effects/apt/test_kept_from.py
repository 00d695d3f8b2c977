"""Where a version's .deb would come from, by what files are, not by what they are called."""

import shutil
import subprocess
from pathlib import Path

import pytest
from doubles.small_debian import STABLE, SmallDebian

from dunebugger_updater.effects.apt_packages import AptPackages

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="only where apt is")


def deb(directory: Path, name: str, version: str, called: str | None = None) -> Path:
    """Build a real, empty package."""
    tree = directory / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
    )
    file = directory / (called or f"{name}_{version.replace(':', '%3a')}_all.deb")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", str(tree), str(file)], check=True, capture_output=True)
    shutil.rmtree(tree)
    return file


@pytest.fixture
def debian(tmp_path: Path) -> SmallDebian:
    made = SmallDebian(tmp_path / "root")
    for name in ("tb-kept", "tb-cached", "tb-there", "tb-gone", "g++"):
        made.has(name, "1:1.0")
        if name != "tb-gone":
            made.offers(STABLE, name, "1:1.1")
    made.offers(STABLE, "tb-there", "1:1.0")
    made.write()
    (tmp_path / "kept").mkdir()
    return made


async def test_the_nearest_place_is_named(debian: SmallDebian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    deb(kept, "tb-kept", "1:1.0")
    deb(kept, "g++", "1:1.0")
    deb(debian.root / "var/cache/apt/archives", "tb-cached", "1:1.0")
    wanted = dict.fromkeys(("tb-kept", "tb-cached", "tb-there", "tb-gone", "g++"), "1:1.0")
    packages = AptPackages(debian.root)
    near = {"tb-kept": "kept", "g++": "kept", "tb-cached": "cache", "tb-there": "archive"}
    with_repack = tmp_path / "bin"
    with_repack.mkdir()
    for program in ("apt-get", "apt-cache", "apt-config", "dpkg", "dpkg-query", "dpkg-deb", "tar", "rm"):
        (with_repack / program).symlink_to(shutil.which(program) or "/nowhere")

    monkeypatch.setenv("PATH", str(with_repack))
    assert await packages.kept_from(wanted, kept) == near
    (with_repack / "dpkg-repack").symlink_to("/bin/true")
    assert await packages.kept_from(wanted, kept) == near | {"tb-gone": "repack"}


async def test_only_what_is_installed_can_be_packed_again(
    debian: SmallDebian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repack = tmp_path / "dpkg-repack"
    repack.write_text("#!/bin/sh\n")
    repack.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    assert await AptPackages(debian.root).kept_from({"tb-gone": "1:0.9"}, tmp_path / "kept") == {}


async def test_a_file_that_is_not_what_it_is_called_does_not_count(debian: SmallDebian, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    deb(kept, "tb-kept", "1:0.9", called="tb-kept_1%3a1.0_all.deb")
    whole = deb(kept, "tb-cached", "1:1.0")
    whole.write_bytes(whole.read_bytes()[:100])
    assert (
        "kept"
        not in (await AptPackages(debian.root).kept_from({"tb-kept": "1:1.0", "tb-cached": "1:1.0"}, kept)).values()
    )


@pytest.mark.parametrize("name", ["bash-", "--help", "../x", "tb-kept*"])
async def test_a_name_that_is_none_comes_from_nowhere(debian: SmallDebian, tmp_path: Path, name: str) -> None:
    assert await AptPackages(debian.root).kept_from({name: "1:1.0"}, tmp_path / "kept") == {}


async def test_the_places_are_looked_for_again_when_a_file_comes_or_goes(debian: SmallDebian, tmp_path: Path) -> None:
    kept, packages = tmp_path / "kept", AptPackages(debian.root)
    wanted = {"tb-there": "1:1.0"}
    assert await packages.kept_from(wanted, kept) == {"tb-there": "archive"}
    file = deb(kept, "tb-there", "1:1.0")
    assert await packages.kept_from(wanted, kept) == {"tb-there": "kept"}
    file.unlink()
    assert await packages.kept_from(wanted, kept) == {"tb-there": "archive"}
