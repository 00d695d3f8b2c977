"""An archive as one stream of bytes: decompressed as it is read, and never more of it than the limits allow."""

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import msgspec

from dunebugger_updater.ports import EffectError

_READ = 65_536
"""Bytes read at a time.  Small, because a decompressor copies what it leaves over."""
_PIECE = 262_144
"""Bytes that one step of decompression may give at most: a bomb is noticed before it is in memory."""
_STREAMS = 4096
"""Parallel compressors write one stream per block; 2 GiB in blocks of 900 kB are fewer than this."""
_XZ_MEMORY = 128 * 2**20
"""Bytes of dictionary.  ``xz -9`` needs half of it; a header may ask for 4 GiB."""
_HARMLESS = 2**20
"""Bytes.  Whatever unpacks to less is no bomb, however well it was compressed."""


class Refused(EffectError):  # noqa: N818  (a verdict, told as a sentence; it reads as what happened)
    """The archive is not one that we unpack.  Nothing of it was written."""


class Limits(msgspec.Struct, frozen=True):
    """How much an archive may ask of a device."""

    members: int = 20_000
    """Files and directories, those counted too that are only parts of a path."""
    total: int = 2 * 2**30
    """Bytes of the decompressed archive, headers included."""
    ratio: int = 200
    """Decompressed bytes for each byte of the archive, beyond the first MiB."""
    path: int = 512
    """Bytes of a member's name."""
    depth: int = 32
    """Components of a member's name."""


class _Machine(Protocol):
    """What ``bz2`` and ``lzma`` call a decompressor."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """``zlib`` in the manner of the others.  It checks the CRC and the length at the end."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        # A full answer may have more behind it even when all the input is used up.
        self.needs_input = not self._zlib.unconsumed_tail and len(piece) < max_length
        return piece


def _bzip2() -> _Machine:
    import bz2  # noqa: PLC0415  (rarely needed, and not in every build of Python)

    return bz2.BZ2Decompressor()


def _xz() -> _Machine:
    import lzma  # noqa: PLC0415  (the same)

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


_KINDS: tuple[tuple[bytes, Callable[[], _Machine]], ...] = (
    (b"\x1f\x8b", _Gzip),
    (b"BZh", _bzip2),
    (b"\xfd7zXZ\0", _xz),
)
_OTHERS = (
    (b"PK", "it is a zip archive; publish the release as .tar.gz"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd; publish the release as .tar.gz"),
    (b"\x1f\x9d", "it is compressed with compress; publish the release as .tar.gz"),
    (b"7z\xbc\xaf", "it is a 7z archive; publish the release as .tar.gz"),
)


class ArchiveStream:
    """Reads ``file`` from its start.  What it is, is told by its first bytes and not by its name.

    ``heard`` is told the share of the file that was read.  Every oddity is ``Refused``.
    """

    def __init__(self, file: BinaryIO, limits: Limits, heard: Callable[[float], None]) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._heard = heard
        self._limits = limits
        self._sha256 = hashlib.sha256()
        self._read_so_far = 0
        self._pieces = self._limited(self._decompressed())
        self._piece = b""
        self._at = 0
        file.seek(0)

    @property
    def sha256(self) -> str:
        """Of the file as it is stored, in hex; true once ``rest`` has come to its end."""
        return self._sha256.hexdigest()

    def pieces(self, size: int) -> Iterator[bytes]:
        """Exactly ``size`` bytes, piece by piece."""
        while size:
            if self._at == len(self._piece):
                self._piece, self._at = next(self._pieces, b""), 0
                if not self._piece:
                    raise Refused("it is cut short")
            piece = self._piece[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes."""
        return b"".join(self.pieces(size))

    def rest(self) -> Iterator[bytes]:
        """All that is left."""
        yield self._piece[self._at :]
        self._piece, self._at = b"", 0
        yield from self._pieces

    def _read(self) -> bytes:
        chunk = self._file.read(_READ)
        self._sha256.update(chunk)
        self._read_so_far += len(chunk)
        self._heard(min(1.0, self._read_so_far / max(1, self._size)))
        return chunk

    def _limited(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        allowed = max(_HARMLESS, self._size * self._limits.ratio)
        given = 0
        for piece in pieces:
            given += len(piece)
            if given > self._limits.total:
                raise Refused(f"it unpacks to more than {self._limits.total} bytes")
            if given > allowed:
                raise Refused(f"it unpacks to more than {self._limits.ratio} times its size")
            yield piece

    def _decompressed(self) -> Iterator[bytes]:
        start = self._read()
        for magic, why in _OTHERS:
            if start.startswith(magic):
                raise Refused(why)
        for magic, machine in _KINDS:
            if start.startswith(magic):
                yield from self._streams(machine, start)
                return
        while start:
            yield start
            start = self._read()

    def _streams(self, kind: Callable[[], _Machine], data: bytes) -> Iterator[bytes]:
        """One compressed stream after the other; zeros may fill up behind the last, nothing else."""
        for number in range(_STREAMS):
            try:
                machine = kind()
            except ImportError:
                raise Refused("this build of Python lacks its compression; publish the release as .tar.gz") from None
            while not machine.eof:
                if machine.needs_input:
                    data = data or self._read()
                    if not data:
                        raise Refused("it is cut short" + (", or something follows its end" if number else ""))
                piece = self._step(machine, data, number)
                data = b""
                if piece:
                    yield piece
            data = machine.unused_data.lstrip(b"\0")
            while not data:
                chunk = self._read()
                if not chunk:
                    return
                data = chunk.lstrip(b"\0")
        raise Refused(f"it is made of more than {_STREAMS} compressed streams")

    @staticmethod
    def _step(machine: _Machine, data: bytes, number: int) -> bytes:
        try:
            return machine.decompress(data, _PIECE)
        except Exception as error:
            # zlib, bz2 and lzma each have their own; none of them touches the disk, so all mean the same.
            if number:
                raise Refused("something that does not belong there follows its end") from error
            raise Refused(f"it is damaged ({error})") from error
