"""A release server on loopback: the part of GitHub's API that the updater asks, and the files themselves.

It hands files out at the pace of a home line, so that a download can be watched.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from dunebugger_updater.demo.apps import Release

_PIECE = 65_536
_NUMBER = 1001
"""The repository's, which stays the same whatever its name becomes."""


class ReleaseServer:
    """One project's releases.  ``bytes_per_second`` is the pace of downloads."""

    def __init__(self, repository: str, bytes_per_second: float = 2_500_000) -> None:
        self._repository = repository
        self._pause = _PIECE / bytes_per_second
        self._published: list[tuple[Release, datetime]] = []
        self._url = ""

    @property
    def url(self) -> str:
        """What to write into the configuration as ``githubApiUrl``, while it runs."""
        return self._url

    def publish(self, release: Release) -> None:
        """Make a release public: whoever asks from now on hears of it."""
        self._published.append((release, datetime.now(UTC)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ReleaseServer"]:
        """Answer on a free loopback port while this lasts."""
        app = web.Application()
        for path in (f"/repos/{self._repository}", f"/repositories/{_NUMBER}"):
            app.router.add_get(path, self._about)
            app.router.add_get(f"{path}/releases", self._releases)
        app.router.add_get(f"/{self._repository}/releases/download/{{tag}}/{{name}}", self._file)
        app.router.add_get("/{path:.*}", self._nothing)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    async def _about(self, _: web.Request) -> web.Response:
        return web.json_response({"id": _NUMBER, "full_name": self._repository})

    async def _releases(self, _: web.Request) -> web.Response:
        shown = [self._shape(number, release, at) for number, (release, at) in enumerate(self._published, 1)]
        return web.json_response(shown[::-1])  # newest first, as GitHub lists them

    async def _nothing(self, _: web.Request) -> web.Response:
        return web.json_response({"message": "Not Found"}, status=404)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        tag, name = request.match_info["tag"], request.match_info["name"]
        content = next((release.assets.get(name) for release, _ in self._published if release.tag == tag), None)
        if content is None:
            return await self._nothing(request)
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
        here = f"{self._url}/repos/{self._repository}"
        files = f"{self._url}/{self._repository}/releases/download/{release.tag}"
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
