"""Over HTTP: signing in and out, the first visit, API tokens, who did what."""

from http import HTTPStatus

from dunebugger_updater.api.bodies import (
    AuditBody,
    AuditView,
    LoginBody,
    SetupBody,
    TokenBody,
    TokenMade,
    TokensView,
    WhoView,
)
from dunebugger_updater.api.doors import Answer, Asked, Nothing, Problem
from dunebugger_updater.model.access import Denied, Role, Session


async def set_up(asked: Asked[SetupBody]) -> Answer | Problem:
    """Set the owner's password with the one-time code, once, and sign in."""
    told = await asked.house.accounts.set_owner(asked.body.code, asked.body.password, asked.address)
    return _signed_in(told, HTTPStatus.FORBIDDEN)


async def sign_in(asked: Asked[LoginBody]) -> Answer | Problem:
    """Sign in."""
    return _signed_in(await asked.house.accounts.login(asked.body.password, asked.address), HTTPStatus.UNAUTHORIZED)


async def sign_out(asked: Asked[Nothing]) -> Answer | Problem:
    """Sign out."""
    if asked.caller.via != "cookie":
        return Problem(HTTPStatus.CONFLICT, "CONFLICT", "there is no session to end: this came with a token")
    return Answer(None, HTTPStatus.NO_CONTENT, signed_out=True)


async def who(asked: Asked[Nothing]) -> Answer | Problem:
    """Who is signed in."""
    someone = asked.caller.who
    if someone is None:
        return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "sign in, or send an API token")
    return Answer(WhoView(someone.name, someone.role.word, someone.csrf))


async def tokens(asked: Asked[Nothing]) -> Answer | Problem:
    """All API tokens, without their secrets."""
    return Answer(TokensView(tuple(await asked.house.accounts.tokens())))


async def make_token(asked: Asked[TokenBody]) -> Answer | Problem:
    """Make an API token; its secret is shown this once."""
    try:
        secret, view = await asked.house.accounts.create_token(
            asked.body.name, Role[asked.body.role.upper()], asked.actor
        )
    except ValueError as error:  # the interface of accounts says so: it is a sentence for who asked
        return Problem(HTTPStatus.CONFLICT, "CONFLICT", str(error))
    return Answer(TokenMade(view.id, view.name, view.role, view.created_at, secret), HTTPStatus.CREATED)


async def revoke_token(asked: Asked[Nothing]) -> Answer | Problem:
    """Revoke an API token."""
    wanted = asked.path["id"]
    if not await asked.house.accounts.revoke(wanted, asked.actor):
        return Problem(HTTPStatus.NOT_FOUND, "token_not_found", f"cannot find a token {wanted!r}")
    return Answer(None, HTTPStatus.NO_CONTENT)


async def audit(asked: Asked[AuditBody]) -> Answer | Problem:
    """Who did what, newest first."""
    return Answer(AuditView(tuple(await asked.house.accounts.audit(asked.body.limit))))


def _signed_in(told: Session | Denied, refused: HTTPStatus) -> Answer | Problem:
    if isinstance(told, Denied):
        if told.retry_after > 0:
            return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_tries", told.message, told.retry_after)
        return Problem(refused, "denied", told.message)
    return Answer(WhoView("owner", Role.OWNER.word, told.csrf), signed_in=told)
