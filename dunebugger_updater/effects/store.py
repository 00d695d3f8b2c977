"""The database for what is asked in many ways: sign-in, tokens, audit.  No way back depends on it.

SQLite with one connection and one lock; a file that is damaged is put aside and begun anew.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dunebugger_updater.model.access import AuditEntry, TokenView
from dunebugger_updater.ports import EffectError

_SCHEMA = """
create table if not exists setting (name text primary key, value text not null) strict;
create table if not exists session (digest text primary key, csrf text not null, expires_at real not null) strict;
create table if not exists token (
    id text primary key, digest text not null unique, name text not null unique, role text not null,
    created_at real not null, last_used_at real) strict;
create table if not exists audit (
    id integer primary key, at real not null, actor text not null, action text not null, detail text not null,
    address text not null) strict;
"""

_KEPT = 10_000
"""Audit entries; the oldest go."""


class Database:
    """One file, private to us."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_private(path)
            try:
                self._db = _opened(path)
            except sqlite3.DatabaseError:
                aside = path.with_name(f"{path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S}")
                path.replace(aside)
                for rest in ("-wal", "-shm"):
                    path.with_name(path.name + rest).unlink(missing_ok=True)
                _make_private(path)
                self._db = _opened(path)
        except PermissionError as error:
            raise EffectError(f"cannot open {path}: sudo required: run this as root or with sudo") from error
        except (OSError, sqlite3.Error) as error:
            raise EffectError(f"cannot open {path}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def setting(self, name: str) -> str | None:
        """One remembered text."""
        rows = self.rows("select value from setting where name = ?", name)
        return str(rows[0][0]) if rows else None

    def remember(self, name: str, value: str) -> None:
        """Keep one text."""
        self.rows(
            "insert into setting values (?, ?) on conflict (name) do update set value = excluded.value", name, value
        )

    def add_session(self, digest: str, csrf: str, expires_at: datetime) -> None:
        """Keep a session, and forget those that are over."""
        self.rows("delete from session where expires_at < ?", datetime.now(UTC).timestamp())
        self.rows("insert into session values (?, ?, ?)", digest, csrf, expires_at.timestamp())

    def session(self, digest: str) -> tuple[str, datetime] | None:
        """``(csrf, expires_at)`` of one session."""
        rows = self.rows("select csrf, expires_at from session where digest = ?", digest)
        return (str(rows[0][0]), _time(rows[0][1])) if rows else None

    def drop_session(self, digest: str | None) -> None:
        """Forget one, or all with ``None``."""
        self.rows("delete from session where ? is null or digest = ?", digest, digest)

    def add_token(self, digest: str, view: TokenView) -> bool:
        """False when the name is taken."""
        with contextlib.suppress(sqlite3.IntegrityError):
            self.rows(
                "insert into token (id, digest, name, role, created_at) values (?, ?, ?, ?, ?)",
                view.id, digest, view.name, view.role, view.created_at.timestamp(),
            )  # fmt: skip
            return True
        return False

    def token(self, digest: str, now: datetime) -> TokenView | None:
        """One token by its digest; notes that it was used, at most once a minute."""
        rows = self.rows("select id, name, role, created_at, last_used_at from token where digest = ?", digest)
        if not rows:
            return None
        view = _token(rows[0])
        if view.last_used_at is None or (now - view.last_used_at).total_seconds() > 60:  # noqa: PLR2004  (a minute)
            self.rows("update token set last_used_at = ? where id = ?", now.timestamp(), view.id)
        return view

    def tokens(self) -> Sequence[TokenView]:
        """All of them, by name."""
        return [
            _token(row) for row in self.rows("select id, name, role, created_at, last_used_at from token order by name")
        ]

    def drop_token(self, token: str) -> bool:
        """False when there is none of that id."""
        return bool(self.rows("delete from token where id = ? returning id", token))

    def note(self, entry: AuditEntry) -> None:
        """Keep who did what."""
        self.rows(
            "insert into audit (at, actor, action, detail, address) values (?, ?, ?, ?, ?)",
            entry.at.timestamp(), entry.actor, entry.action, entry.detail, entry.address,
        )  # fmt: skip
        self.rows("delete from audit where id <= (select max(id) from audit) - ?", _KEPT)

    def audit(self, limit: int) -> Sequence[AuditEntry]:
        """Newest first."""
        rows = self.rows("select at, actor, action, detail, address from audit order by id desc limit ?", limit)
        return [
            AuditEntry(_time(at), str(actor), str(action), str(detail), str(where))
            for at, actor, action, detail, where in rows
        ]

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask or change one thing, alone; for us and for the tables beside ours."""
        with self._lock:
            return self._db.execute(statement, values).fetchall()


def _make_private(path: Path) -> None:
    # Before SQLite opens it: what it writes beside the file gets the file's mode, and holds the same secrets.
    path.touch(mode=0o600)
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if each.exists():
            each.chmod(0o600)


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")  # "normal" may forget the last commits on power loss
        if database.execute("pragma quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError(f"{path} is damaged")  # noqa: TRY301  (the same as what SQLite says by itself)
        database.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _token(row: tuple[Any, ...]) -> TokenView:
    token, name, role, created, used = row
    return TokenView(str(token), str(name), str(role), _time(created), None if used is None else _time(used))


def _time(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
