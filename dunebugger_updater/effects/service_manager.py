"""Telling systemd how we are: started, alive, stopping (sd_notify(3)).  Without systemd it says nothing to nobody."""

import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """The one who started us, if it wants to be told."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is in the kernel's own namespace, which is written with a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "0")
        self.watchdog_seconds = int(microseconds) / 1e6 if ours and microseconds.isdigit() else 0.0
        """How often it wants to hear that we live; 0 when it does not."""

    def tell(self, state: str) -> None:
        """Tell it one thing, such as ``READY=1``; nobody there is fine."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.sendto(state.encode(), self._address)
        except OSError:
            return  # who cannot be told will notice by the watchdog
