"""An apt archive of a test's own: real, signed, and served to devices from this machine.

It begins in the state that devices were made from (every package of ``wares`` in its version of ``BEFORE``).  A test
then publishes what it needs newer versions of.  As in Debian's own, a version that was replaced is gone::

    archive.connect(device)                      # sources.list, key, apt-get update
    archive.install(device, "tb-tool", "tb-lib") # 1.0, from this archive
    archive.publish("tb-tool", "tb-lib")         # now 1.1 (and 1.2) are there, and 1.0 is not
    archive.refresh(device)                      # or let the updater do it

What can be wrong with it: ``publish(..., fault=…)`` for the index, ``lose`` and ``truncate`` for a package's file,
``pace`` for a slow line, ``stop()`` for an archive that is down.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import unquote

from device.bed import debs, place, wares
from device.bed.archive_server import Server
from device.bed.archive_signer import STRANGER, Signer
from device.bed.debs import RASPBERRY, SECURITY, STABLE, Deb
from device.bed.device import Device

Fault: TypeAlias = Literal["expired", "unsigned", "wrong_key", "bad_hash", "relabelled", "not_yet", "gone"]

KEY_FILE = "/usr/share/keyrings/bed.asc"
SOURCES = "/etc/apt/sources.list.d/bed.list"
RASPBERRY_PI = "Raspberry Pi Foundation"
SUITES: Mapping[str, Mapping[str, str]] = {
    STABLE: {"Origin": "Debian", "Label": "Debian", "Suite": "stable", "Version": "12.99"},
    SECURITY: {"Origin": "Debian", "Label": "Debian-Security", "Suite": "stable-security", "Version": "12"},
    RASPBERRY: {"Origin": RASPBERRY_PI, "Label": RASPBERRY_PI, "Suite": "stable"},
}
HEAD = 300
"""Bytes that are left of a truncated package."""
AGE = timedelta(hours=1)
"""A new archive's index is this old, and each one that is published later is a second younger than the last."""


class Archive:
    """One test's archive.  ``url`` is what its devices reach."""

    def __init__(self, signer: Signer, pool: Path, address: str) -> None:
        self._signer, self._pool = signer, pool
        self._files: dict[str, bytes] = {}
        self._lost: set[str] = set()
        self._cut: set[str] = set()
        self._began, self._numbers = datetime.now(UTC) - AGE, count()
        self._server = Server(address, self._find)
        self.publish()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def asked(self) -> list[str]:
        """Every path that was asked for, in order."""
        return self._server.asked

    # --- the publisher's doing ---

    def publish(self, *names: str, keep_old: bool = False, fault: Fault | None = None) -> None:
        """Have these packages in their new versions, and every other one in its old.

        ``keep_old`` leaves the old versions of ``names`` beside the new ones.  A ``fault`` is in all the suites.
        """
        new = {name: wares.AFTER[name] for name in names if name in wares.AFTER}
        here = [deb for name, deb in wares.BEFORE.items() if keep_old or name not in new]
        here += [deb for found in new.values() for deb in found]
        now = self._began + timedelta(seconds=next(self._numbers))
        arch = place.must(["dpkg", "--print-architecture"])
        self._files = {
            path: content for suite in SUITES for path, content in self._suite(suite, here, arch, now, fault).items()
        }

    def lose(self, *names: str) -> None:
        """Have the index tell of these packages, and no file behind it."""
        self._lost |= set(names)

    def truncate(self, *names: str) -> None:
        """Serve only the first bytes of these packages."""
        self._cut |= set(names)

    def mend(self) -> None:
        """Undo ``lose`` and ``truncate``."""
        self._lost.clear()
        self._cut.clear()

    def pace(self, bytes_a_second: int) -> None:
        """Serve this slowly; 0 for as fast as it goes."""
        self._server.pace = bytes_a_second

    def stop(self) -> None:
        """Refuse connections; what is being served breaks off."""
        self._server.stop()

    def start(self) -> None:
        """Answer again, at the same address."""
        self._server.start()

    def deb(self, name: str, version: str) -> Path:
        """The ``.deb`` of a version, on this machine, whether or not it is published."""
        return next(self._pool / deb.file_name for deb in wares.ALL if (deb.name, deb.version) == (name, version))

    # --- on a device ---

    def connect(self, device: Device, *suites: str) -> None:
        """Make it the device's only archive: these suites, by default all but the Raspberry Pi's."""
        lines = (f"deb [signed-by={KEY_FILE}] {self.url} {suite} main\n" for suite in suites or (STABLE, SECURITY))
        device.write(KEY_FILE, self._signer.key)
        device.write(SOURCES, "".join(lines))
        self.refresh(device)

    def refresh(self, device: Device) -> None:
        device.exec("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update", limit=120)

    def install(self, device: Device, *names: str, auto: Iterable[str] = (), cached: bool = False) -> None:
        """Put the old versions on the device; those of ``auto`` as if others had needed them.

        Their .debs stay in apt's cache only with ``cached``.
        """
        exact = [f"{name}={wares.BEFORE[name].version}" for name in (*names, *auto)]
        device.exec("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", "install", *exact, limit=120)
        if marked := list(auto):
            device.exec("apt-mark", "auto", *marked)
        if not cached:
            device.exec("apt-get", "clean")

    def close(self) -> None:
        self._server.stop()

    # --- behind it ---

    def _find(self, path: str) -> bytes | None:
        if not path.startswith("/pool/"):
            return self._files.get(path)
        file = self._pool / Path(unquote(path)).name
        name = file.name.partition("_")[0]
        if name in self._lost or not file.is_file():
            return None
        return file.read_bytes()[: HEAD if name in self._cut else None]

    def _suite(
        self, suite: str, here: Iterable[Deb], arch: str, now: datetime, fault: Fault | None
    ) -> dict[str, bytes]:
        if fault == "gone":
            return {}
        told = "\n".join(debs.paragraph(deb, self._pool) for deb in here if suite in deb.suites).encode()
        promised = hashlib.sha256(told + (b"!" if fault == "bad_hash" else b"")).hexdigest()
        where = f"main/binary-{arch}/Packages"
        release = {**SUITES[suite], "Codename": suite, "Date": _stamp(now)}
        if fault == "relabelled":
            release["Label"] += "-Old"
        if fault == "expired":
            release["Valid-Until"] = "Sat, 01 Jan 2022 00:00:00 UTC"
        if fault == "not_yet":
            release["Date"] = _stamp(datetime.now(UTC) + timedelta(days=900))
        release |= {"Architectures": arch, "Components": "main"}
        release["SHA256"] = f"\n {promised} {len(told)} {where}"
        text = "".join(f"{key}: {value}\n" for key, value in release.items())
        root = f"/dists/{suite}"
        files = {f"{root}/{where}": told}
        if fault == "unsigned":
            return {**files, f"{root}/Release": text.encode()}
        signed = self._signer.signed(text, STRANGER) if fault == "wrong_key" else self._signer.signed(text)
        return {**files, f"{root}/InRelease": signed.encode()}


def _stamp(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S UTC")
