"""Manifests for those who publish: made from what was built, written so that ``read`` gives the same value back."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from dunebugger_updater.manifest.complaint import Complaints
from dunebugger_updater.manifest.document import Artifact, Image, Manifest
from dunebugger_updater.manifest.reading import read
from dunebugger_updater.manifest.tree import word
from dunebugger_updater.manifest.words import (
    BackupCompose,
    BackupInstallation,
    ContainerRunning,
    DiskSpace,
    DownloadArtifact,
    ExtractArtifact,
    HealthEndpoint,
    InstallRequirements,
    PostCheck,
    PullImage,
    RestartService,
    RestoreBackup,
    RestoreCompose,
    RollbackStep,
    RunMigrations,
    ServiceActive,
    StartService,
    StopService,
    UpdateCompose,
    UpdateStep,
    VersionCheck,
)
from dunebugger_updater.model.codec import from_builtins, to_builtins

_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_.+-]{0,100}")


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a build knows about its release.  Sizes and checksums are the caller's to measure."""

    version: str
    component_type: str
    component: str | None = None
    description: str = ""
    artifacts: tuple[Artifact, ...] = ()
    download_url: str | None = None
    """Where the artifact will lie; without it the device takes the release's own file of that name."""
    image: str | None = None
    """With its tag: ``ghcr.io/owner/name:1.4.0``."""
    digest: str | None = None
    packages: dict[str, str] = {}
    service: str | None = None
    container: str | None = None
    requirements_file: str | None = None
    migrations: str | None = None
    health_url: str | None = None
    minimum_mb: int = 500
    start_limit: int = 60
    requires: dict[str, str] = {}
    breaking: bool = False
    repo: str | None = None
    commit: str | None = None
    channel: str | None = None
    repo_id: int | None = None
    sequence: int | None = None
    min_sequence: int | None = None
    issued: str | None = None
    """RFC 3339."""
    expires: str | None = None


def generate(facts: Facts) -> Manifest:
    """A manifest that ``read`` takes.  Raises ``msgspec.ValidationError`` with the field where a fact fits none."""
    steps, back = {"container": _container, "python_app": _python_app, "apt": _apt}.get(facts.component_type, _apt)(
        facts
    )
    image = (Image(facts.image, facts.digest),) if facts.image and facts.digest else ()
    made = {
        "version": facts.version,
        "component_type": facts.component_type,
        "component": facts.component,
        "description": facts.description,
        "breaking": facts.breaking,
        "requires": facts.requires,
        "pre_update_checks": (DiskSpace(minimum_mb=facts.minimum_mb, description="room for the release and a backup"),),
        "update_steps": steps,
        "post_update_checks": tuple(_checks(facts)),
        "rollback_steps": back,
        "artifacts": facts.artifacts,
        "images": image,
        "packages": facts.packages,
        "repo": facts.repo,
        "commit": facts.commit,
        "channel": facts.channel,
        "repo_id": facts.repo_id,
        "sequence": facts.sequence,
        "min_sequence": facts.min_sequence,
        "issued": facts.issued,
        "expires": facts.expires,
    }
    manifest = read(to_yaml(from_builtins(to_builtins(made), Manifest)).encode())
    if isinstance(manifest, Complaints):
        first = manifest.found[0]
        raise msgspec.ValidationError(f"{first.message} - at `$.{first.field}`")
    return manifest


def _checks(facts: Facts) -> Iterator[PostCheck]:
    if facts.container:
        yield ContainerRunning(container_name=facts.container, description="the container runs")
    elif facts.service and facts.component_type == "python_app":
        yield ServiceActive(
            service_name=facts.service, timeout_seconds=facts.start_limit, description="the service stays active"
        )
    if facts.health_url:
        yield HealthEndpoint(url=facts.health_url, timeout_seconds=facts.start_limit, description="the service answers")
    if facts.component_type == "python_app":
        yield VersionCheck(expected_version=facts.version, description="the new version is what runs")


def _python_app(facts: Facts) -> tuple[tuple[UpdateStep, ...], tuple[RollbackStep, ...]]:
    steps: list[UpdateStep] = []
    artifact = facts.artifacts[0] if facts.artifacts else None
    if artifact and facts.download_url:
        checksum = f"sha256:{artifact.sha256}"
        steps.append(DownloadArtifact(url=facts.download_url, checksum=checksum, description="the release's archive"))
    if facts.service:
        steps.append(StopService(service_name=facts.service, description="stand still while files are exchanged"))
    steps.append(BackupInstallation(source=".", destination="core.TIMESTAMP.tar.gz", description="keep what is there"))
    if artifact:
        steps.append(ExtractArtifact(archive=artifact.name, destination=".", description="unpack the release"))
    if facts.requirements_file:
        steps.append(InstallRequirements(requirements_file=facts.requirements_file, description="what Python needs"))
    if facts.migrations:
        steps.append(RunMigrations(script=facts.migrations, optional=True, description="bring the data up to date"))
    back: list[RollbackStep] = [
        RestoreBackup(source="latest_backup", destination=".", description="what was there before this run")
    ]
    if facts.service:
        limit = facts.start_limit
        steps.append(StartService(service_name=facts.service, timeout_seconds=limit, description="run the new version"))
        back.insert(0, StopService(service_name=facts.service, description="stand still"))
        back.append(StartService(service_name=facts.service, description="run the old version again"))
    return tuple(steps), tuple(back)


def _container(facts: Facts) -> tuple[tuple[UpdateStep, ...], tuple[RollbackStep, ...]]:
    steps: list[UpdateStep] = [BackupCompose(description="keep the compose file")]
    back: list[RollbackStep] = [RestoreCompose(description="the compose file of before")]
    tag = (facts.image or "").partition("@")[0].rpartition(":")[2]
    if facts.service and facts.image:
        steps.append(UpdateCompose(service=facts.service, image_tag=tag, description="name the new image"))
    if facts.image:
        steps.append(PullImage(image=facts.image, description="fetch the new image"))
    if facts.service:
        limit = facts.start_limit
        steps.append(RestartService(service=facts.service, timeout_seconds=limit, description="run the new image"))
        back.append(RestartService(service=facts.service, description="run the old image again"))
    return tuple(steps), tuple(back)


def _apt(_: Facts) -> tuple[tuple[UpdateStep, ...], tuple[RollbackStep, ...]]:
    return (), ()


def to_yaml(manifest: Manifest) -> str:
    """The manifest as YAML: text in quotes always, so that every reader reads the same."""
    return "".join(f"{line}\n" for line in _map(_set(to_builtins(manifest)), ""))


def _set(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not None}


def _map(value: dict[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        name = key if _PLAIN_KEY.fullmatch(key) and word(key) == (key, None) else _scalar(key)
        if isinstance(item, dict | list | tuple) and item:
            yield f"{indent}{name}:"
            yield from _map(_set(item), f"{indent}  ") if isinstance(item, dict) else _list(item, f"{indent}  ")
        else:
            yield f"{indent}{name}: {_scalar(item)}"


def _list(items: list[dict[str, Any]] | tuple[dict[str, Any], ...], indent: str) -> Iterator[str]:
    for item in items:
        first, *rest = _map(_set(item), f"{indent}  ")
        yield f"{indent}- {first.lstrip()}"
        yield from rest


def _scalar(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, from the types.  It is what editors and other tools may check against."""
    schema = msgspec.json.schema(Manifest)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "update-manifest"} | schema


def schema_text() -> str:
    """The same as the file ``manifests/update-manifest.schema.json`` holds it."""
    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
