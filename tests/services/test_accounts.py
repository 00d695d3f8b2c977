"""Who may come in."""

from pathlib import Path

import pytest
from doubles.clock import Clock

from dunebugger_updater.effects.store import Database
from dunebugger_updater.model.access import Denied, Role, Session, Who
from dunebugger_updater.services.accounts import TRIES, WINDOW, Accounts

HERE = "192.0.2.7"
PASSWORD = "a long winter night"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Accounts:
    return Accounts(Database(tmp_path / "updater.db"), clock)


async def signed_in(accounts: Accounts) -> Session:
    session = await accounts.set_owner(accounts.setup_code or "", PASSWORD, HERE)
    assert isinstance(session, Session)
    return session


async def test_the_first_visit_needs_the_one_time_code_and_it_works_once(accounts: Accounts) -> None:
    code = accounts.setup_code
    assert accounts.needs_owner()
    assert code is not None
    assert isinstance(await accounts.set_owner("0000-0000-0000", PASSWORD, HERE), Denied)
    assert isinstance(await accounts.set_owner(code, PASSWORD, HERE), Session)
    assert not accounts.needs_owner()
    assert accounts.setup_code is None
    assert isinstance(await accounts.set_owner(code, "another password", HERE), Denied)


async def test_the_code_survives_a_restart(tmp_path: Path, clock: Clock) -> None:
    first = Accounts(Database(tmp_path / "updater.db"), clock).setup_code
    assert Accounts(Database(tmp_path / "updater.db"), clock).setup_code == first


async def test_a_short_password_is_not_taken(accounts: Accounts) -> None:
    denied = await accounts.set_owner(accounts.setup_code or "", "short", HERE)
    assert isinstance(denied, Denied)
    assert "8 characters" in denied.message
    assert accounts.needs_owner()


async def test_a_session_is_the_owner_until_it_ends(accounts: Accounts, clock: Clock) -> None:
    session = await signed_in(accounts)
    assert await accounts.session(session.secret) == Who("owner", Role.OWNER, session.csrf)
    assert await accounts.session(session.secret + "x") is None
    clock.seconds += 13 * 3600
    assert await accounts.session(session.secret) is None


async def test_signing_out_ends_the_session(accounts: Accounts) -> None:
    session = await signed_in(accounts)
    await accounts.logout(session.secret)
    assert await accounts.session(session.secret) is None


async def test_a_wrong_password_is_refused_and_many_make_one_address_wait(accounts: Accounts, clock: Clock) -> None:
    await signed_in(accounts)
    for _ in range(TRIES):
        assert isinstance(await accounts.login("wrong", HERE), Denied)
    waiting = await accounts.login(PASSWORD, HERE)
    assert isinstance(waiting, Denied)
    assert waiting.retry_after > 0
    assert isinstance(await accounts.login(PASSWORD, "192.0.2.8"), Session), "the owner elsewhere is not locked out"
    clock.seconds += WINDOW + 1
    assert isinstance(await accounts.login(PASSWORD, HERE), Session)


async def test_guessing_the_one_time_code_is_throttled_as_well(accounts: Accounts) -> None:
    for number in range(TRIES):
        await accounts.set_owner(f"{number:04}-0000-0000", PASSWORD, HERE)
    denied = await accounts.set_owner(accounts.setup_code or "", PASSWORD, HERE)
    assert isinstance(denied, Denied)
    assert denied.retry_after > 0


async def test_a_token_is_shown_once_and_kept_as_a_hash(accounts: Accounts, tmp_path: Path) -> None:
    secret, view = await accounts.create_token("grafana", Role.VIEWER, "owner")
    assert await accounts.bearer(secret) == Who("grafana", Role.VIEWER)
    assert [each.name for each in await accounts.tokens()] == ["grafana"]
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    assert await accounts.revoke(view.id, "owner")
    assert await accounts.bearer(secret) is None
    assert not await accounts.revoke(view.id, "owner")


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb"])
async def test_a_token_needs_a_name(accounts: Accounts, name: str) -> None:
    with pytest.raises(ValueError, match="needs a name"):
        await accounts.create_token(name, Role.VIEWER, "owner")


async def test_who_did_what_is_recorded_without_secrets(accounts: Accounts) -> None:
    await signed_in(accounts)
    secret, _ = await accounts.create_token("hub", Role.OPERATOR, "owner")
    await accounts.login("wrong", HERE)
    told = await accounts.audit(10)
    assert [entry.action for entry in told] == ["login_failed", "token_created", "password_set"]
    assert not any(secret in entry.detail or PASSWORD in entry.detail for entry in told)


async def test_a_damaged_database_is_put_aside_and_begun_anew(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "updater.db").write_bytes(b"this is no database" * 1000)
    accounts = Accounts(Database(tmp_path / "updater.db"), clock)
    assert accounts.needs_owner()
    assert any("broken" in file.name for file in tmp_path.iterdir())


async def test_the_database_is_the_owners_alone(tmp_path: Path, clock: Clock) -> None:
    Accounts(Database(tmp_path / "updater.db"), clock)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("updater.db", "updater.db-shm", "updater.db-wal"), 0o600)


async def test_what_a_former_version_left_for_all_to_read_is_closed(tmp_path: Path, clock: Clock) -> None:
    former = Database(tmp_path / "updater.db")
    Accounts(former, clock)
    (tmp_path / "updater.db-wal").chmod(0o644)
    Database(tmp_path / "updater.db")
    assert (tmp_path / "updater.db-wal").stat().st_mode & 0o777 == 0o600
