"""What the pages need besides the ``Fleet``.  Where a door is missing, its section says so."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeAlias

from aiohttp import web

from dunebugger_updater.fleet import Fleet
from dunebugger_updater.model.access import Denied, Role, Session, TokenView, Who
from dunebugger_updater.model.settings import Window
from panel.words import ENGLISH, Words

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Needs: TypeAlias = Role | Literal["open"]


class Accounts(Protocol):
    """Passwords in, sessions out; tokens for programs; who did what."""

    def needs_owner(self) -> bool:
        """Whether nobody has set a password yet."""

    async def set_owner(self, code: str, password: str, address: str) -> Session | Denied:
        """Set the owner's password with the one-time code, and sign in."""

    async def login(self, password: str, address: str) -> Session | Denied:
        """Sign the owner in."""

    async def create_token(self, name: str, role: Role, actor: str) -> tuple[str, TokenView]:
        """Make a token and answer its secret, this once.  ``ValueError`` is a sentence."""

    async def tokens(self) -> Sequence[TokenView]:
        """All of them, without their secrets."""

    async def revoke(self, token: str, actor: str) -> bool:
        """Forget one, by its id; false when there is none."""

    async def note(self, actor: str, action: str, detail: str, address: str) -> None:
        """Remember who did what."""


class Desk(Protocol):
    """Who is asking, and letting people in and out."""

    def who(self, request: web.Request) -> Who | None:
        """Whoever was let in."""

    def address(self, request: web.Request) -> str:
        """Where the request comes from."""

    def sign_in(self, response: web.StreamResponse, session: Session) -> None:
        """Put the session's cookie into the answer."""

    async def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session and take the cookie away."""


class Notifications(Protocol):
    """Where the owner is told things."""

    async def send_test(self) -> str | None:
        """Send one; answers the problem as a sentence, ``None`` when it was taken."""


class Diagnostics(Protocol):
    """What helps somebody else to help."""

    async def diagnostics(self) -> bytes:
        """Answer one text, without any secret."""


class Holds(Protocol):
    """Components that the owner wants left alone for now."""

    async def held(self) -> Sequence[str]:
        """All of them."""

    async def set(self, component: str, *, on: bool) -> None:
        """Hold one, or let it go."""


class Trouble(Protocol):
    """Why something is not served."""

    @property
    def status(self) -> int: ...

    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What the pages stand on."""

    fleet: Fleet
    accounts: Accounts
    notifications: Notifications | None = None
    diagnostics: Diagnostics | None = None
    holds: Holds | None = None
    windows: Sequence[Window] | None = None
    """When automatic updates may run; ``None`` when this house does not know windows."""
    words: Words = ENGLISH
    now: Callable[[], datetime] = field(default=_now)


@dataclass(frozen=True)
class PanelRoute:
    """One page or form, and who may use it."""

    method: str
    path: str
    needs: Needs
    handler: Handler
