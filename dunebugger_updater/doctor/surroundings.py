"""What lies around us: the clock, and the server where releases are published (DB-109)."""

import asyncio
from datetime import UTC, datetime

import msgspec

from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.model.codec import from_json
from dunebugger_updater.ports import EffectError
from dunebugger_updater.services.components import obstacle
from dunebugger_updater.wiring import House

PROBE = 10.0
"""Seconds for the server to answer at all."""
CHECK = 40.0
"""Seconds for it to answer about every component."""
_LITTLE = 10
"""Requests: a check of three components takes up to six."""


class _Rate(msgspec.Struct, frozen=True):
    limit: int = 0
    remaining: int | None = None
    reset: int = 0


class _Resources(msgspec.Struct, frozen=True):
    core: _Rate = _Rate()


class _RateLimit(msgspec.Struct, frozen=True):
    """What ``/rate_limit`` says; asking for it costs nothing."""

    resources: _Resources = _Resources()


async def look_at_clock(house: House) -> Findings:
    """Whether the wall clock can be believed."""
    now = house.device.clock.now()
    why_not = house.device.clock.trusted()
    if why_not is None:
        return (fine("clock", f"the clock can be believed: {now:%Y-%m-%d %H:%M} UTC"),)
    return (
        problem(
            "clock",
            f"cannot trust the clock: {why_not}",
            "updates wait for it: certificates, ages and windows depend on it; let the network set it",
            ["timedatectl status", "timedatectl set-ntp true", "journalctl -b -u systemd-timesyncd -n 20 --no-pager"],
        ),
    )


async def look_at_releases(house: House) -> Findings:
    """Whether the release server answers, how often it lets us ask, and what it says about each component."""
    api = house.settings.updater.github_api_url
    try:
        answer = await house.device.web.probe(f"{api}/rate_limit", PROBE)
    except EffectError as error:
        host = api.split("//", 1)[-1].split("/", 1)[0].split(":", 1)[0]
        return (
            warning(
                "releases.reach",
                f"cannot reach the release server: {error}",
                "nothing can be checked or downloaded; what is installed runs on, and rollback works without it",
                [f"getent hosts {host}", f"curl -sS -o /dev/null -w '%{{http_code}}\\n' {api}/rate_limit", "ip route"],
            ),
        )
    found = [fine("releases.reach", f"{api} answers")]
    signed = await _has_token(house)
    found += [] if signed else rate(answer.body, api)
    if any(each.severity == "problem" for each in found):
        return found
    return [*found, *await _asked(house)]


def rate(body: str, api: str) -> list[Finding]:
    """Say how often the server lets this network ask, when that is soon over."""
    try:
        core = from_json(body, _RateLimit).resources.core
    except msgspec.MsgspecError:
        return []  # another server than GitHub's own may not have it
    if core.remaining is None or core.remaining >= _LITTLE:
        return []
    until = f"{datetime.fromtimestamp(core.reset, UTC):%H:%M} UTC" if 0 < core.reset < 2**33 else "soon"
    words = f"the rate limit of {api} for this network: {core.remaining} of {core.limit} requests left until {until}"
    advice = "wait, or give this device a token of its own: githubTokenFile in [Updater]"
    say = warning if core.remaining else problem
    return [say("releases.rate_limit", words, advice, [f"curl -sS {api}/rate_limit"])]


async def _has_token(house: House) -> bool:
    import os  # noqa: PLC0415  (the environment may hold the token; nothing else here needs it)

    return house.settings.updater.github_token_file is not None or bool(os.environ.get("GITHUB_TOKEN"))


async def _asked(house: House) -> Findings:
    try:
        async with asyncio.timeout(CHECK):
            views = await house.watch.check(force=True)
    except TimeoutError:
        return (warning("releases.check", f"the release server did not answer about everything within {CHECK:g} s"),)
    found: list[Finding] = []
    for component in house.settings.components:
        if component.type == "apt" or obstacle(component, house.device):
            continue
        name = f"{component.name}.releases"
        heard = await house.watch.heard(component)
        view = views[component.name]
        if heard.problem is not None:
            found.append(
                problem(
                    name,
                    heard.problem,
                    f"compare repository and source in [Component {component.name}] with what is published",
                    [f"curl -sS {house.settings.updater.github_api_url}/repos/{component.repository}"],
                )
            )
        elif heard.catalogue is not None and not heard.catalogue.releases:
            words = f"{component.repository} has published nothing as {component.source}"
            found.append(
                warning(name, words, f"try source = tags or channel = prerelease in [Component {component.name}]")
            )
        else:
            found.append(fine(name, f"{component.name}: {view.message}"))
        found += [warning(f"{name}.note", f"{component.name}: {text}") for text in view.warnings]
    return found
