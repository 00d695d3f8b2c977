"""Our own reader of tar: strict, and only for plain files and directories.

Formats: POSIX.1-2017 ``pax`` (ustar and extended headers) and the GNU variant with long names.  Python's ``tarfile``
forgives what we must see: duplicates, overriding headers, numbers that are none, an end that is missing.
"""

import re
from collections.abc import Iterator

import msgspec

from dunebugger_updater.effects.archive_names import shown
from dunebugger_updater.effects.archive_stream import ArchiveStream, Limits, Refused

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_EXTENDED = 65_536
"""Bytes of one extended header.  A name of 512 bytes with all its times needs less than one of these per cent."""
_NUMBER = re.compile(rb" *([0-7]+)[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ")

_FILE, _OLD_FILE, _DIRECTORY, _LONG_NAME, _EXTENSION, _GLOBAL = b"0", b"\0", b"5", b"L", b"x", b"g"
_REFUSED_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"7": "a contiguous file",
    b"A": "a Solaris access list",
    b"D": "a directory of an incremental backup",
    b"K": "a link with a long target",
    b"M": "a part of a file from another volume",
    b"N": "a rename list",
    b"S": "a sparse file",
    b"V": "a volume label",
    b"X": "a Solaris extended header",
}
_HARMLESS_KEYS = frozenset(
    {"path", "mtime", "atime", "ctime", "comment", "uid", "gid", "uname", "gname", "LIBARCHIVE.creationtime"}
    | {"SCHILY.dev", "SCHILY.ino", "SCHILY.nlink"},
)
"""What an extended header may say of a member: its name, and what we ignore anyway."""


class Member(msgspec.Struct, frozen=True):
    """One file or directory of an archive."""

    name: bytes
    """As the archive spells it, not checked."""
    directory: bool
    executable: bool
    """By its owner: the one thing about a file's mode that is taken over."""
    size: int
    """Bytes of content that follow in the stream."""


class _Header(msgspec.Struct, frozen=True):
    name: bytes
    kind: bytes
    mode: int
    size: int


def members(stream: ArchiveStream, limits: Limits) -> Iterator[Member]:
    """Each member in its order.  Whoever wants a file's content takes all of it from ``stream`` before the next.

    Raises ``Refused``; an archive is well only when this has come to its end.
    """
    first = True
    while (block := stream.take(_BLOCK)) != _ZEROS:
        header = _header(block)
        if header.kind == _GLOBAL:
            if not first:
                raise Refused("a header for all members stands in the middle")
            _global(_extended(stream, header))
            first = False
            continue
        name: bytes | None = None
        if header.kind in (_LONG_NAME, _EXTENSION):
            name = _long_name(stream, header, limits) if header.kind == _LONG_NAME else _extension(stream, header)
            header = _header(stream.take(_BLOCK))
        first = False
        yield _member(header, header.name if name is None else name, limits)
        _padding(stream, header.size)
    _end(stream)


def _end(stream: ArchiveStream) -> None:
    if stream.take(_BLOCK) != _ZEROS:
        raise Refused("one empty block stands in the middle, where two mark the end")
    for piece in stream.rest():
        if piece.count(0) != len(piece):
            raise Refused("something follows the end of its members")


def _padding(stream: ArchiveStream, size: int) -> None:
    if any(stream.take(-size % _BLOCK)):
        raise Refused("something is hidden between two members")


def _header(block: bytes) -> _Header:
    if block == _ZEROS:
        raise Refused("it ends where a member was announced")
    # The sum is taken with its own field as spaces.
    checksum = _NUMBER.fullmatch(block[148:156])
    if checksum is None or int(checksum[1], 8) != sum(block[:148]) + sum(block[156:]) + 8 * 0x20:
        raise Refused("it is no tar archive, or a header is damaged")
    name, prefix = block[:100], b""
    match block[257:265]:
        case b"ustar\x0000":
            prefix, odd = _text(block[345:500], "prefix", name), block[500:]
        case b"ustar  \0":
            odd = block[345:]
        case _:
            raise Refused("its headers are in a form older than POSIX (ustar); pack it with a present-day tar")
    name = _text(name, "name", name)
    full = b"/".join(part for part in (prefix, name) if part)
    kind = block[156:157]
    if word := _REFUSED_KINDS.get(kind):
        raise Refused(f"member {shown(full)} is {word}; only plain files and directories are taken")
    if any(odd):
        raise Refused(f"member {shown(full)} has fields that we do not know")
    if any(block[157:257]):
        raise Refused(f"member {shown(full)} names a link's target but is no link")
    return _Header(full, kind, _number(block[100:108], "mode", full), _number(block[124:136], "size", full))


