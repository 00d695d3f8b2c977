"""HTTP for a test's archive: as good, as slow, or as broken as the test wants it."""

import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHUNK = 16 * 1024


class Server:
    """Answers what ``find`` says on a port of its own, which stays the same over ``stop`` and ``start``."""

    def __init__(self, address: str, find: Callable[[str], bytes | None]) -> None:
        self.find, self.pace = find, 0
        """``pace``: bytes a second; 0 for as fast as it goes."""
        self.asked: list[str] = []
        """Every path that was asked for, in order."""
        self._address, self._port = address, 0
        self._running: _Listener | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self._port}"

    def start(self) -> None:
        """Serve; nothing when it already does."""
        if self._running is None:
            self._running = _Listener((self._address, self._port), self)
            self._port = self._running.server_address[1]
            self._running.thread.start()

    def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._running is not None:
            self._running.end()
            self._running = None


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], owner: Server) -> None:
        super().__init__(address, _Answer)
        self.owner = owner
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="archive")
        self._open: set[socket.socket] = set()
        self._gate = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._gate:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._gate:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client was killed, or we hung up, and tests do that on purpose."""

    def end(self) -> None:
        self.shutdown()
        self.thread.join(10)
        self.server_close()
        with self._gate:
            for each in self._open:
                each.shutdown(socket.SHUT_RDWR)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Listener

    def do_GET(self) -> None:
        owner = self.server.owner
        owner.asked.append(self.path)
        content = owner.find(self.path)
        self.send_response(HTTPStatus.OK if content is not None else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        rest = memoryview(content or b"")
        while rest:
            self.wfile.write(rest[:CHUNK])
            if owner.pace:
                time.sleep(min(CHUNK, len(rest)) / owner.pace)
            rest = rest[CHUNK:]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is http.server's
        """Say nothing."""
