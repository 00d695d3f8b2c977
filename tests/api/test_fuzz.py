"""Whatever a program without good will sends on the WebSocket: nothing breaks, and nothing changes."""

import base64
import json
import os
import random
import struct
from collections.abc import Callable

import pytest
from doubles.edge import OWNER, VIEWER, Edge, Line

SUBJECTS = (
    "updater.check_updates",
    "updater.perform_update",
    "updater.rollback",
    "updater.cancel",
    "updater.get_run",
    "updater.get_history",
    "updater.get_versions",
    "actions.create",
    "updater.",
    ".",
    "",
    "updater.__class__",
    "x" * 300,
    "presepe.start",
)
VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**400,
    float("1e308"),
    "",
    "core",
    "../..",
    "\x00",
    "\ud800",
    "a" * 2000,
    [],
    [[]],
    {},
    {"component": "core"},
    ["core"],
    "'; drop table runs; --",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "\u202e",
)
KEYS = ("component", "dry_run", "version", "to", "force", "components", "run", "limit", "x", "", "__proto__")
Dice = random.Random


def made_up(dice: Dice) -> str:
    """A frame that is nearly good."""
    body: object = dice.choice(VALUES)
    if dice.random() < 0.7:
        body = {dice.choice(KEYS): dice.choice(VALUES) for _ in range(dice.randrange(4))}
    frame: dict[str, object] = {"subject": dice.choice(SUBJECTS), "source": "frontend", "body": body}
    if dice.random() < 0.5:
        frame["id"] = dice.choice(VALUES)
    if dice.random() < 0.2:
        frame[dice.choice(("subject", "source", "body", "id", "extra"))] = dice.choice(VALUES)
    text = json.dumps(frame)
    if dice.random() < 0.3:  # and then not good at all
        where = dice.randrange(len(text))
        text = (
            text[:where]
            + dice.choice(("", "{", '"', "\x00", "é", "[" * 3000, "\\u12"))
            + text[where + dice.randrange(3) :]
        )
    return text


@pytest.mark.parametrize("count", [500, pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
async def test_no_frame_breaks_the_socket_or_changes_anything_for_a_viewer(
    served: Edge, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(count)
    async with served.line(VIEWER) as line, served.line(OWNER) as other:
        for number in range(count):
            await line.socket.send_str(made_up(dice))
            if number % 7 == 6:
                await settled(line, number)
            if number % 300 == 299:  # often enough to answer the heartbeats that wait there
                assert await other.alive()
        assert await other.alive()
    assert served.fleet.asked == []
    assert served.accounts.entries == []
    assert "Traceback" not in caplog.text


async def settled(line: Line, number: int) -> None:
    """Hear everything up to the answer of a question of our own."""
    await line.say("updater.get_versions", id=f"n{number}")
    while True:
        told = await line.hear()
        assert told["source"] == "controller"
        if told.get("re") == f"n{number}":
            if told["subject"] == "versions":
                return
            assert told["body"]["code"] == "too_many_requests"
            await line.say("updater.get_versions", id=f"n{number}")


def frame(opcode: int, content: bytes, *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame of RFC 6455, good or bad."""
    head = bytes([(0x80 if last else 0) | reserved << 4 | opcode])
    mask = 0x80 if masked else 0
    size = len(content)
    if size < 126:
        head += bytes([mask | size])
    elif size < 65_536:
        head += bytes([mask | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", size)
    key = b"\x01\x02\x03\x04"
    return head + (key + bytes(byte ^ key[n % 4] for n, byte in enumerate(content)) if masked else content)


BAD_WIRE: dict[str, Callable[[], bytes]] = {
    "not utf-8": lambda: frame(1, b"\xff\xfe\x80"),
    "an unknown opcode": lambda: frame(3, b"x"),
    "a reserved bit": lambda: frame(1, b"{}", reserved=4),
    "no mask": lambda: frame(1, b"{}", masked=False),
    "a continuation of nothing": lambda: frame(0, b"x"),
    "a second beginning": lambda: frame(1, b"{", last=False) + frame(1, b"}"),
    "a ping in pieces": lambda: frame(9, b"x", last=False),
    "a ping too long": lambda: frame(9, b"x" * 126),
    "a close of one byte": lambda: frame(8, b"x"),
    "a close with a bad code": lambda: frame(8, struct.pack(">H", 999)),
    "a size beyond everything": lambda: bytes([0x81, 0xFF]) + struct.pack(">Q", 2**63) + b"1234",
    "many pieces that are too much": lambda: (
        frame(1, b"a" * 30_000, last=False) + frame(0, b"a" * 30_000, last=False) * 3
    ),
    "a thousand pings": lambda: frame(9, b"x") * 1000 + frame(8, struct.pack(">H", 1000)),
    "noise": lambda: random.Random(1).randbytes(2000),
    "http": lambda: b"GET /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_WIRE)
async def test_what_is_no_websocket_ends_its_own_connection_only(
    served: Edge, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /ws?token=owner-token HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    async with served.line() as other:
        heard = await served.raw(head.encode() + BAD_WIRE[name]())
        assert heard.startswith(b"HTTP/1.1 101")
        assert b"HTTP/1.1" not in heard[12:]
        assert await other.alive()
    assert served.fleet.asked == []
    assert "Traceback" not in caplog.text


async def test_a_message_in_pieces_is_one_message(served: Edge) -> None:
    text = b'{"subject": "updater.get_versions", "source": "x", "body": {}, "id": "pieces"}'
    head = (
        f"GET /ws?token=viewer-token HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    pieces = frame(1, text[:20], last=False) + frame(9, b"ping") + frame(0, text[20:])
    heard = await served.raw(head.encode() + pieces)
    assert b'"re":"pieces"' in heard
