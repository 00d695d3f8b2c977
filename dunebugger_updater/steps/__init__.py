"""Every step there is.  A new one is a class in this folder and a name in ``AnyStep``."""

from typing import TypeAlias

from dunebugger_updater.steps.chores import ClearLogs, RestartUnit
from dunebugger_updater.steps.containers import ForgetImage, KeepImage, PullImage, PutBackTag, RecreateService, SetTag
from dunebugger_updater.steps.files import CopyFile, Download, KeepBackup, RemovePath, Unpack
from dunebugger_updater.steps.itself import (
    EndTrial,
    FetchReleases,
    PointUpdater,
    RestartItself,
    ReturnUpdater,
    SelfTest,
)
from dunebugger_updater.steps.packages import (
    DownloadPackages,
    KeepPackages,
    NoteRelease,
    NoteUnits,
    PutBackPackages,
    RefreshLists,
    RepairPackages,
    UpgradePackages,
)
from dunebugger_updater.steps.releases import BuildVenv, CarryOver, Migrate, PointLink, Unadopt
from dunebugger_updater.steps.services import StartService, StopService

AnyStep: TypeAlias = (
    Download
    | Unpack
    | KeepBackup
    | CopyFile
    | RemovePath
    | BuildVenv
    | CarryOver
    | Migrate
    | Unadopt
    | PointLink
    | StartService
    | StopService
    | KeepImage
    | ForgetImage
    | PullImage
    | SetTag
    | PutBackTag
    | RecreateService
    | SelfTest
    | PointUpdater
    | ReturnUpdater
    | RestartItself
    | FetchReleases
    | EndTrial
    | ClearLogs
    | DownloadPackages
    | KeepPackages
    | NoteUnits
    | NoteRelease
    | PutBackPackages
    | RefreshLists
    | RepairPackages
    | RestartUnit
    | UpgradePackages
)

__all__ = [
    "AnyStep",
    "BuildVenv",
    "CarryOver",
    "ClearLogs",
    "CopyFile",
    "Download",
    "DownloadPackages",
    "EndTrial",
    "FetchReleases",
    "ForgetImage",
    "KeepBackup",
    "KeepImage",
    "KeepPackages",
    "Migrate",
    "NoteRelease",
    "NoteUnits",
    "PointLink",
    "PointUpdater",
    "PullImage",
    "PutBackPackages",
    "PutBackTag",
    "RecreateService",
    "RefreshLists",
    "RemovePath",
    "RepairPackages",
    "RestartItself",
    "RestartUnit",
    "ReturnUpdater",
    "SelfTest",
    "SetTag",
    "StartService",
    "StopService",
    "Unadopt",
    "Unpack",
    "UpgradePackages",
]
