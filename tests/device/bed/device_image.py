"""The image of a device: Debian 12 with systemd, and the project's own environment at ``/opt/updater``.

Two layers, each an engine image whose tag is a hash of its recipe: the operating system (half a minute), and what the
locked requirements and the setup script put on top (seconds).  A device has no way out, so its wheels come from here.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from device.bed import place, sources
from device.bed.engine import Engine

RELEASE = "bookworm"
PACKAGES = "systemd,systemd-sysv,dbus,sudo,python3,python3-venv,python3-apt,ca-certificates,procps,iproute2,curl,git"
PACKAGES += ",dpkg-repack"
EMPTY = (
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb "$1"/usr/share/doc/*'
    ' "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/etc/apt/apt.conf.d/99mmdebstrap'
    ' "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$1"/etc/apt/sources.list; : >"$1"/etc/machine-id'
)
QUIET = (  # nothing runs by itself, and nothing waits for hardware that a container does not have
    "apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer systemd-logind.service"
    " getty.target console-getty.service systemd-udevd.service systemd-networkd-wait-online.service"
    " systemd-timesyncd.service systemd-resolved.service"
)
SETUP = f"""
set -eu
systemctl mask {QUIET} 2>/dev/null
systemctl set-default multi-user.target 2>/dev/null
useradd -m -s /bin/bash pi && echo 'pi ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/pi
useradd -m -s /bin/bash guest
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\nRateLimitIntervalSec=0\\n' >/etc/systemd/journald.conf.d/bed.conf
python3 -m venv /opt/updater
/opt/updater/bin/pip install -q --no-index --find-links /wheels --require-hashes -r /wheels/requirements.txt
echo /opt/checkout >"$(echo /opt/updater/lib/python3*/site-packages)/checkout.pth"
"""


def built(engine: Engine) -> str:
    """The reference of the image, made when it is not there yet."""
    requirements = place.CHECKOUT / "requirements.txt"
    base = f"{place.LABEL}/base:{_digest(RELEASE, PACKAGES, EMPTY)}"
    device = f"{place.LABEL}/device:{_digest(base, SETUP, requirements.read_text())}"
    with place.locked("device-image"):
        if not engine.has_image(device):
            place.only_if_required("the image of a device is not here")
            if not engine.has_image(base):
                _make_base(engine, base)
            _make_device(engine, base, device, requirements)
    return device


def _digest(*recipe: str) -> str:
    return hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]


def _make_base(engine: Engine, reference: str) -> None:
    # in memory where there is room: a third of the time that a disk takes
    shm = Path("/dev/shm")
    room = shm.is_dir() and shutil.disk_usage(shm).free > 2 * 1024**3
    with tempfile.TemporaryDirectory(dir=shm if room else place.cache()) as folder:
        archive = Path(folder, "root.tar")
        where = sources.mirror()
        words = ["mmdebstrap", "--quiet", "--variant=apt", "--components=main", "--dpkgopt=force-unsafe-io"]
        words += ["--skip=cleanup/apt", f"--include={PACKAGES}", f"--customize-hook={EMPTY}"]
        place.must([*words, RELEASE, archive, where], limit=500, more={"TMPDIR": folder})
        engine.docker("import", "--change", 'CMD ["/sbin/init"]', archive, reference, limit=200)


def _make_device(engine: Engine, base: str, reference: str, requirements: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.cache()) as folder:
        wheels = Path(folder)
        shutil.copy(requirements, wheels)
        python = shutil.which("python3", path="/usr/bin") or "python3"
        place.must([python, "-m", "venv", wheels / "venv"], limit=120)
        only = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--no-deps"]
        pip = wheels / "venv/bin/pip"
        place.must([pip, "download", "-q", "--require-hashes", *only, "-r", requirements, "-d", wheels], limit=400)
        shutil.rmtree(wheels / "venv")
        name = f"{place.LABEL}-making-{place.token()}"
        mark = f"{place.LABEL}={place.token()}"
        try:
            options = ["--network=none", "--label", mark, "--env=container=docker", "-v", f"{wheels}:/wheels:ro"]
            engine.docker("run", "--name", name, *options, base, "/bin/sh", "-c", SETUP, limit=200)
            settings = ["--change", 'CMD ["/sbin/init"]', "--change", "ENV container=docker LC_ALL=C.UTF-8"]
            engine.docker("commit", *settings, "--change", f"LABEL {place.LABEL}=image", name, reference, limit=120)
        finally:
            place.run(["docker", "rm", "-f", name])
