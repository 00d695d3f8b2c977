"""A release server on loopback: the part of GitHub's API that the updater asks, and the files themselves.

It hands files out at the pace of a home line, so that a download can be watched.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from dunebugger_updater.demo.apps import Release

_PIECE = 65_536
_FIRST_NUMBER = 1001
"""The first repository's, which stays the same whatever its name becomes."""


class ReleaseServer:
    """The releases of some projects.  ``bytes_per_second`` is the pace of downloads."""

    def __init__(self, *repositories: str, bytes_per_second: float = 2_500_000) -> None:
        self._repositories = repositories
        self._pause = _PIECE / bytes_per_second
        self._published: dict[str, list[tuple[Release, datetime]]] = {each: [] for each in repositories}
        self._url = ""

    @property
    def url(self) -> str:
        """What to write into the configuration as ``githubApiUrl``, while it runs."""
        return self._url

    def publish(self, release: Release, repository: str | None = None) -> None:
        """Make a release public, of the first project unless told: whoever asks from now on hears of it."""
        self._published[repository or self._repositories[0]].append((release, datetime.now(UTC)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ReleaseServer"]:
        """Answer on a free loopback port while this lasts."""
        app = web.Application()
        for number, repository in enumerate(self._repositories, _FIRST_NUMBER):
            project = _Project(self._url_now, number, repository, self._published[repository], self._pause)
            for path in (f"/repos/{repository}", f"/repositories/{number}"):
                app.router.add_get(path, project.about)
                app.router.add_get(f"{path}/releases", project.releases)
            app.router.add_get(f"/{repository}/releases/download/{{tag}}/{{name}}", project.file)
        app.router.add_get("/{path:.*}", _nothing)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    def _url_now(self) -> str:
        return self._url


class _Project:
    """One repository's part of the server."""

    def __init__(
        self,
        url: Callable[[], str],
        number: int,
        repository: str,
        published: Sequence[tuple[Release, datetime]],
        pause: float,
    ) -> None:
        self._url, self._number, self._repository = url, number, repository
        self._published, self._pause = published, pause

    async def about(self, _: web.Request) -> web.Response:
        return web.json_response({"id": self._number, "full_name": self._repository})

    async def releases(self, _: web.Request) -> web.Response:
        shown = [self._shape(number, release, at) for number, (release, at) in enumerate(self._published, 1)]
        return web.json_response(shown[::-1])  # newest first, as GitHub lists them

    async def file(self, request: web.Request) -> web.StreamResponse:
        tag, name = request.match_info["tag"], request.match_info["name"]
        content = next((release.assets.get(name) for release, _ in self._published if release.tag == tag), None)
        if content is None:
            return await _nothing(request)
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(asked[1]) if asked and request.headers.get("If-Range", etag) == etag else 0
        if start >= len(content):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers["Content-Length"] = str(len(content) - start)
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        for at in range(start, len(content), _PIECE):
            await response.write(content[at : at + _PIECE])
            await asyncio.sleep(self._pause)
        return response

    def _shape(self, number: int, release: Release, at: datetime) -> dict[str, object]:
        """The release in GitHub's words, as far as anybody reads them."""
        here = f"{self._url()}/repos/{self._repository}"
        files = f"{self._url()}/{self._repository}/releases/download/{release.tag}"
        return {
            "id": number,
            "url": f"{here}/releases/{number}",
            "tag_name": release.tag,
            "draft": False,
            "prerelease": False,
            "published_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "body": release.notes,
            "assets": [
                {
                    "name": name,
                    "url": f"{files}/{name}",
                    "browser_download_url": f"{files}/{name}",
                    "size": len(content),
                    "state": "uploaded",
                    "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
                }
                for name, content in release.assets.items()
            ],
        }


async def _nothing(_: web.Request) -> web.Response:
    return web.json_response({"message": "Not Found"}, status=404)
