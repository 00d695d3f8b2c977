"""Whether a release may be believed: fetches what vouches for it, asks the rules, and remembers what follows.

Signatures are checked before anything reads the manifest.  Which keys count: for this program's own releases those that
were built into it, for everything else the owner's ``trustedKeys``; both may change as ``trust/rotation.py`` tells.
"""

import logging
from pathlib import Path

import msgspec

from dunebugger_updater.manifest import Complaints, Guidance, Manifest, admit, guidance, read
from dunebugger_updater.manifest.bounds import Bounds
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.offer import Offer
from dunebugger_updater.ports import Device, EffectError, Releases
from dunebugger_updater.run import Committed
from dunebugger_updater.services.history import Runs, stories
from dunebugger_updater.trust import Keyring, Reason, Refusal, Verified, chain, follow, keyring, pinned, verify
from dunebugger_updater.trust.memory import Memory, Remembered, Vouched, raised
from dunebugger_updater.trust.rotation import LARGEST_CHAIN, OWN
from dunebugger_updater.trust.rules import Accepted, Facing, images, judge, unsigned
from dunebugger_updater.trust.signatures import LARGEST_SIGNATURES

_log = logging.getLogger(__name__)

SIGNATURES = "update-manifest.sig"
KEYS = "update-keys.json"
_LARGEST_MEMORY = 1_048_576
"""Bytes."""


class Said(msgspec.Struct, frozen=True):
    """What may be used of a release's manifest."""

    guidance: Guidance | None = None
    vouched: Vouched | None = None
    """``None`` when nothing was signed, or nobody asked."""
    warnings: tuple[str, ...] = ()


def unchecked(policy: str, tag: str, content: bytes | None, fence: Bounds) -> Said:
    """What a manifest says where nobody asks for signatures.  ``EffectError`` where the owner wants a good one."""
    if content is None:
        if policy == "required":
            raise EffectError(f"release {tag} has no update manifest, and manifestPolicy is required")
        return Said()
    said = guidance(content, fence)
    if not isinstance(said, Complaints):
        return Said(said)
    complaint = "; ".join(said.sentences)
    if policy == "required":
        raise EffectError(f"cannot use the update manifest of {tag}: {complaint}")
    return Said(warnings=(f"the update manifest of {tag} is not used: {complaint}",))


