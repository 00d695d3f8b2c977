"""Programs that are started, looked at and left alone: the agent, a hello world, and Moonraker where it is.

Memory and CPU are those of the whole process tree, as the kernel counts them.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_START = 60.0

HELLO = """
import sys
from aiohttp import web
async def hello(_):
    return web.Response(text="hello world", content_type="text/html")
app = web.Application()
app.router.add_get("/", hello)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""

CONFIG = """
[Updater]
statePath = {directory}/state
initialDelayMinutes = 1440
[Panel]
listen = 127.0.0.1:{port}
"""

MOONRAKER = """
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {directory}/klippy.sock
[authorization]
trusted_clients: 127.0.0.0/8
[update_manager]
enable_auto_refresh: False
enable_system_updates: False
"""


@dataclass(frozen=True)
class Arm:
    """One program: how it is started, and where it answers."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    port: int
    sign_of_life: str
    page: str
    """What a browser is shown first."""


@dataclass(frozen=True)
class Load:
    """What a process tree has used up to now."""

    busy: float
    """Milliseconds on a processor."""
    switches: int
    """How often it was woken or interrupted."""

    def since(self, before: "Load") -> "Load":
        return Load(self.busy - before.busy, self.switches - before.switches)


def arms(directory: Path, moonraker: Path | None, program: Path | None = None) -> list[Arm]:
    """Make whatever they need in ``directory``; the hello world comes first.  ``program``: the shipped agent."""
    hello, agent = directory / "hello.py", directory / "agent.ini"
    ports = [_free_port() for _ in range(3)]
    hello.write_text(HELLO)
    agent.write_text(CONFIG.format(directory=directory, port=ports[1]))
    ours = (sys.executable, "-m", "dunebugger_updater") if program is None else (str(program),)
    started = (*ours, "--config", str(agent), "agent")
    found = [
        Arm("hello world", (sys.executable, str(hello), str(ports[0])), directory, ports[0], "/", "/"),
        Arm("agent", started, ROOT, ports[1], "/healthz", "/setup"),
    ]
    if moonraker is not None:
        data = directory / "moonraker"
        (data / "config").mkdir(parents=True)
        (data / "config" / "moonraker.conf").write_text(MOONRAKER.format(directory=data, port=ports[2]))
        python = next(
            moonraker / name / "bin" / "python" for name in ("env", "venv", ".venv") if (moonraker / name).is_dir()
        )
        argv = (str(python), "-m", "moonraker", "-d", str(data))
        found.append(Arm("Moonraker", argv, moonraker, ports[2], "/server/info", "/server/info"))
    return found


@contextmanager
def started(arm: Arm, directory: Path) -> Iterator[tuple[int, float]]:
    """Have it running; answer its process and the seconds until it answered with 200 for the first time."""
    # Compiled once, by the round that is not counted, and never into anybody's checkout.
    environ = {key: value for key, value in os.environ.items() if key not in {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}}
    environ["PYTHONPYCACHEPREFIX"] = str(directory / "compiled")
    begin = time.perf_counter()
    with (directory / "output").open("ab") as output:
        process = subprocess.Popen(arm.argv, cwd=arm.cwd, env=environ, stdout=output, stderr=output)
    try:
        while not answers(arm.port, arm.sign_of_life):
            assert process.poll() is None, f"{arm.name} ended: {(directory / 'output').read_text()[-2000:]}"
            assert time.perf_counter() - begin < LONGEST_START, f"{arm.name} does not answer"
            time.sleep(0.002)
        yield process.pid, time.perf_counter() - begin
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int, path: str) -> bool:
    """Whether that address answers with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_START)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except ConnectionError:
        return False
    finally:
        connection.close()
    return answer.status == 200


def memory(process: int, field: str = "Pss") -> float:
    """Megabytes of the tree: its proportional share of what is mapped."""
    total = 0
    for each in tree(process):
        lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return total / 1024


def load(process: int) -> Load:
    """Answer what the tree has used, to the nanosecond (``schedstat``), over all threads that live."""
    busy = switches = 0
    for each in tree(process):
        for thread in Path(f"/proc/{each}/task").iterdir():
            busy += int((thread / "schedstat").read_text().split()[0])
            status = (thread / "status").read_text().splitlines()
            switches += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
    return Load(busy / 1e6, switches)


def tree(process: int) -> list[int]:
    """A process and all below it."""
    found = [process]
    for each in found:
        for thread in Path(f"/proc/{each}/task").iterdir():
            found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
