"""Tar archives made byte by byte, so that a test can say what no honest writer would."""

import gzip

USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
END = bytes(1024)


def octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def header(
    name: bytes,
    *,
    kind: bytes = b"0",
    size: int | bytes = 0,
    mode: int | bytes = 0o644,
    magic: bytes = USTAR,
    link: bytes = b"",
    prefix: bytes = b"",
    uid: int | bytes = 1000,
    mtime: int | bytes = 1_700_000_000,
    tail: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """One block.  A number given as bytes is written as it is, to say what no honest writer says."""

    def number(value: int | bytes, width: int) -> bytes:
        return value.ljust(width, b"\0") if isinstance(value, bytes) else octal(value, width)

    block = b"".join(
        (
            name.ljust(100, b"\0"),
            number(mode, 8),
            number(uid, 8),
            octal(1000, 8),
            number(size, 12),
            number(mtime, 12),
            b" " * 8,
            kind,
            link.ljust(100, b"\0"),
            magic,
            b"user".ljust(32, b"\0"),
            b"group".ljust(32, b"\0"),
            (octal(0, 8) * 2 if magic == USTAR else bytes(16)),
            prefix.ljust(155, b"\0"),
            tail.ljust(12, b"\0"),
        ),
    )
    assert len(block) == 512, name
    summed = checksum if checksum is not None else b"%06o\0 " % sum(block)
    return block[:148] + summed + block[156:]


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def plain(name: bytes, content: bytes = b"content\n", mode: int | bytes = 0o644, magic: bytes = USTAR) -> bytes:
    return header(name, size=len(content), mode=mode, magic=magic) + padded(content)


def folder(name: bytes, mode: int | bytes = 0o755, size: int = 0) -> bytes:
    return header(name, kind=b"5", mode=mode, size=size)


def special(name: bytes, kind: bytes, link: bytes = b"", magic: bytes = USTAR) -> bytes:
    return header(name, kind=kind, link=link, magic=magic)


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(str(length)) + len(key) + len(value) + 3 != length:
        length = len(str(length)) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def extended(*records: bytes, kind: bytes = b"x") -> bytes:
    data = b"".join(records)
    return header(b"PaxHeaders/file", kind=kind, size=len(data)) + padded(data)


def long_name(name: bytes, *, end: bytes = b"\0", called: bytes = b"././@LongLink") -> bytes:
    data = name + end
    return header(called, kind=b"L", size=len(data), magic=GNU) + padded(data)


def tar(*parts: bytes, end: bytes = END) -> bytes:
    return b"".join(parts) + end


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
