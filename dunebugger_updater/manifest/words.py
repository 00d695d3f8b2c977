"""The words that a manifest may use: each check and each action is a struct whose tag *is* that word.

Checks are told apart by ``type``, steps by ``action``.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta

from dunebugger_updater.manifest.texts import (
    Checksum,
    ContainerName,
    FileName,
    ImageRef,
    ImageTag,
    Limit,
    Line,
    Place,
    ServiceName,
    Url,
    VersionText,
)


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What every check and every step has."""

    name: Line = ""
    description: Line = ""
    """For people.  ``manifest validate`` asks for it; nothing on the device depends on it."""


class Check(Word, frozen=True, tag_field="type"):
    """A question to the device."""


class Step(Word, frozen=True, tag_field="action"):
    """A declaration of what this release brings along; the order and the doing are the updater's own."""

    kinds: ClassVar[frozenset[str]] = frozenset({"container", "python_app", "apt"})
    """The component types in whose manifests it makes sense."""


_CONTAINER = frozenset({"container"})
_PYTHON = frozenset({"python_app"})


class DiskSpace(Check, frozen=True, tag="disk_space"):
    """At least so much is free where the update writes."""

    minimum_mb: Annotated[int, Meta(ge=1, le=2**20, description="whole megabytes from 1 to 1048576")]


class BackupExists(Check, frozen=True, tag="backup_exists"):
    """A backup of the component is not older than that."""

    max_age_hours: Annotated[int, Meta(ge=1, le=8784, description="whole hours from 1 to 8784")]


class ServiceRunning(Check, frozen=True, tag="service_running"):
    """The service runs at this moment."""

    service_name: ServiceName


class ContainerRunning(Check, frozen=True, tag="container_running"):
    """The container runs at this moment."""

    container_name: ContainerName


class HealthEndpoint(Check, frozen=True, tag="health_endpoint"):
    """The address answers with that status, within the limit."""

    url: Url
    timeout_seconds: Limit = 30
    expected_status: Annotated[int, Meta(ge=100, le=599, description="an HTTP status from 100 to 599")] = 200


class ServiceActive(Check, frozen=True, tag="service_active"):
    """The service becomes active within the limit, and stays so."""

    service_name: ServiceName
    timeout_seconds: Limit = 30


class VersionCheck(Check, frozen=True, tag="version_check"):
    """The component says afterwards that it is that version."""

    expected_version: VersionText


class BackupCompose(Step, frozen=True, tag="backup_compose"):
    """The compose file is kept."""

    kinds: ClassVar[frozenset[str]] = _CONTAINER


class UpdateCompose(Step, frozen=True, tag="update_compose"):
    """The compose service is to use that tag of its image."""

    kinds: ClassVar[frozenset[str]] = _CONTAINER
    service: ContainerName
    image_tag: ImageTag


class PullImage(Step, frozen=True, tag="pull_image"):
    """The image of this release."""

    kinds: ClassVar[frozenset[str]] = _CONTAINER
    image: ImageRef


class RestartService(Step, frozen=True, tag="restart_service"):
    """How long the service may take to come back.  Name it by one of ``service`` and ``service_name``."""

    service: ServiceName | None = None
    service_name: ServiceName | None = None
    timeout_seconds: Limit | None = None


class DownloadArtifact(Step, frozen=True, tag="download_artifact"):
    """Which of the release's files is this component, and what its content must be."""

    kinds: ClassVar[frozenset[str]] = _PYTHON
    url: Url
    checksum: Checksum


class BackupInstallation(Step, frozen=True, tag="backup_installation"):
    """The installation is kept.  ``TIMESTAMP`` in the destination stands for the time of the run."""

    kinds: ClassVar[frozenset[str]] = _PYTHON
    source: Place
    destination: Place


class StopService(Step, frozen=True, tag="stop_service"):
    """The service stands still while files are exchanged."""

    service_name: ServiceName
    timeout_seconds: Limit | None = None


class ExtractArtifact(Step, frozen=True, tag="extract_artifact"):
    """The artifact is unpacked."""

    kinds: ClassVar[frozenset[str]] = _PYTHON
    archive: FileName
    destination: Place


class InstallRequirements(Step, frozen=True, tag="install_requirements"):
    """The file inside the release that lists its Python requirements."""

    kinds: ClassVar[frozenset[str]] = _PYTHON
    requirements_file: Place


class RunMigrations(Step, frozen=True, tag="run_migrations"):
    """The Python file inside the release that brings the app's data up to date."""

    kinds: ClassVar[frozenset[str]] = _PYTHON
    script: Place
    optional: bool = False
    """True: a release without that file is fine."""


class StartService(Step, frozen=True, tag="start_service"):
    """The service runs again."""

    service_name: ServiceName
    timeout_seconds: Limit | None = None


class RestoreCompose(Step, frozen=True, tag="restore_compose"):
    """The compose file of before comes back."""

    kinds: ClassVar[frozenset[str]] = _CONTAINER


class RestoreBackup(Step, frozen=True, tag="restore_backup"):
    """The installation of before this run comes back; never merely "the newest backup"."""

    kinds: ClassVar[frozenset[str]] = _PYTHON
    source: Literal["latest_backup"]
    destination: Place


PreCheck: TypeAlias = DiskSpace | BackupExists | ServiceRunning | ContainerRunning | HealthEndpoint | ServiceActive
PostCheck: TypeAlias = ContainerRunning | HealthEndpoint | ServiceActive | ServiceRunning | VersionCheck
UpdateStep: TypeAlias = (
    BackupCompose
    | UpdateCompose
    | PullImage
    | RestartService
    | DownloadArtifact
    | BackupInstallation
    | StopService
    | ExtractArtifact
    | InstallRequirements
    | RunMigrations
    | StartService
)
RollbackStep: TypeAlias = RestoreCompose | RestoreBackup | RestartService | StopService | StartService
