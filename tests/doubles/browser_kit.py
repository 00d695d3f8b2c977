"""What the browser tests share: where pictures go, how a browser is started, how a page is opened."""

import os
import shutil
from pathlib import Path
from typing import Protocol

import pytest
from playwright.async_api import Page

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "panel"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


class Open(Protocol):
    """Opens a page of a signed-in owner."""

    async def __call__(
        self, path: str, *, size: str = "desktop", scheme: str = "light", scripts: bool = True, signed_in: bool = True
    ) -> Page: ...


def program() -> str:
    """The browser.  Missing, its tests are left out and say so; with REQUIRE_BROWSER=1 they fail instead."""
    found = os.environ.get("BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        missing = "no browser: install chromium, or name one in BROWSER"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return found
