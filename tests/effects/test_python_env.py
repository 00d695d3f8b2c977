"""Virtual environments, real ones, without a network: the wheel is made by hand."""

import os
import pwd
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest

from dunebugger_updater.effects.python_env import Venvs
from dunebugger_updater.ports import EffectError, Python


class Told:
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, message: str, done: float | None = None) -> None:
        self.lines.append(message)


def wheel(folder: Path, name: str = "crib_lights", version: str = "1.0") -> Path:
    """A wheel is a zip with three metadata files (PEP 427)."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return file


@pytest.fixture
def release(tmp_path: Path) -> Path:
    found = tmp_path / "core.releases" / "1.1.0"
    found.mkdir(parents=True)
    return found


@pytest.fixture
async def bare(release: Path) -> Path:
    """A release that needs no packages: its environment is made in a moment."""
    await Venvs().build(release, None, limit=50, report=Told())
    return release


@pytest.mark.req("DB-056", "DB-081")
async def test_wheels_of_the_release_are_installed_without_a_network(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    wheel(release / "wheels")
    (release / "requirements.txt").write_text("crib-lights==1.0\n")
    venvs: Python = Venvs()
    told = Told()
    # A power cut left a part of it.
    (release / ".venv" / "bin").mkdir(parents=True)
    (release / ".venv" / "bin" / "python").symlink_to("/nowhere")
    assert not await venvs.complete(release)

    await venvs.build(release, "requirements.txt", limit=50, report=told)

    assert await venvs.complete(release)
    assert any("crib" in line for line in told.lines)
    (release / "migrate.py").write_text(
        "import crib_lights, os, sys\nprint(crib_lights.VERSION, os.getcwd(), sys.prefix)\n"
    )
    said = Told()
    await venvs.run(release, "migrate.py", limit=20, report=said)
    assert said.lines == [f"1.0 {release} {release / '.venv'}"]

    # Again is free, and other requirements make it incomplete.
    before = (release / ".venv" / ".complete").stat().st_ino
    await venvs.build(release, "requirements.txt", limit=0.001, report=told)
    assert (release / ".venv" / ".complete").stat().st_ino == before
    (release / "requirements.txt").write_text("crib-lights==1.1\n")
    assert not await venvs.complete(release)
    with pytest.raises(EffectError, match=r"no wheel in the release's wheels folder fits crib-lights==1\.1"):
        await venvs.build(release, "requirements.txt", limit=50, report=told)
    assert not await venvs.complete(release)


async def test_without_requirements_it_is_made_without_pip(bare: Path) -> None:
    assert await Venvs().complete(bare)
    assert (bare / ".venv" / "bin" / "python").exists()
    assert not list((bare / ".venv" / "bin").glob("pip*"))


async def test_the_modules_of_the_release_are_compiled_before_its_first_start(release: Path) -> None:
    (release / "parts").mkdir()
    (release / "parts/lights.py").write_text("BRIGHT = 50\n")
    (release / "parts/broken.py").write_text("def of another Python:\n")
    (release / "struct.py").write_text("raise SystemExit('the release was run')\n")
    await Venvs().build(release, None, limit=50, report=Told())
    assert sorted(file.name.split(".")[0] for file in release.rglob("parts/__pycache__/*")) == ["lights"]
    assert list((release / "__pycache__").glob("struct.*"))  # compiled as well, and not run instead of Python's
    assert await Venvs().complete(release)


async def test_an_environment_of_another_python_is_not_complete(bare: Path) -> None:
    config = bare / ".venv" / "pyvenv.cfg"
    config.write_text(config.read_text().replace("version = 3.", "version = 2."))
    assert not await Venvs().complete(bare)


@pytest.mark.parametrize("left", ["", "{}", None])
async def test_an_environment_without_its_last_file_is_not_complete(bare: Path, left: str | None) -> None:
    (bare / ".venv" / ".complete").unlink()
    if left is not None:
        (bare / ".venv" / ".complete").write_text(left)
    assert not await Venvs().complete(bare)
    await Venvs().build(bare, None, limit=50, report=Told())
    assert await Venvs().complete(bare)


async def test_an_environment_whose_python_is_gone_is_not_complete(bare: Path) -> None:
    python = bare / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert not await Venvs().complete(bare)


async def test_a_link_in_its_place_is_removed_and_not_followed(release: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "music").touch()
    (release / ".venv").symlink_to(precious)
    await Venvs().build(release, None, limit=50, report=Told())
    assert (precious / "music").exists()
    assert not (release / ".venv").is_symlink()


@pytest.mark.parametrize(
    ("requirements", "told"),
    [
        ("nothing.txt", "is not in the release"),
        ("../x.txt", "leads out"),
        ("/etc/passwd", "leads out"),
        ("out", "leads out"),
    ],
)
async def test_requirements_that_are_not_the_releases_are_refused(
    release: Path, tmp_path: Path, requirements: str, told: str
) -> None:
    (release.parent / "x.txt").write_text("")
    (release / "out").symlink_to("/etc/passwd")
    with pytest.raises(EffectError, match=told):
        await Venvs().build(release, requirements, limit=50, report=Told())
    assert not (release / ".venv").exists()


@pytest.mark.req("DB-057", "DB-092", "DB-085")
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("migrate.sh", "only Python files are run"),
        ("../other.py", "leads out of the release"),
        ("/usr/lib/python3/x.py", "leads out of the release"),
        ("link.py", "leads out of the release"),
        ("nothing.py", "is not in the release"),
        ("folder.py", "is not in the release"),
    ],
)
async def test_only_python_files_of_the_release_are_run(bare: Path, script: str, told: str) -> None:
    (bare.parent / "other.py").write_text("raise SystemExit(9)")
    (bare / "link.py").symlink_to("../other.py")
    (bare / "folder.py").mkdir()
    with pytest.raises(EffectError, match=told):
        await Venvs().run(bare, script, limit=10, report=Told())


@pytest.mark.req("DB-092")
async def test_a_migration_that_fails_is_told_with_its_last_words(bare: Path) -> None:
    (bare / "migrate.py").write_text("print('step 1')\nraise ValueError('no table called shows')\n")
    with pytest.raises(EffectError) as caught:
        await Venvs().run(bare, "migrate.py", limit=10, report=Told())
    assert str(caught.value).startswith(f"cannot run migrate.py of {bare}: it ended with exit status 1: ")
    assert str(caught.value).endswith("ValueError: no table called shows")


async def test_a_migration_that_hangs_is_ended(bare: Path) -> None:
    (bare / "migrate.py").write_text("import time\ntime.sleep(600)\n")
    with pytest.raises(EffectError, match=r"did not finish within 0\.3 s"):
        await Venvs().run(bare, "migrate.py", limit=0.3, report=Told())


async def test_a_migration_without_an_environment_is_refused(release: Path) -> None:
    (release / "migrate.py").touch()
    with pytest.raises(EffectError, match="the release has no virtual environment"):
        await Venvs().run(release, "migrate.py", limit=10, report=Told())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_as_root_everything_is_done_as_the_owner_of_the_release() -> None:
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder)
        os.chown(release, 65534, 65534)
        await Venvs().build(release, None, limit=50, report=Told())
        assert (release / ".venv" / "pyvenv.cfg").stat().st_uid == 65534
        (release / "migrate.py").write_text("import os\nprint(os.getuid(), os.environ['HOME'])\n")
        said = Told()
        await Venvs().run(release, "migrate.py", limit=10, report=said)
        assert said.lines == [f"65534 {pwd.getpwuid(65534).pw_dir}"]


async def test_a_device_without_python_is_told_what_to_install(release: Path, tmp_path: Path) -> None:
    with pytest.raises(EffectError, match="install python3 and python3-venv"):
        await Venvs(tmp_path / "python3").build(release, None, limit=10, report=Told())


async def test_a_python_without_its_venv_package_is_told_what_to_install(release: Path, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(
        "#!/bin/sh\necho 'The virtual environment was not created successfully because ensurepip is not'\n"
        "echo 'available.  On Debian/Ubuntu systems, you need to install the python3-venv'\nexit 1\n"
    )
    python.chmod(stat.S_IRWXU | stat.S_IROTH | stat.S_IXOTH)
    with pytest.raises(EffectError, match="install python3-venv"):
        await Venvs(python).build(release, None, limit=10, report=Told())
