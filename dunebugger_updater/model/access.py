"""Who may do what: roles, and the values that sign-in and tokens are made of."""

from datetime import datetime
from enum import IntEnum

import msgspec


class Role(IntEnum):
    """What somebody may; each includes those below it."""

    VIEWER = 1
    """Look."""
    OPERATOR = 2
    """Check, update, roll back, cancel, maintenance mode."""
    OWNER = 3
    """Everything: tokens, settings, approvals."""

    @property
    def word(self) -> str:
        """As it is written on the command line and on the wire."""
        return self.name.lower()


class Who(msgspec.Struct, frozen=True):
    """Somebody who has shown who they are."""

    name: str
    role: Role
    csrf: str | None = None
    """For sessions of a browser: what a form has to send along."""


class Session(msgspec.Struct, frozen=True):
    """A signed-in browser."""

    secret: str
    """For the cookie; only its hash is kept."""
    csrf: str
    expires_at: datetime


class TokenView(msgspec.Struct, frozen=True):
    """An API token, without its secret."""

    id: str
    name: str
    role: str
    created_at: datetime
    last_used_at: datetime | None = None


class AuditEntry(msgspec.Struct, frozen=True):
    """Who did what, when."""

    at: datetime
    actor: str
    action: str
    detail: str
    address: str = ""


class Denied(msgspec.Struct, frozen=True):
    """Why somebody is not let in, as a sentence."""

    message: str
    retry_after: float = 0.0
    """Seconds, when trying again later helps."""
