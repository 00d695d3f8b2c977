"""One text with all that helps somebody else to help, and no secret in it."""

import platform
import re
from typing import Protocol

import msgspec

from dunebugger_updater import __version__
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.services import history
from dunebugger_updater.services.history import Runs
from dunebugger_updater.services.watch import Watch

_SECRETS = re.compile(
    r"(?i)(://)[^/\s:@]*:[^/\s@]*@|\b(gh[pousr]_|github_pat_|dbu_)\w+|((?:token|password|secret|key)\s*[=:]\s*)\S+"
)


class Knows(Protocol):
    """What a house knows, as far as this needs it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def watch(self) -> Watch: ...


class Diagnostics:
    """Made when somebody asks for it."""

    def __init__(self, built: Knows) -> None:
        self._built = built

    async def diagnostics(self) -> bytes:
        """Answer the text, UTF-8."""
        settings = self._built.settings
        views = await self._built.watch.known()
        told = history.stories(self._built.runs)[-20:]
        parts = [
            f"dunebugger-updater {__version__}, Python {platform.python_version()}, {platform.platform()}",
            "== settings",
            _pretty(msgspec.structs.replace(settings, notifications=type(settings.notifications)())),
            "== components",
            _pretty(views),
            "== last runs",
            *(_pretty(history.view(story)) for story in told),
        ]
        return redacted("\n".join(parts)).encode()


def redacted(text: str) -> str:
    """Answer ``text`` without what looks like a password or a token."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2] or found[3] or ''}***" + ("@" if found[1] else ""), text)


def _pretty(value: object) -> str:
    return msgspec.json.format(to_json(value), indent=1).decode()