def _text(field: bytes, what: str, name: bytes) -> bytes:
    text, _, behind = field.partition(b"\0")
    if any(behind):
        raise Refused(f"member {shown(name.rstrip(bytes(1)))}: something is hidden behind the end of its {what}")
    return text


def _number(field: bytes, what: str, name: bytes) -> int:
    # A set top bit is GNU's binary form, for sizes from 8 GiB and for negative numbers: neither is for us.
    match = _NUMBER.fullmatch(field)
    if match is None:
        raise Refused(f"member {shown(name)}: its {what} is no number")
    return int(match[1], 8)


def _member(header: _Header, name: bytes, limits: Limits) -> Member:
    where = f"member {shown(name)}"
    if header.kind in (_LONG_NAME, _EXTENSION, _GLOBAL):
        raise Refused(f"{where}: two headers that describe the next member follow each other")
    if header.kind not in (_FILE, _OLD_FILE, _DIRECTORY):
        raise Refused(f"{where} is of an unknown kind {shown(header.kind)}")
    directory = header.kind == _DIRECTORY
    if directory and header.size:
        raise Refused(f"{where} is a directory with content")
    if header.size > limits.total:
        raise Refused(f"{where} is larger than {limits.total} bytes")
    if not directory and name.endswith(b"/"):
        raise Refused(f"{where} is called like a directory, but is a file")
    for bit, word in ((0o4000, "setuid"), (0o2000, "setgid"), (0o1000, "sticky")):
        if header.mode & bit:
            raise Refused(f"{where} carries the {word} bit")
    # Some writers put the file's type there as well; it must then be the same.
    if header.mode & ~0o777 not in (0, 0o040000 if directory else 0o100000):
        raise Refused(f"{where}: its mode is that of another kind of file")
    return Member(name, directory, directory or bool(header.mode & 0o100), header.size)


def _long_name(stream: ArchiveStream, header: _Header, limits: Limits) -> bytes:
    if header.name != b"././@LongLink":
        raise Refused(f"member {shown(header.name)}: a long name is announced in an unusual way")
    if header.size > limits.path + 1:
        raise Refused(f"a member's name is longer than {limits.path} bytes")
    text = stream.take(header.size)
    _padding(stream, header.size)
    if not text.endswith(b"\0"):
        raise Refused(f"member {shown(text)}: its long name has no end")
    if not text[:-1] or b"\0" in text[:-1]:
        raise Refused(f"member {shown(text[:-1])}: its long name holds a NUL or nothing")
    return text[:-1]


def _extended(stream: ArchiveStream, header: _Header) -> dict[str, bytes]:
    """The records of an extended header: ``LENGTH KEY=VALUE`` and a line feed, LENGTH in decimal, of all of it."""
    if header.size > _EXTENDED:
        raise Refused(f"an extended header is larger than {_EXTENDED} bytes")
    data = stream.take(header.size)
    _padding(stream, header.size)
    records: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        length = _RECORD.match(data, at)
        end = at + int(length[1]) if length else 0
        key, equals, value = data[length.end() : end - 1].partition(b"=") if length else (b"", b"", b"")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise Refused("an extended header is damaged")
        word = key.decode("utf-8", "backslashreplace")
        if word in records:
            raise Refused(f"an extended header says {shown(key)} twice")
        records[word] = value
        at = end
    if not records:
        raise Refused("an extended header is empty")
    return records


def _extension(stream: ArchiveStream, header: _Header) -> bytes | None:
    records = _extended(stream, header)
    for key in records:
        if key not in _HARMLESS_KEYS:
            raise Refused(
                f"an extended header sets {shown(key.encode())}; of a member it may only set its name and times"
            )
    name = records.get("path")
    if name == b"":
        raise Refused("an extended header takes a member's name away")
    if name is not None and b"\0" in name:
        raise Refused(f"member {shown(name)}: its name holds a NUL")
    return name


def _global(records: dict[str, bytes]) -> None:
    # GitHub and git archive put the commit there, and nothing else.
    for key in records:
        if key != "comment":
            raise Refused(f"the header for all members sets {shown(key.encode())}; only a comment is taken")
