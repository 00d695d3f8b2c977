"""The demo's container images, byte by byte: what an engine and a kernel make of them."""

import gzip
import hashlib
import io
import json
import platform
import signal
import struct
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dunebugger_updater.demo.image_registry import handing_out
from dunebugger_updater.demo.images import MACHINES, Image, image, layer, program

NUMBERS = {"x86_64": 62, "aarch64": 183}


def named(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def made(version: str = "1.0.0", mark: str = "here") -> Image:
    return image(version, MACHINES["x86_64"], {"mark": mark})


def parts(made: Image) -> tuple[Any, Any, bytes]:
    manifest = json.loads(made.manifest)
    return manifest, json.loads(made.blobs[manifest["config"]["digest"]]), made.blobs[manifest["layers"][0]["digest"]]


@pytest.mark.parametrize("name", MACHINES)
def test_the_program_is_one_segment_that_begins_with_its_code(name: str) -> None:
    made = program(MACHINES[name])
    kind, number, _, entry, table = struct.unpack_from("<HHIQQ", made, 16)
    assert made[:7] == b"\x7fELF\x02\x01\x01"
    assert (kind, number, table) == (2, NUMBERS[name], 64)
    assert struct.unpack_from("<HHH", made, 52) == (64, 56, 1)
    loaded, rights, offset, address, _, on_disk, in_memory, align = struct.unpack_from("<IIQQQQQQ", made, table)
    assert (loaded, rights, offset) == (1, 5, 0)
    assert (on_disk, in_memory, address % align) == (len(made), len(made), 0)
    assert made[entry - address :] == MACHINES[name].code
    assert len(made) < 160


@pytest.mark.parametrize(("name", "jump"), [("x86_64", -9), ("aarch64", -7)])
def test_after_a_signal_the_code_begins_anew(name: str, jump: int) -> None:
    code = MACHINES[name].code
    if name == "x86_64":
        assert (code[-2], struct.unpack("b", code[-1:])[0], len(code)) == (0xEB, jump, -jump)
    else:
        (branch,) = struct.unpack("<I", code[-4:])
        assert (branch >> 26, (branch & 0x3FFFFFF) - (1 << 26), len(code) // 4 - 1) == (0b000101, jump, -jump)


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="no program is made for this machine")
def test_the_program_waits_until_it_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "lights"
    file.write_bytes(program(MACHINES[platform.machine()]))
    file.chmod(0o755)
    with subprocess.Popen([file]) as running:
        running.send_signal(signal.SIGCONT)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.2)
        running.kill()
    assert running.returncode == -signal.SIGKILL


def test_the_layer_holds_the_program_and_nothing_else() -> None:
    with tarfile.open(fileobj=io.BytesIO(layer(b"content"))) as files:
        (member,) = files.getmembers()
        content = files.extractfile(member)
        assert content is not None
        assert (member.name, member.mode, content.read()) == ("lights", 0o755, b"content")


def test_every_digest_and_size_in_the_manifest_is_that_of_the_content() -> None:
    manifest, config, packed = parts(made())
    told = [manifest["config"], *manifest["layers"]]
    assert [(each["digest"], each["size"]) for each in told] == [
        (named(content), len(content)) for content in made().blobs.values()
    ]
    assert config["rootfs"]["diff_ids"] == [named(gzip.decompress(packed))]
    assert made().digest == named(made().manifest)
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_the_configuration_tells_the_version_and_that_it_may_be_ended_at_once() -> None:
    _, config, _ = parts(made("1.1.0"))
    assert config["config"]["Labels"] == {"org.opencontainers.image.version": "1.1.0", "mark": "here"}
    assert (config["config"]["Cmd"], config["config"]["StopSignal"]) == (["/lights"], "SIGKILL")


def test_the_same_is_made_again_but_another_demo_has_images_of_its_own() -> None:
    assert made() == made()
    assert made().digest != made(mark="there").digest
    assert made().digest != made("1.1.0").digest


async def test_the_registry_hands_out_by_tag_and_by_digest_and_knows_nothing_else() -> None:
    one = made()
    async with handing_out("lights", [one]) as name, aiohttp.ClientSession() as client:
        base = f"http://{name.replace('/', '/v2/')}"
        for tag in ("1.0.0", one.digest):
            async with client.get(f"{base}/manifests/{tag}") as answer:
                assert await answer.read() == one.manifest
                assert answer.headers["Docker-Content-Digest"] == one.digest
                assert answer.content_type == json.loads(one.manifest)["mediaType"]
            async with client.head(f"{base}/manifests/{tag}") as answer:
                assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(one.manifest)))
        for digest, content in one.blobs.items():
            async with client.get(f"{base}/blobs/{digest}") as answer:
                assert await answer.read() == content
        for other in ("manifests/2.0.0", f"blobs/{named(b'')}"):
            async with client.get(f"{base}/{other}") as answer:
                assert answer.status == 404
