"""Holds: components that the owner wants left alone for now, without editing the configuration."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.ports import Files


class Holds:
    """Which components are held; remembered over restarts."""

    def __init__(self, files: Files, file: Path) -> None:
        self._files = files
        self._file = file

    async def held(self) -> Sequence[str]:
        """All of them, sorted; nothing where the memory cannot be read."""
        content = await self._files.read(self._file, 65_536)
        if content is None:
            return ()
        try:
            return sorted(set(from_json(content, list[str])))
        except msgspec.MsgspecError:
            return ()

    async def set(self, component: str, *, on: bool) -> None:
        """Hold a component, or let it go."""
        held = set(await self.held())
        changed = held | {component} if on else held - {component}
        if changed != held:
            await self._files.write(self._file, to_json(sorted(changed)))
