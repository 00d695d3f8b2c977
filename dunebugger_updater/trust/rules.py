"""What a signed manifest has to say before it counts: that it is about this release, and that it is not yesterday's.

The signature proves who speaks.  This is about what was said: everything that others could have put beside it (an older
release, another component's, another file) must not fit.  Pure, and asked only after the signature was found good.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from dunebugger_updater.manifest import Guidance, Manifest
from dunebugger_updater.manifest.document import plain_version
from dunebugger_updater.model.release import Asset
from dunebugger_updater.trust.memory import Remembered, Vouched
from dunebugger_updater.trust.refusal import Reason, Refusal

SKEW = timedelta(hours=24)
"""A good clock and a signer's clock may differ by that much."""
FARTHEST = 1_000_000_000
"""A sequence may grow by that much at once: whoever counts in seconds since 1970 needs millions, nobody needs more."""
_SAME = {"x86_64": "amd64", "aarch64": "arm64", "armv6l": "armhf", "armv7l": "armhf", "armv8l": "armhf", "i686": "i386"}
"""What the kernel calls a machine, and what Debian calls it."""


class Facing(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest is held against: from the owner's file, the forge and this device; nothing from itself."""

    component: str
    component_type: str
    version: str
    """Of the release that it came with."""
    repository: str
    repository_id: int | None
    channel: str
    """That the owner takes: ``stable`` or ``prerelease``."""
    assets: tuple[Asset, ...]
    asset: str | None
    """The file that would be installed; ``None`` where a release has no such file (images)."""
    machine: str
    """As ``uname -m`` or Debian calls it."""
    now: datetime
    doubt: str | None
    """Why the clock cannot be believed; ``None`` when it can."""
    named: bool = False
    """The owner asked for this very version."""
    remembered: Remembered | None = None


class Accepted(msgspec.Struct, frozen=True):
    """It counts."""

    vouched: Vouched
    warnings: tuple[str, ...] = ()
    """What the owner should know all the same."""


def judge(manifest: Manifest, by: tuple[str, ...], facing: Facing) -> Accepted | Refusal:
    """Say whether a manifest that ``by`` signed counts for the release that it came with."""
    for ask in (_identity, _artifact):
        refusal = next(ask(manifest, facing), None)
        if refusal is not None:
            return refusal
    warnings: list[str] = []
    if facing.doubt and manifest.expires and facing.now >= manifest.expires > _not_before(facing):
        day = f"{manifest.expires:%Y-%m-%d}"
        warnings.append(f"the manifest would have expired on {day}, and nobody knows whether it has: {facing.doubt}")
    for refusal in _freshness(manifest, facing):
        if not facing.named:
            how = f"name it to take it all the same: --version {facing.version}"
            return Refusal(refusal.reason, f"{refusal.sentence}; {how}")
        warnings.append(f"taken because it was asked for by name: {refusal.sentence}")
    said = Vouched(
        by, facing.version, manifest.sequence or 0, manifest.min_sequence or 0, manifest.issued, manifest.expires
    )
    return Accepted(said, tuple(warnings))


def unsigned(
    policy: str, component: str, tag: str, remembered: Remembered | None, *, bare: bool
) -> tuple[str, ...] | Refusal:
    """What follows when a release has no signature (``bare``: nor a manifest): warnings, or that it is not taken."""
    what = f"release {tag} has no update manifest" if bare else f"{tag} is not signed"
    reason: Reason = "manifest_missing" if bare else "signature_missing"
    if policy == "signed":
        return Refusal(reason, f"cannot trust {component}: {what}, and only signed releases are taken")
    if remembered is not None:
        told = f"{what}, and {remembered.version} was signed: somebody may have taken the signature away"
        return Refusal("signature_gone", f"cannot trust {component}: {told} (without trustedKeys nobody asks for one)")
    if policy == "required":
        return Refusal(reason, f"cannot update {component}: {what}, and manifestPolicy is required")
    return () if bare else (f"the update manifest of {tag} is not used: it is not signed, and trustedKeys are set",)


def images(guidance: Guidance, facing: Facing) -> Refusal | None:
    """Say why a signed manifest does not vouch for the image of a container, or ``None``."""
    if facing.component_type != "container" or guidance.image_digest is not None:
        return None
    told = f"cannot trust the image of {facing.component} {facing.version}: the signed manifest states no digest of it"
    return Refusal("image_unlisted", told)


def _identity(manifest: Manifest, facing: Facing) -> Iterator[Refusal]:
    name = facing.component
    if manifest.component is None:
        yield _unsaid("component_unsaid", "which component it is for")
    if manifest.repo is None:
        yield _unsaid("repository_unsaid", "which repo it is for")
    if manifest.sequence is None:
        yield _unsaid("sequence_unsaid", "its sequence")
    if manifest.component != name:
        yield _other("component_other", f"it was signed for {manifest.component}, not for {name}")
    if manifest.component_type != facing.component_type:
        yield _other("type_other", f"it was signed for a {manifest.component_type}, and {name} is none")
    if (manifest.repo or "").lower() != facing.repository.lower():
        yield _other("repository_other", f"it was signed for {manifest.repo}, not for {facing.repository}")
    if manifest.repo_id is not None and manifest.repo_id != facing.repository_id:
        known = facing.repository_id if facing.repository_id is not None else "unknown"
        told = f"it was signed for repository number {manifest.repo_id}, and this is {known}"
        yield _other("repository_id_other", told)
    if plain_version(manifest.version) != plain_version(facing.version):
        yield _other("version_other", f"it was signed for version {manifest.version}, not for {facing.version}")


def _artifact(manifest: Manifest, facing: Facing) -> Iterator[Refusal]:
    if facing.asset is None:
        return
    if not facing.asset:
        told = f"cannot trust {facing.component} {facing.version}: a source archive can be in no signed manifest"
        yield Refusal("artifact_unnamed", f"{told}; name an asset in its section")
        return
    name = facing.asset
    listed = next((one for one in manifest.artifacts if one.name == name), None)
    if listed is None:
        yield Refusal("artifact_unlisted", f"cannot trust {name}: the signed manifest does not list it under artifacts")
        return
    if listed.arch is not None and _SAME.get(listed.arch, listed.arch) != _SAME.get(facing.machine, facing.machine):
        yield Refusal("artifact_machine", f"cannot use {name}: it is for {listed.arch}, and this is {facing.machine}")
    there = next((one for one in facing.assets if one.name == name), None)
    if there is None:
        yield Refusal(
            "artifact_missing", f"cannot fetch {name}: the manifest lists it, and the release has no such file"
        )
    elif there.size != listed.size:
        told = f"it has {there.size} bytes, and {listed.size} were signed"
        yield Refusal("artifact_size", f"cannot trust {name}: {told}")
    elif there.sha256 is not None and there.sha256.lower() != listed.sha256:
        told = f"its sha256 is {there.sha256}, and {listed.sha256} was signed"
        yield Refusal("artifact_digest", f"cannot trust {name}: {told}")


def _freshness(manifest: Manifest, facing: Facing) -> Iterator[Refusal]:
    """What only the owner may overrule, by naming the version."""
    what = f"{facing.component} {facing.version}"
    if manifest.channel == "prerelease" and facing.channel != "prerelease":
        yield Refusal("channel_other", f"cannot take {what}: it was signed as a prerelease")
    if manifest.issued and facing.doubt is None and manifest.issued > facing.now + SKEW:
        yield Refusal("issued_in_the_future", f"cannot take {what}: it was signed for {manifest.issued:%Y-%m-%d}")
    # a doubtful clock proves nothing, yet what a trusted key once signed was not signed in the future
    surely = facing.now if facing.doubt is None else _not_before(facing)
    if manifest.expires and manifest.expires <= max(surely, _not_before(facing)):
        told = f"its manifest expired on {manifest.expires:%Y-%m-%d}, so somebody may be holding back a newer one"
        yield Refusal("expired", f"cannot take {what}: {told}")
    before, sequence = facing.remembered, manifest.sequence or 0
    if before is None:
        return
    if sequence < before.min_sequence:
        told = f"its sequence is {sequence}, and nothing below {before.min_sequence} is safe any more"
        yield Refusal("below_minimum", f"cannot take {what}: {told}")
    elif sequence < before.sequence:
        told = f"its sequence is {sequence}, and {before.version} with {before.sequence} was here already"
        yield Refusal("rolled_back", f"cannot take {what}: {told}")
    elif sequence == before.sequence and plain_version(manifest.version) != plain_version(before.version):
        told = f"its sequence {sequence} is that of {before.version}, and no two releases share one"
        yield Refusal("sequence_reused", f"cannot take {what}: {told}")
    elif sequence > before.sequence + FARTHEST:
        told = f"its sequence {sequence} is so far above {before.sequence} that nothing could follow it"
        yield Refusal("fast_forward", f"cannot take {what}: {told}")


def _not_before(facing: Facing) -> datetime:
    known = facing.remembered.issued if facing.remembered else None
    return known or datetime.min.replace(tzinfo=facing.now.tzinfo)


def _unsaid(reason: Reason, what: str) -> Refusal:
    return Refusal(reason, f"cannot trust the signed manifest: it does not say {what}")


def _other(reason: Reason, why: str) -> Refusal:
    return Refusal(reason, f"cannot trust the signed manifest here: {why}")
