"""The port ``Packages``: what apt and dpkg say, read and never changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dunebugger_updater.model.packages import Change, Inventory, Package
from dunebugger_updater.ports import EffectError

_LATER = "cannot handle apt packages yet: this version updates Python apps and compose services"


class AptPackages:
    """Asks apt and dpkg."""

    async def inventory(self) -> Inventory:
        raise EffectError(_LATER)

    async def installed(self) -> Mapping[str, Package]:
        raise EffectError(_LATER)

    async def release(self) -> str:
        raise EffectError(_LATER)

    async def broken(self) -> Sequence[str]:
        raise EffectError(_LATER)

    async def simulate(self, wanted: Mapping[str, str]) -> Sequence[Change]:
        raise EffectError(_LATER)

    async def kept_from(self, wanted: Mapping[str, str], directory: Path) -> Mapping[str, str]:
        raise EffectError(_LATER)
