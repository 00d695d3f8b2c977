"""Holding a manifest to its bounds.

One thing outside, and the whole manifest is refused: a guest who tries one door that is not theirs is not believed
about the others either.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from dunebugger_updater.manifest.addresses import image_name, origin_of, url_objection
from dunebugger_updater.manifest.bounds import LOOPBACK, Bounds, Guidance, inside, ours
from dunebugger_updater.manifest.complaint import Complaints, shown
from dunebugger_updater.manifest.document import Artifact, Manifest, plain_version
from dunebugger_updater.manifest.facts import facts
from dunebugger_updater.manifest.reading import locate, read
from dunebugger_updater.manifest.sense import Objection, contradictions, file_of
from dunebugger_updater.manifest.words import (
    BackupInstallation,
    ContainerRunning,
    DownloadArtifact,
    ExtractArtifact,
    HealthEndpoint,
    InstallRequirements,
    PostCheck,
    PreCheck,
    PullImage,
    RestartService,
    RestoreBackup,
    RollbackStep,
    RunMigrations,
    ServiceActive,
    ServiceRunning,
    StartService,
    StopService,
    UpdateCompose,
    UpdateStep,
)


def guidance(content: bytes, bounds: Bounds) -> Guidance | Complaints:
    """``read`` and ``admit`` in one go, with the places of every complaint."""
    manifest = read(content)
    return manifest if isinstance(manifest, Complaints) else admit(manifest, bounds, content)


def admit(manifest: Manifest, bounds: Bounds, content: bytes = b"") -> Guidance | Complaints:
    """The facts of ``manifest``, if all of it lies within ``bounds``; else every field that does not.

    ``content`` is what it was read from: with it, complaints know their lines.  Pure, and never raises.
    """
    objections = (*contradictions(manifest), *_objections(manifest, bounds))
    return locate(objections, content) if objections else facts(manifest, bounds)


def _objections(manifest: Manifest, bounds: Bounds) -> Iterator[Objection]:
    yield from _identity(manifest, bounds)
    for field, checks in (
        ("pre_update_checks", manifest.pre_update_checks),
        ("post_update_checks", manifest.post_update_checks),
    ):
        for number, check in enumerate(checks):
            yield from _check(f"{field}[{number}]", check, bounds)
    for field, steps in (("update_steps", manifest.update_steps), ("rollback_steps", manifest.rollback_steps)):
        for number, step in enumerate(steps):
            yield from _step(f"{field}[{number}]", step, bounds)
    for number, artifact in enumerate(manifest.artifacts):
        yield from _artifact(f"artifacts[{number}]", artifact, bounds)
    for number, image in enumerate(manifest.images):
        yield from _image(f"images[{number}].ref", image.ref, bounds)
    for package in manifest.packages:
        if package not in bounds.packages:
            yield f"packages.{package}", f"cannot name the package {package}: it is not installed on this device"


def _identity(manifest: Manifest, bounds: Bounds) -> Iterator[Objection]:
    if plain_version(manifest.version) != plain_version(bounds.version):
        yield "version", f"cannot be {manifest.version}: it came with release {bounds.version}"
    told = (
        ("component_type", manifest.component_type, bounds.component_type),
        ("component", manifest.component, bounds.component),
        ("repo", manifest.repo and manifest.repo.lower(), bounds.repository and bounds.repository.lower()),
        ("repo_id", manifest.repo_id, bounds.repository_id),
    )
    for field, said, given in told:
        if said is not None and given is not None and said != given:
            yield field, f"cannot be {said}: {bounds.component} is configured with {given}"


def _check(field: str, check: PreCheck | PostCheck, bounds: Bounds) -> Iterator[Objection]:
    if isinstance(check, ServiceRunning | ServiceActive):
        yield from _service(f"{field}.service_name", check.service_name, bounds)
    elif isinstance(check, ContainerRunning):
        if check.container_name not in {*bounds.containers, *bounds.services}:
            yield f"{field}.container_name", _not_ours(f"container {check.container_name}", bounds)
    elif isinstance(check, HealthEndpoint):
        origin, why_not = origin_of(check.url), url_objection(check.url)
        if isinstance(origin, str) or why_not:
            yield f"{field}.url", f"cannot ask {shown(check.url)}: {why_not}"
        elif origin.host not in LOOPBACK and origin not in bounds.health:
            yield (
                f"{field}.url",
                f"cannot ask {origin.host}:{origin.port}: only this device and the configured healthUrl are asked",
            )


def _step(field: str, step: UpdateStep | RollbackStep, bounds: Bounds) -> Iterator[Objection]:
    if isinstance(step, StopService | StartService):
        yield from _service(f"{field}.service_name", step.service_name, bounds)
    elif isinstance(step, RestartService):
        which = "service" if step.service_name is None else "service_name"
        yield from _service(f"{field}.{which}", step.service_name or step.service or "", bounds)
    elif isinstance(step, UpdateCompose):
        yield from _service(f"{field}.service", step.service, bounds)
    elif isinstance(step, PullImage):
        yield from _image(f"{field}.image", step.image, bounds)
    elif isinstance(step, DownloadArtifact):
        yield from _download(field, step, bounds)
    else:
        yield from _paths(field, step, bounds)


def _paths(field: str, step: UpdateStep | RollbackStep, bounds: Bounds) -> Iterator[Objection]:
    if isinstance(step, ExtractArtifact):
        yield from _file(f"{field}.archive", step.archive, bounds)
        yield from _place(f"{field}.destination", step.destination, bounds)
    elif isinstance(step, BackupInstallation):
        yield from _place(f"{field}.source", step.source, bounds)
        yield from _place(f"{field}.destination", step.destination, bounds)
    elif isinstance(step, RestoreBackup):
        yield from _place(f"{field}.destination", step.destination, bounds)
    elif isinstance(step, InstallRequirements):
        yield from _shipped(f"{field}.requirements_file", step.requirements_file, bounds)
    elif isinstance(step, RunMigrations):
        yield from _shipped(f"{field}.script", step.script, bounds)


def _shipped(field: str, path: str, bounds: Bounds) -> Iterator[Objection]:
    if inside(path, bounds) is None:
        yield field, f"cannot use {path!r}: it is no file of the release"


def _service(field: str, name: str, bounds: Bounds) -> Iterator[Objection]:
    if ours(name, bounds) is None:
        yield field, _not_ours(f"service {name}", bounds)


def _not_ours(what: str, bounds: Bounds) -> str:
    return f"cannot touch {what}: the configuration does not give it to {bounds.component}"


def _place(field: str, path: str, bounds: Bounds) -> Iterator[Objection]:
    place = PurePosixPath(path)
    roots = [root for root in (bounds.install_path, bounds.backup_path) if root is not None]
    held = ".." not in place.parts and (not place.is_absolute() or any(place.is_relative_to(root) for root in roots))
    if not held:
        yield field, f"cannot use {path!r}: the configuration does not give it to {bounds.component}"


def _download(field: str, step: DownloadArtifact, bounds: Bounds) -> Iterator[Objection]:
    name, origin = file_of(step.url), origin_of(step.url)
    why_not = url_objection(step.url)
    if isinstance(origin, str) or why_not:
        yield f"{field}.url", f"cannot download from {shown(step.url)}: {why_not}"
        return
    homes = {*bounds.download_origins, *(origin_of(asset.url) for asset in bounds.assets)}
    if origin not in homes:
        yield f"{field}.url", f"cannot download from {origin.host}:{origin.port}: the release's files do not lie there"
    yield from _file(f"{field}.url", name, bounds)
    asset = next((asset for asset in bounds.assets if asset.name == name), None)
    if asset and asset.sha256 and step.checksum != f"sha256:{asset.sha256}":
        yield f"{field}.checksum", f"cannot differ from what the release says about {name}"
    if bounds.asset is not None and name != bounds.asset:
        yield f"{field}.url", f"cannot be {name!r}: the configuration names {bounds.asset!r}"


def _file(field: str, name: str, bounds: Bounds) -> Iterator[Objection]:
    if name not in {asset.name for asset in bounds.assets}:
        yield field, f"cannot use {name!r}: the release has no such file"


def _artifact(field: str, artifact: Artifact, bounds: Bounds) -> Iterator[Objection]:
    yield from _file(f"{field}.name", artifact.name, bounds)
    for asset in bounds.assets:
        if asset.name == artifact.name and asset.size != artifact.size:
            yield f"{field}.size", f"cannot be {artifact.size} bytes: the release's file has {asset.size}"
        if asset.name == artifact.name and asset.sha256 not in {None, artifact.sha256}:
            yield f"{field}.sha256", f"cannot differ from what the release says about {artifact.name}"


def _image(field: str, reference: str, bounds: Bounds) -> Iterator[Objection]:
    asked, given = image_name(reference), image_name(bounds.image or "")
    if asked is None or given is None or asked.repository != given.repository:
        yield field, f"cannot use the image {reference}: {bounds.component} is configured with {bounds.image or 'none'}"
