"""Why a connection failed, in words; and whose certificates count."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from aiohttp import web
from doubles.small_clock import SmallClock

from dunebugger_updater.effects.connections import Connections, trusted_roots
from dunebugger_updater.effects.github import GitHub
from dunebugger_updater.ports import EffectError


@pytest.mark.req("DB-109")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_a_certificate_that_nobody_vouches_for_is_told_with_a_hint_at_the_clock(tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    await asyncio.to_thread(
        subprocess.run,
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    connections = Connections()
    github = GitHub(connections, clock=SmallClock(), api_url=f"https://127.0.0.1:{runner.addresses[0][1]}")
    with pytest.raises(
        EffectError, match=r"its certificate is not valid: self.signed certificate \(is the clock right\?\)"
    ):
        await github.catalogue("o/n", "releases", None)
    await connections.close()
    await runner.cleanup()


def test_certificates_come_from_the_system_where_it_has_any(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = tmp_path / "store.pem"
    store.write_text("")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    assert trusted_roots() is True


def test_bundled_certificates_are_used_where_the_system_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("certifi")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    roots = trusted_roots()
    assert isinstance(roots, ssl.SSLContext)
    assert roots.cert_store_stats()["x509_ca"] > 50


async def test_a_closed_pool_opens_again_when_it_is_needed() -> None:
    connections = Connections()
    first = await connections.session()
    assert await connections.session() is first
    await connections.close()
    assert first.closed
    assert not (await connections.session()).closed
    await connections.close()
