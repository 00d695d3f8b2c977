"""Ending a connection with somebody who does not read: at once, and without leaving them our memory."""

import asyncio
import contextlib
import socket
import struct

_AT_ONCE = struct.pack("ii", 1, 0)


def let_go(transport: asyncio.BaseTransport | None) -> None:
    """Reset it.  Merely closing would leave the kernel holding what was not read, for as long as nobody reads it."""
    if not isinstance(transport, asyncio.WriteTransport):
        return
    here = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if here is not None:
            here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
