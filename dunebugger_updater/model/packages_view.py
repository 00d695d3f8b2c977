"""The pending packages as everybody gets them: ``packages --json``, HTTP and the panel say the same."""

from datetime import datetime

import msgspec

from dunebugger_updater.model.packages import Inventory, Pending


class PackagesView(msgspec.Struct, frozen=True, kw_only=True):
    """What is pending on a device.  Field names are the contract's (HC-21…23, HC-83)."""

    total: int
    security: int
    security_known: bool
    """False where the archive does not tell security fixes apart: ``security`` then counts only what is known."""
    checked_at: datetime | None
    reboot_required: bool
    packages: tuple[Pending, ...]
    ready: int = 0
    """How many of them an upgrade would take."""
    security_unknown: str | None = None
    reboot_packages: tuple[str, ...] = ()
    stale_services: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    problem: str | None = None


def packages_view(inventory: Inventory, *, security_only: bool = False) -> PackagesView:
    """Count what is there.  ``security_only`` shortens the list and never the counts."""
    return PackagesView(
        total=len(inventory.packages),
        security=len(inventory.security),
        security_known=inventory.security_known,
        checked_at=inventory.checked_at,
        reboot_required=inventory.reboot_required,
        packages=inventory.security if security_only else inventory.packages,
        ready=len(inventory.ready),
        security_unknown=inventory.security_unknown,
        reboot_packages=inventory.reboot_packages,
        stale_services=inventory.stale_services,
        broken=inventory.broken,
        problem=inventory.problem,
    )
