"""The attack corpus: archives that must be refused, each with the words that tell why."""

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from effects.tar_blocks import (
    END,
    GNU,
    extended,
    folder,
    header,
    long_name,
    padded,
    plain,
    record,
    special,
    tar,
    zipped,
)


@dataclass(frozen=True)
class Bad:
    name: str
    says: str
    """Words of the refusal: it names what is wrong, not just that something is."""
    make: Callable[[], bytes]


OK = plain(b"app/good.py")
"""Comes first in many bad archives: it must not be written either."""


def _ready(archive: bytes) -> Callable[[], bytes]:
    return lambda: archive


def _bad(says: str, **archives: bytes) -> Iterable[Bad]:
    for name, archive in archives.items():
        yield Bad(name, says, _ready(archive))


def _named(says: str, **names: bytes) -> Iterable[Bad]:
    """A plain file of that name, behind a good one."""
    for name, raw in names.items():
        yield Bad(f"name_{name}", says, _ready(zipped(tar(OK, plain(raw)))))


def _pair(says: str, **pairs: tuple[bytes, bytes]) -> Iterable[Bad]:
    for name, parts in pairs.items():
        yield Bad(name, says, _ready(zipped(tar(*parts))))


def _many(count: int, one: Callable[[int], bytes]) -> Callable[[], bytes]:
    return lambda: zipped(tar(*(one(number) for number in range(count))))


def _bomb(times: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(header(b"app/zeros", size=times * 2**20))]
    parts += [packer.compress(bytes(2**20)) for _ in range(times)]
    return b"".join((*parts, packer.compress(END), packer.flush()))


DEEP = b"/".join([b"d"] * 33)
GOOD_PATH = record(b"path", b"app/x")

