"""Who may come in: the owner's password, sessions of browsers, API tokens, and the record of who did what.

Passwords are kept as scrypt hashes, secrets of sessions and tokens as SHA-256: they are random, so nothing has to slow
down guessing them.  Losing the file behind this loses no way back; the owner then sets a password again.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from dunebugger_updater.model.access import AuditEntry, Denied, Role, Session, TokenView, Who
from dunebugger_updater.ports import Clock

SHORTEST = 8
"""Characters of a password."""
LONGEST = 1024
SESSION = timedelta(hours=12)
TRIES = 5
"""Failed logins of one address, and of all together times ten, before it has to wait."""
WINDOW = 15 * 60.0
"""Seconds in which they are counted."""

_N, _R, _P = 2**14, 8, 1
"""scrypt at 16 MiB and about 0.1 s on a small device (RFC 7914's interactive figures)."""


class Store(Protocol):
    """Where it is kept."""

    def setting(self, name: str) -> str | None:
        """One remembered text."""

    def remember(self, name: str, value: str) -> None:
        """Keep one text."""

    def add_session(self, digest: str, csrf: str, expires_at: datetime) -> None: ...

    def session(self, digest: str) -> tuple[str, datetime] | None:
        """``(csrf, expires_at)`` of one session."""

    def drop_session(self, digest: str | None) -> None:
        """Forget one, or all with ``None``."""

    def add_token(self, digest: str, view: TokenView) -> bool:
        """False when the name is taken."""

    def token(self, digest: str, now: datetime) -> TokenView | None:
        """One token by its digest; notes that it was used."""

    def tokens(self) -> Sequence[TokenView]: ...

    def drop_token(self, token: str) -> bool:
        """False when there is none of that id."""

    def note(self, entry: AuditEntry) -> None: ...

    def audit(self, limit: int) -> Sequence[AuditEntry]:
        """Newest first."""


class Accounts:
    """Everyone who may come in."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._code = store.setting("setup_code") or ""
        if not self._code and self.needs_owner():
            self.new_code()
        self._failed: dict[str, list[float]] = {}

    def needs_owner(self) -> bool:
        """Whether nobody has set a password yet."""
        return self._store.setting("password") is None

    def new_code(self) -> str:
        """Make a one-time code for setting the owner's password; it stands in the log and in ``status``."""
        self._code = "-".join(f"{secrets.randbelow(10_000):04}" for _ in range(3))
        self._store.remember("setup_code", self._code)
        return self._code

    @property
    def setup_code(self) -> str | None:
        """The one-time code, while nobody has used it."""
        return self._code if self.needs_owner() else None

    async def set_owner(self, code: str, password: str, address: str) -> Session | Denied:
        """Set the owner's password with the one-time code, and sign in."""
        if denied := self._throttled(address):
            return denied
        if not self.needs_owner():
            return Denied("the owner's password is set already: sign in with it")
        if not hmac.compare_digest(code.strip().encode(), self._code.encode()):
            self._failed.setdefault(address, []).append(self._clock.up())
            return Denied("that is not the one-time code: it stands in the log and in `dunebugger-updater status`")
        if not SHORTEST <= len(password) <= LONGEST:
            return Denied(f"the password needs at least {SHORTEST} characters")
        self._store.remember("password", await asyncio.to_thread(_hashed, password, secrets.token_bytes(16)))
        self._store.remember("setup_code", "")
        self._note("owner", "password_set", "", address)
        return self._open()

    async def login(self, password: str, address: str) -> Session | Denied:
        """Sign the owner in."""
        if denied := self._throttled(address):
            return denied
        kept = self._store.setting("password")
        right = kept is not None and await asyncio.to_thread(_matches, password[:LONGEST], kept)
        if not right:
            self._failed.setdefault(address, []).append(self._clock.up())
            self._note("?", "login_failed", "", address)
            return Denied("wrong password")
        self._failed.pop(address, None)
        self._note("owner", "login", "", address)
        return self._open()

    async def session(self, secret: str) -> Who | None:
        """The one behind a cookie."""
        found = self._store.session(_digest(secret))
        if found is None or found[1] <= self._clock.now():
            return None
        return Who("owner", Role.OWNER, found[0])

    async def logout(self, secret: str) -> None:
        """End one session."""
        self._store.drop_session(_digest(secret))

    async def bearer(self, token: str) -> Who | None:
        """The one behind an API token."""
        found = self._store.token(_digest(token), self._clock.now())
        return Who(found.name, Role[found.role.upper()]) if found else None

    async def create_token(self, name: str, role: Role, actor: str) -> tuple[str, TokenView]:
        """Make an API token; the secret is shown this once.  ``ValueError`` when the name is taken or none."""
        if not name.strip() or len(name) > 64 or not name.isprintable():  # noqa: PLR2004  (a name fits on a line)
            raise ValueError("a token needs a name of at most 64 characters")
        secret = "dbu_" + secrets.token_urlsafe(32)
        view = TokenView(secrets.token_hex(4), name.strip(), role.word, self._clock.now())
        if not self._store.add_token(_digest(secret), view):
            raise ValueError(f"there is a token called {name!r} already: revoke it first, or choose another name")
        self._note(actor, "token_created", f"{view.name} ({view.role})", "")
        return secret, view

    async def tokens(self) -> Sequence[TokenView]:
        """All API tokens, without their secrets."""
        return self._store.tokens()

    async def revoke(self, token: str, actor: str) -> bool:
        """Take a token back at once; false when there is none of that id."""
        gone = self._store.drop_token(token)
        if gone:
            self._note(actor, "token_revoked", token, "")
        return gone

    async def note(self, actor: str, action: str, detail: str, address: str) -> None:
        """Record who did what."""
        self._note(actor, action, detail, address)

    async def audit(self, limit: int) -> Sequence[AuditEntry]:
        """Who did what, newest first."""
        return self._store.audit(limit)

    def _open(self) -> Session:
        secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        session = Session(secret, csrf, self._clock.now() + SESSION)
        self._store.add_session(_digest(secret), csrf, session.expires_at)
        return session

    def _throttled(self, address: str) -> Denied | None:
        now = self._clock.up()
        recent = {who: [at for at in times if now - at < WINDOW] for who, times in self._failed.items()}
        self._failed = {who: times for who, times in recent.items() if times}
        mine = self._failed.get(address, [])
        everybody = sum(map(len, self._failed.values()))
        if len(mine) < TRIES and everybody < TRIES * 10:
            return None
        oldest = min(mine or [now])
        wait = max(1.0, WINDOW - (now - oldest))
        return Denied(f"too many tries: wait {wait / 60:.0f} minutes", wait)

    def _note(self, actor: str, action: str, detail: str, address: str) -> None:
        self._store.note(AuditEntry(self._clock.now(), actor, action, detail[:500], address))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _hashed(password: str, salt: bytes) -> str:
    made = hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=64 * 1024**2)
    return f"scrypt${salt.hex()}${made.hex()}"


def _matches(password: str, kept: str) -> bool:
    _, salt, _ = kept.split("$")
    return hmac.compare_digest(_hashed(password, bytes.fromhex(salt)), kept)
