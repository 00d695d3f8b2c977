"""Good archives become releases that are whole; whatever goes wrong on the way leaves nothing behind."""

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from dunebugger_updater.effects.archive import Limits, Refused, unpack
from dunebugger_updater.effects.commands import Owner
from dunebugger_updater.model.record import RECORD_NAME, ReleaseRecord
from dunebugger_updater.ports import EffectError
from effects.tar_blocks import GNU, extended, folder, header, long_name, plain, record, tar, zipped

LONG = "very/" + "long-name/" * 12 + "module.py"
"""More than the 100 bytes that a tar header has room for; more than ustar's 255 it is not."""
TREE = {
    "main.py": b"print('hello')\n",
    "bin/run.sh": b"#!/bin/sh\n",
    "data/empty": b"",
    "data/large.bin": random.Random(1).randbytes(1_280_000),
    "docs/café 日本.md": b"# text\n",
    LONG: b"pass\n",
}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in TREE.items()}


def packed_by_python(form: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for name, content in TREE.items():
            info = tarfile.TarInfo(f"app-1.0/{name}")
            info.size = len(content)
            info.mode = 0o755 if name == "bin/run.sh" else 0o644
            info.mtime = 1_700_000_000.5 if form == tarfile.PAX_FORMAT else 1_700_000_000
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != RECORD_NAME
    }


def modes(root: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "src" / "app-1.0"
    for name, content in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "bin/run.sh").chmod(0o755)
    return root


def put(where: Path, content: bytes) -> Path:
    where.write_bytes(content)
    return where


@pytest.mark.req("DB-085")
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_what_python_packs_is_unpacked(form: int, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    into = tmp_path / "1.0"
    assert unpack(put(tmp_path / "a.tar.gz", pack(packed_by_python(form))), into) == SUMS
    assert tree(into) == SUMS
    assert modes(into) == {0o644, 0o755}
    assert os.access(into / "bin/run.sh", os.X_OK)
    assert stat.S_IMODE((into / "main.py").stat().st_mode) == 0o644


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs the tar program")
@pytest.mark.parametrize("form", ["gnu", "ustar", "pax", "posix"])
@pytest.mark.parametrize("what", ["app-1.0", "."])
def test_what_the_tar_program_packs_is_unpacked(form: str, what: str, source: Path, tmp_path: Path) -> None:
    where = source.parent if what == "app-1.0" else source
    subprocess.run(["tar", "-C", where, f"--format={form}", "-czf", tmp_path / "a.tgz", what], check=True)
    assert unpack(tmp_path / "a.tgz", tmp_path / "1.0") == SUMS
    assert tree(tmp_path / "1.0") == SUMS


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_git_archive_packs_is_unpacked(source: Path, tmp_path: Path) -> None:
    def git(*argv: str) -> bytes:
        settings = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main")
        return subprocess.run(["git", *settings, *argv], cwd=source, check=True, capture_output=True).stdout

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "all")
    whole = git("archive", "--format=tar.gz", "--prefix=app-1.0/", "HEAD")
    assert b"pax_global_header" in gzip.decompress(whole)
    assert unpack(put(tmp_path / "a.tar.gz", whole), tmp_path / "1.0") == SUMS


