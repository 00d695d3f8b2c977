"""How long the built program takes to start: what ``build.json`` remembers of each build."""

import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROUNDS = 5
_PATIENCE = 60.0


def starts(program: Path) -> dict[str, float]:
    """Milliseconds, medians: a command that only tells its version, and the agent until its panel answers."""
    return {
        "version_ms": statistics.median(_version(program) for _ in range(ROUNDS)),
        "panel_ms": statistics.median(_panel(program) for _ in range(ROUNDS)),
    }


def _version(program: Path) -> float:
    began = time.perf_counter()
    subprocess.run([program, "version"], check=True, stdout=subprocess.DEVNULL)
    return round((time.perf_counter() - began) * 1000, 1)


def _panel(program: Path) -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "dunebugger.conf")
        settings.write_text(f"[Updater]\nstatePath = {folder}/state\n[Panel]\nlisten = 127.0.0.1:{port}\n")
        began = time.perf_counter()
        argv = [str(program), "--config", str(settings), "agent"]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
            try:
                while not _answers(port):
                    if agent.poll() is not None or time.perf_counter() - began > _PATIENCE:
                        raise SystemExit(f"cannot measure {program}: its panel does not answer")
                    time.sleep(0.002)
                return round((time.perf_counter() - began) * 1000, 1)
            finally:
                agent.terminate()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
            return line.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
