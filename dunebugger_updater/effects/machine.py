"""How the machine itself is doing: disk, memory, temperature, load."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dunebugger_updater.effects.durable import saying
from dunebugger_updater.model.wire import DeviceHealth
from dunebugger_updater.ports import Clock

_CLOSE = ("cpu_thermal", "coretemp", "k10temp", "soc_thermal")
"""Sensors that tell the processor's temperature, as boards and PCs call them."""


def health(place: Path, clock: Clock) -> DeviceHealth:
    """Look at the machine; ``place`` is on the disk that matters."""
    import psutil  # noqa: PLC0415  (4 MB that only a look at the panel needs)

    there = place
    while not there.exists():
        there = there.parent
    with saying(f"cannot tell the free space of {there}"):
        disk = os.statvfs(there)
    memory = psutil.virtual_memory()
    return DeviceHealth(
        disk_total=disk.f_blocks * disk.f_frsize,
        disk_free=disk.f_bavail * disk.f_frsize,
        memory_total=memory.total,
        memory_available=memory.available,
        temperature=_temperature(psutil.sensors_temperatures()),
        clock=clock.trusted(),
        load=round(os.getloadavg()[0], 2),
        up_seconds=round(time.clock_gettime(time.CLOCK_BOOTTIME), 1),
    )


def _temperature(sensors: Mapping[str, Sequence[object]]) -> float | None:
    names = [name for name in _CLOSE if sensors.get(name)] or [name for name, found in sensors.items() if found]
    for name in names:
        value = getattr(sensors[name][0], "current", None)
        if isinstance(value, int | float):
            return round(float(value), 1)
    return None


def zone(localtime: Path = Path("/etc/localtime")) -> str:
    """Answer the IANA name of the device's own time zone; ``UTC`` where it does not say."""
    try:
        target = str(localtime.readlink())
    except OSError:
        return "UTC"
    return target.partition("zoneinfo/")[2].removeprefix("posix/") or "UTC"
