"""What an update manifest says, as values.  ``update-manifest.yaml`` belongs to one release and lives with it."""

import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dunebugger_updater.manifest.texts import (
    Bytes,
    FileName,
    ImageRef,
    Line,
    Name,
    PackageName,
    PackageVersion,
    Requirement,
    Sha256,
    Text,
    VersionText,
)
from dunebugger_updater.manifest.words import PostCheck, PreCheck, RollbackStep, UpdateStep

_FEW = Meta(max_length=50)
_Count = Annotated[int, Meta(ge=0, le=2**53, description="a whole number from 0 to 2^53")]
_Moment = Annotated[datetime, Meta(tz=True, description="a time such as 2026-11-20T08:00:00Z")]
_Commit = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$(?!\n)",
        max_length=64,
        description="a commit's 40 or 64 hexadecimal digits in quotes",
    ),
]
_Repository = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]){0,38}/[A-Za-z0-9._-]{1,100}$(?!\n)",
        max_length=140,
        description="owner/name of the project",
    ),
]


class Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file of the release."""

    name: FileName
    size: Bytes
    sha256: Sha256
    arch: Line | None = None
    """The machine that it is for, as ``uname -m`` says it; ``None`` for all."""


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One image of the release."""

    ref: ImageRef
    digest: Annotated[
        str,
        Meta(
            pattern=r"^sha256:[0-9a-f]{64}$(?!\n)",
            max_length=71,
            description="sha256: and 64 lower-case hexadecimal digits",
        ),
    ]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A release's own words about itself.  Untrusted until ``admit`` has held it to the owner's configuration."""

    version: VersionText
    component_type: Literal["container", "python_app", "apt"]
    component: Name | None = None
    description: Line = ""
    breaking: bool = False
    """True: people must read the notes before they update."""
    notes: Text | None = None
    min_remote_version: VersionText | None = None
    """The old spelling of ``requires: {remote: ">=…"}``."""
    requires: Annotated[dict[Name, Requirement], _FEW] = {}
    pre_update_checks: Annotated[tuple[PreCheck, ...], _FEW] = ()
    update_steps: Annotated[tuple[UpdateStep, ...], _FEW] = ()
    post_update_checks: Annotated[tuple[PostCheck, ...], _FEW] = ()
    rollback_steps: Annotated[tuple[RollbackStep, ...], _FEW] = ()
    artifacts: Annotated[tuple[Artifact, ...], _FEW] = ()
    images: Annotated[tuple[Image, ...], _FEW] = ()
    packages: Annotated[dict[PackageName, PackageVersion], Meta(max_length=500)] = {}
    """For ``apt``: the packages that this release is made of."""
    schema: Annotated[int, Meta(ge=1, le=1, description="1, the only form of manifest so far")] = 1
    repo: _Repository | None = None
    repo_id: _Count | None = None
    """The number that survives a renaming; another number under the same name is another project."""
    commit: _Commit | None = None
    channel: Literal["stable", "prerelease"] | None = None
    sequence: _Count | None = None
    """Grows with every release; an older number again is somebody holding back or turning back."""
    issued: _Moment | None = None
    expires: _Moment | None = None
    min_sequence: _Count | None = None
    """Nothing below this may be gone back to."""
    min_agent_version: VersionText | None = None
    """The short spelling of ``requires: {updater: ">=…"}``."""
    rollback_allowed_to: VersionText | None = None
    """The oldest version that this one can go back to."""

    @property
    def needs(self) -> dict[str, str]:
        """What has to be installed: component to comparison, the two short spellings included."""
        short = {"remote": self.min_remote_version, "updater": self.min_agent_version}
        return {name: f">={version}" for name, version in short.items() if version} | self.requires


def plain_version(text: str) -> str:
    """The text without the ``v`` that some tags have in front."""
    return re.sub(r"^[vV]", "", text)
