"""Whose certificates the shipped program believes: the system's where it has any, else those that it brought along."""

import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from device.bed import place
from device.bed.frozen import Frozen

pytestmark = [pytest.mark.device]

CONFIG = """
[Updater]
statePath = {root}/state
githubApiUrl = https://127.0.0.1:{port}
[Component core]
type = python_app
repository = example/core
installPath = {root}/core
"""
OURS, NONE, OTHERS = "ours", "none", "others"


class Nothing(http.server.BaseHTTPRequestHandler):
    """Whoever gets this far has believed us."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        pass


@dataclass(frozen=True)
class Tried:
    program: Path
    config: Path
    system: dict[str, str]
    """What stands for the system's certificates; each a file."""

    def problem(self, system: str, empty: Path) -> str:
        alone = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        there = {"SSL_CERT_FILE": self.system[system], "SSL_CERT_DIR": str(empty)}
        argv: list[str | Path] = [self.program, "--config", self.config, "check", "--json"]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120, env=alone | there)
        return str(json.loads(done.stdout)["components"]["core"]["problem"])


@pytest.fixture
def tried(frozen: Frozen, tmp_path: Path) -> Iterator[Tried]:
    """The program, with our certificate where certifi's lie; and a server that shows it."""
    folder = tmp_path / "program"
    shutil.copytree(frozen.folder, folder)
    own, others = (_certificate(tmp_path / name) for name in (OURS, OTHERS))
    shutil.copy(own, folder / "_internal/certifi/cacert.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own, own.with_suffix(".key"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        config = tmp_path / "dunebugger.conf"
        config.write_text(CONFIG.format(root=tmp_path, port=server.server_address[1]))
        system = {OURS: str(own), OTHERS: str(others), NONE: str(tmp_path / "not-there.pem")}
        yield Tried(folder / frozen.program.name, config, system)
        server.shutdown()
        serving.join()


def _certificate(at: Path) -> Path:
    certificate = at.with_suffix(".pem")
    place.must(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", at.with_suffix(".key"), "-out", certificate),
        ],
        limit=30,
    )
    return certificate


@pytest.mark.parametrize(("system", "believed"), [(OURS, True), (NONE, True), (OTHERS, False)])
def test_the_systems_certificates_come_first_and_its_own_where_there_are_none(
    system: str, believed: bool, tried: Tried, tmp_path: Path
) -> None:
    (empty := tmp_path / "empty").mkdir()
    problem = tried.problem(system, empty)
    assert ("its certificate is not valid" not in problem) is believed, problem
    assert ("cannot find example/core" in problem) is believed, problem
