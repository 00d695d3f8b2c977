"""Imports point down.  The floors are listed from the ground up; a module belongs to the longest name that fits."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = "dunebugger_updater"
FLOORS: list[set[str]] = [
    {"model", "bundled"},
    {"ports"},
    {"steps", "checks"},
    {"manifest", "trust", "offer", "plan", "events", "moves", "run", "story"},
    {"kinds"},
    {"engine"},
    {"effects"},  # they implement what the floors below declare; only the roots may see them
    {"fleet"},
    {"services", "hub"},
    {"api", "panel"},
    {"config", "config_ini", "config_values", "config_components"},
    {"manifest_cli", "manifest_keys_cli", "show", "sorry"},
    {"wiring"},
    {"doctor", "diagnostics", "serving", "self_test"},
    {"commands_agent", "commands_packages", "by_agent"},
    {"actions_door"},
    {"commands"},
    {"commands_actions"},
    {"agent"},
    {"demo"},  # it runs a whole agent
    {"cli", "hub.app", "__main__", "python_interface"},
]
ROOTS = {
    "wiring",
    "cli",
    "agent",
    "commands_agent",
    "commands_actions",
    "actions_door",
    "by_agent",
    "serving",
    "hub.app",
    "demo",
    "doctor",
    "self_test",
    "effects",
    "config",
}
"""Who may see the real world: composition roots, and the effects among themselves."""


def modules() -> list[tuple[str, Path]]:
    paths = [*ROOT.glob(f"{HOUSE}/**/*.py"), *ROOT.glob("panel/**/*.py")]
    named = [(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path) for path in paths]
    return [(name.removeprefix(f"{HOUSE}."), path) for name, path in named if name != HOUSE]


def floor_of(module: str) -> int | None:
    fits = [(len(name), number) for number, names in enumerate(FLOORS) for name in names if _in(module, name)]
    return max(fits)[1] if fits else None


def _in(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: absolute imports only"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    ours = {name.removeprefix(f"{HOUSE}.") for name in found if name.startswith(f"{HOUSE}.")}
    return ours | {name for name in found if _in(name, "panel")}


@pytest.mark.parametrize(("module", "path"), modules(), ids=str)
def test_imports_point_down(module: str, path: Path) -> None:
    here = floor_of(module)
    assert here is not None, f"{module} lives on no floor"
    for target in imported(path):
        there = floor_of(target)
        assert there is None or there <= here, f"{module} (floor {here}) reaches up to {target} (floor {there})"


@pytest.mark.parametrize(("module", "path"), modules(), ids=str)
def test_only_the_roots_see_the_real_world(module: str, path: Path) -> None:
    if any(_in(module, root) for root in ROOTS):
        return
    assert not [target for target in imported(path) if _in(target, "effects")]


def test_the_panel_sees_only_the_fleet_and_values() -> None:
    for module, path in modules():
        if _in(module, "panel"):
            allowed = ("panel", "fleet", "model", "events", "run", "story", "plan", "bundled")
            assert not [name for name in imported(path) if not any(_in(name, each) for each in allowed)], module


def test_the_floors_are_checked_at_all() -> None:
    assert floor_of("steps.files") == 2
    assert floor_of("effects.github") is not None
    assert len(modules()) > 40
