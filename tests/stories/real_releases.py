"""Releases of a small real app, and a fake GitHub in a thread that offers them.

The app serves HTTP, keeps what it hears in a database of its own, and says on request what it has kept: so that a test
can ask the running program, and not the disk, whether anything was lost.
"""

import asyncio
import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from doubles.github import FakeGitHub

APP = '''\
"""A small app: /health, /version, /visit?WORD keeps a word for good, /visits tells all that were kept."""
import http.server, json, os, sqlite3, sys, threading
from pathlib import Path

HERE = Path.cwd()
VERSION = (HERE / "VERSION").read_text().strip()
MOOD = (HERE / "MOOD").read_text().strip()
if MOOD == "exits":
    print(f"{VERSION} cannot find its sound card", flush=True)
    sys.exit(3)
(HERE / "data").mkdir(exist_ok=True)
lock = threading.Lock()
db = sqlite3.connect(HERE / "data/visits.db", check_same_thread=False, isolation_level=None)
db.execute("pragma synchronous=full")
try:
    db.execute("create table if not exists visits (word text)")
    db.execute("insert into visits (word) values (?)", (f"start {VERSION}",))
except sqlite3.OperationalError as error:
    print(f"{VERSION} cannot note its start: {error}", flush=True)  # a full disk is no reason to be dark


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, word = self.path.partition("?")
        answer, status = {"version": VERSION, "pid": os.getpid()}, 200
        with lock:
            if path == "/health" and MOOD == "sick":
                answer, status = {"trouble": "the sound card does not answer"}, 500
            elif path == "/visit":
                db.execute("insert into visits (word) values (?)", (word,))
            elif path == "/visits":
                answer["visits"] = [row[0] for row in db.execute("select word from visits")]
                answer["check"] = db.execute("pragma integrity_check").fetchone()[0]
                answer["columns"] = [row[1] for row in db.execute("pragma table_info(visits)")]
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


print(f"{VERSION} starts", flush=True)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.serve_forever(poll_interval=0.05)
'''

MIGRATION = """\
import sqlite3
db = sqlite3.connect("data/visits.db")
db.execute("alter table visits add column colour text default 'sand'")
db.execute("update visits set word = 'migrated ' || word")
db.commit()
print("visits have colours now")
"""

MANIFEST = """\
version: "{version}"
component_type: python_app
component: core
description: what this release wants to be known
update_steps: {steps}
post_update_checks:
  - type: service_active
    description: it is known at once whether it is well
    service_name: core
    timeout_seconds: 1
"""
MIGRATES = """
  - action: run_migrations
    description: give visits their colours
    script: migrate.py"""

UNBUILDABLE = {"requirements.txt": "dunebugger-no-such-part==9\n", "wheels/other-1.0-py3-none-any.whl": ""}
"""With wheels in the release nobody asks an index, so this fails at once and everywhere."""


def settings_file(version: str) -> str:
    """The config file that each release ships, with a new default in each."""
    return f"[lights]\nbrightness = 50\n; as shipped with {version}\n"


def files_of(version: str, mood: str = "well", extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Everything that a release holds."""
    filler = "".join(hashlib.sha256(f"{version} {number}".encode()).hexdigest() for number in range(4000))
    return {
        "app.py": APP,
        "VERSION": f"{version}\n",
        "MOOD": f"{mood}\n",
        "settings.ini": settings_file(version),
        "docs/notes.txt": f"notes of {version}\n",
        "sounds/storm.txt": filler,
        **(extra or {}),
    }


def archive_of(version: str, mood: str = "well", extra: Mapping[str, str] | None = None) -> bytes:
    """The release as a tar.gz, the same bytes each time."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files_of(version, mood, extra).items():
            member = tarfile.TarInfo(f"core-{version}/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), 1, mtime=0)


MOODS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "1.1.0": ("well", {}),
    "1.2.0": ("sick", {}),
    "1.3.0": ("exits", {}),
    "1.4.0": ("well", UNBUILDABLE),
    "1.5.0": ("sick", {"migrate.py": MIGRATION}),
    "1.6.0": ("well", {"migrate.py": MIGRATION}),
    "1.7.0": ("well", {}),
}


class Shelf:
    """One repository of the fake GitHub; what it offers is chosen release by release."""

    def __init__(self, fake: FakeGitHub, name: str) -> None:
        self.repository = name
        self._fake = fake
        self._releases = fake.repository(name).releases

    @property
    def url(self) -> str:
        return self._fake.api_url

    def asset(self, name: str) -> int:
        """The number of a file on offer, with which its address on the second host begins."""
        return next(each.id for release in self._releases for each in release.assets if each.name == name)

    def offer(self, *versions: str) -> None:
        """Offer exactly these."""
        self._releases.clear()
        repository = next(each for each in self._fake.repositories if each.full_name == self.repository)
        for version in versions:
            mood, extra = MOODS[version]
            steps = MIGRATES if "migrate.py" in extra else "[]"
            files = {f"core-{version}.tar.gz": archive_of(version, mood, extra)}
            files["update-manifest.yaml"] = MANIFEST.format(version=version, steps=steps).encode()
            self._fake.release(repository, f"v{version}", files)


class Publisher:
    """A fake GitHub with as many repositories as there are devices to test."""

    def __init__(self, fake: FakeGitHub) -> None:
        self.fake = fake
        self._lock = threading.Lock()
        self._count = 0

    def shelf(self, *versions: str) -> Shelf:
        """A repository of its own, which offers these."""
        with self._lock:
            self._count += 1
            made = Shelf(self.fake, f"dunebugger/core-{self._count}")
        made.offer(*versions)
        return made


@contextmanager
def publisher() -> Iterator[Publisher]:
    """Both of the fake's hosts answer, in a thread of their own, while this lasts."""
    fake = FakeGitHub()
    fake.anonymous_limit = 10**6
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with fake.running():
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="github")
    thread.start()
    try:
        assert ready.wait(10), "the fake GitHub did not start"
        yield Publisher(fake)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
