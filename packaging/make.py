"""Makes everything that is shipped, out of this checkout, into one directory; ``packaging/build`` calls it.

PyInstaller makes one folder.  Every other form is that folder in another wrapping, so that what was tried in one form
holds for all: the package, the archive with its installer, the single file, and the archive that a self-update takes.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debian
import measure
import trees
import versions

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent
NAME = "dunebugger-updater"
FACTORY = f"usr/lib/{NAME}/factory"


def main() -> int:
    """Build, and say what was built."""
    parser = argparse.ArgumentParser(prog="packaging/build", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where to; made if it is not there")
    parser.add_argument("--version", metavar="V", help="this version instead of what git describe says")
    parser.add_argument("--folder-only", action="store_true", help="only the folder, which all else is made from")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the keys document to trust; without it, no release")
    parser.add_argument("--from-folder", type=Path, metavar="DIR", help="wrap this folder instead of making one")
    wanted = parser.parse_args()
    output: Path = wanted.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    said = versions.of_checkout(SOURCE)
    version = wanted.version or said.version
    architecture = _said("dpkg", "--print-architecture")
    os.environ["SOURCE_DATE_EPOCH"] = str(said.time)
    with tempfile.TemporaryDirectory(dir=output, prefix=".work-") as folder:
        work = Path(folder)
        made = (
            shutil.copytree(wanted.from_folder, work / NAME)
            if wanted.from_folder
            else _frozen(work, version, said.commit)
        )
        if wanted.key:
            _pin(made, wanted.key)
        target = output / "folder"
        shutil.rmtree(target, ignore_errors=True)
        trees.settle(made, said.time)
        made.replace(target)
        built = target / "_internal/dunebugger_updater/COMMIT"  # of a folder that was made before, too
        told = {
            "version": version,
            "commit": built.read_text().strip(),
            "architecture": architecture,
            "python": platform.python_version(),
            "glibc": debian.least_glibc(target),
            "installed_bytes": trees.size(target),
        }
        files = {} if wanted.folder_only else _wrapped(work, output, target, version, architecture, said.time)
    told["files"] = files
    told["start"] = _measured(wanted.from_folder) or measure.starts(target / NAME)
    (output / "build.json").write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told, indent=2))
    return 0


def _measured(folder: Path | None) -> object:
    """How fast the folder starts that is only wrapped here, when that was measured where it was made."""
    build = folder.parent / "build.json" if folder else None
    return json.loads(build.read_text())["start"] if build and build.exists() else None


def _frozen(work: Path, version: str, commit: str) -> Path:
    """Let PyInstaller make the folder."""
    (work / "VERSION").write_text(f"{version}\n")
    (work / "COMMIT").write_text(f"{commit}\n")
    environment = {
        **os.environ,
        "BUILT_IN": str(work),
        "PYTHONHASHSEED": "1",  # the order of sets reaches the compiled code
        "PYTHONPATH": str(SOURCE),
        "PYINSTALLER_CONFIG_DIR": str(work / "cache"),
    }
    words = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    words += ["--distpath", str(work / "dist"), "--workpath", str(work / "build"), str(HERE / "updater.spec")]
    subprocess.run(words, check=True, env=environment, cwd=work)
    return work / "dist" / NAME


def _pin(folder: Path, keys: Path) -> None:
    """Build in which keys the program believes about its own releases: what ``manifest keys --output FILE`` wrote."""
    sys.path.append(str(SOURCE))
    from dunebugger_updater.trust import Refusal, pinned  # noqa: PLC0415  (of the checkout that is being built)

    content = keys.read_bytes()
    ring = pinned(content)
    if isinstance(ring, Refusal) or not ring.keys:
        raise SystemExit(f"{keys}: {ring.sentence if isinstance(ring, Refusal) else 'there is no key in it'}")
    place = folder / "_internal" / "dunebugger_updater" / "trust" / "pinned.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def _wrapped(
    work: Path, output: Path, folder: Path, version: str, architecture: str, time: int
) -> dict[str, dict[str, object]]:
    """Make the files that are published; answer the size and the digest of each."""
    root = work / "root"
    _lay_out(root, folder)
    stem = f"{NAME}-{version}-{architecture}"
    artifact, tarball, single = output / f"{stem}.tar.gz", output / f"{stem}-install.tar.gz", output / stem
    package = output / f"{NAME}_{versions.for_debian(version)}_{architecture}.deb"
    trees.archive(folder, artifact, top=f"{NAME}-{version}", time=time)
    inside = work / "install"
    shutil.copytree(root, inside / "root", symlinks=True)
    shutil.copy(HERE / "install.sh", inside / "install.sh")
    (inside / "install.sh").chmod(0o755)
    trees.archive(inside, tarball, top=stem, time=time)
    head = (HERE / "single-file.sh").read_text()
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    values = {"STEM": stem, "DIGEST": digest[:16], "ARCHITECTURE": architecture, "VERSION": version}
    values |= {"MACHINE": platform.machine(), "LINES": str(head.count("\n") + 1)}
    for name, value in values.items():
        head = head.replace(f"@{name}@", value)
    single.write_bytes(head.encode() + tarball.read_bytes())
    single.chmod(0o755)
    debian.package(root, package, version, architecture, time)
    files = {}
    sums = []
    for file in (artifact, tarball, single, package):
        content = file.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        files[file.name] = {"bytes": len(content), "sha256": sha256}
        sums.append(f"{sha256}  {file.name}\n")
    (output / "SHA256SUMS").write_text("".join(sums))
    return files


def _lay_out(root: Path, folder: Path) -> None:
    """Put everything where it lies on a device."""
    shutil.copytree(folder, root / FACTORY)
    places = {
        "launch": (f"usr/lib/{NAME}/launch", 0o755),
        "command": (f"usr/bin/{NAME}", 0o755),
        f"{NAME}.service": (f"usr/lib/systemd/system/{NAME}.service", 0o644),
        "dunebugger.conf": ("etc/dunebugger/dunebugger.conf", 0o644),
    }
    for name, (path, mode) in places.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / name, target)
        target.chmod(mode)


def _said(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
