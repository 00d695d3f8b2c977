"""A compose service: one tag in one file, one image pulled and pinned by digest, one container recreated."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.checks import (
    AnyCheck,
    ContainerSteady,
    FreeSpace,
    HealthEndpoint,
    ImageAvailable,
    ImageIdRuns,
    ImageRuns,
    Need,
)
from dunebugger_updater.checks.health import GOOD_TIMES
from dunebugger_updater.kinds.base import (
    PATIENT,
    QUICK,
    Installed,
    Wish,
    backups,
    busy,
    conditions,
    notes,
    safe_name,
    wanted_before,
)
from dunebugger_updater.manifest import words as said
from dunebugger_updater.model.image_reference import image_name, version_of
from dunebugger_updater.model.settings import Component
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import ComposeService, ContainerState, Device, EffectError, ImageState, RemoteImage
from dunebugger_updater.steps import (
    AnyStep,
    CopyFile,
    ForgetImage,
    KeepImage,
    PullImage,
    RecreateService,
    RemovePath,
    SetTag,
)

KEPT = "dunebugger-updater/kept"
"""The repository of the names that hold former images; nothing is ever pushed there."""

_IMAGE = 600_000_000
"""Bytes that an image is taken to need, packed and unpacked: registries do not say it before the pull."""


class Place(msgspec.Struct, frozen=True):
    """How a compose service stands now."""

    which: ComposeService
    file: Path
    env_file: Path
    has_env_file: bool
    data_root: Path
    """Where the engine keeps its images."""
    running: ContainerState | None
    image: ImageState | None
    """The image that runs."""
    kept: tuple[tuple[str, ImageState], ...] = ()
    """Our names for its former images, newest first, and what they hold."""
    backups: tuple[str, ...] = ()


def compose_file(component: Component) -> Path:
    """The component's compose file.  The configuration has made sure that there is one."""
    if component.compose_path is None:
        raise EffectError(f"cannot tell which compose file runs {component.name}: set composePath in its section")
    return component.compose_path


async def installed(component: Component, device: Device) -> Installed:
    """Answer the version that runs: the image's own label, else its tag; a tag that moves is no version."""
    _, container = await device.containers.find(compose_file(component), component.service)
    if container is None:
        return Installed(present=False, detail=f"{component.service} has no container")
    image = await device.containers.image(container.image)
    version = version_of(container.reference, image.version if image else None)
    digest = container.image.removeprefix("sha256:")[:12]
    return Installed(version, detail=f"{container.reference}, image {digest}")


async def kept(component: Component, device: Device) -> tuple[str, ...]:
    """Answer the versions of the former images that were kept."""
    _, running = await device.containers.find(compose_file(component), component.service)
    images = [await device.containers.image(name) for name in await device.containers.tags(f"{KEPT}/{component.name}")]
    versions = {
        image.version for image in images if image and image.version and image.id != (running and running.image)
    }
    return tuple(sorted(versions))


async def look(component: Component, backup_path: Path, device: Device) -> Place:
    """Read how the service stands."""
    file = compose_file(component)
    which, running = await device.containers.find(file, component.service)
    env_file = which.env_files[0] if which.env_files else which.directory / ".env"
    return Place(
        which=which,
        file=file,
        env_file=env_file,
        has_env_file=await device.files.exists(env_file),
        data_root=await device.containers.data_root(),
        running=running,
        image=await device.containers.image(running.image) if running else None,
        kept=tuple(
            [
                (name, image)
                for name in await device.containers.tags(f"{KEPT}/{component.name}")
                if (image := await device.containers.image(name)) is not None
            ]
        ),
        backups=tuple(
            name for name in await device.files.listing(backup_path) if name.startswith(f"{component.name}.")
        ),
    )


def reference(component: Component, version: str, tag: str, wanted_tag: str | None = None) -> str:
    """Answer the image that a release stands for, as the owner's ``imageTag`` maps its version."""
    image_tag = wanted_tag or component.image_tag.replace("{version}", version).replace("{tag}", tag)
    return f"{component.image}:{image_tag}"


