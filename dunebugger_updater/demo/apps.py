"""The made-up app of the demo, *lantern*, and its releases as a project would publish them: archive and manifest.

1.0.0, 1.1.0 and 1.3.0 are good.  1.2.0 starts and stays up, but it cannot do its work and says so on its health
address: the kind of fault that only shows on the device itself.
"""

import gzip
import hashlib
import io
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping

import msgspec

from dunebugger_updater.manifest import Artifact, Facts, generate, to_yaml

APP = "lantern"
REPOSITORY = f"demo/{APP}"
SETTINGS = "settings.ini"
COUNTER = "visits.db"
GOOD, BETTER, BROKEN, BEST = "1.0.0", "1.1.0", "1.2.0", "1.3.0"

_SOUND_BYTES = 2_500_000
"""Makes the download long enough to be seen."""
_PATIENCE, _IMPATIENCE = 30, 4
"""Seconds that a release may take to become well, as its manifest says.  The viewer waits for the broken one."""

_CODE = '''\
"""lantern: greets whoever comes by, and counts the visits.  Made up for the demo of DuneBugger Updater."""

import configparser
import json
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
{imports}
HERE = Path(__file__).resolve().parent
VERSION = (HERE / "VERSION").read_text().strip()


def log(text):
    print(time.strftime("%H:%M:%S"), VERSION, text, file=sys.stderr, flush=True)


def greeting():
    settings = configparser.ConfigParser()
    settings.read(HERE / "settings.ini")
    return settings["lantern"]["greeting"]


def count_visit():
    with closing(sqlite3.connect(HERE / "visits.db")) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS visits (at REAL)")
        database.execute("INSERT INTO visits VALUES (?)", (time.time(),))
        return database.execute("SELECT count(*) FROM visits").fetchone()[0]


def problem():
    """What keeps this version from doing its work, or None."""
{problem}

class Visitor(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            ill = problem()
            self.answer(500 if ill else 200, ill or "well")
        else:
            told = {{"version": VERSION, "greeting": greeting(), "visits": count_visit()}}
{more}            self.answer(200, json.dumps(told))

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


log("listening on port " + sys.argv[1])
if ill := problem():
    log("ERROR " + ill)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Visitor).serve_forever()
'''
_WELL = "    return None\n"
_NO_SPEAKER = """\
    try:
        open("/dev/snd/by-id/lantern-speaker", "rb").close()
    except OSError as error:
        return f"cannot open {error.filename}: {error.strerror}"
    return None
"""


class Release(msgspec.Struct, frozen=True):
    """What a project publishes at one moment."""

    version: str
    notes: str
    assets: Mapping[str, bytes]
    """File name to content."""

    @property
    def tag(self) -> str:
        """As the project writes it."""
        return f"v{self.version}"


def good() -> Release:
    """1.0.0: what the device has to begin with.  It needs nothing but Python."""
    return _release(GOOD, "The first one.", {"app.py": _code(), SETTINGS: _settings()})


def better() -> Release:
    """1.1.0: brings a Python package along, a setting more, and a sound."""
    return _release(BETTER, "- tells the tide\n- sound of waves", _with_tide("waves"))


def broken() -> Release:
    """1.2.0: wants a speaker that this device has not."""
    files = {
        "app.py": _code(problem=_NO_SPEAKER),
        SETTINGS: _settings("colour = warm"),
        "sounds/gulls.raw": _sound("gulls"),
    }
    return _release(BROKEN, "- gulls, through the speaker", files, patience=_IMPATIENCE)


def best() -> Release:
    """1.3.0: the gulls again, for everybody."""
    notes = "Gulls that **need no speaker**, for those who could not take 1.2.0.\n\n- tells the tide again"
    return _release(BEST, notes, _with_tide("waves", "gulls"))


def wheel(name: str, version: str, code: str) -> bytes:
    """A wheel with one module, as the binary distribution format asks for it (PEP 427)."""
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path, text in files.items():
            file.writestr(path, text)
    return packed.getvalue()


def _release(version: str, notes: str, files: Mapping[str, bytes], patience: int = _PATIENCE) -> Release:
    name, content = f"{APP}-{version}.tar.gz", _archive({"VERSION": f"{version}\n".encode(), **files})
    facts = Facts(
        version=version,
        component_type="python_app",
        component=APP,
        description=f"{APP} {version}",
        artifacts=(Artifact(name, len(content), hashlib.sha256(content).hexdigest()),),
        service=APP,
        requirements_file="requirements.txt" if "requirements.txt" in files else None,
        minimum_mb=50,
        start_limit=patience,
        repo=REPOSITORY,
    )
    manifest = to_yaml(generate(facts)).encode()
    return Release(version, notes, {name: content, "update-manifest.yaml": manifest})


def _with_tide(*sounds: str) -> Mapping[str, bytes]:
    return {
        "app.py": _code(
            imports="\nimport tidewords\n", more='            told["tide"] = tidewords.tide(time.gmtime().tm_hour)\n'
        ),
        SETTINGS: _settings("colour = warm"),
        "requirements.txt": b"tidewords==1.0\n",
        "wheels/tidewords-1.0-py3-none-any.whl": wheel(
            "tidewords", "1.0", 'def tide(hour):\n    return "rising" if hour % 12 < 6 else "falling"\n'
        ),
        **{f"sounds/{name}.raw": _sound(name) for name in sounds},
    }


def _archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as t,
    ):
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            t.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _code(imports: str = "", problem: str = _WELL, more: str = "") -> bytes:
    return _CODE.format(imports=imports, problem=problem, more=more).encode()


def _settings(*more: str) -> bytes:
    return "\n".join(["[lantern]", "greeting = Hello", *more, ""]).encode()


def _sound(name: str) -> bytes:
    """Noise, which cannot be packed any smaller, and is the same each time."""
    return hashlib.shake_256(name.encode()).digest(_SOUND_BYTES)


def _digest(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
