"""Commands about the agent: who may speak to it, and maintenance mode.  They work with or without one running."""

import argparse
import os

from dunebugger_updater import show
from dunebugger_updater.effects.store import Database
from dunebugger_updater.model.access import Role
from dunebugger_updater.services.accounts import Accounts
from dunebugger_updater.services.maintenance import Maintenance
from dunebugger_updater.sorry import sorry
from dunebugger_updater.wiring import House


async def token(house: House, arguments: argparse.Namespace) -> int:
    """Make, list or take back API tokens."""
    database = Database(house.settings.updater.state_path / "updater.db")
    try:
        accounts = Accounts(database, house.device.clock)
        if arguments.verb == "create":
            return await _create(accounts, arguments)
        if arguments.verb == "revoke":
            if await accounts.revoke(arguments.token, _actor()):
                _say({"revoked": arguments.token}, f"token {arguments.token} is taken back", arguments)
                return 0
            return sorry(f"cannot find a token {arguments.token!r}: token list shows them", 2, as_json=arguments.json)
        views = await accounts.tokens()
        if arguments.json:
            show.as_json(views)
        elif not views:
            print("no tokens yet")
        else:
            rows = [("ID", "NAME", "ROLE", "CREATED (UTC)", "LAST USED (UTC)")]
            for view in views:
                used = f"{view.last_used_at:%Y-%m-%d %H:%M}" if view.last_used_at else "never"
                rows.append((view.id, view.name, view.role, f"{view.created_at:%Y-%m-%d %H:%M}", used))
            print(*show.table(rows), sep="\n")
    finally:
        database.close()
    return 0


async def _create(accounts: Accounts, arguments: argparse.Namespace) -> int:
    try:
        secret, view = await accounts.create_token(arguments.name, Role[arguments.role.upper()], _actor())
    except ValueError as error:
        return sorry(f"cannot make a token: {error}", 2, as_json=arguments.json)
    _say(
        {"id": view.id, "name": view.name, "role": view.role, "token": secret},
        f"{secret}\nkeep it: it is shown only this once",
        arguments,
    )
    return 0


async def maintenance(house: House, arguments: argparse.Namespace) -> int:
    """Switch maintenance mode, or say how it stands."""
    state_path = house.settings.updater.state_path
    mode = Maintenance(house.device.files, house.device.clock, state_path / "maintenance.json")
    if arguments.state is None:
        state = await mode.state()
    else:
        state = await mode.set(on=arguments.state == "on", minutes=arguments.minutes)
    until = f" until {state.until:%Y-%m-%d %H:%M} UTC" if state.until else ""
    _say({"on": state.on, "until": state.until}, f"maintenance mode is {'on' if state.on else 'off'}{until}", arguments)
    return 0


def setup_code(house: House) -> str | None:
    """Answer the one-time code of a device that nobody owns yet; ``None`` where no agent ever ran."""
    file = house.settings.updater.state_path / "updater.db"
    if not os.access(file, os.R_OK | os.W_OK):
        return None
    database = Database(file)
    try:
        return Accounts(database, house.device.clock).setup_code
    finally:
        database.close()


def _say(value: object, words: str, arguments: argparse.Namespace) -> None:
    if arguments.json:
        show.as_json(value)
    else:
        print(words)


def _actor() -> str:
    return os.environ.get("SUDO_USER") or "local"
