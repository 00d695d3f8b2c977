"""The recovery sheet: how a person brings a component back by hand, for the device as it stands now (DB-111, DB-112).

It is needed when nothing else works, so each command stands alone: no network, no journal, and the last ones not even
this program.
"""

import shlex
from pathlib import Path

from dunebugger_updater.doctor.apps import look_at
from dunebugger_updater.doctor.finding import Finding, Findings
from dunebugger_updater.events import Outcome
from dunebugger_updater.kinds import compose_service, python_app
from dunebugger_updater.kinds.base import backups
from dunebugger_updater.model.service import SystemdUnit
from dunebugger_updater.model.settings import Component
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services import history
from dunebugger_updater.wiring import House

_BAD = {Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.STUCK}


async def recovery(house: House, component: Component) -> Findings:
    """Answer the sheet of one component, after a run of it that did not end well or has not ended."""
    told = history.stories(house.runs, component.name)
    if not told or component.type == "apt":
        return ()
    last = told[-1]
    turned_itself = last.opened.plan.verb == "update" or last.closed is None or last.closed.outcome is Outcome.STUCK
    if last.closed is not None and not (last.closed.outcome in _BAD and turned_itself):
        return ()
    commands = await (_app(house, component) if component.type == "python_app" else _container(house, component))
    return (
        Finding(
            id=f"{component.name}.recovery",
            severity="fine",
            sentence=f"recovery sheet of {component.name} ({history.sentence(last)})",
            advice="should it not be well: look, then try these from the top, and stop at the first that helps",
            commands=commands,
        ),
    )


async def _app(house: House, component: Component) -> tuple[str, ...]:
    path = python_app.install_path(component)
    files, runs = house.device.files, python_app.service(component, house.settings.updater)
    home, live = python_app.releases_of(path), await files.link_target(path)
    names = [name for name in await files.listing(home) if not name.startswith(".")]
    kept = [name for name in names if home / name != live]
    if isinstance(runs, SystemdUnit):
        unit = shlex.quote(runs.unit)
        stop, start = f"systemctl stop {unit}", f"systemctl start {unit}"
    else:
        stop, start = (f"dunebugger-updater {verb} {component.name}" for verb in ("stop", "start"))
    commands = [*look_at(runs), f"ls -l {shlex.quote(str(path))} {shlex.quote(str(home))}"]
    if component.health_url:
        commands.append(f"curl -sS -i -m 5 {shlex.quote(component.health_url)}")
    commands += [start, *_ours(component)]
    for name in kept:
        link = f"ln -sfn {shlex.quote(str(home / name))} {shlex.quote(str(path))}"
        commands.append(f"{stop}; {link} && {start}  # back to the kept release {name}")
    if newest := await _newest_backup(house, component, ".tar.gz"):
        beside = path.with_name(f"{path.name}.from-backup")
        into = shlex.quote(str(beside))
        unpack = f"mkdir {into} && tar -xzf {shlex.quote(str(newest))} -C {into} --strip-components=1"
        commands.append(f"{unpack}  # the newest backup, beside what is installed; its .venv is not in it")
    return tuple(commands)


async def _container(house: House, component: Component) -> tuple[str, ...]:
    file = compose_service.compose_file(component)
    quoted = shlex.quote(str(file))
    up = f"docker compose -f {quoted} up -d {shlex.quote(component.service)}"
    commands = [f"docker compose -f {quoted} ps -a", f"docker compose -f {quoted} logs --tail 50 {component.service}"]
    commands += [up, *_ours(component)]
    directory, prefix = backups(house.settings.updater, component.name)
    copies = [each for each in await house.device.files.listing(directory) if each.startswith(prefix)]
    mine = sorted(each for each in copies if each.endswith(f".{file.name}"))
    if mine:
        copy = shlex.quote(str(directory / mine[-1]))
        commands.append(f"cp -a {copy} {quoted} && {up}  # the compose file as it was before the last update")
    try:
        kept = await house.device.containers.tags(f"{compose_service.KEPT}/{component.name}")
    except EffectError:
        return (*commands, "docker info")
    image = shlex.quote(component.image)
    commands += [
        f"docker tag {shlex.quote(each)} {image}:TAG && {up}  # TAG: as the compose file has it" for each in kept
    ]
    return tuple(commands)


def _ours(component: Component) -> tuple[str, ...]:
    return ("dunebugger-updater recover", f"dunebugger-updater rollback {component.name}")


async def _newest_backup(house: House, component: Component, ending: str) -> Path | None:
    directory, prefix = backups(house.settings.updater, component.name)
    names = await house.device.files.listing(directory)
    mine = sorted(each for each in names if each.startswith(prefix) and each.endswith(ending))
    return directory / mine[-1] if mine else None
