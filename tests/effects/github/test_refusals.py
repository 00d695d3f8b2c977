"""Whatever GitHub or the network answers, a person gets a sentence."""

import re
from pathlib import Path

import pytest
from doubles.github import Trouble
from doubles.github_world import CORE, World
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.ports import EffectError


@pytest.mark.req("DB-109")
async def test_a_missing_repository_is_told_as_such(world: World) -> None:
    assert await world.refusal("dunebugger/none") == (
        "cannot find dunebugger/none on GitHub: it does not exist, or is private and the token may not see it"
    )


@pytest.mark.req("DB-109")
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            Trouble(".", 9, status=502, body=b"<html>Unicorn!", headers={"Content-Type": "text/html"}),
            "in trouble (status 502)",
        ),
        (Trouble(".", 9, status=502, body=b'{"error": "Server Error"}'), "in trouble (status 502)"),
        (Trouble(".", 9, status=503), "in trouble (status 503)"),
        (Trouble(".", 9, status=200, body=b"<html>log in", headers={"Content-Type": "text/html"}), "login page"),
        (Trouble(".", 9, status=200, body=b'[{"tag_name": "v'), "cannot understand what"),
        (Trouble("/releases", status=200, body=b'[{"tag_name": 7}]'), "`$[0].tag_name`"),
        (Trouble("/releases", status=200, body=b'{"message": "odd"}'), "Expected `array`, got `object`"),
        (Trouble("/releases", status=200, body=b'[{"tag_name": "\xff"}]'), "cannot understand what"),
        (Trouble(".", 9, cut=20), "the connection broke off"),
        (Trouble(".", 9, status=401, body=b"{}"), "wants a token"),
        (Trouble(".", 9, status=418, body=b'{"message": "teapot"}'), "answered with status 418 teapot"),
        (Trouble(".", 9, status=301), "redirects without saying where"),
        (Trouble(".", 9, status=301, headers={"Location": "/repos/a/b"}), "gave up after 5 hops"),
        (Trouble(".", 9, status=302, headers={"Location": "http://example.org/"}), "only https is followed"),
        (Trouble(".", 9, status=302, headers={"Location": "https://example.org/"}), "may not come from that host"),
        (Trouble(".", 9, status=302, headers={"Location": "https://a:b@github.com/"}), "carries a password"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_refused_in_a_sentence(
    world: World, trouble: Trouble, said: str
) -> None:
    world.fake.release(world.core, "v1")
    world.fake.troubles = [trouble]
    if trouble.status in (301, 302):  # a redirect to the same host leads to a page that redirects as well
        trouble.times = 20
    assert said in await world.refusal()


async def test_an_answer_without_end_is_refused(world: World) -> None:
    world.fake.troubles = [Trouble("/releases", status=200, body=b" " * 8_388_609)]
    assert "larger than 8,388,608 bytes" in await world.refusal()


@pytest.mark.req("DB-109")
async def test_no_network_is_told_as_such(tmp_path: Path) -> None:
    connections = Connections()
    nowhere = GitHub(connections, clock=SmallClock(), api_url="https://api.github.invalid")
    with pytest.raises(EffectError, match=r"cannot reach api\.github\.invalid: name not resolved"):
        await nowhere.catalogue(CORE, "releases", None)
    closed = GitHub(connections, clock=SmallClock(), api_url="http://127.0.0.1:9")
    with pytest.raises(EffectError, match=re.escape("cannot reach 127.0.0.1:9: connection refused")):
        await closed.catalogue(CORE, "releases", None)
    await connections.close()
