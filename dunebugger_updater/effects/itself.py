"""The process of this program, and its other versions on this device.  Implements ``Itself``."""

import asyncio
import contextlib
import ipaddress
import os
import signal
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import aiohttp
import msgspec

from dunebugger_updater.effects.agent_door import SOCKET
from dunebugger_updater.effects.commands import Finished, run
from dunebugger_updater.effects.connections import reason
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.model.settings import Settings
from dunebugger_updater.model.trial import FACTORY
from dunebugger_updater.ports import EffectError, Releases, Tried, UnreachableError

HOME, SLOT, OF_FACTORY = "DUNEBUGGER_UPDATER_SLOTS", "DUNEBUGGER_UPDATER_SLOT", "DUNEBUGGER_UPDATER_FACTORY"
"""What the launcher tells whomever it starts."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE = aiohttp.ClientTimeout(total=10)


class OwnProcess:
    """``service``: whether this process is the one that systemd starts again when it ends."""

    def __init__(
        self,
        settings: Settings,
        releases: Releases,
        *,
        version: str,
        service: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._releases = releases
        self._service = service
        self._began = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.version = version
        self.architecture = architecture()
        self.slot = environ.get(SLOT) or FACTORY
        home = environ.get(HOME) if environ.get(SLOT) else None
        self.home = Path(home) if home else None
        self.factory = Path(environ.get(OF_FACTORY) or "/usr/lib/dunebugger-updater/factory")

    @property
    def running_for(self) -> float:
        """Sleep included, as all durations."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self._began

    async def try_out(self, program: Path, limit: float) -> Tried:
        """Start it with nothing but a search path: neither our libraries nor our tokens are its own."""
        chosen = ("--config", str(self._settings.file)) if self._settings.file else ()
        environment = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "PYINSTALLER_RESET_ENVIRONMENT": "1"}
        argv = (str(program), *chosen, "self-test", "--json", "--state", str(self._settings.updater.state_path))
        done = await run(argv, limit=limit, environment=environment, bare=True)
        try:
            return from_json(done.out.encode(), Tried)
        except msgspec.MsgspecError:
            raise EffectError(f"cannot try out {program}: {_last_words(done)}") from None

    async def leave(self) -> NoReturn:
        """End as ``systemctl stop`` would end us; whoever waits here is cancelled with everything else."""
        if not self._service:
            raise EffectError(
                "cannot restart the updater from a command: start its service (systemctl start dunebugger-updater)"
            )
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    async def answers(self) -> None:
        """Ask as a browser on this device would, and as our own commands do."""
        socket = aiohttp.UnixConnector(str(self._settings.updater.state_path / SOCKET))
        await _expect(socket, "http://localhost/healthz", "its socket")
        if not self._settings.panel.port:
            return  # whichever was free: only the one who listens knows it
        for path in ("/healthz", "/"):
            await _expect(aiohttp.TCPConnector(ssl=False), f"{self._origin}{path}", f"{self._origin}{path}")

    @property
    def _origin(self) -> str:
        panel = self._settings.panel
        host = panel.host
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(host)
            if address.is_unspecified:
                host = "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004  (the internet protocol's number)
        scheme = "https" if panel.tls_certificate and panel.tls_key else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{panel.port}"

    async def ask_for_releases(self, repository: str) -> None:
        """Go the whole way of the next check: name, connection, certificate, answer, and reading it."""
        try:
            await self._releases.catalogue(repository, "releases", None)
        except EffectError as error:
            if _own_fault(error):
                raise
            raise UnreachableError(str(error)) from error


def _own_fault(error: EffectError) -> bool:
    """Whether it speaks against this program that it could not look, rather than against the network or GitHub."""
    unsafe = aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError | ssl.SSLError
    not_read = isinstance(error.__context__, ValueError)  # the answer came and said nothing to us
    return isinstance(error.__cause__, unsafe) or not_read


async def _expect(connector: aiohttp.BaseConnector, url: str, what: str) -> None:
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_PATIENCE, trust_env=False) as session,
            session.get(url, headers={"Accept": "text/html"}) as answer,
        ):
            await answer.read()
            if answer.status != 200:  # noqa: PLR2004  (HTTP's own number)
                raise EffectError(f"the updater does not answer well at {what}: {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EffectError(f"the updater does not answer at {what}: {reason(error)}") from error


def _last_words(done: Finished) -> str:
    if done.code < 0:
        return f"it was ended by {signal.Signals(-done.code).name}"
    return f"it ended with status {done.code}: {done.last_words[:300]}"
