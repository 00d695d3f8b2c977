"""The action queue's table.  The database decides what two people at once could not: one apt action at a time.

Losing it loses the queue and its history, and no way back: what an action did is a run, and runs are in the journal.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from dunebugger_updater.effects.store import Database
from dunebugger_updater.model.actions import ACTIVE, ActionView, Kept
from dunebugger_updater.model.codec import from_json, to_json
from dunebugger_updater.ports import EffectError

_OPEN = ", ".join(f"'{status}'" for status in ACTIVE)
_TABLE = """
create table if not exists action (
    number integer primary key, id text not null unique, status text not null, lane text, revision integer not null,
    document text not null, plan blob not null) strict
"""
_ONE_AT_A_TIME = f"create unique index if not exists one_action_a_lane on action (lane) where status in ({_OPEN})"
"""Actions without a lane do not stand in each other's way: in SQL no ``null`` equals another."""

_KEPT = 200
"""Ended actions; the oldest go."""


class ActionTable:
    """Where the queue is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._do(_TABLE)
        self._do(_ONE_AT_A_TIME)

    def add(self, kept: Kept) -> bool:
        """False when another action is in its way."""
        action = kept.action
        values = (action.action_id, action.status.value, "apt" if action.action_type.is_apt else None, *_texts(kept))
        try:
            self._do(
                "insert into action (id, status, lane, document, plan, revision) values (?, ?, ?, ?, ?, 0)", *values
            )
        except sqlite3.IntegrityError:
            return False
        self._do(
            f"delete from action where status not in ({_OPEN}) and number <= (select max(number) from action) - ?",  # noqa: S608  (our own words)
            _KEPT,
        )
        return True

    def change(self, kept: Kept) -> bool:
        """Replace the revision that was read by ``kept``; false when somebody else has changed it since."""
        action = kept.action
        statement = (
            "update action set status = ?, document = ?, plan = ?, revision = revision + 1"
            " where id = ? and revision = ? returning id"
        )
        return bool(self._do(statement, action.status.value, *_texts(kept), action.action_id, kept.revision))

    def read(self, action: str) -> Kept | None:
        """One of them."""
        return next(iter(self._found("where id = ?", action)), None)

    def active(self) -> Sequence[Kept]:
        """All that are not over, oldest first."""
        return self._found(f"where status in ({_OPEN}) order by number")

    def newest(self, limit: int) -> Sequence[Kept]:
        """Newest first."""
        return self._found("order by number desc limit ?", limit)

    def _found(self, clause: str, *values: object) -> Sequence[Kept]:
        rows = self._do(f"select document, plan, revision, id from action {clause}", *values)  # noqa: S608  (our own words)
        found = []
        for document, plan, revision, name in rows:
            try:
                found.append(Kept(from_json(document, ActionView), bytes(plan), int(revision)))
            except msgspec.MsgspecError:
                # Of another version of ours, or damaged: nobody can do anything with it, and it must block nobody.
                self._do(f"update action set status = 'unread' where id = ? and status in ({_OPEN})", name)  # noqa: S608  (the same)
        return found

    def _do(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._database.rows(statement, *values)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise EffectError(f"cannot use the action queue: {error}") from error


def _texts(kept: Kept) -> tuple[str, bytes]:
    return to_json(kept.action).decode(), kept.plan
