"""The Python interface, over a real app and a fake GitHub."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import pytest
from stories.real_app import CHECKOUT, RealDevice
from stories.tiny import tiny_device

import dunebugger_updater
from dunebugger_updater import ComponentUpdater
from dunebugger_updater.config import ConfigError, load


@pytest.fixture
def device(tmp_path: Path) -> Iterator[RealDevice]:
    with tiny_device(tmp_path, running=False) as made:
        yield made


def updater_of(device: RealDevice) -> ComponentUpdater:
    return ComponentUpdater(load(device.conf, has_apt=False))


@pytest.mark.req("DB-069")
async def test_a_check_answers_what_is_installed_and_what_is_on_offer(device: RealDevice) -> None:
    results = await updater_of(device).check_updates(force=True)
    info = results["core"]
    assert (info.current_version, info.latest_version, info.update_available) == ("1.0.0", "1.2.0", True)
    assert info.last_checked is not None
    assert info.last_checked.tzinfo is UTC
    assert info["latest_version"] == "1.2.0"
    assert dict(info)["update_available"] is True
    assert "items" not in info
    with pytest.raises(KeyError):
        info["__len__"]


@pytest.mark.req("DB-109")
async def test_a_check_that_failed_is_unknown_with_its_reason_and_raises_nothing(tmp_path: Path) -> None:
    @dataclass
    class Mine:
        statePath: str = str(tmp_path / "state")  # noqa: N815  (the keys of the configuration)
        coreInstallPath: str = str(tmp_path / "core")  # noqa: N815  (the same)
        githubApiUrl: str = "http://127.0.0.1:9"  # noqa: N815  (the same)

    usual = ComponentUpdater(Mine())
    core = ComponentUpdater(Mine(), [each for each in usual.components if each.name == "core"])
    results = await core.check_updates()
    assert list(results) == ["core"]
    assert results["core"].status == "unknown"
    assert results["core"].latest_version is None
    assert "127.0.0.1:9" in results["core"].message


def test_settings_that_cannot_be_used_are_refused_at_once() -> None:
    @dataclass
    class Mine:
        updateCheckIntervalHours: str = "often"  # noqa: N815  (the key of the configuration)

    with pytest.raises(ConfigError, match="updateCheckIntervalHours"):
        ComponentUpdater(Mine())


@pytest.mark.req("DB-070")
async def test_a_dry_run_tells_the_steps_and_touches_nothing(device: RealDevice) -> None:
    result = await updater_of(device).update_component("core", dry_run=True)
    assert (result["component"], result["success"], result["dry_run"]) == ("core", True, True)
    assert result["outcome"] == "planned"
    assert "1.2.0" in str(result["message"])
    assert result["steps"]
    assert not device.install.is_symlink()


@pytest.mark.req("DB-070")
@pytest.mark.parametrize(("name", "version"), [("nope", None), ("core", "9.9.9")])
async def test_what_cannot_be_updated_is_an_answer_and_not_an_exception(
    name: str, version: str | None, device: RealDevice
) -> None:
    result = await updater_of(device).update_component(name, version=version)
    assert (result["component"], result["success"], result["run"]) == (name, False, None)
    assert result["message"]


@pytest.mark.req("DB-071")
async def test_versions_are_answered_inside_of_a_running_loop(device: RealDevice) -> None:
    assert updater_of(device).get_all_versions() == {"core": "1.0.0", "updater": dunebugger_updater.__version__}


@pytest.mark.req("DB-071")
def test_versions_are_answered_outside_of_any_loop(tmp_path: Path) -> None:
    @dataclass
    class Mine:
        coreInstallPath: Path = tmp_path / "core"  # noqa: N815  (the key of the configuration)
        statePath: Path = tmp_path / "state"  # noqa: N815  (the same)

    core = [each for each in ComponentUpdater(Mine()).components if each.name == "core"]
    assert ComponentUpdater(Mine(), core).get_all_versions() == {"core": None}


@pytest.mark.req("DB-070")
def test_an_update_and_the_way_back_are_done_on_the_real_app(device: RealDevice) -> None:
    device.begin()
    updater = updater_of(device)
    there = asyncio.run(updater.update_component("core", version="1.1.0"))
    assert (there["success"], there["outcome"]) == (True, "updated")
    assert device.running["version"] == "1.1.0"
    assert updater.get_all_versions()["core"] == "1.1.0"
    back = asyncio.run(updater.rollback("core"))
    assert (back["success"], back["outcome"]) == (True, "rolled_back")
    assert device.running["version"] == "1.0.0"


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {"aiohttp", "asyncio", "msgspec", "yaml", "docker"}
    code = f"import sys, dunebugger_updater; print(*set(sys.modules) & {heavy})"
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, check=True, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_what_the_package_has_not_is_said_as_usual() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Updater'"):
        _ = dunebugger_updater.Updater
