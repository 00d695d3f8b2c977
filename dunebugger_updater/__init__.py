"""Keeps every part of a small Linux device up to date, and always able to go back."""

from typing import TYPE_CHECKING

from dunebugger_updater import bundled

if TYPE_CHECKING:
    from dunebugger_updater.python_interface import ComponentInfo, ComponentUpdater

__all__ = ["ComponentInfo", "ComponentUpdater", "__version__"]

__version__ = bundled.version() or "0.1.0"
"""What was built in (RM-012), or what this checkout is on its way to."""


def __getattr__(name: str) -> object:
    # The command line imports this package at every start: what only Python programs use waits until it is asked for.
    if name in {"ComponentInfo", "ComponentUpdater"}:
        from dunebugger_updater import python_interface  # noqa: PLC0415  (see above)

        return getattr(python_interface, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
