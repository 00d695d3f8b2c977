"""Speaking to the agent of this device over its Unix socket, which only its owner can open."""

import asyncio
import contextlib
from pathlib import Path

from dunebugger_updater.ports import EffectError

SOCKET = "agent.sock"
"""Its name in the state directory."""
LIMIT = 120.0
"""Seconds for one answer: planning an update asks the network."""


async def is_open(state: Path) -> bool:
    """Whether an agent is there to be spoken to."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_unix_connection(state / SOCKET), 2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def post(state: Path, path: str, body: bytes) -> tuple[int, bytes]:
    """Ask for something; answer the HTTP status and the JSON.  ``EffectError`` when the agent does not answer."""
    return await _asked(state, "POST", path, body)


async def get(state: Path, path: str) -> tuple[int, bytes]:
    """Look at something; the same."""
    return await _asked(state, "GET", path, None)


async def _asked(state: Path, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    import aiohttp  # noqa: PLC0415  (only where there is an agent)

    connector = aiohttp.UnixConnector(str(state / SOCKET))
    headers = {} if body is None else {"Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=LIMIT)) as session,
            session.request(method, f"http://localhost{path}", data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EffectError(f"cannot reach the agent of this device: {error or 'no answer'}") from error
