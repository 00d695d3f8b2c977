"""What hostile and damaged archives achieve: nothing."""

import bz2
import gzip
import hashlib
import lzma
import os
import random
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dunebugger_updater.effects.archive import Limits, Refused, unpack
from dunebugger_updater.ports import EffectError
from effects.tar_blocks import GNU, extended, folder, header, long_name, plain, record, tar, zipped
from effects.tar_corpus import BAD, Bad


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Path]:
    """A place for releases with things around it that must stay as they are; in memory where that is possible."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as place:
        world = Path(place) / "world"
        (world / "outside").mkdir(parents=True)
        (world / "outside" / "victim").write_text("as it was")
        (world / "releases").mkdir()
        (world / "releases" / "good.py").write_text("a neighbour")
        yield world


def fingerprint(root: Path) -> str:
    """Everything about a tree, times of directories included: even a file that came and went shows."""
    known = hashlib.sha256()
    for path in sorted((root, *root.rglob("*"))):
        about = path.lstat()
        known.update(f"{path}|{about.st_mode}|{about.st_uid}|{about.st_nlink}|{about.st_mtime_ns}|".encode())
        if stat.S_ISREG(about.st_mode):
            known.update(path.read_bytes())
    return known.hexdigest()


@pytest.mark.req("DB-085")
@pytest.mark.req("DB-091")
@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_archive_is_refused_as_a_whole_and_says_why(bad: Bad, world: Path, tmp_path: Path) -> None:
    archive = tmp_path / "app-1.0.tar.gz"
    archive.write_bytes(bad.make())
    before = fingerprint(world)
    with pytest.raises(Refused) as refusal:
        unpack(archive, world / "releases" / "1.0")
    assert fingerprint(world) == before
    said = str(refusal.value)
    assert said.startswith("cannot unpack app-1.0.tar.gz: ")
    assert bad.says in said
    assert said.isprintable()
    assert len(said) < 400


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len({bad.name for bad in BAD}) >= 120


def test_a_sum_over_all_members_above_the_limit_is_refused(world: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar(*(plain(b"app/%d" % number, bytes(4000)) for number in range(10))))
    before = fingerprint(world)
    with pytest.raises(Refused, match="unpacks to more than 30000 bytes"):
        unpack(archive, world / "releases" / "1.0", limits=Limits(total=30_000))
    assert fingerprint(world) == before


def test_an_archive_that_changes_between_the_two_readings_leaves_nothing(world: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar(plain(b"app/x", b"good"), plain(b"app/y", b"same")))
    before = sorted(world.rglob("*"))

    def swap(message: str, share: float | None) -> None:
        if message.startswith("checking"):
            archive.write_bytes(tar(plain(b"app/x", b"evil"), plain(b"app/y", b"same")))

    with pytest.raises(EffectError, match="cannot unpack an archive that changes"):
        unpack(archive, world / "releases" / "1.0", heard=swap)
    assert sorted(world.rglob("*")) == before


def test_an_archive_of_named_pipes_is_not_waited_for(world: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tar.gz")
    with pytest.raises(Refused, match="it is no file"):
        unpack(tmp_path / "pipe.tar.gz", world / "releases" / "1.0")


SEEDS = (
    tar(plain(b"app/a.py", b"print(1)\n"), plain(b"app/run.sh", b"#!/bin/sh\n", mode=0o755)),
    tar(folder(b"./"), folder(b"./d/"), plain(b"./d/a", b"a" * 600), plain(b"./b", b"")),
    tar(extended(record(b"comment", b"0" * 40), kind=b"g"), folder(b"top/"), plain(b"top/a"), plain(b"top/b/c")),
    tar(extended(record(b"path", "app/café".encode()), record(b"mtime", b"1.5")), plain(b"app/caf"), plain(b"app/z")),
    tar(long_name(b"app/" + b"n" * 120), plain(b"app/n", magic=GNU), plain(b"app/o", magic=GNU)),
)


def mutated(dice: random.Random) -> bytes:
    """A good archive with a few things done to it, before or after it was compressed."""
    data = bytearray(dice.choice(SEEDS))
    pack = dice.choice((bytes, bytes, gzip.compress, bz2.compress, lzma.compress))
    harm_packed = pack is not bytes and dice.random() < 0.5
    if harm_packed:
        data = bytearray(pack(bytes(data)))
    for _ in range(dice.randint(1, 2)):
        harm(data, dice)
        if not harm_packed:
            mend(data, dice)
    return bytes(data) if harm_packed else pack(bytes(data))


def harm(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data) + 1)
    match dice.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        case 1 if at < len(data):
            data[at] = dice.choice(b"\0\xff/.0127LxgKS ")
        case 2:
            del data[at:]
        case 3:
            other = dice.choice(SEEDS)
            data[at:at] = other[: dice.randrange(0, len(other), 512)]
        case 4:
            block = at // 512 * 512
            del data[block : block + 512]
        case 5:
            block = at // 512 * 512
            data[block:block] = header(dice.choice((b"../x", b"app/l", b"a")), kind=dice.choice((b"0", b"2", b"L")))
        case 6:
            field = at // 512 * 512 + dice.randrange(100, 148)  # mode, owners, size, time
            data[field : field + 1] = bytes((dice.choice(b"01234567"),))
        case _:
            data[at:at] = dice.randbytes(dice.randrange(20))


def mend(data: bytearray, dice: random.Random) -> None:
    """Make most checksums true again: else nothing behind them would ever be tried."""
    for at in range(0, len(data) - 511, 512):
        block = data[at : at + 512]
        if block[257:262] == b"ustar" and dice.random() < 0.9:
            block[148:156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(block)


def attack(world: Path, archive: Path, seeds: range) -> tuple[int, int]:
    """How many were unpacked, how many refused.  Each is looked at closely."""
    outside = fingerprint(world / "outside")
    releases = world / "releases"
    unpacked = refused = 0
    for seed in seeds:
        archive.write_bytes(mutated(random.Random(seed)))
        began = time.thread_time()  # a busy machine is no hang; one that only waits is ended by the test's own limit
        into = releases / f"{seed}"
        try:
            files = unpack(archive, into)
        except Refused:
            refused += 1
            assert not into.exists(), seed
        else:
            unpacked += 1
            inspect(into, files)
            into.rename(world / "seen")
            remove(world / "seen")
        assert time.thread_time() - began < 1, seed
        assert list(releases.iterdir()) == [releases / "good.py"], seed
        assert sorted(world.iterdir()) == [world / "outside", releases], seed
    assert fingerprint(world / "outside") == outside
    return unpacked, refused


def inspect(root: Path, files: object) -> None:
    found = {}
    for path in root.rglob("*"):
        about = path.lstat()
        assert stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)
        assert stat.S_IMODE(about.st_mode) in (0o644, 0o755)
        if stat.S_ISREG(about.st_mode) and path != root / ".release.json":
            found[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == files


def remove(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    root.rmdir()


@pytest.mark.req("DB-085")
def test_a_thousand_mutated_archives_are_unpacked_whole_or_refused_whole(world: Path, tmp_path: Path) -> None:
    unpacked, refused = attack(world, tmp_path / "a.tar.gz", range(1000))
    # Both must happen often, else the mutations say nothing.
    assert unpacked > 50
    assert refused > 500


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.req("DB-085")
def test_twenty_thousand_mutated_archives_are_unpacked_whole_or_refused_whole(world: Path, tmp_path: Path) -> None:
    unpacked, refused = attack(world, tmp_path / "a.tar.gz", range(1000, 21_000))
    assert unpacked > 1000
    assert refused > 10_000


def test_every_seed_of_the_mutations_is_a_good_archive(world: Path, tmp_path: Path) -> None:
    for number, seed in enumerate(SEEDS):
        archive = tmp_path / "a.tar.gz"
        archive.write_bytes(zipped(seed))
        assert unpack(archive, world / "releases" / f"{number}")


def test_an_archive_cut_anywhere_is_refused(world: Path, tmp_path: Path) -> None:
    whole = gzip.compress(SEEDS[0], mtime=0)
    archive = tmp_path / "a.tar.gz"
    before = fingerprint(world)
    for length in range(len(whole)):
        archive.write_bytes(whole[:length])
        with pytest.raises(Refused):
            unpack(archive, world / "releases" / "1.0")
    assert fingerprint(world) == before
