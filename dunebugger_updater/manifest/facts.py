"""An admitted manifest's facts, in the owner's spelling.  Whatever names a thing here was found in the bounds."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from dunebugger_updater.manifest.addresses import image_name
from dunebugger_updater.manifest.bounds import Bounds, Guidance, Migrations, inside, ours
from dunebugger_updater.manifest.document import Artifact, Manifest
from dunebugger_updater.manifest.sense import file_of
from dunebugger_updater.manifest.words import (
    DownloadArtifact,
    InstallRequirements,
    PostCheck,
    PreCheck,
    PullImage,
    RestartService,
    RunMigrations,
    ServiceActive,
    ServiceRunning,
    StartService,
    StopService,
    UpdateCompose,
    UpdateStep,
)

_Step = TypeVar("_Step", bound=UpdateStep)
_Check = TypeVar("_Check", bound=PreCheck | PostCheck)


def facts(manifest: Manifest, bounds: Bounds) -> Guidance:
    """What planning may use of a manifest that has nothing outside its bounds."""
    artifact, warnings = _artifact(manifest, bounds)
    requirements = _first(manifest, InstallRequirements)
    migrations = _first(manifest, RunMigrations)
    script = inside(migrations.script, bounds) if migrations else None
    tag, digest = _image(manifest)
    starts = [step for step in manifest.update_steps if isinstance(step, StartService | RestartService)]
    stops = [step for step in manifest.update_steps if isinstance(step, StopService)]
    return Guidance(
        version=manifest.version,
        pre_checks=tuple(_spelled(check, bounds) for check in manifest.pre_update_checks),
        post_checks=tuple(_spelled(check, bounds) for check in manifest.post_update_checks),
        artifact=artifact,
        requirements_file=inside(requirements.requirements_file, bounds) if requirements else None,
        migrations=Migrations(script, migrations.optional) if migrations and script else None,
        start_limit=_longest(step.timeout_seconds for step in starts),
        stop_limit=_longest(step.timeout_seconds for step in stops),
        needs=manifest.needs,
        image_tag=tag,
        image_digest=digest,
        packages=manifest.packages,
        breaking=manifest.breaking,
        notes=manifest.notes,
        warnings=warnings,
    )


def _first(manifest: Manifest, kind: type[_Step]) -> _Step | None:
    return next((step for step in manifest.update_steps if isinstance(step, kind)), None)


def _longest(limits: Iterable[int | None]) -> int | None:
    return max((limit for limit in limits if limit is not None), default=None)


def _spelled(check: _Check, bounds: Bounds) -> _Check:
    if isinstance(check, ServiceRunning | ServiceActive):
        return msgspec.structs.replace(check, service_name=ours(check.service_name, bounds))
    return check


def _artifact(manifest: Manifest, bounds: Bounds) -> tuple[Artifact | None, tuple[str, ...]]:
    download = _first(manifest, DownloadArtifact)
    if download:
        asset = next(asset for asset in bounds.assets if asset.name == file_of(download.url))
        return Artifact(asset.name, asset.size, download.checksum.removeprefix("sha256:")), ()
    if bounds.asset is not None:
        named = [artifact for artifact in manifest.artifacts if artifact.name == bounds.asset]
        missing = f"the manifest says nothing about {bounds.asset}, the file that the configuration names"
        return (named[0], ()) if named else (None, (missing,) if manifest.artifacts else ())
    fitting = [one for one in manifest.artifacts if one.arch is None or one.arch == bounds.arch]
    if len(fitting) == 1 or not manifest.artifacts:
        return (fitting[0] if fitting else None), ()
    many = f"the manifest lists {len(fitting)} artifacts for this machine, so none of them was chosen"
    return None, (many,)


def _image(manifest: Manifest) -> tuple[str | None, str | None]:
    compose, pull = _first(manifest, UpdateCompose), _first(manifest, PullImage)
    pulled = image_name(pull.image) if pull else None
    tag = compose.image_tag if compose else pulled.tag if pulled else None
    listed = [(image_name(image.ref), image.digest) for image in manifest.images]
    fitting = [(name.tag, digest) for name, digest in listed if name and (tag is None or name.tag in {None, tag})]
    if pulled and pulled.digest:
        return tag, pulled.digest
    if len(fitting) == 1:
        return tag or fitting[0][0], fitting[0][1]
    return tag, None
