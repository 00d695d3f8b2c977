"""Maintenance mode: a state that somebody switches on, for a while or until it is switched off (ruling 7)."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.ports import Clock, Files


class State(msgspec.Struct, frozen=True):
    """What is remembered."""

    on: bool = False
    until: datetime | None = None


class Maintenance:
    """Whether somebody is at work on this device."""

    def __init__(self, files: Files, clock: Clock, file: Path) -> None:
        self._files = files
        self._clock = clock
        self._file = file

    async def state(self) -> State:
        """Answer how it stands now; a time that is over counts as off."""
        content = await self._files.read(self._file, 4096)
        if content is None:
            return State()
        try:
            found = from_json(content, State)
        except msgspec.MsgspecError:
            return State()
        over = found.until is not None and found.until <= self._clock.now()
        return State() if over else found

    async def set(self, *, on: bool, minutes: int | None) -> State:
        """Switch it; ``minutes`` from now when it is to end by itself."""
        until = self._clock.now() + timedelta(minutes=minutes) if on and minutes else None
        state = State(on, until)
        await self._files.write(self._file, to_json(state))
        return state
