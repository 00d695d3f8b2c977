"""Manifests that are good, bounds that hold them, and addresses that nobody may be sent to."""

from pathlib import Path

from dunebugger_updater.manifest import Bounds, Origin
from dunebugger_updater.model.release import Asset

EXAMPLES = Path(__file__).parent.parent / "manifests"
PYTHON_APP = (EXAMPLES / "python-app.update-manifest.yaml").read_bytes()
CONTAINER = (EXAMPLES / "container.update-manifest.yaml").read_bytes()
APT = (EXAMPLES / "apt.update-manifest.yaml").read_bytes()
GOOD = {"python_app": PYTHON_APP, "container": CONTAINER, "apt": APT}

ARTIFACT = "dunebugger-1.4.0.tar.gz"
SHA256 = "0f3c1e0c7d5b4f0e2a6d8c9b1a7e5f3d2c4b6a8091827364554637281900aabb"
HEALTH = Origin("http", "192.168.1.20", 5000)
GITHUB = "https://github.com/marco-svitol/dunebugger/releases/download/v1.4.0"

BOUNDS = {
    "python_app": Bounds(
        component="core",
        component_type="python_app",
        version="1.4.0",
        repository="marco-svitol/dunebugger",
        services=("dunebugger.service",),
        install_path=Path("/opt/dunebugger/core"),
        backup_path=Path("/opt/dunebugger/backups"),
        health=(HEALTH,),
        assets=(
            Asset(ARTIFACT, f"{GITHUB}/{ARTIFACT}", 1843201, SHA256),
            Asset("update-manifest.yaml", f"{GITHUB}/update-manifest.yaml", 3000, None),
        ),
        asset=ARTIFACT,
        arch="aarch64",
    ),
    "container": Bounds(
        component="scheduler",
        component_type="container",
        version="v1.4.0",
        services=("scheduler",),
        containers=("scheduler",),
        image="ghcr.io/marco-svitol/dunebugger-scheduler",
        backup_path=Path("/opt/dunebugger/backups"),
    ),
    "apt": Bounds(
        component="system",
        component_type="apt",
        version="2026.11.1",
        services=("dunebugger.service",),
        packages=frozenset({"alsa-utils", "libasound2", "libstdc++6"}),
    ),
}

ELSEWHERE = (
    # clouds' metadata
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254:80/",
    "https://169.254.169.254/computeMetadata/v1/",
    "http://169.254.170.2/v2/credentials",
    "http://100.100.100.200/latest/meta-data/",
    "http://192.0.0.192/opc/v1/instance/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://metadata/",
    "http://instance-data/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::a9fe:a9fe]/",
    "http://169.254.169.254.nip.io/",
    # the same address in other clothes
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0xa9fea9fe/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://025177524776/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://169.254.169.0xfe/",
    "http://425.510.425.510/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "http://[::169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    # this machine in other clothes
    "http://0/",
    "http://0.0.0.0:5000/",
    "http://[::]:5000/",
    "http://127.1:5000/",
    "http://127.0.1:5000/",
    "http://127.0.0.2:5000/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::1%25lo]/",
    "http://LOCALHOST:5000/",
    "http://localhost.:5000/",
    "http://localhost.localdomain/",
    "http://localhost.evil.example/",
    "http://127.0.0.1.nip.io/",
    "http://127.0.0.1.:5000/",
    "http://127.0.0.1:05000/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:99999999999999999999/",
    "http://127.0.0.1:5000x/",
    "http://127.0.0.1:/",
    # who is the host here?
    "http://127.0.0.1@169.254.169.254/",
    "http://127.0.0.1:5000@evil.example/",
    "http://user:secret@127.0.0.1:5000/",
    "http://@127.0.0.1/",
    "http://127.0.0.1#@evil.example/",
    "http://127.0.0.1\\\\@evil.example/",
    "http://evil.example\\\\.127.0.0.1/",
    "http://127.0.0.1%2eevil.example/",
    "http://127.0.0.1%00.evil.example/",
    "http://127.0.0.1&@evil.example/",
    "http:///127.0.0.1/",
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http://",
    "http://[::1/",
    "http://[127.0.0.1]/",
    "//127.0.0.1/health",
    "http://\u2460\u2461\u2466.0.0.1/",
    "http://loc\u0430lhost:5000/",
    "http://127\u30020\u30020\u30021/",
    "http://-localhost/",
    "http://a..b/",
    # neighbours
    "http://192.168.1.1/",
    "http://192.168.1.1/apply.cgi?reboot=1",
    "http://192.168.1.20/",
    "http://192.168.1.20:5001/",
    "https://192.168.1.20:5000/",
    "http://10.0.0.1/",
    "http://172.17.0.1:2375/containers/json",
    "http://router.local/",
    "http://[fe80::1]/",
    "http://host.docker.internal/",
    "https://evil.example/health",
    # other languages than http
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/stats",
    "unix:///var/run/docker.sock",
    "data:text/plain,ok",
    "javascript:alert(1)",
    "HTTP://127.0.0.1:5000/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    # where does the path lead?
    "http://127.0.0.1:5000/../admin",
    "http://127.0.0.1:5000/%2e%2e/admin",
    "http://127.0.0.1:5000//evil.example/",
    "http://127.0.0.1:5000/a%0d%0aX: 1",
)
