"""The first user's device as it stands: ``core`` in ``/opt/dunebugger``, a git clone that ``pi`` made and edited.

A GitHub runs on the device as a unit of its own, since a device has no way out.
"""

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from device.bed import place
from device.bed.device import CHECKOUT, PYTHON, Device

Json: TypeAlias = dict[str, Any]

HOME = "/opt/dunebugger"
RELEASES = "/opt/dunebugger.releases"
CONF = "/etc/dunebugger/dunebugger.conf"
STATE = "/var/lib/dunebugger-updater"
UNIT = "dunebugger.service"
EDITED = "[lights]\nbrightness = 90\n; è mio\n"
SHIPPED = "[lights]\nbrightness = 50\n; as shipped with {version}\n"
ASK = ("curl", "-sS", "-m", "5")
HEALTH = "http://127.0.0.1:8001"

MAIN = '''\
"""The show: /health, /version and /visits; each start leaves a line among the visits."""
import configparser, getpass, http.server, json, os, sys
from pathlib import Path

VERSION, MOOD, HOME = "{version}", "{mood}", Path(__file__).resolve().parent
print(f"core {{VERSION}} starts", flush=True)
if MOOD == "crashes":
    sys.exit(f"core {{VERSION}}: no module named lgpio")
lights = configparser.ConfigParser()
lights.read(HOME / "config/dunebugger.conf")
visits = HOME / "data/visits.txt"
visits.parent.mkdir(exist_ok=True)
with visits.open("a") as file:
    file.write(f"start {{VERSION}}\\n")
    file.flush()
    os.fsync(file.fileno())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, told = 200, {{"version": VERSION, "user": getpass.getuser(), "from": str(HOME), "python": sys.prefix}}
        told["brightness"] = lights.get("lights", "brightness")
        told["visits"] = visits.read_text().splitlines()
        if self.path == "/health" and MOOD == "sick":
            status, told = 500, {{"trouble": "the sound card does not answer"}}
            print("no sound card", flush=True)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8001), Handler).serve_forever()
'''
SERVICE = f"""\
[Unit]
Description=DuneBugger
After=network.target
[Service]
Type=simple
User=pi
ExecStart={HOME}/.venv/bin/python {HOME}/app/main.py
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
"""
SHOP = f"""\
[Service]
Environment=PYTHONPATH={CHECKOUT}/tests PYTHONDONTWRITEBYTECODE=1
ExecStart={PYTHON} -m device.bed.shop 8480 /srv/shop
[Install]
WantedBy=multi-user.target
"""
SETTINGS = f"""\
[Updater]
statePath = {STATE}
backupPath = /var/backups/dunebugger
githubApiUrl = http://127.0.0.1:8480

[Component core]
type = python_app
repository = marco-svitol/dunebugger
installPath = {HOME}
asset = dunebugger-{{version}}.tar.gz
service = dunebugger
healthUrl = {HEALTH}/health
"""
MANIFEST = """\
version: "{version}"
component_type: python_app
description: how long this release may take to become well
post_update_checks:
  - {{type: service_active, description: it runs, service_name: dunebugger, timeout_seconds: {limit}}}
"""
SETUP = f"""
set -eu
chown pi:pi /opt
mkdir -p /opt/dunebugger-data && echo 'Tu scendi dalle stelle' >/opt/dunebugger-data/music.txt
chown -R pi:pi {HOME} /opt/dunebugger-data
su pi -c '
set -eu
cd {HOME}
printf ".venv\\napp/data\\n" >.gitignore
git init -q && git add . && git -c user.name=pi -c user.email=pi@presepe commit -q -m "as cloned"
cat >app/config/dunebugger.conf && chmod 640 app/config/dunebugger.conf
python3 -m venv --without-pip .venv
'
"""


def main_of(version: str, mood: str = "well") -> str:
    return MAIN.format(version=version, mood=mood)


def archive_of(version: str, mood: str) -> bytes:
    """A release as a tar.gz.  It has no VERSION file: the project makes none."""
    files = {
        "app/main.py": main_of(version, mood),
        "app/config/dunebugger.conf": SHIPPED.format(version=version),
        ".gitignore": ".venv\napp/data\n",
    }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"dunebugger-{version}/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), 1, mtime=0)