class Vouching:
    """Asks who signed a release, and whether that counts here.

    ``built_in``: the keys document of this program; ``machine``: as ``uname -m`` says it.
    """

    def __init__(
        self, settings: Settings, device: Device, releases: Releases, runs: Runs, *, built_in: bytes, machine: str
    ) -> None:
        self._settings = settings
        self._device = device
        self._releases = releases
        self._runs = runs
        self._built_in = built_in
        self._machine = machine

    def asks(self, component: Component) -> bool:
        """Whether signatures of this component's releases are checked at all."""
        updater = self._settings.updater
        return component.name == OWN or bool(updater.trusted_keys) or updater.manifest_policy == "signed"

    async def remembered(self, component: str) -> tuple[Remembered | None, str | None]:
        """The highest signed release that was here, and what is wrong with the memory of it."""
        memory, trouble = await self._memory(component)
        return memory.remembered, trouble

    def knows_itself(self) -> bool:
        """Whether this program was built with keys for its own releases."""
        ring = pinned(self._built_in)
        return isinstance(ring, Keyring) and bool(ring.keys)

    async def said(
        self, component: Component, offer: Offer, content: bytes | None, fence: Bounds, *, named: bool
    ) -> Said | Refusal:
        """What the manifest of an offer says, if enough trusted keys say so; ``named``: the owner chose the version."""
        memory, trouble = await self._memory(component.name)
        ring = await self._ring(component, offer, memory)
        if isinstance(ring, Refusal):
            return ring
        if not ring.keys:
            return Refusal(
                "no_keys", f"cannot update {component.name}: this build trusts no key, so nothing vouches for it"
            )
        signatures = await self._asset(offer, SIGNATURES, LARGEST_SIGNATURES, "signatures_too_large")
        if isinstance(signatures, Refusal):
            return signatures
        if content is None or signatures is None:
            policy = "signed" if component.name == OWN else self._settings.updater.manifest_policy
            return _unsigned(
                unsigned(policy, component.name, offer.release.tag, memory.remembered, bare=content is None)
            )
        proof = verify(content, signatures, ring)
        if isinstance(proof, Refusal):
            return _about(proof, offer)
        return self._believed(component, proof, fence, memory, named=named, trouble=trouble)

    def _believed(
        self, component: Component, proof: Verified, fence: Bounds, memory: Memory, *, named: bool, trouble: str | None
    ) -> Said | Refusal:
        manifest = read(proof.content)
        if isinstance(manifest, Complaints):
            told = "; ".join(manifest.sentences)
            return Refusal("manifest_unreadable", f"cannot use the signed manifest of {fence.version}: {told}")
        facing = self._facing(component, fence, memory, named=named)
        verdict = judge(manifest, proof.by, facing)
        if isinstance(verdict, Refusal):
            return verdict
        return self._within(manifest, proof, verdict, fence, facing, trouble)

    def _within(
        self,
        manifest: Manifest,
        proof: Verified,
        verdict: Accepted,
        fence: Bounds,
        facing: Facing,
        trouble: str | None,
    ) -> Said | Refusal:
        facts = admit(manifest, fence, proof.content)
        if isinstance(facts, Complaints):
            told = "; ".join(facts.sentences)
            return Refusal("manifest_unbounded", f"cannot use the signed manifest of {fence.version}: {told}")
        warnings = (*verdict.warnings, *((trouble,) if trouble else ()))
        return images(facts, facing) or Said(facts, verdict.vouched, warnings)

    def _facing(self, component: Component, fence: Bounds, memory: Memory, *, named: bool) -> Facing:
        return Facing(
            component=component.name,
            component_type=fence.component_type,
            version=fence.version,
            repository=fence.repository or "",
            repository_id=fence.repository_id,
            channel=component.channel,
            assets=fence.assets,
            asset=None if fence.component_type == "container" else fence.asset or "",
            machine=self._machine,
            now=self._device.clock.now(),
            doubt=self._device.clock.trusted(),
            named=named,
            remembered=memory.remembered,
        )

    async def _ring(self, component: Component, offer: Offer, memory: Memory) -> Keyring | Refusal:
        """The keys that count for this component now, after what the release says about changed ones."""
        base = self._base(component)
        if isinstance(base, Refusal):
            return base
        root = base.fingerprint
        links = memory.links if memory.root == root else ()
        here = follow(base, links, component.name)
        ring, links = (base, ()) if isinstance(here, Refusal) else here  # damaged: the release tells them again
        content = await self._asset(offer, KEYS, LARGEST_CHAIN, "keys_too_large")
        if isinstance(content, Refusal):
            return content
        if content is not None and ring.keys:
            told = chain(content)
            on = told if isinstance(told, Refusal) else follow(ring, told, component.name)
            if isinstance(on, Refusal):
                return _about(on, offer)
            ring, links = on[0], (*links, *on[1])
        await self._keep(component.name, Memory(root, links, memory.remembered))
        return ring

    def _base(self, component: Component) -> Keyring | Refusal:
        if component.name == OWN:
            return pinned(self._built_in)
        return keyring(self._settings.updater.trusted_keys, self._settings.updater.trusted_threshold)

    async def _memory(self, component: str) -> tuple[Memory, str | None]:
        """What is remembered, and what the owner should know about its state."""
        trouble = None
        try:
            content = await self._device.files.read(self._file(component), _LARGEST_MEMORY)
            memory = Memory() if content is None else from_json(content, Memory)
        except (EffectError, msgspec.MsgspecError, ValueError):
            memory = Memory()
            trouble = f"what was remembered of signed releases of {component} is damaged: past runs were asked instead"
        told = [
            story.opened.plan.vouched
            for story in stories(self._runs, component)
            if story.opened.plan.vouched and any(isinstance(event, Committed) for event in story.events)
        ]
        return msgspec.structs.replace(memory, remembered=raised(memory.remembered, told)), trouble

    async def _keep(self, component: str, memory: Memory) -> None:
        """Write it down: the journal forgets after two hundred runs."""
        content = to_json(memory)
        try:
            if content != await self._device.files.read(self._file(component), _LARGEST_MEMORY):
                await self._device.files.write(self._file(component), content)
        except EffectError as error:  # the journal still knows
            _log.warning("%s", error)

    def _file(self, component: str) -> Path:
        return self._settings.updater.state_path / "trust" / f"{component}.json"

    async def _asset(self, offer: Offer, name: str, limit: int, reason: Reason) -> bytes | Refusal | None:
        asset = offer.release.asset(name)
        if asset is None:
            return None
        if not asset.ready:
            raise EffectError(f"not ready: {name} of {offer.release.tag} is still being uploaded; try again later")
        if asset.size > limit:
            told = (
                f"cannot use {name} of {offer.release.tag}: it has {asset.size} bytes, and none needs more than {limit}"
            )
            return Refusal(reason, told)
        return await self._releases.read_asset(asset.url, limit)


def _unsigned(verdict: tuple[str, ...] | Refusal) -> Said | Refusal:
    return verdict if isinstance(verdict, Refusal) else Said(warnings=verdict)


def _about(refusal: Refusal, offer: Offer) -> Refusal:
    return Refusal(refusal.reason, f"{refusal.sentence} (release {offer.release.tag})")
