"""The world, as steps and checks see it: protocols only.  What implements them is in ``effects/``."""

from dataclasses import dataclass

from dunebugger_updater.ports.basics import Clock, EffectError, Report, UnfitError
from dunebugger_updater.ports.containers import (
    ComposeService,
    Containers,
    ContainerState,
    ImageState,
    RemoteImage,
)
from dunebugger_updater.ports.files import Carried, Files, Python, TreeSize
from dunebugger_updater.ports.itself import Itself, Tried, UnreachableError
from dunebugger_updater.ports.network import Answer, Releases, Web
from dunebugger_updater.ports.packages import Installer, Packages
from dunebugger_updater.ports.services import Services

__all__ = [
    "Answer",
    "Carried",
    "Clock",
    "ComposeService",
    "ContainerState",
    "Containers",
    "Device",
    "EffectError",
    "Files",
    "ImageState",
    "Installer",
    "Itself",
    "Packages",
    "Python",
    "Releases",
    "RemoteImage",
    "Report",
    "Services",
    "TreeSize",
    "Tried",
    "UnfitError",
    "UnreachableError",
    "Web",
]


@dataclass(frozen=True, slots=True)
class Device:
    """One machine's ports, held together so that a step or a check needs one argument."""

    clock: Clock
    files: Files
    services: Services
    web: Web
    python: Python
    containers: Containers
    packages: Packages
    installer: Installer
    itself: Itself
    report: Report
