"""One component of any kind: what is installed, and how its release becomes a plan."""

from datetime import datetime
from typing import assert_never

from dunebugger_updater.kinds import (
    apt_back,
    apt_release,
    apt_system,
    compose_service,
    python_app,
    python_app_plans,
    updater_itself,
)
from dunebugger_updater.kinds.base import Artifact, Installed, Wish
from dunebugger_updater.manifest import Bounds, Guidance, Origin, origin_of
from dunebugger_updater.model.packages import Choice
from dunebugger_updater.model.release import Asset, Release
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.offer import Offer
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import Device, EffectError
from dunebugger_updater.steps.releases import version_of


async def installed(component: Component, settings: Settings, device: Device) -> Installed:
    """Answer what is on the device of this component."""
    match component.type:
        case "python_app":
            return await python_app.installed(component, device)
        case "container":
            return await compose_service.installed(component, device)
        case "updater":
            return await updater_itself.installed(device)
        case "apt":
            if component.repository:
                return await apt_release.installed(component, settings.updater, device)
            return await apt_system.installed(device)
        case _:
            assert_never(component.type)


async def kept(component: Component, settings: Settings, device: Device) -> tuple[str, ...]:
    """Answer the versions that were kept and can be gone back to by name; none where that cannot be told."""
    match component.type:
        case "python_app":
            return await python_app.kept(component, device)
        case "container":
            return await compose_service.kept(component, device)
        case "updater":
            return await updater_itself.kept(device)
        case "apt":
            return tuple(each.label for each in await apt_system.kept_sets(settings.updater, device))
        case _:
            assert_never(component.type)


def obstacle(component: Component, device: Device) -> str | None:
    """Say why a component cannot be updated on this device at all, or ``None``."""
    if component.type == "updater" and device.itself.home is None:
        return updater_itself.NOT_HERE
    return None


def bounds(
    component: Component,
    settings: Settings,
    release: Release,
    version: str,
    repository_id: int | None,
    packages: frozenset[str] = frozenset(),
) -> Bounds:
    """Answer what a manifest of this release may speak about: what the owner's configuration gave to the component."""
    services: tuple[str, ...] = (component.service,) if component.service else ()
    if component.type == "python_app":
        services = (component.name,) if component.runner == "process" else (component.service, component.unit)
    return Bounds(
        component=component.name,
        component_type="python_app" if component.type == "updater" else component.type,  # what its files are
        version=version,
        repository=component.repository or None,
        repository_id=repository_id,
        services=services,
        containers=services if component.type == "container" else (),
        install_path=component.install_path,
        backup_path=settings.updater.backup_path,
        image=component.image or None,
        packages=packages,
        health=_origins(component.health_url),
        assets=release.assets,
        asset=asset_name(component, version, release) or None,
        download_origins=_origins("https://github.com/"),
    )


async def fence(
    component: Component, settings: Settings, offer: Offer, repository_id: int | None, device: Device
) -> Bounds:
    """The same with what only the device knows: a manifest of packages may name those that it has."""
    names = frozenset(await device.packages.installed()) if component.type == "apt" else frozenset()
    return bounds(component, settings, offer.release, offer.version, repository_id, names)


def _origins(url: str | None) -> tuple[Origin, ...]:
    origin = origin_of(url) if url else None
    return (origin,) if isinstance(origin, Origin) else ()


def asset_name(component: Component, version: str, release: Release) -> str:
    """Answer the file of the release that this component is installed from."""
    return component.asset.replace("{version}", version).replace("{tag}", release.tag)


def artifact(component: Component, settings: Settings, offer: Offer, guidance: Guidance | None) -> Artifact:
    """Answer the file to install, with what vouches for it.  ``EffectError`` says why there is none, or not yet."""
    release = offer.release
    name = asset_name(component, offer.version, release)
    if not name:
        return _source_archive(component, settings, offer)
    asset = release.asset(name)
    if asset is None:
        there = ", ".join(each.name for each in release.assets[:5]) or "no files at all"
        raise EffectError(f"not ready: release {release.tag} has no file {name} yet (it has {there}); try again later")
    if not asset.ready:
        raise EffectError(f"not ready: {name} of release {release.tag} is still being uploaded; try again later")
    return Artifact(asset.name, asset.url, asset.size, _checksum(component, asset, guidance))


