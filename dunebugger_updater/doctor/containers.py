"""A compose service: its file, the engine, its container, and the image that it runs (DB-110, DB-111)."""

import getpass
import shlex
from pathlib import Path

from dunebugger_updater.checks import ContainerSteady
from dunebugger_updater.doctor.apps import LOOK, look_at_health
from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.kinds import compose_service
from dunebugger_updater.model.compose_file import text_of
from dunebugger_updater.model.compose_nodes import Refusal, find_image
from dunebugger_updater.model.image_reference import version_of
from dunebugger_updater.model.settings import Component
from dunebugger_updater.ports import ComposeService, ContainerState, Device, EffectError
from dunebugger_updater.wiring import House

_LOG_LINES = 10


async def look(house: House, component: Component) -> Findings:
    """Everything about one compose service."""
    file = compose_service.compose_file(component)
    device = house.device
    found = [await _file(component, file, device)]
    try:
        which, container = await device.containers.find(file, component.service)
    except EffectError as error:
        return (*found, _no_engine(component.name, str(error)))
    found.append(fine(f"{component.name}.engine", "the Docker engine answers"))
    if found[0].severity == "problem" and container is None:
        return found  # without its file nothing can make it
    if found[0].severity != "problem":
        found.append(await _compose(component.name, which, device))
    found += await _container(component.name, file, which, container, device)
    if component.health_url:
        log = (f"docker logs --tail 50 {shlex.quote(container.name)}",) if container else ()
        found.append(await look_at_health(component.name, component.health_url, log, device))
    return found


async def _file(component: Component, file: Path, device: Device) -> Finding:
    name, quoted = f"{component.name}.compose_file", shlex.quote(str(file))
    show = [f"ls -l {quoted}", f"docker compose -f {quoted} config --quiet"]
    try:
        content = await device.files.read(file)
    except EffectError as error:
        return problem(name, str(error), "let this user read it, or run it as root", show)
    if content is None:
        advice = f"correct composePath in [Component {component.name}] or dockerComposePath"
        return problem(name, f"there is no compose file {file}", advice, [f"ls -l {shlex.quote(str(file.parent))}"])
    text = text_of(content, str(file))
    if isinstance(text, Refusal):
        return problem(name, text.why, "save it as UTF-8", show)
    image = find_image(text, component.service)
    if isinstance(image, Refusal):
        return problem(name, f"{file}: {image.why}", f"correct it, or service in [Component {component.name}]", show)
    return fine(name, f"{file} gives {component.service} the image {image.text}")


def _no_engine(name: str, told: str) -> Finding:
    finding = f"{name}.engine"
    if "permission denied" in told:
        user = getpass.getuser()
        advice = f"run it as root, or let {user} use the engine (which gives root's rights) and log in again"
        return problem(finding, told, advice, ["sudo dunebugger-updater doctor", f"sudo usermod -aG docker {user}"])
    if "not running" in told:
        return problem(
            finding,
            told,
            "start it",
            ["systemctl start docker", "journalctl -u docker -n 50 --no-pager", "docker info"],
        )
    return problem(finding, told, "see what the engine says", ["docker info", "docker ps -a"])


async def _compose(name: str, which: ComposeService, device: Device) -> Finding:
    finding = f"{name}.compose"
    try:
        reference = await device.containers.configured(which)
    except EffectError as error:
        install = ["docker compose version", "docker-compose version", "apt-get install docker-compose"]
        missing = "cannot find Docker Compose" in str(error)
        files = " ".join(f"-f {shlex.quote(str(file))}" for file in which.files)
        if missing:
            return problem(finding, str(error), "install it", install)
        return problem(finding, str(error), "see what compose says", [f"docker compose {files} config --quiet"])
    if version_of(reference, None) is None:
        words = f"{reference} has a tag that moves: the version is read from the image, and going back goes by its id"
        return fine(finding, words)
    return fine(finding, f"compose reads {reference} for {which.service}")


async def _container(
    name: str, file: Path, which: ComposeService, container: ContainerState | None, device: Device
) -> Findings:
    finding, up = f"{name}.container", f"docker compose -f {shlex.quote(str(file))} up -d {shlex.quote(which.service)}"
    if container is None:
        return (problem(finding, f"{which.service} has no container", "start it", [up, "docker ps -a"]),)
    found: list[Finding] = []
    quoted = shlex.quote(container.name)
    objection = await ContainerSteady(which, LOOK, 3).objection(device)
    if objection is None:
        found.append(fine(finding, f"{container.name} runs {container.reference}"))
    else:
        commands = [f"docker logs --tail 50 {quoted}", f"docker inspect {quoted}", up]
        evidence = await device.containers.last_log(which, _LOG_LINES)
        advice = f"read why in its log, then start it, or go back: dunebugger-updater rollback {name}"
        found.append(problem(finding, objection, advice, commands, evidence))
    image = await device.containers.image(container.image)
    if image is None:
        words = f"the image of {container.name}, {container.image[:19]}, is not on the engine any more"
        advice = "it cannot be gone back to; after a power cut pull it anew"
        found.append(warning(f"{name}.image", words, advice, [f"docker pull {shlex.quote(container.reference)}"]))
    else:
        version = version_of(container.reference, image.version)
        said = f"version {version}" if version else "which does not say its version"
        found.append(fine(f"{name}.image", f"{container.name} runs image {image.id[7:19]}, {said}"))
    return found
