"""Playwright drives these tests.  Missing, they are left out and say so; with REQUIRE_BROWSER=1 they fail instead."""

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest

_MISSING = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]

if not _MISSING or os.environ.get("REQUIRE_BROWSER") == "1":
    from doubles.browser_fixtures import browser, house, look

    __all__ = ["browser", "house", "look"]
else:

    class LeftOut(pytest.Module):
        """A file of tests that cannot even be imported here."""

        def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
            pytest.skip(f"needs {' and '.join(_MISSING)}: see requirements-dev.txt", allow_module_level=True)

    def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
        made: pytest.Module = LeftOut.from_parent(parent, path=module_path)
        return made
