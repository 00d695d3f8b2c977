"""Room: bytes and inodes of every file system that an update writes to, whether it takes writes, and the backups."""

import asyncio
import contextlib
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dunebugger_updater.checks.space import megabytes
from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.kinds.base import backups
from dunebugger_updater.model.settings import Component, Settings
from dunebugger_updater.ports import EffectError
from dunebugger_updater.wiring import House

_TOO_LITTLE, _LITTLE = 64 * 1024**2, 512 * 1024**2
"""Bytes: less than a small release with its environment, and less than a large one."""
_TOO_FEW, _FEW = 1_000, 10_000
"""Inodes: a virtual environment alone takes some thousands."""


class Volume(msgspec.Struct, frozen=True):
    """One file system, as far as updates use it."""

    path: Path
    """A path on it that is there."""
    used_for: tuple[str, ...]
    free: int
    """Bytes, for us."""
    inodes: int
    """Free ones, for us."""
    counted: bool = True
    """Whether the file system has a fixed number of inodes: btrfs has not."""
    read_only: bool = False


async def look(house: House) -> Findings:
    """Every file system once."""
    paths = {**_paths(house.settings), **await _engine(house)}
    volumes = await asyncio.to_thread(_volumes, paths)
    return [finding for volume in volumes for finding in judge(volume)]


def judge(volume: Volume) -> Findings:
    """Say how a file system is doing."""
    where = f"the file system of {volume.path} ({', '.join(volume.used_for)})"
    name, quoted = f"disk.{volume.used_for[0]}", shlex.quote(str(volume.path))
    found: list[Finding] = []
    if volume.read_only:
        found.append(
            problem(
                f"{name}.read_only",
                f"{where} takes no writes: it is mounted read-only",
                "after errors a kernel does that to save what is there: look for them, then mount it for writing again",
                ["dmesg | grep -i -E 'error|remount'", f"mount -o remount,rw $(findmnt -n -o TARGET -T {quoted})"],
            )
        )
    look_for = [f"df -h {quoted}", f"du -xh --max-depth=2 {quoted} | sort -h | tail"]
    if volume.free < _LITTLE:
        say = problem if volume.free < _TOO_LITTLE else warning
        words = f"{where} has only {megabytes(volume.free)} free"
        found.append(
            say(f"{name}.space", words, "remove what nobody needs", [*look_for, "journalctl --vacuum-size=50M"])
        )
    else:
        found.append(fine(f"{name}.space", f"{where} has {megabytes(volume.free)} free"))
    if volume.counted and volume.inodes < _FEW:
        say = problem if volume.inodes < _TOO_FEW else warning
        words = f"{where} has room for only {volume.inodes} more files (inodes)"
        found.append(
            say(
                f"{name}.inodes",
                words,
                "remove many small files",
                [f"df -i {quoted}", f"du -x --inodes {quoted} | sort -n | tail"],
            )
        )
    return found


async def look_at_backups(house: House, component: Component) -> Findings:
    """How many backups a component has, and how old the newest is."""
    directory, prefix = backups(house.settings.updater, component.name)
    names = [each for each in await house.device.files.listing(directory) if each.startswith(prefix)]
    stamps = {match[1] for each in names if (match := re.match(rf"{re.escape(prefix)}(\d{{8}}T\d{{6}}Z)\.", each))}
    name = f"{component.name}.backups"
    if not stamps:
        return (fine(name, f"no backups of {component.name} in {directory} yet: each update makes one first"),)
    sizes = [await house.device.files.size(directory / each) for each in names]
    ages = [age for each in names if (age := await house.device.files.age(directory / each)) is not None]
    newest = f", the newest {min(ages) / 86400:.1f} days old" if ages else ""
    total = megabytes(sum(size.bytes for size in sizes))
    return (fine(name, f"{len(stamps)} backups of {component.name} in {directory}{newest}, {total} in all"),)


async def _engine(house: House) -> Mapping[str, Path]:
    if any(component.type == "container" for component in house.settings.components):
        with contextlib.suppress(EffectError):  # the components say it when the engine does not answer
            return {"images": await house.device.containers.data_root()}
    return {}


def _paths(settings: Settings) -> Mapping[str, Path]:
    updater = settings.updater
    found = {"statePath": updater.state_path, "backupPath": updater.backup_path}
    for component in settings.components:
        if component.install_path is not None:
            found[f"installPath of {component.name}"] = component.install_path.parent
        if component.compose_path is not None:
            found[f"composePath of {component.name}"] = component.compose_path.parent
    return found


def _volumes(paths: Mapping[str, Path]) -> list[Volume]:
    found: dict[int, Volume] = {}
    for what, path in paths.items():
        there = path
        while not there.exists() and there != there.parent:
            there = there.parent
        place, space = there.stat().st_dev, os.statvfs(there)
        known = found.get(place)
        found[place] = Volume(
            known.path if known else there,
            (*(known.used_for if known else ()), what),
            space.f_bavail * space.f_frsize,
            space.f_favail,
            space.f_files > 0,
            bool(space.f_flag & os.ST_RDONLY),
        )
    return list(found.values())
