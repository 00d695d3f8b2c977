"""Every check there is.  A new one is a class in this folder and a name in ``AnyCheck``."""

from typing import TypeAlias

from dunebugger_updater.checks.device import BackupExists, ClockSane, NotBusy
from dunebugger_updater.checks.health import ContainerSteady, HealthEndpoint, ServiceSteady
from dunebugger_updater.checks.itself import UpdaterReads, UpdaterRuns, UpdaterServes, UpdaterSteady
from dunebugger_updater.checks.packages import PackagesAre, PackagesReady, PlanHolds, UnitsWell
from dunebugger_updater.checks.space import DiskSpace, FreeSpace, Need
from dunebugger_updater.checks.versions import ImageAvailable, ImageIdRuns, ImageRuns, VersionFile

AnyCheck: TypeAlias = (
    FreeSpace
    | DiskSpace
    | NotBusy
    | ClockSane
    | BackupExists
    | ServiceSteady
    | HealthEndpoint
    | ContainerSteady
    | VersionFile
    | ImageRuns
    | ImageIdRuns
    | ImageAvailable
    | UpdaterRuns
    | UpdaterServes
    | UpdaterReads
    | UpdaterSteady
    | PackagesAre
    | PackagesReady
    | PlanHolds
    | UnitsWell
)

__all__ = [
    "AnyCheck",
    "BackupExists",
    "ClockSane",
    "ContainerSteady",
    "DiskSpace",
    "FreeSpace",
    "HealthEndpoint",
    "ImageAvailable",
    "ImageIdRuns",
    "ImageRuns",
    "Need",
    "NotBusy",
    "PackagesAre",
    "PackagesReady",
    "PlanHolds",
    "ServiceSteady",
    "UnitsWell",
    "UpdaterReads",
    "UpdaterRuns",
    "UpdaterServes",
    "UpdaterSteady",
    "VersionFile",
]
