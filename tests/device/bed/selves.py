"""A device on which the updater runs as its package installs it, and a publisher who signs new versions of it.

The program is either the frozen one, or stands in for it: this checkout in a folder, with a script that starts it by
the device's own Python.  A stand-in is ready in seconds, and may be told to misbehave as a service and yet to pass its
self-test.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import trees
from device.bed import place
from device.bed.device import PYTHON, Device
from device.bed.frozen import Frozen
from device.bed.presepe import ASK, SHOP

from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.trust.rotation import KeysDocument
from dunebugger_updater.trust.signing import new, public, sign, spelled

Json: TypeAlias = dict[str, Any]
Spoil: TypeAlias = Callable[[Path], None]
"""Makes something wrong in a version's folder."""

NAME = "dunebugger-updater"
UNIT = f"{NAME}.service"
LIB, HOME = f"/usr/lib/{NAME}", f"/var/lib/{NAME}"
REPOSITORY = f"marco-svitol/{NAME}"
PANEL = "http://127.0.0.1:8470"
CONF = """\
[Updater]
githubApiUrl = http://127.0.0.1:8480

[Component core]
type = python_app
repository = marco-svitol/dunebugger
installPath = /opt/core
runner = process
command = python3 app.py
"""
SCRIPT = """\
#!/bin/sh
# stands in for the frozen program
here=$(dirname "$(readlink -f "$0")")
case "$*" in agent) . "$here/mood" ;; esac
export PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1
cd /
exec PYTHON -m dunebugger_updater "$@"
"""


def mood(script: str) -> Spoil:
    """What a stand-in does as a service before, or instead of, its work."""

    def spoil(folder: Path) -> None:
        (folder / "mood").write_text(f"{script}\n")

    return spoil


def _hurry(folder: Path) -> None:
    """Nobody wants to wait for a minute and a half each time that all is well."""
    file = folder / "dunebugger_updater/kinds/updater_itself.py"
    patient = file.read_text()
    file.write_text(patient.replace("STEADY = 90.0", "STEADY = 12.0"))
    assert file.read_text() != patient


