"""The host that holds the files of the fake GitHub: signed links that expire, ranges, and no patience with tokens."""

import asyncio
import re
from collections.abc import Mapping

from aiohttp import web
from doubles.github import FakeGitHub, Seen, Trouble


class Host:
    def __init__(self, fake: FakeGitHub) -> None:
        self.fake = fake

    async def answer(self, request: web.Request) -> web.StreamResponse:
        fake = self.fake
        seen = Seen("files", request.method, request.raw_path, dict(request.headers))
        fake.seen.append(seen)
        if "Authorization" in request.headers:
            return web.Response(status=400, text="Only one auth mechanism allowed")
        found = fake.asset(int(request.path.split("/")[1])) if re.match(r"/\d+/", request.path) else None
        if found is None:
            return web.Response(status=404)
        trouble = fake.trouble(request.raw_path)
        if trouble and trouble.status is not None:
            seen.status = trouble.status
            return web.Response(status=trouble.status, body=trouble.body, headers=trouble.headers)
        if float(request.query.get("se", "inf")) < fake.now():
            seen.status = 403
            return web.Response(
                status=403, text="AuthenticationFailed: Signature not valid in the specified time frame"
            )
        asset = found[2]
        headers = {"Content-Type": "application/octet-stream"}
        if fake.etags:
            headers["ETag"] = asset.etag
        status, body = 200, asset.content
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if fake.ranges:
            headers["Accept-Ranges"] = "bytes"
            if asked and request.headers.get("If-Range", asset.etag) == asset.etag:
                start = int(asked[1])
                if start >= len(body):
                    seen.status = 416
                    return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                status, body = 206, body[start:]
        seen.status = status
        return await damaged(request, status, headers, body, trouble)


async def damaged(
    request: web.Request, status: int, headers: Mapping[str, str], body: bytes, trouble: Trouble | None
) -> web.StreamResponse:
    """The answer, as damaged as ``trouble`` says."""
    if trouble is None or (trouble.cut is None and not trouble.stall):
        return web.Response(status=status, body=body, headers=headers)
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(body))})
    await response.prepare(request)
    first = len(body) // 2 if trouble.cut is None else min(trouble.cut, len(body))
    await response.write(body[:first])
    if trouble.cut is not None:
        if request.transport is not None:
            request.transport.close()
        return response
    await asyncio.sleep(trouble.stall)
    await response.write(body[first:])
    return response