def _checksum(component: Component, asset: Asset, guidance: Guidance | None) -> str | None:
    said = guidance.artifact.sha256.lower().removeprefix("sha256:") if guidance and guidance.artifact else None
    if said and asset.sha256 and said != asset.sha256:
        raise EffectError(
            f"cannot trust {asset.name}: its manifest says sha256 {said}, the release itself says {asset.sha256}"
        )
    vouched = said or asset.sha256
    if vouched is None and component.trust != "none":
        raise EffectError(
            f"cannot trust {asset.name}: neither the release nor a manifest states its sha256; "
            f"publish one, or set trust = none in [Component {component.name}]"
        )
    return vouched


def _source_archive(component: Component, settings: Settings, offer: Offer) -> Artifact:
    if component.trust != "none":
        raise EffectError(
            f"cannot trust the source archive of {offer.release.tag}: nothing vouches for it; name an asset, "
            f"or set trust = none in [Component {component.name}]"
        )
    at = offer.release.commit or offer.release.tag
    url = f"{settings.updater.github_api_url}/repos/{component.repository}/tarball/{at}"
    return Artifact(f"{component.name}-{at[:12]}.tar.gz", url, None, None)


async def plan_update(
    component: Component, settings: Settings, offer: Offer, guidance: Guidance | None, device: Device
) -> Plan:
    """Plan the way to an offer.  ``EffectError`` says why it cannot be planned."""
    wish = Wish(component, settings.updater, offer, guidance, device.clock.now())
    match component.type:
        case "python_app":
            file = artifact(component, settings, offer, guidance)
            return python_app_plans.plan_update(wish, file, await python_app.look(component, settings.updater, device))
        case "container":
            target = compose_service.reference(
                component, offer.version, offer.release.tag, guidance.image_tag if guidance else None
            )
            remote = await device.containers.remote(target)
            said = guidance.image_digest if guidance else None
            if said and said != remote.digest:
                raise EffectError(f"cannot trust {target}: its manifest says {said}, the registry has {remote.digest}")
            place = await compose_service.look(component, settings.updater.backup_path, device)
            return compose_service.plan_update(wish, target, remote, place)
        case "updater":
            return updater_itself.plan_update(
                wish, artifact(component, settings, offer, guidance), await updater_itself.look(device)
            )
        case "apt":
            return await apt_release.plan_update(wish, device)
        case _:
            assert_never(component.type)


async def plan_packages(component: Component, settings: Settings, choice: Choice, device: Device) -> Plan | str:
    """Plan the upgrade of pending packages; a sentence when there is nothing to do."""
    inventory = await device.packages.inventory()
    wanted = apt_system.wanted_of(choice, inventory, await device.packages.installed())
    if not wanted:
        return apt_system.nothing(choice, inventory)
    return apt_system.plan_upgrade(component, settings.updater, await apt_system.look(settings.updater, device, wanted))


async def plan_return(component: Component, settings: Settings, version: str, device: Device, now: datetime) -> Plan:
    """Plan the way to a version that was kept.  ``EffectError`` names those that there are."""
    match component.type:
        case "python_app":
            place = await python_app.look(component, settings.updater, device)
            kept = {
                version_of(place.home / name): name for name, _ in place.releases if place.home / name != place.live
            }
            if version not in kept:
                raise EffectError(f"cannot go back to {version}: kept are {', '.join(sorted(kept)) or 'none'}")
            return python_app_plans.plan_return(
                component, settings.updater, place, kept[version], now.strftime("%Y%m%dT%H%M%SZ")
            )
        case "container":
            place_ = await compose_service.look(component, settings.updater.backup_path, device)
            return compose_service.plan_return(component, place_, version)
        case "updater":
            stamp = now.strftime("%Y%m%dT%H%M%SZ")
            return updater_itself.plan_return(component.name, await updater_itself.look(device), version, stamp)
        case "apt":
            stood = await apt_system.look(settings.updater, device, {})
            return apt_back.plan_return(component, settings.updater, stood, version)
        case _:
            assert_never(component.type)