class Versions:
    """Makes versions of the updater, and publishes them signed."""

    def __init__(self, root: Path, frozen: Frozen | None = None, python: str = PYTHON) -> None:
        self._root, self._frozen, self._python = root, frozen, python
        self._key = new()
        self.architecture = frozen.architecture if frozen else architecture()

    @property
    def pinned(self) -> bytes:
        """The keys document that is built into each version."""
        return to_json(KeysDocument(component="updater", version=1, keys=(public(self._key).text,)))

    def folder(self, version: str, spoil: Spoil | None = None) -> Path:
        """The folder of one version, as it lies in a slot."""
        folder = Path(tempfile.mkdtemp(dir=self._root)) / f"{NAME}-{version}"
        inside = folder / "_internal" / "dunebugger_updater"
        if self._frozen:
            self._frozen.folder_of(version, folder)
        else:
            ours = shutil.ignore_patterns("__pycache__")
            for package in ("dunebugger_updater", "panel"):
                shutil.copytree(place.CHECKOUT / package, folder / package, ignore=ours)
            _hurry(folder)
            (folder / NAME).write_text(SCRIPT.replace("PYTHON -m", f"{self._python} -m"))
            (folder / NAME).chmod(0o755)
            (folder / "mood").write_text("")
            inside.mkdir(parents=True)
            (inside / "VERSION").write_text(f"{version}\n")  # where the frozen program has it
            inside = folder / "dunebugger_updater"
            (inside / "VERSION").write_text(f"{version}\n")
        (inside / "trust").mkdir(exist_ok=True)
        (inside / "trust" / "pinned.json").write_bytes(self.pinned)
        if spoil:
            spoil(folder)
        return folder

    def package(self, version: str, into: Path) -> Path:
        """The package of one version: the frozen one's with another folder in it."""
        assert self._frozen
        root, folder = into / "root", self.folder(version)
        place.must(["dpkg-deb", "-R", self._frozen.deb, root])
        shutil.rmtree(root / LIB[1:] / "factory")
        shutil.move(folder, root / LIB[1:] / "factory")
        control = root / "DEBIAN/control"
        control.write_text(control.read_text().replace(f"Version: {self._frozen.version}\n", f"Version: {version}\n"))
        made = into / "updater.deb"
        place.must(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, made], limit=120)
        return made

    def release(self, version: str, spoil: Spoil | None = None) -> Mapping[str, bytes]:
        """The files of a release: artifact, manifest and signature."""
        folder = self.folder(version, spoil)
        name = f"{NAME}-{version}-{self.architecture}.tar.gz"
        packed = folder.parent / name
        trees.archive(folder, packed, top=folder.name, time=1_700_000_000)
        content = packed.read_bytes()
        shutil.rmtree(folder.parent)
        manifest = json.dumps(
            {
                "version": version,
                "component_type": "python_app",
                "component": "updater",
                "repo": REPOSITORY,
                "sequence": int("".join(f"{int(part):03}" for part in version.split("."))),
                "artifacts": [{"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}],
            }
        ).encode()
        signature = spelled((sign(manifest, self._key),))
        return {name: content, "update-manifest.json": manifest, "update-manifest.sig": signature}


@contextmanager
def versions(frozen: Frozen | None = None, python: str = PYTHON) -> Iterator[Versions]:
    """A publisher with a key of his own, while this lasts.  ``python``: by which stand-ins run."""
    with tempfile.TemporaryDirectory(prefix="selves-") as root:
        yield Versions(Path(root), frozen, python)


class Selves:
    """One device that looks after its own updater."""

    def __init__(self, device: Device, versions: Versions, version: str = "1.0.0") -> None:
        self.device, self._versions = device, versions
        device.exec("mkdir", "-p", "/srv/shop")
        device.write("/etc/systemd/system/shop.service", SHOP)
        device.write("/etc/dunebugger/dunebugger.conf", CONF)
        device.exec("systemctl", "daemon-reload")
        device.exec("systemctl", "enable", "-q", "--now", "--no-block", "shop")
        self._install(version)
        self.wait_until_it_answers()

    def _install(self, version: str) -> None:
        """Put everything where the package would."""
        device, folder = self.device, self._versions.folder(version)
        device.exec("mkdir", "-p", LIB)
        device.copy_in(folder, f"{LIB}/factory")
        device.exec("chown", "-R", "root:root", LIB)
        shutil.rmtree(folder.parent)
        for name, target in {"launch": f"{LIB}/launch", "command": f"/usr/bin/{NAME}"}.items():
            device.write(target, (place.CHECKOUT / "packaging" / name).read_text())
            device.exec("chmod", "755", target)
        device.write(f"/etc/systemd/system/{UNIT}", (place.CHECKOUT / "packaging" / UNIT).read_text())
        device.exec("systemctl", "daemon-reload")
        device.exec("systemctl", "enable", "-q", NAME)
        device.exec("systemctl", "start", "--no-block", NAME)

    def offer(self, version: str, spoil: Spoil | None = None) -> None:
        """Publish one version more."""
        self.offer_all({version: spoil})

    def offer_all(self, spoiled: Mapping[str, Spoil | None]) -> None:
        """Publish these versions, each with what is wrong with it."""
        self.device.exec("mkdir", "-p", f"/srv/shop/{REPOSITORY}")
        for version, spoil in spoiled.items():
            with tempfile.TemporaryDirectory() as folder:
                shelf = Path(folder) / f"v{version}"
                shelf.mkdir()
                for name, content in self._versions.release(version, spoil).items():
                    (shelf / name).write_bytes(content)
                self.device.copy_in(shelf, f"/srv/shop/{REPOSITORY}/v{version}")
        self.device.exec("systemctl", "restart", "shop")
        asked = (*ASK, "http://127.0.0.1:8480/rate_limit")
        place.wait_for(lambda: self.device.run(*asked).returncode == 0, 90, "no shop")
        self.call("check", "updater", "--force")

    # --- the program as it is installed ---

    def call(self, *words: str, limit: float = 330) -> tuple[int, Any]:
        """Exit status, and what ``--json`` says."""
        done = self.device.run(NAME, *words, "--json", limit=limit)
        assert done.stdout, f"{words}: exit status {done.returncode}: {done.stderr}"
        return done.returncode, json.loads(done.stdout)

    def update(self, *words: str) -> Json:
        """Update the updater as its owner would, and follow it over its own restart."""
        told: Json = self.call("update", "updater", "--yes", *words)[1]
        return told

    def component(self) -> Json:
        return next(each for each in self.call("status")[1]["components"].values() if each["name"] == "updater")

    def last_run(self) -> Json:
        told: Json = self.call("history", "updater")[1][0]
        return told

    # --- what is true ---

    @property
    def version(self) -> str | None:
        """Of the service that answers now; ``None`` while nobody does."""
        done = self.device.run(*ASK, "-f", f"{PANEL}/api/version")
        return str(json.loads(done.stdout)["version"]) if done.returncode == 0 else None

    @property
    def in_use(self) -> str:
        """The slot that the link leads to."""
        return self.device.run("readlink", f"{HOME}/current").stdout.strip().rpartition("/")[2] or "factory"

    @property
    def slots(self) -> list[str]:
        return self.device.run("ls", "-A", f"{HOME}/slots").stdout.split()

    def wait_until_it_answers(self, limit: float = 240) -> None:
        place.wait_for(lambda: self.version is not None, limit, f"{self.device.name} does not answer")

    def wait_for(self, version: str, limit: float) -> None:
        place.wait_for(lambda: self.version == version, limit, f"{version} does not answer on {self.device.name}")

    def no_trial(self) -> bool:
        return self.device.run("ls", f"{HOME}/trial", f"{HOME}/trial.failed").stdout == ""

    def journal(self) -> str:
        return self.device.journal(UNIT)


class Packaged(Selves):
    """One that was installed by its package, and may be given another one."""

    def _install(self, version: str) -> None:
        self.give(version)

    def give(self, version: str) -> str:
        """Install the package of that version, and answer what was said."""
        with tempfile.TemporaryDirectory() as folder:
            self.device.copy_in(self._versions.package(version, Path(folder)), "/srv/updater.deb")
        words = ("dpkg", "-i", "--force-confold", "/srv/updater.deb")
        return self.device.exec("/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *words, limit=420)