class Presepe:
    """One device of the first user, with the show running."""

    def __init__(self, device: Device) -> None:
        self.device = device
        device.write(f"/etc/systemd/system/{UNIT}", SERVICE)
        device.write("/etc/systemd/system/shop.service", SHOP)
        device.write(f"{HOME}/app/main.py", main_of("0.9"))
        device.write(f"{HOME}/app/config/dunebugger.conf", SHIPPED.format(version="0.9"))
        device.write(CONF, SETTINGS)
        device.exec("/bin/sh", "-c", SETUP, text=EDITED)
        device.exec("systemctl", "daemon-reload")
        device.exec("systemctl", "enable", "-q", "--now", "dunebugger")
        self.wait_until_well()

    def offer(self, moods: Mapping[str, str], limit: int = 30) -> None:
        """Offer exactly these versions, each with its mood: ``well``, ``sick`` or ``crashes``."""
        device = self.device
        device.exec("rm", "-rf", "/srv/shop")
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            for version, mood in moods.items():
                manifest = MANIFEST.format(version=version, limit=limit).encode()
                files = {f"dunebugger-{version}.tar.gz": archive_of(version, mood), "update-manifest.yaml": manifest}
                for name, content in files.items():
                    member = tarfile.TarInfo(f"marco-svitol/dunebugger/v{version}/{name}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        device.write("/srv/shop.tar.b64", _base64(raw.getvalue()))
        device.exec("/bin/sh", "-c", "mkdir /srv/shop && base64 -d /srv/shop.tar.b64 | tar x -C /srv/shop")
        device.exec("systemctl", "enable", "-q", "shop")
        device.exec("systemctl", "restart", "shop")
        self.wait_for_shop()

    def wait_for_shop(self) -> None:
        place.wait_for(lambda: self.device.run(*ASK, "http://127.0.0.1:8480/rate_limit").returncode == 0, 20, "no shop")

    # --- our program ---

    def argv(self, *words: str) -> Sequence[str]:
        return ("-m", "dunebugger_updater", "--config", CONF, *words)

    def call(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        done = self.device.python(*self.argv(*words), limit=200)
        return done.returncode, done.stdout, done.stderr

    def answer(self, *words: str, status: int = 0) -> Any:
        """What ``--json`` says; fails when the exit status is another one."""
        code, out, err = self.call(*words, "--json")
        assert code == status, f"{words}: exit status {code}\n{out}\n{err}"
        return json.loads(out)

    def update(self, *words: str, status: int = 0) -> Json:
        told: Json = self.answer("update", "core", "--yes", *words, status=status)
        return told

    def component(self, *words: str) -> Json:
        told: Json = self.answer("check", *words)["components"]["core"]
        return told

    # --- what is true ---

    def ask(self, path: str = "/version") -> Json:
        """What the running app says of itself."""
        told: Json = json.loads(self.device.exec(*ASK, HEALTH + path))
        return told

    def wait_until_well(self) -> None:
        place.wait_for(
            lambda: self.device.run(*ASK, "-f", f"{HEALTH}/health").returncode == 0, 30, "the show does not answer"
        )

    def strangers(self, path: str) -> str:
        """What lies under ``path`` and is not pi's, but for our own notes."""
        ours = ("(", "-name", ".carried.json", "-o", "-name", ".complete", "-o", "-name", ".shipped", ")")
        pis = ("-user", "pi", "-group", "pi")
        return self.device.exec("find", path, *ours, "-prune", "-o", "-not", "(", *pis, ")", "-print")

    def is_link(self) -> bool:
        return self.device.run("test", "-L", HOME).returncode == 0

    def mode(self, path: str) -> str:
        return self.device.exec("stat", "-L", "-c", "%a", path)

    def processes(self) -> list[str]:
        """The pids of the app, however it was started."""
        return self.device.run("pgrep", "-f", f"{HOME}/app/main.py").stdout.split()


def _base64(content: bytes) -> str:
    return base64.encodebytes(content).decode()
