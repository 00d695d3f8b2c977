"""The Debian package: what dpkg needs to know, made with dpkg-deb alone and the same at each build."""

import gzip
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import time as clock
from pathlib import Path

import versions

HERE = Path(__file__).resolve().parent
NAME = "dunebugger-updater"
MAINTAINER = "DuneBugger Updater <maintainers@users.noreply.github.com>"
CONFFILES = ("/etc/dunebugger/dunebugger.conf",)
_ONE_LINE = 80

_CONTROL = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kilobytes}
Depends: libc6 (>= {glibc})
Recommends: ca-certificates, python3-venv
Suggests: docker.io
Section: admin
Priority: optional
Description: keeps a small device up to date, and always able to go back
 Takes Python apps, compose services, packages and itself through one life: look
 before, remember the way back, update, look after, and go back by itself when
 something is wrong. With a web panel on port 8470.
"""


def package(root: Path, target: Path, version: str, architecture: str, time: int) -> None:
    """Make ``target`` from ``root``, which is laid out as on a device and gets the package's own files here."""
    own = versions.for_debian(version)
    _documents(root, own, time)
    control = root / "DEBIAN"
    control.mkdir()
    for script in sorted((HERE / "deb").iterdir()):
        shutil.copyfile(script, control / script.name)
        (control / script.name).chmod(0o755)
    (control / "conffiles").write_text("".join(f"{each}\n" for each in CONFFILES))
    files = [path for path in root.rglob("*") if path.is_file() and control not in path.parents]
    values = {"name": NAME, "version": own, "architecture": architecture, "maintainer": MAINTAINER}
    glibc, kilobytes = least_glibc(root), sum(path.stat().st_size + 1023 for path in files) // 1024
    (control / "control").write_text(_CONTROL.format(**values, glibc=glibc, kilobytes=kilobytes))
    sums = [
        f"{_md5(path)}  {path.relative_to(root)}\n"
        for path in sorted(files)
        if f"/{path.relative_to(root)}" not in CONFFILES
    ]
    (control / "md5sums").write_text("".join(sums))
    for path in [root, *root.rglob("*")]:
        os.utime(path, (time, time))
        # Whatever the builder's umask is: his documents would else be his alone on the device, too.
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(time)}
    words = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--threads-max=1", "--build", str(root), str(target)]
    subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)


def least_glibc(folder: Path) -> str:
    """Answer the oldest C library that has every symbol that the programs in ``folder`` want."""
    wanted = {(2, 17)}
    for path in folder.rglob("*"):
        if path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
            told = subprocess.run(["objdump", "-T", str(path)], check=True, capture_output=True, text=True).stdout
            wanted |= {(int(a), int(b)) for a, b in re.findall(r"\*UND\*.*\(?GLIBC_(\d+)\.(\d+)", told)}
    major, minor = max(wanted)
    return f"{major}.{minor}"


def _documents(root: Path, version: str, time: int) -> None:
    """Write what Debian wants to read about a package."""
    folder = root / "usr/share/doc" / NAME
    folder.mkdir(parents=True)
    day = clock.strftime("%a, %d %b %Y %H:%M:%S +0000", clock.gmtime(time))
    entry = f"{NAME} ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n"
    entry += f"\n -- {MAINTAINER}  {day}\n"
    _pack(folder / "changelog.gz", entry.encode())
    short, texts = _licences()
    (folder / "copyright").write_text(short)
    _pack(folder / "third-parties.gz", texts.encode())
    manual = root / "usr/share/man/man1"
    manual.mkdir(parents=True)
    _pack(manual / f"{NAME}.1.gz", (HERE / f"{NAME}.1").read_bytes())
    overrides = root / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    shutil.copyfile(HERE / "lintian-overrides", overrides / NAME)


def _pack(target: Path, content: bytes) -> None:
    target.write_bytes(gzip.compress(content, 9, mtime=0))


def _licences() -> tuple[str, str]:
    """The licences of all that is inside, in a line each and in full, as each of its makers states them."""
    told = [
        "This program is DuneBugger Updater. Its own terms stand in its repository.",
        "It carries the Python interpreter (PSF License), OpenSSL (Apache-2.0), SQLite (public domain), the start code",
        "of PyInstaller (GPL-2.0 with an exception for what is built with it), and these packages, each under its own",
        "terms, which third-parties.gz holds in full. On Debian systems the common ones are also found as",
        "/usr/share/common-licenses/Apache-2.0 and /usr/share/common-licenses/GPL-2.",
        "",
    ]
    texts = []
    names = re.findall(r"^([A-Za-z0-9._-]+)==", (HERE.parent / "requirements.txt").read_text(), re.MULTILINE)
    for name in sorted(names):
        about = importlib.metadata.metadata(name)
        licence = (about.get_all("License-Expression") or about.get_all("License") or [""])[0]
        classified = [
            each.rsplit(":: ", 1)[-1] for each in about.get_all("Classifier", []) if each.startswith("License")
        ]
        short = licence if licence and len(licence) < _ONE_LINE else ", ".join(classified) or "see its terms"
        told.append(f"{name} {about['Version']}: {short}")
        for file in importlib.metadata.files(name) or ():
            if re.search(r"(?i)(^|/)(licen[cs]e|copying|notice|authors)[^/]*$", str(file)) and "dist-info" in str(file):
                text = Path(str(file.locate())).read_text(errors="replace")
                texts.append(f"{name} {about['Version']}, {file.name}\n\n{text}\n")
    return "\n".join(told) + "\n", "\n".join(texts)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()  # dpkg --verify knows no other
