"""Images of devices without Python and without anything of ours: where an owner begins."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from device.bed import device_image, place, sources
from device.bed.engine import Engine

RELEASES = ("bookworm", "trixie")
"""Debian 12 and 13: the oldest and the newest that are supported."""
PACKAGES = "systemd,systemd-sysv,dbus,procps,passwd,curl,ca-certificates,git"
SETUP = f"""
set -eu
if command -v python3; then exit 1; fi
systemctl mask {device_image.QUIET} 2>/dev/null
systemctl set-default multi-user.target 2>/dev/null
useradd -m -s /bin/bash pi
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\nRateLimitIntervalSec=0\\n' >/etc/systemd/journald.conf.d/bed.conf
"""


def built(engine: Engine, release: str) -> str:
    """The reference of the image, made when it is not there yet."""
    recipe = f"{release}\n{PACKAGES}\n{device_image.EMPTY}\n{SETUP}"
    reference = f"{place.LABEL}/bare-{release}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with place.locked(f"bare-{release}"):
        if not engine.has_image(reference):
            place.only_if_required(f"the image of a bare {release} is not here")
            _make(engine, release, reference)
    return reference


def _make(engine: Engine, release: str, reference: str) -> None:
    shm = Path("/dev/shm")
    room = shm.is_dir() and shutil.disk_usage(shm).free > 2 * 1024**3
    with tempfile.TemporaryDirectory(dir=shm if room else place.cache()) as folder:
        archive = Path(folder, "root.tar")
        words = ["mmdebstrap", "--quiet", "--variant=apt", "--components=main", "--dpkgopt=force-unsafe-io"]
        words += ["--skip=cleanup/apt", f"--include={PACKAGES}", f"--customize-hook={device_image.EMPTY}"]
        place.must([*words, release, archive, sources.mirror()], limit=500, more={"TMPDIR": folder})
        engine.docker("import", archive, f"{reference}-raw", limit=200)
    name = f"{place.LABEL}-making-{place.token()}"
    try:
        options = ["--network=none", "--label", f"{place.LABEL}={place.token()}", "--env=container=docker"]
        engine.docker("run", "--name", name, *options, f"{reference}-raw", "/bin/sh", "-c", SETUP, limit=200)
        settings = ["--change", 'CMD ["/sbin/init"]', "--change", "ENV container=docker LC_ALL=C.UTF-8"]
        engine.docker("commit", *settings, "--change", f"LABEL {place.LABEL}=image", name, reference, limit=120)
    finally:
        place.run(["docker", "rm", "-f", name])