def plan_update(wish: Wish, target: str, remote: RemoteImage, place: Place) -> Plan:
    """Plan the way to the image ``target``, which the registry has as ``remote``."""
    component, updater = wish.component, wish.updater
    which = place.which
    name = image_name(target)
    tag = (name.tag if name else None) or "latest"
    steps: list[AnyStep] = []
    if place.image:
        steps.append(KeepImage(place.image.id, _kept_name(component, place.image)))
    prefix = f"{component.name}.{wish.stamp}"
    copies = [CopyFile(place.file, updater.backup_path / f"{prefix}.{place.file.name}")]
    if place.has_env_file:
        copies.append(CopyFile(place.env_file, updater.backup_path / f"{prefix}.env"))
    steps += [
        *copies,
        PullImage(target, remote.digest),
        SetTag(which, place.file, place.env_file, component.image, tag),
        RecreateService(which, target),
    ]
    running = place.running
    patience = _patience(wish)
    after = (*_health(component, which, patience, GOOD_TIMES), ImageRuns(which, target, remote.digest))
    # A publisher's hurry is about the new version: the former one gets its usual time, or it would pass for stuck.
    well_again = _health(component, which, max(PATIENT, patience), GOOD_TIMES)
    size = remote.size or _IMAGE
    return Plan(
        component=component.name,
        verb="update",
        from_version=_version(place),
        to_version=wish.offer.version,
        health=_health(component, which, QUICK, 1) if running else (),
        before=(
            *conditions(component),
            FreeSpace((Need(place.data_root, size, "image layers"),)),
            ImageAvailable(target, remote.digest),
            *wanted_before(wish, place.file.parent),
        ),
        steps=tuple(steps),
        switch=busy(component),
        after=(*after, *_wanted_after(wish)),
        back=(*well_again, ImageIdRuns(which, running.image)) if running else (),
        tidy=tuple(_tidy(wish, place)),
        watch=which,
        notes=notes(wish),
    )


def plan_return(component: Component, place: Place, version: str) -> Plan:
    """Plan the way to a former image that was kept: offline.  ``EffectError`` names those that there are."""
    kept = {image.version: image for _, image in reversed(place.kept) if image.version and image != place.image}
    image = kept.get(version)
    if image is None:
        raise EffectError(f"cannot go back to {version}: kept are {', '.join(sorted(kept)) or 'none'}")
    which, target = place.which, reference(component, version, version)
    name = image_name(target)
    steady = _health(component, which, PATIENT, GOOD_TIMES)
    return Plan(
        component=component.name,
        verb="rollback",
        from_version=_version(place),
        to_version=version,
        health=_health(component, which, QUICK, 1),
        steps=(
            *((KeepImage(place.image.id, _kept_name(component, place.image)),) if place.image else ()),
            KeepImage(image.id, target),
            SetTag(which, place.file, place.env_file, component.image, (name.tag if name else None) or "latest"),
            RecreateService(which, image.id),
        ),
        after=(*steady, ImageIdRuns(which, image.id)),
        back=(*steady, *((ImageIdRuns(which, place.image.id),) if place.image else ())),
        watch=which,
        notes=("what a container wrote into its volumes stays as it is",),
    )


def _version(place: Place) -> str | None:
    if place.running is None:
        return None
    return version_of(place.running.reference, place.image.version if place.image else None)


def _kept_name(component: Component, image: ImageState) -> str:
    return f"{KEPT}/{component.name}:{safe_name(image.id.removeprefix('sha256:')[:12])}"


def _health(
    component: Component, which: ComposeService, limit: float, times: int
) -> tuple[ContainerSteady | HealthEndpoint, ...]:
    steady = ContainerSteady(which, limit, times)
    if not component.health_url:
        return (steady,)
    return (steady, HealthEndpoint(component.health_url, limit=limit, times=times))


def _patience(wish: Wish) -> float:
    limits = [
        check.timeout_seconds
        for check in (wish.guidance.post_checks if wish.guidance else ())
        if isinstance(check, said.HealthEndpoint)
    ]
    start = wish.guidance.start_limit if wish.guidance else None
    return float(max([*limits, start or 0])) or PATIENT


def _wanted_after(wish: Wish) -> Sequence[AnyCheck]:
    return [
        HealthEndpoint(check.url, check.expected_status, check.timeout_seconds)
        for check in (wish.guidance.post_checks if wish.guidance else ())
        if isinstance(check, said.HealthEndpoint)
    ]


def _tidy(wish: Wish, place: Place) -> Sequence[AnyStep]:
    in_use = _kept_name(wish.component, place.image) if place.image else None
    former = [name for name, _ in place.kept if name != in_use]
    kept = wish.updater.keep_releases - (1 if place.image else 0)
    steps: list[AnyStep] = [ForgetImage(name) for name in former[max(kept, 0) :]]
    stamps = sorted({name.split(".")[1] for name in place.backups if name.count(".") > 1})
    old = set(stamps[: max(len(stamps) + 1 - wish.updater.keep_backups, 0)])
    directory, _ = backups(wish.updater, wish.component.name)
    steps += [RemovePath(directory / name) for name in place.backups if name.split(".")[1] in old]
    return steps
