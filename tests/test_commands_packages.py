"""What ``packages`` prints for a person, and the doctor's findings about the same."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from doubles.world import World
from stories.tiny import configuration, say

from dunebugger_updater.commands_packages import in_words
from dunebugger_updater.doctor.finding import Finding
from dunebugger_updater.doctor.packages import look
from dunebugger_updater.model.packages import Inventory, Package, Pending
from dunebugger_updater.model.packages_view import packages_view
from dunebugger_updater.model.settings import Component
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services.watch import Heard
from dunebugger_updater.wiring import House

AT = datetime(2026, 1, 31, 3, tzinfo=UTC)
FIX = Pending("openssl", "3.0.1", "3.0.3", security=True, origins=("Debian:12/stable",), size=2_000_000)
PLAIN = Pending("bash", "5.1", "5.2", security=False, origins=("Debian:12/stable",), size=900)
KEPT = Pending("tzdata", "1", "2", security=True, origins=(), kept_back="it would remove x")
FULL = Inventory(
    packages=(PLAIN, msgspec.structs.replace(FIX, security_version="3.0.2"), KEPT),
    checked_at=AT,
    reboot_required=True,
    reboot_packages=("dbus",),
    stale_services=("ssh.service",),
    broken=("tb-slow is half configured",),
    problem="cannot refresh the package lists: no network",
)


def said(inventory: Inventory, *, security_only: bool = False) -> Sequence[str]:
    return list(in_words(packages_view(inventory, security_only=security_only), inventory))


def test_everything_that_waits_is_told_with_what_it_needs() -> None:
    assert said(FULL) == [
        "PACKAGE  INSTALLED  AVAILABLE  SECURITY    SIZE     FROM",
        "bash     5.1        5.2                    1 KiB    Debian:12/stable",
        "openssl  3.0.1      3.0.3      yes, 3.0.2  1.9 MiB  Debian:12/stable",
        "",
        "Kept back:",
        "  tzdata 1 -> 2 (security): it would remove x",
        "",
        "3 pending, 2 with a security fix; 2 can be upgraded, 1.9 MiB to download",
        "lists last fetched: 2026-01-31 03:00 UTC",
        "! cannot refresh the package lists: no network",
        "! tb-slow is half configured",
        "! a reboot is needed by dbus",
        "! still running replaced files, restart them: ssh.service",
    ]


def test_security_alone_shortens_the_list_and_not_the_counts() -> None:
    told = said(FULL, security_only=True)
    assert not any(line.startswith("bash") for line in told)
    assert "3 pending, 2 with a security fix; 2 can be upgraded, 1.9 MiB to download" in told


def test_nothing_pending_and_nothing_known_are_not_the_same() -> None:
    assert said(Inventory(checked_at=AT)) == [
        "0 pending, 0 with a security fix; 0 can be upgraded",
        "lists last fetched: 2026-01-31 03:00 UTC",
    ]
    unknown = said(Inventory(security_known=False, security_unknown="nobody marks them"))
    assert "security unknown" in unknown[0]
    assert unknown[1:] == [
        "security fixes cannot be told apart here: nobody marks them",
        "lists last fetched: never, or unknown",
    ]


def test_what_an_archive_calls_itself_cannot_move_the_cursor() -> None:
    evil = msgspec.structs.replace(PLAIN, origins=("Evil\x1b[2J\n:1/stable",))
    assert "Evil?[2J?:1/stable" in said(Inventory(packages=(evil,)))[1]


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="only where apt is")
def test_the_document_has_the_names_that_were_promised(tmp_path: Path) -> None:
    conf = configuration(tmp_path)
    conf.write_text(conf.read_text() + "\n[Component system]\ntype = apt\n")
    told = json.loads(say("packages", "--json", "--config", conf).out)
    assert {"total", "security", "security_known", "checked_at", "reboot_required", "packages"} <= set(told)
    for each in told["packages"]:
        promised = {"name", "installed", "candidate", "security", "origins", "held", "kept_back", "size"}
        assert promised <= set(each)


def test_a_device_without_packages_says_so(tmp_path: Path) -> None:
    conf = configuration(tmp_path)
    told = say("packages", "--config", conf)
    assert told.code == 2
    assert "no component of type apt is configured" in told.err


# --- the doctor ---


class Watch:
    async def heard(self, component: Component) -> Heard:
        return Heard()


async def findings(
    inventory: Inventory | EffectError, monkeypatch: pytest.MonkeyPatch, programs: Path, world: World | None = None
) -> dict[str, Finding]:
    world = world or World()

    async def answer() -> Inventory:
        if isinstance(inventory, EffectError):
            raise inventory
        return inventory

    monkeypatch.setattr(world.debian, "inventory", answer)
    monkeypatch.setenv("PATH", str(programs))
    house = cast("House", SimpleNamespace(device=world.device, watch=Watch()))  # packages need no more of it
    return {each.id: each for each in await look(house, Component(name="system", type="apt"))}


@pytest.fixture
def repack(tmp_path: Path) -> Path:
    """A folder with a dpkg-repack."""
    (tmp_path / "dpkg-repack").touch(0o755)
    return tmp_path


async def test_the_doctor_tells_what_waits_with_the_commands_for_it(
    monkeypatch: pytest.MonkeyPatch, repack: Path
) -> None:
    fresh = World().device.clock.now()
    found = await findings(msgspec.structs.replace(FULL, problem=None, checked_at=fresh), monkeypatch, repack)
    assert {name: each.severity for name, each in found.items()} == {
        "system": "fine",
        "system.lists": "fine",
        "system.pending": "warning",
        "system.reboot": "warning",
        "system.services": "warning",
    }
    assert found["system.services"].commands == ("systemctl restart ssh.service",)
    assert "apt_upgrade_security" in found["system.pending"].commands[0]


async def test_the_doctor_knows_old_lists_and_unreadable_ones(monkeypatch: pytest.MonkeyPatch, repack: Path) -> None:
    old = World().device.clock.now() - timedelta(days=8)
    found = await findings(Inventory(checked_at=old, security_unknown="nobody marks them"), monkeypatch, repack)
    assert (found["system.lists"].severity, found["system.security"].severity) == ("warning", "warning")
    assert found["system.pending"].severity == "fine"
    found = await findings(EffectError("cannot read the package lists: line 2"), monkeypatch, repack)
    assert found["system.lists"].severity == "problem"
    found = await findings(Inventory(problem="never fetched"), monkeypatch, repack)
    assert set(found) == {"system", "system.lists"}


async def test_the_doctor_tells_whether_packages_can_be_changed_besides_what_is_known_of_them(
    monkeypatch: pytest.MonkeyPatch, repack: Path
) -> None:
    world = World()
    fresh = Inventory(checked_at=world.device.clock.now())
    (repack / "dpkg-repack").unlink()
    found = await findings(fresh, monkeypatch, repack, world)
    assert found["system.repack"].commands == ("apt-get install dpkg-repack",)
    world.debian.here = {"tb-half": Package("tb-half", "1.0", state="half-configured")}
    found = await findings(fresh, monkeypatch, repack, world)
    assert (found["system"].severity, found["system"].commands) == ("problem", ("dpkg --configure -a",))
    world.debian.not_ready = "cannot change packages: sudo required"
    found = await findings(fresh, monkeypatch, repack, world)
    assert (found["system"].severity, found["system.lists"].severity) == ("warning", "fine")
    assert "sudo required" in found["system"].sentence
