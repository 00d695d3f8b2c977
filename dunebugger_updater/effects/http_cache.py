"""Answers kept on disk with their ETag, so that asking again costs GitHub and us next to nothing.

One file per (address, media type, token): GitHub's ETags differ by all three.  The file is a line of JSON, then the
body; whatever is wrong with it only means that the answer is fetched again.
"""

import contextlib
import hashlib
import itertools
import os
import tempfile
from pathlib import Path

import msgspec

KEPT = 400
"""Files, and a few more until the next look.  The ones unused for longest go first."""

_TRIM_EVERY = 100


class Kept(msgspec.Struct, frozen=True):
    """One answer that was worth keeping."""

    etag: str
    body: bytes
    link: str = ""
    """The ``Link`` header, which a 304 need not repeat."""
    kind: str = ""
    """The media type of the body."""


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    etag: str
    sha256: str
    link: str
    kind: str
    asked: str
    """The address that was asked: for a person who looks into the file."""


class HttpCache:
    """``directory`` holds nothing else, and may be emptied at any time.  ``None`` keeps nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._puts = itertools.count()

    def get(self, url: str, accept: str, token: str | None) -> Kept | None:
        """What is kept, or ``None`` when there is nothing, or nothing sound."""
        if self._directory is None:
            return None
        path = self._directory / _name(url, accept, token)
        try:
            line, _, body = path.read_bytes().partition(b"\n")
            head = msgspec.json.decode(line, type=_Head)
        except (OSError, msgspec.MsgspecError):
            return None
        if hashlib.sha256(body).hexdigest() != head.sha256:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # so that what is used stays
        return Kept(head.etag, body, head.link, head.kind)

    def put(self, url: str, accept: str, token: str | None, kept: Kept) -> None:
        """Keep an answer.  A full or read-only disk is no reason to fail a check, so nothing is raised."""
        if self._directory is None:
            return
        head = _Head(kept.etag, hashlib.sha256(kept.body).hexdigest(), kept.link, kept.kind, url)
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd, new = tempfile.mkstemp(dir=self._directory, prefix=".new-")
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(msgspec.json.encode(head) + b"\n" + kept.body)
                Path(new).replace(self._directory / _name(url, accept, token))
            except OSError:
                Path(new).unlink(missing_ok=True)
                raise
        if next(self._puts) % _TRIM_EVERY == 0:
            self._trim()

    def _trim(self) -> None:
        # All but the files that were used last go, and what a power cut left half written an hour ago or earlier.
        assert self._directory is not None  # noqa: S101  (see put)
        used = []
        with contextlib.suppress(OSError):
            for path in self._directory.iterdir():
                with contextlib.suppress(OSError):  # another answer may just have got its real name
                    used.append((path.stat().st_mtime, path))
        used.sort()
        newest = used[-1][0] if used else 0.0
        whole = [path for _, path in used if not path.name.startswith(".new-")]
        torn = [path for when, path in used if path.name.startswith(".new-") and when < newest - 3600]
        for path in [*whole[: max(0, len(whole) - KEPT)], *torn]:
            with contextlib.suppress(OSError):
                path.unlink()


def _name(url: str, accept: str, token: str | None) -> str:
    # The token is part of the key but must not be readable, nor guessable, from the name: it is hashed with the rest.
    fingerprint = hashlib.sha256(f"token\0{token}".encode()).hexdigest() if token else ""
    return hashlib.sha256(f"{url}\0{accept}\0{fingerprint}".encode()).hexdigest()[:40]
