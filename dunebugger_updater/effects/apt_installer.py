"""The port ``Installer``: apt and dpkg at work, in a systemd unit of their own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dunebugger_updater.model.packages import Change, Package
from dunebugger_updater.ports import EffectError, Report

_LATER = "cannot handle apt packages yet: this version updates Python apps and compose services"


class AptInstaller:
    """Lets apt work."""

    async def refresh(self, report: Report) -> None:
        raise EffectError(_LATER)

    async def repair(self, job: str, report: Report) -> None:
        raise EffectError(_LATER)

    async def keep(self, wanted: Mapping[str, str], directory: Path, report: Report) -> None:
        raise EffectError(_LATER)

    async def download(self, wanted: Mapping[str, str], directory: Path, report: Report) -> None:
        raise EffectError(_LATER)

    async def upgrade(self, changes: Sequence[Change], directory: Path, job: str, report: Report) -> None:
        raise EffectError(_LATER)

    async def put_back(
        self, packages: Sequence[Package], added: Sequence[str], directory: Path, job: str, report: Report
    ) -> None:
        raise EffectError(_LATER)

    async def restart(self, unit: str) -> None:
        raise EffectError(_LATER)

    async def clear_logs(self, days: int) -> None:
        raise EffectError(_LATER)
