"""A Python app: where it lies, which version it is, whether it runs, and whether it answers (DB-110, DB-111)."""

import asyncio
import os
import shlex
from pathlib import Path

from dunebugger_updater.checks import HealthEndpoint, ServiceSteady
from dunebugger_updater.doctor.environments import look_at_environment
from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.kinds import python_app
from dunebugger_updater.model.service import OwnProcess, Service, SystemdUnit
from dunebugger_updater.model.settings import Component
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.wiring import House

LOOK = 3.0
"""Seconds in which a service has to look steady."""
_LOG_LINES = 10
_OFTEN = 5
"""Restarts since its start after which a service that runs is worth a word."""


async def look(house: House, component: Component) -> Findings:
    """Everything about one app."""
    path = python_app.install_path(component)
    runs = python_app.service(component, house.settings.updater)
    live, layout = await _layout(component.name, path, house.device)
    found = [layout, *await _leftovers(component.name, path, house)]
    if live is not None:
        ours = live.parent == python_app.releases_of(path)
        found += await look_at_environment(component.name, live, ours, house.device)
        found.append(await _version(component, house.device))
    elif layout.severity != "problem":
        return found  # not installed yet: that nothing runs is no news
    found += await look_at_service(component.name, runs, house.device)
    if component.health_url:
        found.append(await look_at_health(component.name, component.health_url, look_at(runs), house.device))
    return found


def look_at(runs: Service, lines: int = 50) -> tuple[str, ...]:
    """Answer the commands that show how a service is doing."""
    if isinstance(runs, OwnProcess):
        return (f"tail -n {lines} {shlex.quote(str(runs.log_file))}",)
    unit = shlex.quote(runs.unit)
    return (f"systemctl status --no-pager {unit}", f"journalctl -u {unit} -n {lines} --no-pager")


async def look_at_health(name: str, url: str, commands: tuple[str, ...], device: Device) -> Finding:
    """Whether the health address answers."""
    objection = await HealthEndpoint(url, limit=0, times=1).objection(device)
    if objection is None:
        return fine(f"{name}.health", f"{url} answers 200")
    asked = f"curl -sS -i -m 5 {shlex.quote(url)}"
    return problem(f"{name}.health", objection, f"see what {name} says about itself", [asked, *commands])


async def _layout(name: str, path: Path, device: Device) -> tuple[Path | None, Finding]:
    """Answer the directory in use, and how it lies on the disk."""
    finding, quoted = f"{name}.layout", shlex.quote(str(path))
    target = await device.files.link_target(path)
    if target is not None and not await device.files.is_directory(target):
        home = python_app.releases_of(path)
        kept = [each for each in await device.files.listing(home) if not each.startswith(".")]
        commands = [f"ln -sfn {shlex.quote(str(home / each))} {quoted}" for each in kept[-1:]]
        words = f"{path} leads to {target}, which is not there"
        advice = f"point it to a release that is there ({', '.join(kept) or 'there is none'})"
        return None, problem(finding, words, advice, [f"ls -l {quoted} {shlex.quote(str(home))}", *commands])
    if target is not None:
        return target, fine(finding, f"{path} leads to {target}")
    if await device.files.is_directory(path):
        if not os.access(path.parent, os.W_OK):
            words = f"cannot write in {path.parent}, where the first update has to move {path} aside"
            return path, problem(finding, words, "run it as root", ["sudo dunebugger-updater doctor"])
        return path, fine(
            finding, f"{path} is a plain directory: the first update adopts it, and going back returns it"
        )
    if await device.files.exists(path):
        words = f"{path} is neither a directory nor a link to one"
        return None, problem(finding, words, "correct installPath, or move it away", [f"ls -ld {quoted}"])
    words = f"{name} is not installed: there is no {path}"
    return None, warning(finding, words, "install it, or correct installPath", [f"dunebugger-updater update {name}"])


async def _version(component: Component, device: Device) -> Finding:
    name = f"{component.name}.version"
    there = await python_app.installed(component, device)
    if there.version is not None:
        return fine(name, f"{component.name} is version {there.version}, {there.detail}")
    file = shlex.quote(str(python_app.install_path(component) / "VERSION"))
    advice = "the first update works all the same; if you know the version, write it there"
    return warning(name, f"the installed version is unknown: {there.detail}", advice, [f"echo 1.0.0 > {file}"])


async def look_at_service(name: str, runs: Service, device: Device) -> Findings:
    """Whether the service is there, runs, and keeps running."""
    finding, commands = f"{name}.service", look_at(runs)
    if isinstance(runs, OwnProcess) and (trouble := await asyncio.to_thread(_cannot_start, runs)):
        return (problem(finding, trouble, "correct command in dunebugger.conf", ()),)
    try:
        before = await device.services.state(runs)
        objection = await ServiceSteady(runs, LOOK, 3).objection(device)
        now = await device.services.state(runs)
    except EffectError as error:
        unmask = [f"systemctl unmask {runs.unit}"] if isinstance(runs, SystemdUnit) and "masked" in str(error) else []
        return (problem(finding, str(error), "systemd says more", [*unmask, *commands]),)
    if objection is None:
        if now.restarts >= _OFTEN:
            words = f"{runs.label} runs, but was restarted {now.restarts} times"
            return (warning(finding, words, "its log says why", commands, await _last_words(runs, device)),)
        return (fine(finding, f"{runs.label} runs"),)
    if now.coming and (now.restarts > before.restarts or now.restarts >= _OFTEN):
        objection = f"{runs.label} keeps crashing: restarted {now.restarts} times ({now.detail})"
    unit = isinstance(runs, SystemdUnit)
    start = f"systemctl start {shlex.quote(runs.label)}" if unit else f"dunebugger-updater start {name}"
    advice = "read why in its log, then start it, or go back to the release before"
    by_hand = [*commands, start, f"dunebugger-updater rollback {name}"]
    return (problem(finding, objection, advice, by_hand, await _last_words(runs, device)),)


def _cannot_start(runs: OwnProcess) -> str | None:
    program = Path(runs.argv[0])
    if not program.is_absolute() or os.access(program, os.X_OK):
        return None
    return f"cannot start {runs.name}: {program} is not there or cannot be run"


async def _last_words(runs: Service, device: Device) -> tuple[str, ...]:
    try:
        return tuple(await device.services.last_log(runs, _LOG_LINES))
    except EffectError as error:
        return (str(error),)


async def _leftovers(name: str, path: Path, house: House) -> Findings:
    """What an update that was cut off left lying about; the next one clears it away."""
    files, downloads = house.device.files, house.settings.updater.state_path / "downloads"
    home = python_app.releases_of(path)
    parts = [home / each for each in await files.listing(home) if each.startswith(".")]
    mine = [downloads / each for each in await files.listing(downloads) if each.startswith(f"{name}-")]
    parts += [each for each in mine if await files.listing(each)]
    if not parts:
        return ()
    advice = "the next update uses or clears them; while none is running they may be removed"
    words = f"left over from an update of {name}: {', '.join(str(each) for each in parts)}"
    return (warning(f"{name}.leftovers", words, advice, [f"rm -rf {shlex.quote(str(each))}" for each in parts]),)
