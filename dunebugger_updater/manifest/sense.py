"""What the parts of one manifest say about each other: no two may contradict."""

from collections.abc import Iterator, Sequence

from dunebugger_updater.manifest.addresses import image_name
from dunebugger_updater.manifest.document import Manifest, plain_version
from dunebugger_updater.manifest.words import (
    DownloadArtifact,
    ExtractArtifact,
    InstallRequirements,
    PullImage,
    RestartService,
    RunMigrations,
    UpdateCompose,
    VersionCheck,
)

Objection = tuple[str, str]
"""A field and a sentence."""

_ONCE = (DownloadArtifact, ExtractArtifact, InstallRequirements, RunMigrations, UpdateCompose, PullImage)


def contradictions(manifest: Manifest) -> Iterator[Objection]:
    """Each field that another field speaks against, with the reason."""
    yield from _versions(manifest)
    yield from _steps(manifest)
    yield from _belongings(manifest)
    yield from _files(manifest)


def file_of(url: str) -> str:
    """The last part of the path of an address that was found plain."""
    return url.split("?", 1)[0].rpartition("/")[2]


def _versions(manifest: Manifest) -> Iterator[Objection]:
    for short, component in (("min_remote_version", "remote"), ("min_agent_version", "updater")):
        version, written = getattr(manifest, short), manifest.requires.get(component)
        if version and written and written.replace(" ", "") != f">={version}":
            yield short, f"cannot ask for >={version} here and for {written} in requires.{component}: keep one of them"
    for number, check in enumerate(manifest.post_update_checks):
        if isinstance(check, VersionCheck) and plain_version(check.expected_version) != plain_version(manifest.version):
            field = f"post_update_checks[{number}].expected_version"
            yield field, f"cannot expect {check.expected_version} of a manifest for version {manifest.version}"
    if manifest.issued and manifest.expires and manifest.expires <= manifest.issued:
        yield "expires", "cannot expire before it is issued"
    if manifest.sequence is not None and (manifest.min_sequence or 0) > manifest.sequence:
        yield "min_sequence", f"cannot be above the manifest's own sequence {manifest.sequence}"


def _steps(manifest: Manifest) -> Iterator[Objection]:
    seen: set[type] = set()
    for name, steps in (("update_steps", manifest.update_steps), ("rollback_steps", manifest.rollback_steps)):
        for number, step in enumerate(steps):
            field = f"{name}[{number}]"
            word = step.__struct_config__.tag
            if manifest.component_type not in step.kinds:
                yield f"{field}.action", f"cannot use {word} in a manifest of type {manifest.component_type}"
            if isinstance(step, RestartService) and (step.service is None) == (step.service_name is None):
                yield field, "cannot tell what to restart: give one of service and service_name"
            if isinstance(step, _ONCE) and type(step) in seen:
                yield f"{field}.action", f"cannot use {word} twice in one manifest"
            seen.add(type(step))


def _belongings(manifest: Manifest) -> Iterator[Objection]:
    for field, kind in (("artifacts", "python_app"), ("images", "container"), ("packages", "apt")):
        if getattr(manifest, field) and manifest.component_type != kind:
            yield field, f"cannot have {field} in a manifest of type {manifest.component_type}"


def _files(manifest: Manifest) -> Iterator[Objection]:
    yield from _doubles("artifacts", "name", [artifact.name for artifact in manifest.artifacts])
    yield from _doubles("images", "ref", [image.ref for image in manifest.images])
    listed = {artifact.name: artifact for artifact in manifest.artifacts}
    downloaded: str | None = None
    tag: str | None = None
    for number, step in enumerate(manifest.update_steps):
        field = f"update_steps[{number}]"
        if isinstance(step, DownloadArtifact):
            downloaded = file_of(step.url)
            known = listed.get(downloaded)
            if listed and known is None:
                yield f"{field}.url", f"cannot download {downloaded!r}: it is not among the artifacts"
            elif known and step.checksum != f"sha256:{known.sha256}":
                yield f"{field}.checksum", f"cannot differ from the checksum of {known.name} among the artifacts"
        elif isinstance(step, ExtractArtifact) and downloaded not in {None, step.archive}:
            yield f"{field}.archive", f"cannot extract {step.archive!r}: the artifact is {downloaded!r}"
        elif isinstance(step, UpdateCompose | PullImage):
            said = step.image_tag if isinstance(step, UpdateCompose) else _tag_of(step.image)
            if tag and said and said != tag:
                where = "image_tag" if isinstance(step, UpdateCompose) else "image"
                yield f"{field}.{where}", f"cannot use tag {said} here and {tag} above"
            tag = tag or said


def _tag_of(reference: str) -> str | None:
    name = image_name(reference)
    return name.tag if name else None


def _doubles(field: str, part: str, names: Sequence[str]) -> Iterator[Objection]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield f"{field}[{number}].{part}", f"cannot list {name!r} twice"