BAD: tuple[Bad, ...] = (
    # Names that lead somewhere else.
    *_named(
        "leads out of the release",
        up=b"../outside/evil",
        up_inside=b"app/../../outside/evil",
        up_at_end=b"app/..",
        up_only=b"..",
        up_and_back=b"app/../app/x",
        up_many=b"../" * 20 + b"etc/passwd",
    ),
    *_named("is absolute", absolute=b"/etc/passwd", absolute_twice=b"//etc/passwd", absolute_up=b"/../x"),
    *_named("a lone dot", dot_inside=b"app/./x", dot_at_end=b"app/."),
    *_named("a part of its name is empty", two_slashes=b"app//x", two_slashes_deep=b"a/b//c"),
    *_named("is called like a directory", slash_at_end=b"app/file/", slashes_at_end=b"app/file//"),
    *_named("some names begin with ./", dot_in_front=b"./app/x", dot_twice_in_front=b"./app/good.py"),
    *_named("has no name", empty=b""),
    *_named(
        "a control character",
        newline=b"app/a\nb",
        tab=b"app/a\tb",
        escape=b"app/\x1b[2Jx",
        bell=b"app/\x07",
        delete=b"app/a\x7fb",
        return_=b"app/a\rb",
        c1="app/a\x85b".encode(),
        csi="app/\x9b31mx".encode(),
    ),
    *_named(
        "an invisible character",
        bidi_override="app/gpj.\u202eyp".encode(),
        bidi_isolate="app/\u2066x\u2069".encode(),
        bidi_mark="app/x\u200e".encode(),
        arabic_mark="app/x\u061c".encode(),
        zero_width_space="app/x\u200b".encode(),
        zero_width_joiner="app/a\u200db".encode(),
        byte_order_mark="app/\ufeffx".encode(),
        soft_hyphen="app/a\u00adb".encode(),
        tag_letter="app/x\U000e0041".encode(),
    ),
    *_named("a line break", line_separator="app/a\u2028b".encode(), paragraph="app/a\u2029b".encode()),
    *_named("a backslash", backslash=b"app\\x", backslash_up=b"..\\..\\x", backslash_drive=b"C:\\x"),
    *_named(
        "not UTF-8",
        latin1=b"app/caf\xe9",
        overlong_slash=b"app/..\xc0\xafx",
        surrogate=b"app/\xed\xa0\x80",
        lonely_continuation=b"app/\x80",
        cut_character=b"app/\xe2\x82",
        too_high=b"app/\xf4\x90\x80\x80",
    ),
    *_bad(
        "hidden behind the end of its name",
        name_nul_inside=zipped(tar(OK, plain(b"app/x\0.py"))),
        name_nul_first=zipped(tar(OK, plain(b"\0app/x"))),
    ),
    *_bad("hidden behind the end of its prefix", prefix_nul=zipped(tar(header(b"x", prefix=b"app\0/../..")))),
    *_bad("leads out of the release", prefix_up=zipped(tar(OK, header(b"evil", prefix=b"../outside")))),
    *_bad("is absolute", prefix_absolute=zipped(tar(OK, header(b"passwd", prefix=b"/etc")))),
    *_bad("directories deep", depth_33=zipped(tar(OK, plain(DEEP)))),
    *_bad(
        "longer than 255 bytes",
        component_256=zipped(tar(extended(record(b"path", b"a" * 256)), plain(b"x"))),
        component_accents=zipped(tar(extended(record(b"path", "é".encode() * 128)), plain(b"x"))),
    ),
    *_bad(
        "longer than 512 bytes",
        path_513=zipped(tar(extended(record(b"path", b"/".join([b"a" * 100] * 5) + b"/" + b"b" * 8)), plain(b"x"))),
        path_4096_pax=zipped(tar(extended(record(b"path", b"/".join([b"a" * 127] * 32))), plain(b"x"))),
        path_4096_gnu=zipped(tar(long_name(b"/".join([b"a" * 127] * 32)), plain(b"x", magic=GNU))),
        path_announced_gnu=zipped(tar(OK, header(b"././@LongLink", kind=b"L", size=2**30, magic=GNU))),
        path_514_gnu=zipped(tar(long_name(b"a/" * 256 + b"bb"), plain(b"x", magic=GNU))),
    ),
    *_named(
        "the updater's own", record=b".release.json", venv=b".venv", venv_in=b".venv/bin/python", venv_caps=b".VENV/x"
    ),
    *_pair(
        "the updater's own",
        own_record_below_top=(OK, plain(b"app/.release.json")),
        own_venv_below_top=(OK, plain(b"app/.venv/pyvenv.cfg")),
        own_venv_directory=(OK, folder(b"app/.venv/")),
    ),
    # Names that meet.
    *_pair(
        "is there twice",
        twice_file=(OK, OK),
        twice_other_content=(OK, plain(b"app/good.py", b"evil")),
        twice_directory=(folder(b"app/"), folder(b"app/")),
        twice_directory_slash=(folder(b"app/"), folder(b"app")),
        twice_by_prefix=(OK, header(b"good.py", prefix=b"app")),
        twice_by_pax=(OK, extended(record(b"path", b"app/good.py")) + plain(b"app/other")),
        twice_by_gnu=(OK, long_name(b"app/good.py") + plain(b"app/other", magic=GNU)),
        twice_root=(folder(b"./"), folder(b".")),
    ),
    *_pair(
        "one name to some systems",
        case_file=(OK, plain(b"app/GOOD.py")),
        case_directory=(OK, plain(b"APP/other.py")),
        case_directory_entry=(folder(b"app/"), folder(b"App/")),
        case_sharp_s=(plain("app/straße".encode()), plain(b"app/STRASSE")),
        case_greek=(plain("app/Σ".encode()), plain("app/ς".encode())),
        case_kelvin=(plain(b"app/k"), plain("app/\u212a".encode())),
        accents=(plain("app/caf\u00e9".encode()), plain("app/cafe\u0301".encode())),
        accents_directory=(plain("caf\u00e9/a".encode()), plain("cafe\u0301/b".encode())),
        accents_order=(plain("app/a\u0323\u0307".encode()), plain("app/a\u0307\u0323".encode())),
        accents_and_case=(plain("app/CAF\u00c9".encode()), plain("app/cafe\u0301".encode())),
        accents_angstrom=(plain("app/\u212b".encode()), plain("app/\u00e5".encode())),
    ),
    *_pair(
        "a file and a directory at once",
        clash_file_then_below=(plain(b"app/x"), plain(b"app/x/y")),
        clash_below_then_file=(plain(b"app/x/y"), plain(b"app/x")),
        clash_file_then_directory=(plain(b"app/x"), folder(b"app/x/")),
        clash_directory_then_file=(folder(b"app/x/"), plain(b"app/x")),
        clash_deep=(plain(b"app/x"), plain(b"app/x/y/z/w")),
    ),
    *_bad("like the root, but is a file", dot_file=zipped(tar(plain(b"."))), dot_file_first=zipped(tar(header(b".")))),
    # Members that are no plain files or directories.
    *_bad(
        "is a symbolic link",
        symlink_absolute=zipped(tar(OK, special(b"app/l", b"2", b"/etc/passwd"))),
        symlink_up=zipped(tar(OK, special(b"app/l", b"2", b"../../outside/victim"))),
        symlink_inside=zipped(tar(OK, special(b"app/l", b"2", b"good.py"))),
        symlink_chain=zipped(tar(special(b"a", b"2", b"b"), special(b"b", b"2", b".."), OK)),
        symlink_then_through=zipped(tar(OK, special(b"l", b"2", b"../outside"), plain(b"l/victim", b"evil"))),
        symlink_no_target=zipped(tar(OK, special(b"app/l", b"2"))),
        symlink_dot=zipped(tar(OK, special(b"app/l", b"2", b"."))),
        symlink_gnu=zipped(tar(OK, special(b"app/l", b"2", b"good.py", GNU))),
        symlink_last=zipped(tar(*(plain(b"app/%d" % n) for n in range(50)), special(b"app/l", b"2", b"/"))),
    ),
    *_bad(
        "is a hard link",
        hardlink_out=zipped(tar(OK, special(b"app/l", b"1", b"../outside/victim"))),
        hardlink_absolute=zipped(tar(OK, special(b"app/l", b"1", b"/etc/shadow"))),
        hardlink_inside=zipped(tar(OK, special(b"app/l", b"1", b"app/good.py"))),
    ),
    *_bad("is a character device", character_device=zipped(tar(OK, special(b"app/null", b"3")))),
    *_bad("is a block device", block_device=zipped(tar(OK, special(b"app/sda", b"4")))),
    *_bad("is a named pipe", pipe=zipped(tar(OK, special(b"app/pipe", b"6")))),
    *_bad("is a contiguous file", contiguous=zipped(tar(OK, special(b"app/c", b"7")))),
    *_bad("is a sparse file", sparse_gnu=zipped(tar(OK, header(b"app/s", kind=b"S", magic=GNU, prefix=b"1" * 155)))),
    *_bad("of an incremental backup", incremental=zipped(tar(OK, special(b"app/d", b"D", magic=GNU)))),
    *_bad("a link with a long target", long_link=zipped(tar(OK, special(b"././@LongLink", b"K", magic=GNU)))),
    *_bad("from another volume", volume_part=zipped(tar(OK, special(b"app/m", b"M", magic=GNU)))),
    *_bad("a volume label", volume_label=zipped(tar(special(b"label", b"V", magic=GNU), OK))),
    *_bad("a rename list", renames=zipped(tar(OK, special(b"r", b"N", magic=GNU)))),
    *_bad("a Solaris access list", solaris_acl=zipped(tar(special(b"acl", b"A"), OK))),
    *_bad("a Solaris extended header", solaris_extended=zipped(tar(special(b"pax", b"X"), OK))),
    *_bad(
        "of an unknown kind",
        socket=zipped(tar(OK, special(b"app/socket", b"s"))),
        kind_8=zipped(tar(OK, special(b"app/x", b"8"))),
        kind_letter=zipped(tar(OK, special(b"app/x", b"Z"))),
        kind_high=zipped(tar(OK, special(b"app/x", b"\xff"))),
    ),
    *_bad("names a link's target but", target_on_file=zipped(tar(OK, header(b"app/f", link=b"/etc/passwd")))),
    *_bad(
        "a directory with content", directory_with_content=zipped(tar(OK, folder(b"app/d/", size=5), padded(b"hello")))
    ),
    *_bad("holds no files", empty=zipped(END), only_directories=zipped(tar(folder(b"a/"), folder(b"a/b/")))),
    # Modes.
    *_bad(
        "the setuid bit",
        setuid=zipped(tar(OK, plain(b"app/su", mode=0o4755))),
        setuid_all=zipped(tar(OK, plain(b"app/su", mode=0o7777))),
        setuid_directory=zipped(tar(OK, folder(b"app/d/", mode=0o4755))),
    ),
    *_bad(
        "the setgid bit",
        setgid=zipped(tar(OK, plain(b"app/sg", mode=0o2755))),
        setgid_directory=zipped(tar(OK, folder(b"app/d/", mode=0o2775))),
    ),
    *_bad(
        "the sticky bit",
        sticky=zipped(tar(OK, plain(b"app/t", mode=0o1644))),
        sticky_directory=zipped(tar(OK, folder(b"app/d/", mode=0o1777))),
    ),
    *_bad(
        "that of another kind of file",
        mode_of_link=zipped(tar(OK, plain(b"app/x", mode=0o120777))),
        mode_of_device=zipped(tar(OK, plain(b"app/x", mode=0o060644))),
        mode_of_directory=zipped(tar(OK, plain(b"app/x", mode=0o040755))),
        mode_of_file=zipped(tar(OK, folder(b"app/x/", mode=0o100755))),
    ),
    *_bad(
        "its mode is no number",
        mode_words=zipped(tar(OK, plain(b"app/x", mode=b"rwxr-xr"))),
        mode_nothing=zipped(tar(OK, plain(b"app/x", mode=b""))),
        mode_decimal=zipped(tar(OK, plain(b"app/x", mode=b"0000689"))),
    ),
    # Sizes.
    *_bad(
        "its size is no number",
        size_minus=zipped(tar(OK, header(b"app/x", size=b"-0000000001"))),
        size_binary_negative=zipped(tar(OK, header(b"app/x", size=b"\xff" * 12, magic=GNU))),
        size_binary=zipped(tar(OK, header(b"app/x", size=b"\x80" + bytes(10) + b"\x05", magic=GNU))),
        size_binary_huge=zipped(tar(OK, header(b"app/x", size=b"\x80" + b"\x7f" * 11, magic=GNU))),
        size_nothing=zipped(tar(OK, header(b"app/x", size=b""))),
        size_spaces=zipped(tar(OK, header(b"app/x", size=b" " * 11))),
        size_plus=zipped(tar(OK, header(b"app/x", size=b"+0000000005"))),
        size_underscore=zipped(tar(OK, header(b"app/x", size=b"0000000_005"))),
        size_hexadecimal=zipped(tar(OK, header(b"app/x", size=b"0x000000005"))),
        size_two_numbers=zipped(tar(OK, header(b"app/x", size=b"00005 00009"))),
        size_behind_nul=zipped(tar(OK, header(b"app/x", size=b"00005\x0000009"))),
        size_arabic_digits=zipped(tar(OK, header(b"app/x", size="\u0660\u0665".encode()))),
    ),
    *_bad("is larger than", size_8_gib=zipped(tar(OK, header(b"app/x", size=0o77777777777)))),
    *_bad(
        "is cut short",
        size_beyond_end=zipped(tar(OK, header(b"app/x", size=2_000_000))),
        cut_in_header=zipped(OK + plain(b"app/x")[:300]),
        cut_in_content=zipped(OK + plain(b"app/x", b"y" * 5000)[:2048]),
        cut_in_padding=zipped(OK + plain(b"app/x")[:-1]),
        cut_before_end=zipped(OK),
        cut_in_end=zipped(OK + bytes(512)),
        cut_in_end_block=zipped(OK + bytes(700)),
        cut_gzip=zipped(tar(OK))[:-9],
        cut_gzip_crc=zipped(tar(OK))[:-1],
        cut_gzip_header=zipped(tar(OK))[:5],
        cut_bzip2=bz2.compress(tar(OK))[:-3],
        cut_xz=lzma.compress(tar(OK))[:-3],
        cut_plain=tar(OK)[:-600],
        cut_in_long_name=zipped(long_name(b"app/" + b"x" * 90)[:600]),
        cut_in_extended=zipped(extended(GOOD_PATH)[:520]),
        nothing=b"",
        nothing_in_gzip=zipped(b""),
    ),
    # What stands between members and behind the end.
    *_bad(
        "follows the end of its members",
        behind_end=zipped(tar(OK) + b"more"),
        behind_end_member=zipped(tar(OK) + tar(plain(b"app/second"))),
        behind_end_far=zipped(tar(OK) + bytes(100_000) + b"x"),
        behind_end_plain=tar(OK) + b"#!/bin/sh\n",
    ),
    *_bad(
        "follows its end",
        behind_gzip=zipped(tar(OK)) + b"#!/bin/sh\n",
        behind_gzip_zeros=zipped(tar(OK)) + bytes(100) + b"x",
        behind_bzip2=bz2.compress(tar(OK)) + b"more",
        behind_xz=lzma.compress(tar(OK)) + b"more bytes than a stream's head has",
    ),
    *_bad("follows the end of its members", behind_gzip_second=zipped(tar(OK)) + zipped(plain(b"app/x"))),
    *_bad(
        "one empty block stands in the middle",
        one_empty_block=zipped(tar(OK, bytes(512), plain(b"app/x"))),
        one_empty_block_first=zipped(tar(bytes(512), OK)),
    ),
    *_bad(
        "hidden between two members",
        padding_hidden=zipped(tar(OK, header(b"app/x", size=5) + b"hello".ljust(511, b"\0") + b"!")),
        padding_last=zipped(tar(header(b"app/x", size=5) + b"hello".ljust(512, b"#"))),
        padding_extended=zipped(
            tar(header(b"p", kind=b"x", size=len(GOOD_PATH)) + GOOD_PATH.ljust(512, b"x"), plain(b"y")),
        ),
        padding_long_name=zipped(tar(long_name(b"app/x")[:-1] + b"x", plain(b"y", magic=GNU))),
    ),
    # Headers.
    *_bad(
        "is no tar archive, or a header is damaged",
        checksum_wrong=zipped(tar(OK, header(b"app/x", checksum=b"000001\0 "))),
        checksum_words=zipped(tar(OK, header(b"app/x", checksum=b"checksum"))),
        checksum_empty=zipped(tar(OK, header(b"app/x", checksum=bytes(8)))),
        checksum_signed=zipped(tar(header(b"\xff" * 4, checksum=b"%06o\0 " % (sum(header(b"\xff" * 4)) - 1024)))),
        text=zipped(b"this is a story\n" * 200),
        text_plain=b"<html>Not Found</html>" * 50,
        elf=b"\x7fELF" + bytes(2000),
        nested_gzip=zipped(zipped(tar(OK)).ljust(1024, b"\0")),
    ),
    *_bad(
        "older than POSIX",
        v7=zipped(tar(header(b"app/x", magic=bytes(8)))),
        magic_unknown=zipped(tar(header(b"app/x", magic=b"tarus\x0000"))),
        magic_version=zipped(tar(header(b"app/x", magic=b"ustar\x0099"))),
    ),
    *_bad(
        "fields that we do not know",
        tail_filled=zipped(tar(OK, header(b"app/x", tail=b"tar\0"))),
        gnu_fields_filled=zipped(tar(OK, header(b"app/x", magic=GNU, prefix=b"14000000000\0"))),
    ),
    # Extended headers.
    *_bad(
        "of a member it may only set",
        pax_size=zipped(tar(OK, extended(record(b"size", b"0")), plain(b"app/x"))),
        pax_size_negative=zipped(tar(OK, extended(record(b"size", b"-1")), plain(b"app/x"))),
        pax_size_hides_member=zipped(tar(extended(record(b"size", b"1024")), header(b"app/x"), OK)),
        pax_link=zipped(tar(OK, extended(record(b"linkpath", b"/etc")), plain(b"app/x"))),
        pax_sparse_0=zipped(tar(OK, extended(record(b"GNU.sparse.map", b"0,1")), plain(b"app/x"))),
        pax_sparse_1=zipped(tar(OK, extended(record(b"GNU.sparse.major", b"1")), plain(b"app/x"))),
        pax_sparse_size=zipped(tar(OK, extended(record(b"GNU.sparse.realsize", b"9" * 15)), plain(b"app/x"))),
        pax_sparse_name=zipped(tar(OK, extended(record(b"GNU.sparse.name", b"../x")), plain(b"app/x"))),
        pax_xattr=zipped(tar(OK, extended(record(b"SCHILY.xattr.security.capability", b"\1")), plain(b"app/x"))),
        pax_xattr_libarchive=zipped(tar(OK, extended(record(b"LIBARCHIVE.xattr.user.x", b"eA")), plain(b"app/x"))),
        pax_acl=zipped(tar(OK, extended(record(b"SCHILY.acl.access", b"user::rwx")), plain(b"app/x"))),
        pax_selinux=zipped(tar(OK, extended(record(b"RHT.security.selinux", b"u:r:t")), plain(b"app/x"))),
        pax_flags=zipped(tar(OK, extended(record(b"SCHILY.fflags", b"uchg")), plain(b"app/x"))),
        pax_charset=zipped(tar(OK, extended(record(b"hdrcharset", b"BINARY")), plain(b"app/x"))),
        pax_type=zipped(tar(OK, extended(record(b"SCHILY.filetype", b"sparse")), plain(b"app/x"))),
        pax_key_not_text=zipped(tar(OK, extended(record(b"pa\xffth", b"x")), plain(b"app/x"))),
        pax_key_capital=zipped(tar(OK, extended(record(b"PATH", b"../x")), plain(b"app/x"))),
        pax_key_empty=zipped(tar(OK, extended(record(b"", b"x")), plain(b"app/x"))),
    ),
    *_bad("leads out of the release", pax_up=zipped(tar(OK, extended(record(b"path", b"../outside/x")), plain(b"y")))),
    *_bad("is absolute", pax_absolute=zipped(tar(OK, extended(record(b"path", b"/etc/x")), plain(b"y")))),
    *_bad("a control character", pax_newline=zipped(tar(OK, extended(record(b"path", b"app/a\nb")), plain(b"y")))),
    *_bad("not UTF-8", pax_latin1=zipped(tar(OK, extended(record(b"path", b"app/\xe9")), plain(b"y")))),
    *_bad("its name holds a NUL", pax_nul=zipped(tar(OK, extended(record(b"path", b"app/x\0y")), plain(b"y")))),
    *_bad("takes a member's name away", pax_no_path=zipped(tar(OK, extended(record(b"path", b"")), plain(b"app/y")))),
    *_bad("says 'path' twice", pax_path_twice=zipped(tar(extended(GOOD_PATH, record(b"path", b"b")), plain(b"y")))),
    *_bad(
        "an extended header is damaged",
        pax_length_short=zipped(tar(extended(b"5 path=app/x\n"), plain(b"y"))),
        pax_length_long=zipped(tar(extended(b"99 path=app/x\n"), plain(b"y"))),
        pax_length_huge=zipped(tar(extended(b"9" * 400 + b" path=x\n"), plain(b"y"))),
        pax_length_zero=zipped(tar(extended(b"0 path=app/x\n"), plain(b"y"))),
        pax_length_leading_zero=zipped(tar(extended(b"014 path=app/x\n"), plain(b"y"))),
        pax_length_negative=zipped(tar(extended(b"-14 path=app/x\n"), plain(b"y"))),
        pax_length_missing=zipped(tar(extended(b"path=app/x\n"), plain(b"y"))),
        pax_length_of_itself=zipped(tar(extended(b"2 \n"), plain(b"y"))),
        pax_no_equals=zipped(tar(extended(b"8 pathx\n"), plain(b"y"))),
        pax_no_line_end=zipped(tar(extended(GOOD_PATH[:-1] + b" "), plain(b"y"))),
        pax_rest=zipped(tar(extended(GOOD_PATH, b"more"), plain(b"y"))),
    ),
    *_bad("an extended header is empty", pax_empty=zipped(tar(extended(), plain(b"app/x")))),
    *_bad("larger than 65536 bytes", pax_large=zipped(tar(extended(record(b"comment", b"c" * 70_000)), plain(b"y")))),
    *_bad(
        "follow each other",
        pax_twice=zipped(tar(extended(GOOD_PATH), extended(GOOD_PATH), plain(b"y"))),
        pax_then_long_name=zipped(tar(extended(GOOD_PATH), long_name(b"z"), plain(b"y"))),
        long_name_then_pax=zipped(tar(long_name(b"z"), extended(GOOD_PATH), plain(b"y"))),
        long_name_twice=zipped(tar(long_name(b"z"), long_name(b"a"), plain(b"y"))),
        pax_then_global=zipped(tar(extended(GOOD_PATH), extended(record(b"comment", b"c"), kind=b"g"), plain(b"y"))),
    ),
    *_bad(
        "ends where a member was announced",
        pax_then_end=zipped(tar(OK, extended(GOOD_PATH))),
        long_name_then_end=zipped(tar(OK, long_name(b"app/z"))),
    ),
    *_bad("stands in the middle", global_later=zipped(tar(OK, extended(record(b"comment", b"c"), kind=b"g")))),
    *_bad(
        "only a comment is taken",
        global_path=zipped(tar(extended(record(b"path", b"../x"), kind=b"g"), OK)),
        global_size=zipped(tar(extended(record(b"size", b"0"), kind=b"g"), OK)),
        global_link=zipped(tar(extended(record(b"linkpath", b"/"), kind=b"g"), OK)),
    ),
    # GNU's long names.
    *_bad("has no end", long_name_open=zipped(tar(long_name(b"app/z", end=b""), plain(b"y", magic=GNU)))),
    *_bad("holds a NUL or nothing", long_name_nul=zipped(tar(long_name(b"app/z\0/../x"), plain(b"y", magic=GNU)))),
    *_bad("holds a NUL or nothing", long_name_empty=zipped(tar(long_name(b""), plain(b"y", magic=GNU)))),
    *_bad("in an unusual way", long_name_elsewhere=zipped(tar(long_name(b"app/z", called=b"x"), plain(b"y")))),
    *_bad(
        "leads out of the release", long_name_up=zipped(tar(OK, long_name(b"../" * 40 + b"x"), plain(b"y", magic=GNU)))
    ),
    *_bad("is absolute", long_name_absolute=zipped(tar(OK, long_name(b"/" + b"a" * 120), plain(b"y", magic=GNU)))),
    *_bad("is a symbolic link", long_name_symlink=zipped(tar(OK, long_name(b"z"), special(b"z", b"2", b"/", GNU)))),
    # Compression.
    *_bad(
        "it is damaged",
        gzip_crc=zipped(tar(OK))[:-8] + struct.pack("<II", 1, len(tar(OK))),
        gzip_length=zipped(tar(OK))[:-4] + struct.pack("<I", 7),
        gzip_method=b"\x1f\x8b\x07" + zipped(tar(OK))[3:],
        gzip_flags=b"\x1f\x8b\x08\xe0" + zipped(tar(OK))[4:],
        gzip_body=zipped(tar(OK))[:12] + b"\xff" * 30 + zipped(tar(OK))[42:],
        bzip2_body=bz2.compress(tar(OK))[:20] + b"\xff" * 20 + bz2.compress(tar(OK))[40:],
        xz_check=lzma.compress(tar(OK))[:-20] + bytes(20),
        xz_dictionary=lzma.compress(tar(OK), filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**29}]),
    ),
    *_bad("a zip archive", zip=b"PK\x03\x04" + bytes(100), zip_empty=b"PK\x05\x06" + bytes(18)),
    *_bad("compressed with zstd", zstd=b"\x28\xb5\x2f\xfd" + bytes(100)),
    *_bad("a 7z archive", seven_zip=b"7z\xbc\xaf\x27\x1c" + bytes(100)),
    *_bad("compressed with compress", compress=b"\x1f\x9d\x90" + bytes(100)),
    Bad("bomb_1000", "more than 200 times its size", lambda: _bomb(40)),
    Bad(
        "bomb_bzip2", "more than 200 times its size", lambda: bz2.compress(tar(header(b"z", size=2**23), bytes(2**23)))
    ),
    Bad("bomb_behind_end", "more than 200 times its size", lambda: zipped(tar(OK, bytes(2**23)))),
    Bad("streams_without_end", "compressed streams", lambda: gzip.compress(b"", mtime=0) * 5000),
    Bad("members_50000", "more than 20000 members", _many(50_000, lambda number: header(b"app/%x" % number))),
    Bad(
        "members_by_depth",
        "more than 20000 members",
        _many(700, lambda number: header(b"/".join([b"%x" % number] + [b"d"] * 30))),
    ),
    Bad("members_by_longnames", "is there twice", _many(9, lambda _: long_name(b"x" * 110) + header(b"y", magic=GNU))),
)
