"""Whose rights a component's programs run with: those of whoever owns its files, never root's by accident."""

import os
import pwd
from pathlib import Path

from dunebugger_updater.effects.commands import Owner


def owner_of(path: Path) -> Owner | None:
    """The owner of what ``path`` leads to; ``None`` when we have no choice because we are not root."""
    if os.geteuid() != 0:
        return None
    found = path.stat()
    return Owner(found.st_uid, found.st_gid)


def groups_of(owner: Owner) -> list[int]:
    """Every group of the user, as a login has them: an app that plays sound or moves servos needs them."""
    try:
        return os.getgrouplist(pwd.getpwuid(owner.uid).pw_name, owner.gid)
    except KeyError:
        return [owner.gid]


def identity_of(owner: Owner | None) -> dict[str, str]:
    """``HOME``, ``USER`` and ``LOGNAME`` for an environment; nothing when we run it as ourselves."""
    if owner is None or owner.uid == os.geteuid():
        return {}
    try:
        user = pwd.getpwuid(owner.uid)
    except KeyError:
        # A number without a name, as in containers: no home is better than root's.
        return {"HOME": "/", "USER": str(owner.uid), "LOGNAME": str(owner.uid)}
    return {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
