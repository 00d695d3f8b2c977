"""Plans for a Python app: all that is slow beside the running release, then stop, carry over, move the link, start."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.checks import (
    AnyCheck,
    FreeSpace,
    HealthEndpoint,
    Need,
    ServiceSteady,
    VersionFile,
)
from dunebugger_updater.kinds.base import (
    PATIENT,
    QUICK,
    Artifact,
    Wish,
    busy,
    conditions,
    notes,
    safe_name,
    wanted_before,
)
from dunebugger_updater.kinds.python_app import ORIGINAL, Place, service
from dunebugger_updater.manifest import words as said
from dunebugger_updater.model.service import Service
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.plan import Plan
from dunebugger_updater.steps import (
    AnyStep,
    BuildVenv,
    CarryOver,
    Download,
    KeepBackup,
    Migrate,
    PointLink,
    RemovePath,
    StartService,
    StopService,
    Unpack,
)
from dunebugger_updater.steps.releases import version_of

_UNPACKED = 4
"""How much larger than its archive a release is taken to be, before it is here."""
_VENV = 80_000_000
"""Bytes that a virtual environment is taken to need where there is none yet to measure."""
_UNVERIFIED_LIMIT = 2 * 1024**3


def plan_update(wish: Wish, artifact: Artifact, place: Place) -> Plan:
    """Plan the way from what is there to the offered release."""
    component, updater = wish.component, wish.updater
    new = place.fresh(wish.offer.version)
    downloads = updater.state_path / "downloads" / safe_name(f"{component.name}-{wish.offer.version}")
    archive = downloads / safe_name(artifact.name)
    runs = service(component, updater)
    backup = updater.backup_path / f"{component.name}.{wish.stamp}.tar.gz"
    migrations = wish.guidance.migrations if wish.guidance else None
    requirements = wish.guidance.requirements_file if wish.guidance else None

    steps: list[AnyStep] = [
        Download(artifact.url, archive, artifact.size, artifact.sha256, artifact.size or _UNVERIFIED_LIMIT),
        Unpack(archive, new, place.live),
        BuildVenv(new, requirements, required=True) if requirements else BuildVenv(new),
    ]
    if place.live is None:
        steps += [PointLink(place.install_path, new), StartService(runs)]
    else:
        carry = CarryOver(place.live, new, place.install_path, component.preserve)
        steps += [KeepBackup(place.live, backup), carry]
        steps += [StopService(runs), msgspec.structs.replace(carry, final=True)]
        if migrations:
            steps.append(
                Migrate(place.live, new, place.install_path, component.preserve, migrations.script, migrations.optional)
            )
        keep_as = place.home / _former_name(place) if place.plain else None
        steps += [PointLink(place.install_path, new, keep_as), StartService(runs)]

    return Plan(
        component=component.name,
        verb="update",
        from_version=place.version,
        to_version=wish.offer.version,
        health=_health(component, runs, QUICK, 1) if place.live else (),
        before=(
            *conditions(component),
            FreeSpace(_needs(artifact, place, archive, new, backup)),
            *wanted_before(wish, place.install_path.parent),
            *_wanted_running(wish, runs),
        ),
        steps=tuple(steps),
        switch=busy(component),
        after=(
            *_health(component, runs, _patience(wish), 3),
            *_wanted_after(wish, runs),
            VersionFile(place.install_path / "VERSION", _spellings(wish)),
        ),
        back=_health(component, runs, max(PATIENT, _patience(wish)), 3) if place.live else (),
        tidy=tuple(_tidy(wish, place, archive)),
        watch=runs,
        notes=notes(wish),
    )


def plan_return(component: Component, updater: Updater, place: Place, name: str, stamp: str) -> Plan:
    """Plan the way to a kept release directory called ``name``: offline, with the data as it was there."""
    runs = service(component, updater)
    target = place.home / name
    version = version_of(target)
    backup = updater.backup_path / f"{component.name}.{stamp}.tar.gz"
    return Plan(
        component=component.name,
        verb="rollback",
        from_version=place.version,
        to_version=version,
        health=_health(component, runs, QUICK, 1),
        before=(FreeSpace((Need(backup.parent, place.size.bytes, "backup"),)),),
        steps=(
            *((KeepBackup(place.live, backup),) if place.live else ()),
            StopService(runs),
            PointLink(place.install_path, target),
            StartService(runs),
        ),
        after=_health(component, runs, PATIENT, 3),
        back=_health(component, runs, PATIENT, 3),
        watch=runs,
        notes=(f"its data is as it was when {version} was last in use; today's stays in {place.live}",),
    )


def _former_name(place: Place) -> str:
    return place.fresh(place.version or ORIGINAL).name


def _spellings(wish: Wish) -> tuple[str, ...]:
    version = wish.offer.version
    return tuple(dict.fromkeys((version, f"v{version}", wish.offer.release.tag)))


def _patience(wish: Wish) -> float:
    limits = [
        check.timeout_seconds
        for check in (wish.guidance.post_checks if wish.guidance else ())
        if isinstance(check, said.HealthEndpoint | said.ServiceActive) and check.timeout_seconds
    ]
    start = wish.guidance.start_limit if wish.guidance else None
    return float(max([*limits, start or 0])) or PATIENT


def _health(component: Component, runs: Service, limit: float, times: int) -> tuple[AnyCheck, ...]:
    steady = ServiceSteady(runs, limit, times)
    if component.health_url is None:
        return (steady,)
    return (steady, HealthEndpoint(component.health_url, limit=limit, times=times, service=runs))


def _wanted_running(wish: Wish, runs: Service) -> Sequence[AnyCheck]:
    checks = wish.guidance.pre_checks if wish.guidance else ()
    return [ServiceSteady(runs, QUICK, 1) for check in checks if isinstance(check, said.ServiceRunning)]


def _wanted_after(wish: Wish, runs: Service) -> Sequence[AnyCheck]:
    return [
        HealthEndpoint(check.url, check.expected_status or 200, check.timeout_seconds or PATIENT, service=runs)
        for check in (wish.guidance.post_checks if wish.guidance else ())
        if isinstance(check, said.HealthEndpoint)
    ]


def _needs(artifact: Artifact, place: Place, archive: Path, new: Path, backup: Path) -> tuple[Need, ...]:
    size = artifact.size or 0
    needs = [
        Need(archive.parent, size, "download"),
        Need(new.parent, size * _UNPACKED, "unpacked release"),
        Need(new.parent, place.venv or _VENV, "virtual environment"),
    ]
    if place.live:
        needs += [Need(new.parent, place.size.bytes, "local data"), Need(backup.parent, place.size.bytes, "backup")]
    return tuple(needs)


def _tidy(wish: Wish, place: Place, archive: Path) -> Sequence[AnyStep]:
    """Clear what nobody needs once the update counts: never the former release, nor others that the owner keeps."""
    steps: list[AnyStep] = [RemovePath(archive.parent)]
    in_use = place.live.name if place.live and not place.plain else None
    former = [name for name, _ in sorted(place.releases, key=lambda each: each[1]) if name != in_use]
    kept = wish.updater.keep_releases - (1 if place.live else 0)
    steps += [RemovePath(place.home / name) for name in former[max(kept, 0) :]]
    steps += [RemovePath(place.home / name) for name in place.leftovers]
    ours = [name for name in place.backups if re.search(r"\.\d{8}T\d{6}Z\.tar\.gz$", name)]
    oldest_first = sorted(ours)
    drop = len(oldest_first) + 1 - wish.updater.keep_backups
    steps += [RemovePath(wish.updater.backup_path / name) for name in oldest_first[: max(drop, 0)]]
    return steps