def test_a_source_archive_with_the_commit_in_its_first_header_is_unpacked(tmp_path: Path) -> None:
    archive = tar(
        extended(record(b"comment", b"f35cafc" + b"0" * 33), kind=b"g"),
        folder(b"app-f35cafc/", mode=0o775),
        plain(b"app-f35cafc/setup.py", mode=0o664),
        folder(b"app-f35cafc/src/", mode=0o775),
        plain(b"app-f35cafc/src/run.py", mode=0o775),
        end=bytes(8192),
    )
    unpack(put(tmp_path / "a.tar.gz", zipped(archive)), tmp_path / "1.0")
    assert sorted(tree(tmp_path / "1.0")) == ["setup.py", "src/run.py"]
    assert stat.S_IMODE((tmp_path / "1.0" / "setup.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "1.0" / "src/run.py").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("members", "there"),
    [
        ((plain(b"app/a"), plain(b"app/b/c")), ["a", "b/c"]),
        ((plain(b"app/b/c"),), ["b/c"]),
        ((folder(b"app/"), plain(b"app/a")), ["a"]),
        ((plain(b"app/a"), folder(b"app/")), ["a"]),
        ((folder(b"./"), plain(b"./app/a")), ["a"]),
        ((plain(b"app/a"), plain(b"README")), ["README", "app/a"]),
        ((plain(b"app/a"), plain(b"lib/b")), ["app/a", "lib/b"]),
        ((folder(b"empty/"), plain(b"app/a")), ["app/a"]),
        ((plain(b"single"),), ["single"]),
        ((plain(b"app/app"),), ["app"]),
    ],
)
def test_one_directory_around_everything_is_left_out(
    members: tuple[bytes, ...], there: list[str], tmp_path: Path
) -> None:
    files = unpack(put(tmp_path / "a.tar.gz", zipped(tar(*members))), tmp_path / "1.0")
    assert sorted(files) == there
    assert sorted(tree(tmp_path / "1.0")) == there


@pytest.mark.parametrize(
    "member",
    [
        plain(b"app/..."),
        plain(b"app/..x"),
        plain(b"app/.env"),
        plain(b"app/-rf"),
        plain(b"app/a b'\"$(x);*"),
        plain("app/ü€漢字".encode()),
        plain(b"app/sub/.venv/x"),
        plain(b"app/nested.tar.gz", zipped(tar(plain(b"../evil")))),
        plain(b"app/world", mode=0o666),
        plain(b"app/secret", mode=0o000),
        plain(b"app/all", mode=0o777),
        plain(b"app/typed", mode=0o100644),
        plain(b"app/spaces", mode=b" 644 \0"),
        folder(b"app/open/", mode=0o777),
        plain(b"app/exact", bytes(512 * 3)),  # fills its blocks: no padding follows
        header(b"app/old", kind=b"\0"),
        header(b"app/strange-owner", uid=b"\x80" + b"\xff" * 7, mtime=b"\xff" * 12, magic=GNU),
        header(b"f", prefix=b"app/" + b"p/" * 28 + b"p"),
        extended(record(b"path", b"app/" + b"n" * 255), record(b"uid", b"9" * 30)) + plain(b"x"),
        extended(record(b"path", b"app/" + b"/".join([b"a" * 100] * 5))) + plain(b"x"),
        long_name(b"app/" + b"/".join([b"a" * 100] * 5)) + plain(b"x", magic=GNU),
    ],
)
def test_unusual_but_honest_members_are_taken(member: bytes, tmp_path: Path) -> None:
    into = tmp_path / "1.0"
    unpack(put(tmp_path / "a.tar.gz", zipped(tar(plain(b"app/good.py"), member))), into)
    assert modes(into) <= {0o644, 0o755}
    assert len(list(into.rglob("*"))) >= 3


def test_parallel_compressors_write_many_streams_and_that_is_fine(tmp_path: Path) -> None:
    whole = packed_by_python(tarfile.GNU_FORMAT)
    blocks = b"".join(bz2.compress(whole[at : at + 100_000]) for at in range(0, len(whole), 100_000))
    assert unpack(put(tmp_path / "a.tar.bz2", blocks), tmp_path / "1.0") == SUMS


@pytest.mark.req("DB-091")
def test_the_record_of_the_release_lies_in_its_root(tmp_path: Path) -> None:
    whole = zipped(packed_by_python(tarfile.GNU_FORMAT))
    unpack(put(tmp_path / "a.tar.gz", whole), tmp_path / "1.0")
    written = msgspec.json.decode((tmp_path / "1.0" / ".release.json").read_bytes(), type=ReleaseRecord)
    assert written == ReleaseRecord(hashlib.sha256(whole).hexdigest(), SUMS)


def test_progress_rises_from_nothing_to_all(tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    archive = put(tmp_path / "a.tar", packed_by_python(tarfile.GNU_FORMAT))
    unpack(archive, tmp_path / "1.0", heard=lambda message, share: told.append((message, share)))
    shares = [share for _, share in told if share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(told) <= 101
    assert {message for message, _ in told} == {"checking a.tar", "unpacking a.tar"}


@pytest.mark.parametrize("there", ["file", "directory", "link"])
def test_what_is_there_already_stays(there: str, tmp_path: Path) -> None:
    into = tmp_path / "1.0"
    match there:
        case "file":
            into.write_text("mine")
        case "directory":
            into.mkdir()
        case _:
            into.symlink_to(tmp_path / "nowhere")
    before = into.lstat()
    with pytest.raises(EffectError, match="exists already"):
        unpack(put(tmp_path / "a.tar", tar(plain(b"x"))), into)
    assert into.lstat() == before


@pytest.mark.parametrize("missing", ["archive", "parent"])
def test_what_is_not_there_is_said(missing: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar" if missing == "archive" else put(tmp_path / "b.tar", tar(plain(b"x")))
    into = tmp_path / "1.0" if missing == "archive" else tmp_path / "nowhere" / "1.0"
    with pytest.raises(EffectError, match=r"cannot unpack .*: no such file or directory"):
        unpack(archive, into)


def test_limits_are_met_exactly(tmp_path: Path) -> None:
    archive = put(tmp_path / "a.tar", tar(plain(b"app/a"), plain(b"app/b")))
    unpack(archive, tmp_path / "all", limits=Limits(members=3, depth=2, path=5, total=3072))
    for tight in (Limits(members=2), Limits(depth=1), Limits(path=4), Limits(total=3071)):
        with pytest.raises(Refused):
            unpack(archive, tmp_path / "none", limits=tight)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount here; an injected error shows the same")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_nothing_is_left(tiny_disk: Path, tmp_path: Path) -> None:
    archive = put(tmp_path / "a.tar.gz", zipped(packed_by_python(tarfile.GNU_FORMAT)))
    with pytest.raises(EffectError, match=r"cannot unpack a.tar.gz: no space left on .*tiny"):
        unpack(archive, tiny_disk / "1.0")
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.parametrize("call", ["write", "fchmod", "mkdir", "fsync", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_an_error_of_the_disk_at_any_call_leaves_nothing(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(os, call)
    calls: list[None] = []

    def failing(*args: object, **named: object) -> object:
        calls.append(None)
        # The first directory made is the staging one; what fails later has more to clean up.
        if len(calls) == (4 if call in {"write", "mkdir"} else 1):
            raise OSError(number, os.strerror(number))
        return real(*args, **named)

    archive = put(tmp_path / "a.tar.gz", zipped(packed_by_python(tarfile.GNU_FORMAT)))
    with monkeypatch.context() as world:
        world.setattr(os, call, failing)
        with pytest.raises(EffectError, match="no space left on" if number == errno.ENOSPC else "input/output error"):
            unpack(archive, tmp_path / "1.0")
    assert list(tmp_path.iterdir()) == [archive]
    assert unpack(archive, tmp_path / "1.0") == SUMS


KILLED = """
import os, signal, sys
from pathlib import Path
from dunebugger_updater.effects.archive import unpack
def heard(message, share):
    if share > 0.7:
        os.kill(os.getpid(), signal.SIGKILL)
unpack(Path(sys.argv[1]), Path(sys.argv[2]), heard=heard)
"""


def test_what_a_power_cut_left_is_removed_by_the_next_attempt(tmp_path: Path) -> None:
    archive = put(tmp_path / "a.tar", packed_by_python(tarfile.GNU_FORMAT))
    into = tmp_path / "1.0"
    package = Path(unpack.__globals__["__file__"]).parents[2]
    ended = subprocess.run([sys.executable, "-c", KILLED, archive, into], cwd=package, check=False)
    assert ended.returncode == -signal.SIGKILL
    left = tmp_path / ".1.0.unpacking"
    assert (left / "main.py").read_bytes() == TREE["main.py"]
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    assert not into.exists()
    (left / "stale").write_text("of another release")
    assert unpack(archive, into) == SUMS
    assert tree(into) == SUMS
    assert sorted(tmp_path.iterdir()) == [into, archive]


@pytest.mark.parametrize("kind", ["directory", "link", "file"])
def test_a_left_over_is_removed_even_when_the_next_archive_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data").write_text("stays")
    left = tmp_path / ".1.0.unpacking"
    match kind:
        case "directory":
            (left / "deep" / "er").mkdir(parents=True)
        case "link":
            left.symlink_to(tmp_path / "mine")
        case _:
            left.write_text("x")
    with pytest.raises(Refused):
        unpack(put(tmp_path / "a.tar", tar(plain(b"../x"))), tmp_path / "1.0")
    assert not os.path.lexists(left)
    assert (tmp_path / "mine" / "data").read_text() == "stays"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_everything_belongs_to_the_owner_when_we_are_root(tmp_path: Path) -> None:
    archive = put(tmp_path / "a.tar.gz", zipped(packed_by_python(tarfile.GNU_FORMAT)))
    unpack(archive, tmp_path / "1.0", owner=Owner(1234, 4321))
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (tmp_path / "1.0", *(tmp_path / "1.0").rglob("*"))}
    assert owners == {(1234, 4321)}


def test_nobody_else_can_enter_while_it_is_unpacked(tmp_path: Path) -> None:
    seen: set[int] = set()
    left = tmp_path / ".1.0.unpacking"

    def look(message: str, share: float | None) -> None:
        if left.exists():
            seen.add(stat.S_IMODE(left.stat().st_mode))

    unpack(put(tmp_path / "a.tar", packed_by_python(tarfile.GNU_FORMAT)), tmp_path / "1.0", heard=look)
    assert seen == {0o700}


def test_the_mask_of_the_process_does_not_matter(tmp_path: Path) -> None:
    archive = put(tmp_path / "a.tar", packed_by_python(tarfile.GNU_FORMAT))
    before = os.umask(0o077)
    try:
        unpack(archive, tmp_path / "1.0")
    finally:
        os.umask(before)
    assert modes(tmp_path / "1.0") == {0o644, 0o755}
