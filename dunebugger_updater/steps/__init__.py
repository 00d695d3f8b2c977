"""Every step there is.  A new one is a class in this folder and a name in ``AnyStep``."""

from typing import TypeAlias

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
)

__all__ = [
    "AnyStep",
    "BuildVenv",
    "CarryOver",
    "CopyFile",
    "Download",
    "EndTrial",
    "FetchReleases",
    "ForgetImage",
    "KeepBackup",
    "KeepImage",
    "Migrate",
    "PointLink",
    "PointUpdater",
    "PullImage",
    "PutBackTag",
    "RecreateService",
    "RemovePath",
    "RestartItself",
    "ReturnUpdater",
    "SelfTest",
    "SetTag",
    "StartService",
    "StopService",
    "Unadopt",
    "Unpack",
]
