"""The process of the updater: it tries others out, asks itself, and knows whose fault a failed look is."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from doubles.github import FakeGitHub
from doubles.small_clock import SmallClock
from doubles.web_world import site
from yarl import URL

from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.effects.itself import OwnProcess
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.settings import Panel, Settings, Updater
from dunebugger_updater.model.trial import FACTORY
from dunebugger_updater.ports import EffectError, Releases, UnreachableError

LAUNCHED = {"DUNEBUGGER_UPDATER_SLOTS": "/home", "DUNEBUGGER_UPDATER_SLOT": "1.1.0-abc"}


class NoReleases:
    """Where nothing is asked."""


def own(
    tmp_path: Path,
    releases: object = None,
    environ: dict[str, str] | None = None,
    *,
    port: int = 0,
    service: bool = False,
) -> OwnProcess:
    settings = Settings(updater=Updater(state_path=tmp_path), panel=Panel(host="127.0.0.1", port=port))
    given: Releases = releases or NoReleases()  # type: ignore[assignment]  # only what is asked
    return OwnProcess(settings, given, version="1.0.0", service=service, environ=environ or {})


def test_only_who_was_started_by_the_launcher_has_slots(tmp_path: Path) -> None:
    here = own(tmp_path)
    assert (here.home, here.slot) == (None, FACTORY)
    here = own(tmp_path, environ={"DUNEBUGGER_UPDATER_SLOTS": "/home"})
    assert here.home is None, "a variable that somebody left in a shell is no launcher"
    here = own(tmp_path, environ=LAUNCHED)
    assert (here.home, here.slot) == (Path("/home"), "1.1.0-abc")


def program(tmp_path: Path, script: str) -> Path:
    file = tmp_path / "program"
    file.write_text(script)
    file.chmod(0o755)
    return file


async def test_a_version_is_tried_out_with_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "GITHUB_TOKEN",
        "DUNEBUGGER_UPDATER_SLOT",
        "NOTIFY_SOCKET",
        "_MEIPASS2",
    ):
        monkeypatch.setenv(name, "ours")
    told = '{"version":"2.0.0","architecture":"amd64","problems":["a","b"]}'
    file = await asyncio.to_thread(
        program, tmp_path, f"#!/bin/sh\nenv >{tmp_path}/env\necho $* >>{tmp_path}/env\necho '{told}'\n"
    )
    tried = await own(tmp_path).try_out(file, 10)
    assert (tried.version, tried.problems) == ("2.0.0", ("a", "b"))
    seen = await asyncio.to_thread((tmp_path / "env").read_text)
    assert "ours" not in seen
    assert "PYINSTALLER_RESET_ENVIRONMENT=1" in seen
    assert f"self-test --json --state {tmp_path}" in seen


async def test_this_very_program_can_be_tried_out(tmp_path: Path) -> None:
    checkout = Path(__file__).parents[2]
    file = await asyncio.to_thread(
        program, tmp_path, f'#!/bin/sh\ncd {checkout} && exec {sys.executable} -m dunebugger_updater "$@"\n'
    )
    tried = await own(tmp_path).try_out(file, 60)
    assert (tried.architecture, tried.problems) == (architecture(), ())


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("#!/bin/sh\nkill -SEGV $$\n", "it was ended by SIGSEGV"),
        ("#!/bin/sh\necho no such library >&2\nexit 127\n", "it ended with status 127: no such library"),
        ("#!/bin/sh\nexit 0\n", "it ended with status 0"),
        ("#!/bin/sh\necho '{}'\n", "it ended with status 0"),
        ("#!/bin/sh\nsleep 60\n", "did not finish within 1 s"),
        ("", "cannot run"),
        ("\x7fELF and nothing more", "cannot run"),
    ],
    ids=["segfault", "library", "silent", "nonsense", "hangs", "empty", "foreign"],
)
async def test_a_version_that_cannot_be_tried_out_is_told_with_its_reason(
    tmp_path: Path, script: str, told: str
) -> None:
    file = await asyncio.to_thread(program, tmp_path, script)
    with pytest.raises(EffectError, match=told):
        await own(tmp_path).try_out(file, 1)


async def test_who_is_no_service_does_not_leave(tmp_path: Path) -> None:
    with pytest.raises(EffectError, match="start its service"):
        await own(tmp_path).leave()


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[FakeGitHub]:
    async with FakeGitHub(lambda: SmallClock().now().timestamp()).running() as fake:
        yield fake


async def looking(tmp_path: Path, url: str) -> None:
    connections = Connections()
    try:
        releases = GitHub(connections, clock=SmallClock(), api_url=url, token=None, cache=tmp_path / "cache")
        await own(tmp_path, releases).ask_for_releases("owner/name")
    finally:
        await connections.close()


async def test_a_list_that_can_be_read_is_enough(tmp_path: Path, github: FakeGitHub) -> None:
    github.repository("owner/name")
    await looking(tmp_path, github.api_url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://nowhere.invalid"])
async def test_a_network_that_is_down_is_nobodys_fault(tmp_path: Path, url: str) -> None:
    with pytest.raises(UnreachableError, match="cannot reach"):
        await looking(tmp_path, url)


async def test_a_repository_that_is_gone_is_not_the_new_versions_fault(tmp_path: Path, github: FakeGitHub) -> None:
    with pytest.raises(UnreachableError, match="cannot find owner/name"):
        await looking(tmp_path, github.api_url)


async def nonsense(_: web.Request) -> web.StreamResponse:
    return web.json_response({"what": "is this"})


async def test_an_answer_that_cannot_be_read_speaks_against_the_one_who_reads(tmp_path: Path) -> None:
    async with site(nonsense) as url:
        with pytest.raises(EffectError, match="cannot understand") as caught:
            await looking(tmp_path, url)
    assert not isinstance(caught.value, UnreachableError)


def context_of_nobody(folder: Path) -> ssl.SSLContext:
    """A server's certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(made.public_bytes(pem) + key.private_bytes(pem, *plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "both.pem")
    return context


async def test_a_certificate_that_cannot_be_verified_speaks_against_the_one_who_verifies(tmp_path: Path) -> None:
    """A version without working certificates could never fetch the one that mends it."""
    context = await asyncio.to_thread(context_of_nobody, tmp_path)
    app = web.Application()
    app.router.add_get("/{any:.*}", nonsense)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        with pytest.raises(EffectError, match="its certificate is not valid") as caught:
            await looking(tmp_path, f"https://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
    assert not isinstance(caught.value, UnreachableError)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("", None),
        ("/healthz", "/healthz: 503"),
        ("/", "/: 503"),
        ("socket", "does not answer at its socket"),
    ],
)
async def test_it_asks_its_own_panel_api_and_socket(tmp_path: Path, bad: str, told: str | None) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503 if request.path == bad and request.host != "localhost" else 200)

    app = web.Application()
    app.router.add_get("/{any:.*}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    if bad != "socket":
        await web.UnixSite(runner, str(tmp_path / "agent.sock")).start()
    try:
        async with site(page) as url:
            here = own(tmp_path, port=URL(url).port or 0)
            if told is None:
                await here.answers()
                return
            with pytest.raises(EffectError, match=told):
                await here.answers()
    finally:
        await runner.cleanup()
