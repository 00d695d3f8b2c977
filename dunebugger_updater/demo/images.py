"""Container images made in memory, for a demo that needs no internet: one layer with one program that only waits.

Formats: ELF-64 (System V ABI), image manifest version 2 schema 2, and the image configuration that goes with it.
"""

import gzip
import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Mapping

import msgspec

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
VERSION_LABEL = "org.opencontainers.image.version"
PROGRAM = "lights"

_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_ADDRESS = 0x400000
_HEADERS = 64 + 56
_LOADED, _READ_AND_RUN = 1, 5


class Machine(msgspec.Struct, frozen=True):
    """What a program has to be made for."""

    architecture: str
    """As images name it."""
    number: int
    """As ELF names it."""
    code: bytes
    """Wait for a signal; and should one come that does not end us, wait again."""


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(
        "amd64",
        62,
        bytes.fromhex(
            "b822000000"  # mov eax, 34 (pause)
            "0f05"  # syscall
            "ebf7"  # jmp to the first
        ),
    ),
    "aarch64": Machine(
        "arm64",
        183,
        struct.pack(
            "<8I",
            *(0xD2800000 + register for register in range(5)),  # mov x0 … x4, 0: no files, no limit, no mask
            0xD2800928,  # mov x8, 73 (ppoll: this machine has no pause)
            0xD4000001,  # svc 0
            0x17FFFFF9,  # b to the first
        ),
    ),
}
"""By the kernel's name for them (``uname -m``)."""


class Image(msgspec.Struct, frozen=True):
    """One image, as a registry hands it out."""

    version: str
    manifest: bytes
    blobs: Mapping[str, bytes]
    """Digest to content: its configuration and its layer."""

    @property
    def digest(self) -> str:
        """What it is pinned by."""
        return digest(self.manifest)


def image(version: str, machine: Machine, labels: Mapping[str, str]) -> Image:
    """Make an image that waits.  ``labels``: besides the one that tells its version."""
    files = layer(program(machine))
    packed = gzip.compress(files, mtime=0)
    config = _json(
        {
            "architecture": machine.architecture,
            "os": "linux",
            "config": {
                "Cmd": [f"/{PROGRAM}"],
                "Labels": {VERSION_LABEL: version, **labels},
                "StopSignal": "SIGKILL",  # it does not listen: stopping it kindly would take ten seconds
            },
            "rootfs": {"type": "layers", "diff_ids": [digest(files)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(_CONFIG_TYPE, config),
            "layers": [_descriptor(_LAYER_TYPE, packed)],
        }
    )
    return Image(version, manifest, {digest(each): each for each in (config, packed)})


def program(machine: Machine) -> bytes:
    """Make a whole static program: the ELF header, one segment that maps the file itself, and the code."""
    size = _HEADERS + len(machine.code)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little-endian, version 1
    start = _ADDRESS + _HEADERS
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, machine.number, 1, start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", _LOADED, _READ_AND_RUN, 0, _ADDRESS, _ADDRESS, size, size, 0x10000)
    return header + segment + machine.code


def layer(content: bytes) -> bytes:
    """Make a file system with nothing but that program, as a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as files:
        member = tarfile.TarInfo(PROGRAM)
        member.size, member.mode = len(content), 0o755
        files.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def digest(content: bytes) -> str:
    """Answer what registries call that content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(kind: str, content: bytes) -> Mapping[str, str | int]:
    return {"mediaType": kind, "size": len(content), "digest": digest(content)}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
