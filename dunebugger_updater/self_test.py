"""``self-test``: whether this program works on this device, and reads everything that the device remembers.

A version is tried out like that before anything depends on it, and once more while it runs.  It is offline, changes
nothing, and looks at copies; what is damaged on the disk is nobody's problem here, what is whole and not understood is.
"""

import contextlib
import importlib
import pkgutil
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from dunebugger_updater import __version__, show
from dunebugger_updater.config import ConfigError, load
from dunebugger_updater.effects.journal import SUFFIX, not_understood, read
from dunebugger_updater.effects.store import Database
from dunebugger_updater.effects.store_actions import ActionTable
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.codec import from_json, to_builtins
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.ports import EffectError, Tried
from dunebugger_updater.run import retell
from dunebugger_updater.services import maintenance, notify, timetable, watch
from dunebugger_updater.trust import memory

_LAZY: tuple[str, ...] = (
    "apprise",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "docker",
    "gzip",
    "jinja2",
    "packaging.version",
)
_LAZY += ("psutil", "requests", "sqlite3", "ssl", "tarfile", "tomllib", "yaml", "zoneinfo")
"""What is imported only when it is needed, and must be there then."""

_AT_LEAST = 150
"""Modules of our own."""

_MEMORIES: dict[str, type] = {
    "timetable.json": timetable.Timetable,
    "holds.json": list,
    "maintenance.json": maintenance.State,
    "outbox.json": notify.Memory,
    "checks/*.json": watch.Heard,
    "trust/*.json": memory.Memory,
}


def main(config: Path | None, state: Path | None, *, as_json: bool) -> int:
    """Look at everything and say what was found; 0 when there is nothing wrong."""
    problems = tuple(_problems(config, state))
    if as_json:
        show.as_json(to_builtins(Tried(__version__, architecture(), problems)))
    else:
        print(*(f"✗ {problem}" for problem in problems), sep="\n", end="\n" if problems else "")
        print(
            f"dunebugger-updater {__version__} ({architecture()}): " + ("does not work here" if problems else "works")
        )
    return 1 if problems else 0


def _problems(config: Path | None, state: Path | None) -> Iterator[str]:
    yield from _parts()
    settings = Settings()
    try:
        settings = load(config, has_apt=False)
    except ConfigError as error:
        yield f"cannot read the configuration: {error}"
    place = state or settings.updater.state_path
    yield from _database(place / "updater.db")
    yield from _journals(place / "runs")
    yield from _memories(place)


def _parts() -> Iterator[str]:
    own = {*_modules("dunebugger_updater"), *_modules("panel")}
    if len(own) < _AT_LEAST:  # then this would look at nothing and find nothing wrong
        yield f"cannot find its own parts: there are {len(own)}"
    for name in sorted({*_LAZY, *own}):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is not there when it is needed)
            yield f"cannot import {name}: {type(error).__name__}: {error}"
    try:
        from zoneinfo import ZoneInfo  # noqa: PLC0415  (it may be what is missing)

        ZoneInfo("Europe/Rome")
    except Exception as error:  # noqa: BLE001  (as above)
        yield f"cannot find time zones: {error}"


def _modules(package: str) -> Iterable[str]:
    top = importlib.import_module(package)
    found = (each.name for each in pkgutil.walk_packages(top.__path__, f"{package}."))
    return (name for name in found if not name.endswith("__main__"))


def _database(file: Path) -> Iterator[str]:
    """A copy is opened as the agent opens it, changes of the tables included."""
    if not file.exists():
        return
    with tempfile.TemporaryDirectory(prefix="dunebugger-updater-") as folder:
        copy = Path(folder) / file.name
        try:
            _copied(file, copy)
        except (sqlite3.DatabaseError, OSError):
            return  # damaged: the agent begins a new one
        try:
            database = Database(copy)
            try:
                database.tokens()
                database.audit(1000)
                ActionTable(database).newest(1000)
            finally:
                database.close()
        except (EffectError, sqlite3.Error, msgspec.MsgspecError, ValueError) as error:
            yield f"cannot read {file}: {error}"


def _copied(file: Path, copy: Path) -> None:
    if not file.with_name(f"{file.name}-shm").exists():  # nobody has it open, and opening it would leave traces
        shutil.copyfile(file, copy)
        return
    with (
        contextlib.closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _journals(runs: Path) -> Iterator[str]:
    for file in sorted(runs.glob(f"*{SUFFIX}")) if runs.is_dir() else ():
        if number := not_understood(file):
            yield f"cannot understand line {number} of {file}"
            continue
        if told := read(file):
            try:
                retell([each.event for each in told])
            except (ValueError, IndexError, StopIteration) as error:
                yield f"cannot follow {file}: {error}"


def _memories(state: Path) -> Iterator[str]:
    for pattern, kind in _MEMORIES.items():
        for file in sorted(state.glob(pattern)):
            try:
                from_json(file.read_bytes(), kind)
            except msgspec.ValidationError as error:
                yield f"cannot understand {file}: {error}"
            except (msgspec.DecodeError, OSError):
                continue  # damaged: all of them can be lost without harm
