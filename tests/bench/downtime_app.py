"""The app whose downtime is measured: a small HTTP server of 40 modules, in releases of 200 MB and 5,000 files."""

import gzip
import io
import os
import random
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

FILES, SIZE = 5_000, 200_000_000
LOCAL_FILES, LOCAL_SIZE = 500, 50_000_000
MODULES = 40

APP = '''\
"""Answers with its version and pid; keeps a database and a file that changes all the time; ends in order on SIGTERM."""
import asyncio, email, json, logging, os, signal, sqlite3, sys, urllib.request
from pathlib import Path
import parts

HERE = Path.cwd()
VERSION = (HERE / "VERSION").read_text().strip()
BODY = json.dumps({"version": VERSION, "pid": os.getpid()}).encode()
ANSWER = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(BODY), BODY)


async def answer(reader, writer):
    try:
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(ANSWER)
        await writer.drain()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    (HERE / "data").mkdir(exist_ok=True)
    db = sqlite3.connect(HERE / "data/visits.db", isolation_level=None)
    db.execute("create table if not exists starts (version text)")
    db.execute("insert into starts values (?)", (VERSION,))
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]))
    number = 0
    while not over.is_set():
        number += 1
        (HERE / "data/state.json").write_text(json.dumps({"number": number, "parts": parts.total()}))
        try:
            await asyncio.wait_for(over.wait(), 0.2)
        except asyncio.TimeoutError:
            pass
    server.close()
    db.close()


asyncio.run(main())
'''


def _module(number: int) -> bytes:
    lines = [f'"""Part {number}."""', ""]
    for each in range(12):
        lines += [
            f"def part_{each}(first, second={each}, *others, **named):",
            f'    """Do the {each}th thing."""',
            f"    total = {number} + second",
            "    for other in others:",
            "        if isinstance(other, (int, float)) and other > total:",
            "            total += other * 2 - second",
            "        elif other is not None:",
            '            named.setdefault(str(other), {"total": total, "first": first})',
            "    return total, [value for key, value in named.items() if key != 'none']",
            "",
        ]
    return "\n".join(lines).encode()


def _code() -> Mapping[str, bytes]:
    names = [f"part_{number}" for number in range(MODULES)]
    imports = "\n".join(f"from parts import {name}" for name in names)
    total = f"def total():\n    return sum(each.part_0(1)[0] for each in ({', '.join(names)}))\n"
    modules = {f"parts/{name}.py": _module(number) for number, name in enumerate(names)}
    return {
        "app.py": APP.encode(),
        "requirements.txt": b"# nothing beyond Python itself\n",
        "settings.ini": b"[lights]\nbrightness = 50\n",
        "parts/__init__.py": f"{imports}\n\n\n{total}".encode(),
        **modules,
    }


def _assets(files: int, size: int) -> Iterator[tuple[str, bytes]]:
    """Sounds and pictures: they do not compress, and no two are alike."""
    pool = random.Random(1).randbytes(4_000_000)
    each = size // files
    for number in range(files):
        start = random.Random(number).randrange(len(pool) - each)
        yield f"sounds/{number % 50:02}/{number:05}.wav", b"%08d" % number + pool[start : start + each - 8]


class Releases:
    """Archives of one app, alike but for their ``VERSION``; the large part of them is compressed only once."""

    def __init__(self, files: int = FILES, size: int = SIZE) -> None:
        code = _code()
        self._body = _packed({**code, **dict(_assets(files - len(code) - 1, size))}, ends=True)

    def archive(self, version: str) -> bytes:
        """As tar.gz."""
        return _packed({"VERSION": f"{version}\n".encode()}, ends=False) + self._body


def _packed(files: Mapping[str, bytes], *, ends: bool) -> bytes:
    raw = io.BytesIO()
    tar = tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT)  # noqa: SIM115  (not always ended)
    for name, content in files.items():
        member = tarfile.TarInfo(f"core/{name}")
        member.size, member.mtime = len(content), 1_700_000_000
        tar.addfile(member, io.BytesIO(content))
    if ends:
        tar.close()
    return gzip.compress(raw.getvalue(), 1, mtime=0)


def add_local_data(install: Path, files: int = LOCAL_FILES, size: int = LOCAL_SIZE) -> None:
    """What the owner and the app have there beyond the release."""
    pool = os.urandom(1_000_000)
    for number in range(files):
        file = install / f"data/recordings/{number % 10}/{number:04}.rec"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((b"%08d" % number + pool)[: size // files])
    (install / "settings.ini").write_text("[lights]\nbrightness = 80\n")


def main() -> None:
    """Be the fake GitHub: offer what each line of standard input names, as ``VERSION ARCHIVE``."""
    import asyncio  # noqa: PLC0415  (whoever only makes releases needs neither)

    from doubles.github import FakeGitHub  # noqa: PLC0415  (as above)

    async def serve() -> None:
        fake = FakeGitHub()
        fake.anonymous_limit = 10**6
        repository = fake.repository("dunebugger/core")
        async with fake.running():
            print(fake.api_url, flush=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                version, path = line.rstrip("\n").split(" ", 1)
                repository.releases.clear()
                fake.release(repository, f"v{version}", {f"core-{version}.tar.gz": Path(path).read_bytes()})
                print("offered", flush=True)

    asyncio.run(serve())


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
