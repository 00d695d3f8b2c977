"""The Python interface: what the command line does, for programs that run on the device themselves (DB-068…071)."""

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime

import msgspec

from dunebugger_updater.config import from_object
from dunebugger_updater.engine import Heard, JournalError
from dunebugger_updater.model.codec import to_builtins
from dunebugger_updater.model.settings import Component
from dunebugger_updater.model.views import ComponentView
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import history
from dunebugger_updater.services.components import installed
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.wiring import House, house


@dataclass(frozen=True, slots=True)
class ComponentInfo(Mapping[str, object]):
    """One component after a check (DB-026…030): as attributes, and as a mapping."""

    current_version: str | None
    """``None`` when it is not installed or does not say."""
    latest_version: str | None
    """``None`` when it is not known: then ``message`` says why."""
    update_available: bool
    release_notes: str | None
    """Markdown.  Untrusted."""
    last_checked: datetime | None
    """The last check that worked, in UTC."""
    status: str
    message: str
    """The state in words."""

    def __getitem__(self, key: str) -> object:
        if key not in iter(self):
            raise KeyError(key)
        value: object = getattr(self, key)
        return value

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))


class ComponentUpdater:
    """Checks and updates the components of this device.

    ``settings``: any object with the keys of ``[Updater]`` as attributes, or what ``config.load`` answers; what it
    lacks has its default.  ``components`` replaces the usual ones.  ``config.ConfigError`` says which value is wrong.
    """

    def __init__(self, settings: object, components: Sequence[Component] | None = None) -> None:
        found = from_object(settings, has_apt=shutil.which("apt-get") is not None)
        self._settings = found if components is None else msgspec.structs.replace(found, components=tuple(components))

    @property
    def components(self) -> Sequence[Component]:
        """What is looked after."""
        return self._settings.components

    async def check_updates(self, force: bool = False) -> dict[str, ComponentInfo]:  # noqa: FBT001, FBT002  (as promised)
        """Ask for releases; a check that failed is the status ``unknown`` with its reason, never an error.

        An answer of the last ten minutes is given again unless ``force`` is true.
        """
        async with house(self._settings) as built:
            views = await built.watch.check(force=force)
        return {name: _info(view) for name, view in views.items()}

    async def update_component(
        self,
        name: str,
        dry_run: bool = False,  # noqa: FBT001, FBT002  (as promised)
        version: str | None = None,
    ) -> Mapping[str, object]:
        """Update one component to what is on offer, or to ``version``.

        Answers ``component``, ``success``, ``message``, ``dry_run``, ``run``, ``outcome`` and more, as the command line
        does with ``--json``.  Calling it is saying yes: nobody is asked.
        """
        async with house(self._settings) as built:
            return await _carry_out(built, name, await built.updates.plan_update(name, version), dry_run=dry_run)

    async def rollback(self, name: str, to: str | None = None, *, dry_run: bool = False) -> Mapping[str, object]:
        """Put a component back as it was before its last run, or to the kept version ``to``."""
        async with house(self._settings) as built:
            return await _carry_out(built, name, await built.updates.plan_rollback(name, to), dry_run=dry_run)

    def get_all_versions(self) -> dict[str, str | None]:
        """Answer what is installed, by component; ``None`` where that is not known.  Asks no network.

        It blocks for a moment, and may be called inside and outside of a running event loop.
        """
        # A loop of its own in a thread of its own: one that runs here already could not wait for us.
        with ThreadPoolExecutor(1, thread_name_prefix="versions") as aside:
            return aside.submit(lambda: asyncio.run(self._versions())).result()

    async def _versions(self) -> dict[str, str | None]:
        async with house(self._settings) as built:
            found: dict[str, str | None] = {}
            for component in self._settings.components:
                try:
                    found[component.name] = (await installed(component, self._settings, built.device)).version
                except EffectError:
                    found[component.name] = None
            return found


def _info(view: ComponentView) -> ComponentInfo:
    return ComponentInfo(
        view.current,
        view.latest,
        view.update_available,
        view.release_notes,
        view.last_checked,
        view.status,
        view.message,
    )


async def _carry_out(built: House, name: str, plan: Plan | Refusal, *, dry_run: bool) -> Mapping[str, object]:
    if isinstance(plan, Refusal):
        return _refused(name, plan, dry_run=dry_run)
    if dry_run:
        return dict(to_builtins(history.planned(plan)))
    try:
        told = await built.updates.carry_out(plan, "python", _unheard)
    except JournalError as error:
        words = f"{error}; what was touched was put back; free the disk and call dunebugger-updater recover"
        return _refused(name, Refusal(Outcome.STUCK, words), dry_run=False)
    return _refused(name, told, dry_run=False) if isinstance(told, Refusal) else dict(to_builtins(history.view(told)))


def _unheard(heard: Heard) -> None:
    """Whoever called hears the end."""


def _refused(name: str, refusal: Refusal, *, dry_run: bool) -> Mapping[str, object]:
    return {
        "component": name,
        "success": refusal.outcome is Outcome.NOTHING_TO_DO,
        "message": refusal.message,
        "dry_run": dry_run,
        "run": None,
        "outcome": str(refusal.outcome),
    }
