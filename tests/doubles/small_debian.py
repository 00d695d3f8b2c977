"""A made-up Debian in a folder: what dpkg has, and what apt once fetched, for the real apt and dpkg to read.

Nothing can be installed from it: no package has a file.
"""

import subprocess
from pathlib import Path

NATIVE = subprocess.run(
    ["/usr/bin/dpkg", "--print-architecture"], capture_output=True, text=True, check=False
).stdout.strip()

STABLE = ("debian", "bookworm", "12.11", "Debian", "stable", "Debian")
SECURITY = ("debian-security", "bookworm-security", "12", "Debian", "stable-security", "Debian-Security")
RASPBERRY = ("raspberrypi", "rpi", "", "Raspberry Pi Foundation", "stable", "Raspberry Pi Foundation")
"""Path, codename, version, origin, suite and label of an archive."""


class SmallDebian:
    """Say what is there; ``write()`` puts it into files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._here: list[str] = []
        self._archives: dict[tuple[str, ...], list[str]] = {}
        self.auto: list[str] = []
        self.secure: list[str] = []
        """For whoever wants to remember what is a security fix."""
        for folder in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/apt/lists/partial", "etc/apt"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for folder in (
            "var/cache/apt/archives/partial",
            "etc/apt/sources.list.d",
            "etc/apt/preferences.d",
            "run",
            "proc",
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "var/lib/dpkg/info/format").write_text("1\n")
        (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
        (root / "etc/debian_version").write_text("12.11\n")
        (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")  # phased updates go by it

    def has(self, name: str, version: str = "1.0", *, status: str = "install ok installed", **fields: str) -> None:
        """Install a package."""
        self._here.append(_stanza(name, version, {"Status": status, **fields}))
        same = fields.get("Multi_Arch") == "same"
        listed = name if same or ":" not in name else name.partition(":")[0]
        (self.root / f"var/lib/dpkg/info/{listed}.list").write_text("/.\n")
        (self.root / f"var/lib/dpkg/info/{listed}.md5sums").write_text("")

    def offers(self, archive: tuple[str, ...], name: str, version: str, **fields: str) -> None:
        """Put a version into an archive."""
        size = str(len(name) * 100)
        told = {"Filename": f"pool/{name}_{version}.deb", "Size": size, "SHA256": "0" * 64, **fields}
        self._archives.setdefault(archive, []).append(_stanza(name, version, told))

    def offers_nothing(self, archive: tuple[str, ...]) -> None:
        """Have an archive with no package."""
        self._archives.setdefault(archive, [])

    def write(self) -> Path:
        dpkg, lists = self.root / "var/lib/dpkg", self.root / "var/lib/apt/lists"
        (dpkg / "status").write_text("\n".join(self._here))
        marks = (f"Package: {name}\nArchitecture: {NATIVE}\nAuto-Installed: 1\n" for name in self.auto)
        (self.root / "var/lib/apt/extended_states").write_text("\n".join(marks))
        sources = []
        for archive, stanzas in self._archives.items():
            path, codename, version, origin, suite, label = archive
            sources.append(f"deb [trusted=yes] http://archive.test/{path} {codename} main\n")
            stem = f"archive.test_{path}_dists_{codename}"
            (lists / f"{stem}_main_binary-{NATIVE}_Packages").write_text("\n".join(stanzas))
            (lists / f"{stem}_Release").write_text(
                f"Origin: {origin}\nLabel: {label}\nSuite: {suite}\nCodename: {codename}\n"
                + (f"Version: {version}\n" if version else "")
                + "Date: Sat, 17 May 2025 08:00:00 UTC\n"
                + f"Architectures: {NATIVE}\nComponents: main\n"
                + "Changelogs: http://changes.test/changelogs/@CHANGEPATH@_changelog\n"
            )
        (self.root / "etc/apt/sources.list").write_text("".join(sources))
        return self.root

    def foreign(self, architecture: str) -> None:
        """Let packages of another architecture be here."""
        (self.root / "var/lib/dpkg/arch").write_text(f"{NATIVE}\n{architecture}\n")


def _stanza(name: str, version: str, fields: dict[str, str]) -> str:
    told = {
        "Package": name.partition(":")[0],
        "Version": version,
        "Architecture": name.partition(":")[2] or "all",
        "Maintainer": "Nobody <nobody@example.org>",
        **{key.replace("_", "-"): text for key, text in fields.items()},
        "Description": f"the package {name}",
    }
    return "".join(f"{key}: {text}\n" for key, text in told.items())
