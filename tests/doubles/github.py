"""A GitHub on this machine, as far as releases are concerned: an API host, and a second host that holds the files.

It behaves as the real one was seen to (``tests/captures/github``, ``tests/contracts/test_fake_github.py``),
and can be told to misbehave in the ways that the real one is known for: see ``Trouble``.
"""

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from doubles.github_shapes import Asset, Entry, Link, Release, Repository, Shapes, Submodule

__all__ = ["Asset", "Entry", "FakeGitHub", "Link", "Release", "Repository", "Submodule", "Trouble"]

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Trouble:
    """What goes wrong for the next ``times`` requests whose path matches ``where`` (a regular expression)."""

    where: str
    times: int = 1
    status: int | None = None
    """Answered instead of the truth; ``None`` answers the truth, damaged as the rest says."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    """The connection ends after that many bytes of the body."""
    stall: float = 0.0
    """Seconds of silence before the body goes on after its first half."""


@dataclass
class Seen:
    """One request that arrived."""

    host: str
    """``api`` or ``files``."""
    method: str
    path: str
    headers: Mapping[str, str]
    status: int = 0


@dataclass
class Bucket:
    """What one token, or everybody without one, may still ask in this hour."""

    limit: int
    reset: float
    used: int = 0


class FakeGitHub:
    """State in plain attributes: change what you like between two requests."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.repositories: list[Repository] = []
        self.renamed: dict[str, int] = {}
        """Former full names, in lower case, and the number of the repository that had them."""
        self.tokens: dict[str, set[str]] = {}
        """Good tokens and what they may: ``push`` sees drafts.  All of them see private repositories."""
        self.buckets: dict[str, Bucket] = {}
        self.anonymous_limit = 60
        self.token_limit = 5000
        self.charge_anonymous_304 = True
        self.header_case: Callable[[str], str] = str
        self.order: Callable[[list[Release]], list[Release]] = lambda found: sorted(found, key=lambda r: -r.id)
        self.link_lifetime = 300.0
        self.ranges = True
        self.etags = True
        self.delay = 0.0
        """Seconds before each answer of the API: the length of the line."""
        self.troubles: list[Trouble] = []
        self.seen: list[Seen] = []
        self.at_once = 0
        self.most_at_once = 0
        """Requests to the API that were waiting for their answer at the same time."""
        self.api_url = ""
        self.files_url = ""
        self._ids = iter(range(100_001, 10**9))

    @property
    def shapes(self) -> Shapes:
        return Shapes(self.api_url, self.api_url)

    def repository(self, full_name: str, *, id: int | None = None, private: bool = False) -> Repository:  # noqa: A002  (GitHub's word)
        made = Repository(id or next(self._ids), full_name, private=private)
        self.repositories.append(made)
        return made

    def rename(self, repository: Repository, full_name: str) -> None:
        self.renamed[repository.full_name.lower()] = repository.id
        repository.full_name = full_name

    def release(
        self, repository: Repository, tag: str, files: Mapping[str, bytes] | None = None, *, prerelease: bool = False
    ) -> Release:
        assets = [Asset(next(self._ids), name, content) for name, content in (files or {}).items()]
        made = Release(next(self._ids), tag, prerelease=prerelease, assets=assets)
        repository.releases.append(made)
        repository.tags.setdefault(tag, COMMIT)
        repository.trees.setdefault(COMMIT, {})
        return made

    def asset(self, asset_id: int) -> tuple[Repository, Release, Asset] | None:
        for repository in self.repositories:
            for release in repository.releases:
                for asset in release.assets:
                    if asset.id == asset_id:
                        return repository, release, asset
        return None

    def trouble(self, path: str) -> Trouble | None:
        """What goes wrong with a request for ``path``, used up as it is asked for."""
        for trouble in self.troubles:
            if trouble.times > 0 and re.search(trouble.where, path):
                trouble.times -= 1
                return trouble
        return None

    def bucket(self, token: str | None) -> Bucket:
        limit = self.token_limit if token in self.tokens else self.anonymous_limit
        key = token if token is not None and token in self.tokens else ""
        bucket = self.buckets.setdefault(key, Bucket(limit, self.now() + 3600))
        if self.now() >= bucket.reset:
            bucket = self.buckets[key] = Bucket(limit, self.now() + 3600)
        return bucket

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["FakeGitHub"]:
        """Both hosts answer on loopback while this lasts: the API on ``port``, any free one by default."""
        from doubles import github_api, github_files  # noqa: PLC0415  (they are built over this class)

        runners = []
        try:
            for module, place in ((github_api, port), (github_files, 0)):
                app = web.Application()
                app.router.add_route("*", "/{path:.*}", module.Host(self).answer)
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
                await runner.setup()
                runners.append(runner)
                await web.TCPSite(runner, "127.0.0.1", place).start()
            self.api_url, self.files_url = (f"http://127.0.0.1:{runner.addresses[0][1]}" for runner in runners)
            yield self
        finally:
            for runner in runners:
                await runner.cleanup()

    def asked(self, host: str = "api") -> list[str]:
        """``METHOD path`` of each request so far, in order."""
        return [f"{seen.method} {seen.path}" for seen in self.seen if seen.host == host]
