"""An image registry on loopback, where engines ask without TLS: the part of the registry API that a pull needs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from dunebugger_updater.demo.images import MANIFEST_TYPE, Image

_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


@asynccontextmanager
async def handing_out(repository: str, images: Sequence[Image]) -> AsyncIterator[str]:
    """Hand ``images`` out, each by its version as tag, while this lasts; answer the name to pull them by."""
    manifests = {name: each for each in images for name in (each.version, each.digest)}
    blobs = {name: content for each in images for name, content in each.blobs.items()}

    async def about(_: web.Request) -> web.Response:
        return web.json_response({}, headers=_VERSION)

    async def manifest(request: web.Request) -> web.Response:
        found = manifests.get(request.match_info["name"])
        if found is None:
            return _unknown("MANIFEST_UNKNOWN")
        headers = {**_VERSION, "Docker-Content-Digest": found.digest, "Content-Type": MANIFEST_TYPE}
        return web.Response(body=found.manifest, headers=headers)

    async def blob(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in blobs:
            return _unknown("BLOB_UNKNOWN")
        headers = {**_VERSION, "Docker-Content-Digest": name, "Content-Type": "application/octet-stream"}
        return web.Response(body=blobs[name], headers=headers)

    app = web.Application()
    app.router.add_get("/v2/", about)  # each of them answers HEAD as well
    app.router.add_get(f"/v2/{repository}/manifests/{{name}}", manifest)
    app.router.add_get(f"/v2/{repository}/blobs/{{name}}", blob)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"127.0.0.1:{runner.addresses[0][1]}/{repository}"
    finally:
        await runner.cleanup()


def _unknown(code: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": "not here"}]}, status=404, headers=_VERSION)
