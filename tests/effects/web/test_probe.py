"""What a health probe hears."""

import asyncio

import pytest
from aiohttp import web
from doubles.web_world import World, site
from yarl import URL

from dunebugger_updater.ports import EffectError


async def test_a_probe_hears_status_and_the_beginning_of_the_body(world: World) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="ä" + "x" * 100_000 if request.path == "/long" else "not yet")

    async with site(page) as url:
        answer = await world.web.probe(f"{url}/health", 5)
        assert (answer.status, answer.body) == (503, "not yet")
        assert len((await world.web.probe(f"{url}/long", 5)).body.encode()) == 65_536


async def test_a_probe_does_not_follow_a_redirect(world: World) -> None:
    async def redirect(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/login"})

    async with site(redirect) as url:
        assert (await world.web.probe(f"{url}/health", 5)).status == 302


async def test_a_probe_that_nobody_answers_says_why(world: World) -> None:
    async def late(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with site(late) as url:
        host = str(URL(url).authority)
        with pytest.raises(EffectError, match=f"cannot reach {host}: timed out"):
            await world.web.probe(url, 0.1)
    with pytest.raises(EffectError, match=f"cannot reach {host}: connection refused"):
        await world.web.probe(url, 5)
    with pytest.raises(EffectError, match="cannot reach"):
        await world.web.probe("not an address", 5)
