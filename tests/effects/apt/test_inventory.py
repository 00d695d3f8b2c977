"""The real apt and dpkg are asked about a made-up Debian in a folder: its truth is what the inventory says."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from doubles.small_debian import NATIVE, RASPBERRY, SECURITY, STABLE, SmallDebian

from dunebugger_updater.effects import apt_asking
from dunebugger_updater.effects.apt_packages import AptPackages
from dunebugger_updater.model.packages import Change, Inventory, Pending, label
from dunebugger_updater.ports import EffectError

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="only where apt is")
FOREIGN = "armhf" if NATIVE != "armhf" else "arm64"


@pytest.fixture
def debian(tmp_path: Path) -> SmallDebian:
    """Everything that an archive can do to an inventory."""
    made = SmallDebian(tmp_path)
    for name in ("tb-both", "tb-breaks", "tb-firmware", "tb-lib", "tb-newdep", "tb-old", "tb-phased", "tb-unmet"):
        made.has(name)
    made.has("tb-held", status="hold ok installed")
    made.has("tb-gone")
    made.has("tb-same")
    made.has("g++", "4:1.0")
    made.has(f"tb-arch:{NATIVE}", Multi_Arch="same")
    made.has("tb-left", status="deinstall ok config-files")
    made.auto = ["tb-lib", "tb-arch"]
    made.offers(STABLE, "tb-both", "1.1")
    made.offers(SECURITY, "tb-both", "1.1")
    made.offers(STABLE, "tb-lib", "1.2", Filename="pool/main/libt/lib tb/tb-lib_1.2_all.deb", Source="lib-tb (7:1.2~a)")
    made.offers(SECURITY, "tb-lib", "1.1")
    made.offers(STABLE, "tb-held", "1.1")
    made.offers(STABLE, "tb-same", "1.0")
    made.offers(STABLE, "tb-phased", "1.1", Phased_Update_Percentage="0")
    made.offers(STABLE, "tb-newdep", "1.1", Depends="tb-newlib")
    made.offers(STABLE, "tb-newlib", "1.1")
    made.offers(STABLE, "tb-unmet", "1.1", Depends="tb-does-not-exist")
    made.offers(STABLE, "tb-breaks", "1.1", Conflicts="tb-old")
    made.offers(RASPBERRY, "tb-firmware", "1.1")
    made.offers(STABLE, f"tb-arch:{NATIVE}", "1.1", Multi_Arch="same")
    made.offers(STABLE, "g++", "4:1.1")
    made.write()
    return made


async def looked_at(debian: SmallDebian, *options: str) -> Inventory:
    return await AptPackages(debian.root, options).inventory()


def by_name(inventory: Inventory) -> dict[str, Pending]:
    return {each.name: each for each in inventory.packages}


async def test_the_inventory_is_what_the_archive_has(debian: SmallDebian) -> None:
    inventory = await looked_at(debian)
    found = by_name(inventory)
    assert set(found) == {
        *("g++", "tb-arch", "tb-both", "tb-breaks", "tb-firmware", "tb-held", "tb-lib"),
        *("tb-newdep", "tb-phased", "tb-unmet"),
    }
    assert {each.name for each in inventory.ready} == {
        *("g++", "tb-arch", "tb-both", "tb-firmware", "tb-lib", "tb-newdep"),
    }
    assert {each.name for each in inventory.security} == {"tb-both", "tb-lib"}
    assert (found["tb-lib"].candidate, found["tb-lib"].security_version) == ("1.2", "1.1")
    assert found["tb-both"].origins == ("Debian:12.11/stable", "Debian-Security:12/stable-security")
    assert found["tb-firmware"].origins == ("Raspberry Pi Foundation:stable",)
    assert (found["g++"].installed, found["g++"].candidate, found["g++"].size) == ("4:1.0", "4:1.1", 300)
    assert inventory.new == (Change("tb-newlib", None, "1.1", size=900),)
    assert (inventory.security_known, inventory.security_unknown, inventory.problem) == (True, None, None)
    assert (inventory.broken, inventory.release) == ((), "debian-12.11")


async def test_each_that_is_kept_back_says_why(debian: SmallDebian) -> None:
    assert {each.name: each.kept_back for each in (await looked_at(debian)).packages if each.kept_back} == {
        "tb-breaks": "it would remove tb-old",
        "tb-held": "held on this device; apt-mark unhold releases it",
        "tb-phased": "given out in phases, and this device's turn has not come (0 % have it)",
        "tb-unmet": "it depends on tb-does-not-exist, which is not installable",
    }


async def test_changelogs_are_where_apt_says_its_publisher_has_them(debian: SmallDebian) -> None:
    option = "Acquire::Changelogs::URI::Origin::Debian=https://changes.test/@CHANGEPATH@_changelog"
    found = by_name(await looked_at(debian, "-o", option))
    assert found["tb-lib"].changelog == "https://changes.test/main/libt/lib%20tb/lib-tb_1.2~a_changelog"
    assert found["tb-firmware"].changelog is None


async def test_the_same_files_are_asked_about_once_and_changed_ones_again(debian: SmallDebian) -> None:
    packages = AptPackages(debian.root)
    first = await packages.inventory()
    assert await packages.inventory() == first
    debian.offers(STABLE, "tb-does-not-exist", "1.0")
    debian.write()
    assert "tb-unmet" in {each.name for each in (await packages.inventory()).ready}


async def test_what_is_installed_has_its_marks_and_states(debian: SmallDebian) -> None:
    debian.has("tb-half", status="install ok half-configured")
    debian.write()
    here = await AptPackages(debian.root).installed()
    assert {name for name, each in here.items() if each.auto} == {"tb-lib", "tb-arch"}
    assert here["tb-half"].state == "half-configured"
    assert here["tb-held"].state == "installed"
    assert "tb-left" not in here


async def test_foreign_packages_have_one_name_everywhere(debian: SmallDebian) -> None:
    debian.has(f"tb-arch:{FOREIGN}", Multi_Arch="same")
    debian.offers(STABLE, f"tb-arch:{FOREIGN}", "1.1", Multi_Arch="same")
    debian.foreign(FOREIGN)
    debian.write()
    both = ("-o", f"APT::Architectures::={NATIVE}", "-o", f"APT::Architectures::={FOREIGN}")
    packages = AptPackages(debian.root, both)
    assert {"tb-arch", f"tb-arch:{FOREIGN}"} <= set(await packages.installed())
    ready = {each.name for each in (await packages.inventory()).ready}
    assert {"tb-arch", f"tb-arch:{FOREIGN}"} <= ready
    wanted = {"tb-arch": "1.1", f"tb-arch:{FOREIGN}": "1.1"}
    assert {each.name: each.after for each in await packages.simulate(wanted)} == wanted


async def test_without_a_security_archive_nothing_is_called_safe(tmp_path: Path) -> None:
    made = SmallDebian(tmp_path)
    made.has("tb-firmware")
    made.offers(RASPBERRY, "tb-firmware", "1.1")
    made.write()
    inventory = await looked_at(made)
    assert not inventory.security_known
    assert "Raspberry Pi Foundation" in (inventory.security_unknown or "")
    assert len(inventory.ready) == 1


async def test_lists_that_were_never_fetched_are_no_up_to_date_device(tmp_path: Path) -> None:
    made = SmallDebian(tmp_path)
    made.has("tb-tool")
    made.write()
    inventory = await looked_at(made)
    assert inventory.packages == ()
    assert inventory.checked_at is None
    assert "never fetched" in (inventory.problem or "")
    assert not inventory.security_known


async def test_the_age_of_the_lists_is_when_they_were_fetched_and_not_when_they_were_made(debian: SmallDebian) -> None:
    import os  # noqa: PLC0415  (only here)

    lists = debian.root / "var/lib/apt/lists"
    for file in lists.iterdir():
        os.utime(file, (1_000_000_000, 1_000_000_000))
    os.utime(lists / "partial", (1_700_000_000, 1_700_000_000))
    os.utime(lists, (1_600_000_000, 1_600_000_000))
    assert (await looked_at(debian)).checked_at == datetime.fromtimestamp(1_700_000_000, UTC)


async def test_dependencies_that_are_broken_already_keep_everything_back_and_are_told(debian: SmallDebian) -> None:
    debian.has("tb-needy", Depends="tb-nowhere")
    debian.write()
    inventory = await looked_at(debian)
    assert inventory.ready == ()
    assert len(inventory.packages) == 10
    assert any("tb-nowhere" in each for each in inventory.broken)


async def test_an_interrupted_dpkg_is_seen(debian: SmallDebian) -> None:
    debian.has("tb-slow", status="install ok half-configured")
    debian.write()
    (debian.root / "var/lib/dpkg/updates/0001").write_text("")
    broken = await AptPackages(debian.root).broken()
    assert broken[0].startswith("tb-slow is half configured")
    assert "1 unfinished records" in broken[1]
    assert "dpkg --configure -a" in broken[1]


@pytest.mark.parametrize(
    ("file", "content", "where"),
    [
        ("x.list", "# mine\ndeb-broken x\n", "line 2 of"),
        ("x.sources", "Types: deb\nSuites: x\n", "x.sources"),
    ],
)
async def test_a_line_of_the_sources_that_is_not_understood_is_named(
    debian: SmallDebian, file: str, content: str, where: str
) -> None:
    (debian.root / "etc/apt/sources.list.d" / file).write_text(content)
    with pytest.raises(EffectError, match="cannot read the package lists") as caught:
        await looked_at(debian)
    assert where in str(caught.value)
    assert file in str(caught.value)


async def test_a_device_without_apt_says_so(debian: SmallDebian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(debian.root))
    with pytest.raises(EffectError, match=r"there is no (dpkg|apt-cache) on this device"):
        await looked_at(debian)


async def test_a_simulated_upgrade_tells_removals_and_downgrades(debian: SmallDebian) -> None:
    packages = AptPackages(debian.root)
    assert await packages.simulate({"tb-breaks": "1.1"}) == (
        Change("tb-breaks", "1.0", "1.1", ("Debian:12.11/stable",), 900),
        Change("tb-old", "1.0", None),
    )
    debian.offers(STABLE, "tb-gone", "0.9")
    debian.write()
    assert await packages.simulate({"tb-gone": "0.9"}) == (
        Change("tb-gone", "1.0", "0.9", ("Debian:12.11/stable",), 700),
    )
    assert await packages.simulate({"tb-lib": "1.1"}) == (
        Change("tb-lib", "1.0", "1.1", ("Debian-Security:12/stable-security",), 600),
    )
    assert {each.name: each.before for each in await packages.simulate({"tb-newdep": "1.1"})} == {
        "tb-newdep": "1.0",
        "tb-newlib": None,
    }
    assert await packages.simulate({"tb-same": "1.0"}) == ()
    assert await packages.simulate({}) == ()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [({"tb-unmet": "1.1"}, "tb-does-not-exist"), ({"tb-lib": "7"}, "tb-lib 7")],
)
async def test_what_apt_cannot_do_is_a_sentence(debian: SmallDebian, wanted: dict[str, str], words: str) -> None:
    with pytest.raises(EffectError, match=f"cannot plan this change of packages: .*{words}"):
        await AptPackages(debian.root).simulate(wanted)


async def test_a_question_has_its_time(debian: SmallDebian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_asking, "LIMIT", 0.0)
    with pytest.raises(EffectError, match="did not finish within 0 s"):
        await looked_at(debian)


async def test_nothing_is_written(debian: SmallDebian) -> None:
    def files() -> dict[Path, tuple[int, int]]:
        found = (path for path in debian.root.rglob("*") if path.is_file() and path.parent.name != "apt")
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in found}

    before = files()
    packages = AptPackages(debian.root)
    await packages.inventory()
    await packages.simulate({"tb-lib": "1.2"})
    assert files() == before


async def test_the_label_of_the_whole_follows_what_is_installed(debian: SmallDebian) -> None:
    packages = AptPackages(debian.root)
    here = {name: each.version for name, each in (await packages.installed()).items()}
    assert label(await packages.release(), here).startswith("debian-12.11-")
    assert label("debian-12.11", here) != label("debian-12.11", here | {"tb-lib": "1.2"})
    assert label("debian-12.11", {"base-files": "12.4+deb12u12"}).startswith("debian-12.12-")
    assert label("debian-12.11", {"base-files": "13.8+deb13u1"}).startswith("debian-12.11-")
    assert label("ubuntu-22.04", {"base-files": "12+deb12u1"}).startswith("ubuntu-22.04-")
