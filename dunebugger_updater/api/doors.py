"""What the edge is built from and hands round: who may come in, what a route is, what was asked, what is answered."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from dunebugger_updater.fleet import Fleet
from dunebugger_updater.model.access import AuditEntry, Denied, Role, Session, TokenView, Who

OPEN: Literal["open"] = "open"
"""What a route says that anybody may use."""

Needs: TypeAlias = Role | Literal["open"]


class Accounts(Protocol):
    """Everyone who may come in."""

    def needs_owner(self) -> bool:
        """Whether nobody has set a password yet."""

    async def set_owner(self, code: str, password: str, address: str) -> Session | Denied:
        """Set the owner's password with the one-time code, and sign in."""

    async def login(self, password: str, address: str) -> Session | Denied:
        """Sign the owner in; throttled for each address."""

    async def session(self, secret: str) -> Who | None:
        """The one behind a cookie."""

    async def logout(self, secret: str) -> None:
        """End one session."""

    async def bearer(self, token: str) -> Who | None:
        """The one behind an API token."""

    async def create_token(self, name: str, role: Role, actor: str) -> tuple[str, TokenView]:
        """Make an API token and answer its secret, this once.  ``ValueError`` is a sentence: the name will not do."""

    async def tokens(self) -> Sequence[TokenView]:
        """All of them, without their secrets."""

    async def revoke(self, token: str, actor: str) -> bool:
        """False when there is none of that id."""

    async def note(self, actor: str, action: str, detail: str, address: str) -> None:
        """Remember who did what."""

    async def audit(self, limit: int) -> Sequence[AuditEntry]:
        """What was remembered, newest first."""


class Problem(msgspec.Struct, frozen=True):
    """Why something is not served: a code for programs, a sentence for people."""

    status: int
    """Of HTTP."""
    code: str
    message: str
    retry_after: float = 0.0
    """Seconds, when trying again later helps."""


class Answer(msgspec.Struct, frozen=True):
    """What is answered."""

    value: object
    """``None`` for an answer without a body."""
    status: int = 200
    signed_in: Session | None = None
    """Put this session's cookie into the browser."""
    signed_out: bool = False
    """Take the cookie away."""


@dataclass(frozen=True)
class House:
    """What the edge stands on."""

    fleet: Fleet
    accounts: Accounts
    version: str
    commit: str
    public_names: tuple[str, ...] = ()
    """Host names besides the device's own and its addresses; one without a port stands for any port."""
    secure: bool = False
    """Whether browsers come by TLS, to us or to a proxy in front of us."""


Via: TypeAlias = Literal["cookie", "bearer", "local", "nobody"]


@dataclass(frozen=True)
class Caller:
    """Who is asking, and how they showed it."""

    who: Who | None
    via: Via
    secret: str = field(default="", repr=False)
    """Of the session or token, to ask again later whether it still counts."""


B = TypeVar("B", bound=msgspec.Struct)


@dataclass(frozen=True)
class Asked(Generic[B]):
    """One request, parsed."""

    house: House
    body: B
    path: Mapping[str, str]
    caller: Caller
    address: str
    device: str | None = None
    """Which device is meant; not needed where there is only one."""

    @property
    def actor(self) -> str:
        """In whose name it is done."""
        return self.caller.who.name if self.caller.who else "?"


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request that says no more than its address."""


@dataclass(frozen=True)
class Route(Generic[B]):
    """One thing that can be asked over HTTP.

    ``asks`` is read from the query of a GET, else from the JSON body; what ``serve`` says of itself documents it.
    """

    method: str
    path: str
    needs: Needs
    asks: type[B]
    serve: Callable[[Asked[B]], Awaitable[Answer | Problem]]
    answers: Any = None
    """The type of what is answered when all is well."""
    status: int = 200
    also: Mapping[int, Any] = field(default_factory=dict)
    """Other good answers."""


class PageRoute(Protocol):
    """A route that brings its own handler: pages of the panel, the WebSocket.  Any object of this shape will do."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def needs(self) -> Needs: ...

    @property
    def handler(self) -> Callable[[web.Request], Awaitable[web.StreamResponse]]: ...


@dataclass(frozen=True)
class Page:
    """The plainest ``PageRoute``."""

    method: str
    path: str
    needs: Needs
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk(Protocol):
    """What pages need to let people in and out, and to know who they talk to."""

    def who(self, request: web.Request) -> Who | None:
        """Whoever was let in; their ``csrf`` is what a form sends along."""

    def address(self, request: web.Request) -> str:
        """Where the request comes from."""

    def sign_in(self, response: web.StreamResponse, session: Session) -> None:
        """Put the session's cookie into the answer."""

    async def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session, close its WebSockets, take the cookie away."""


ExtraRoutes: TypeAlias = Callable[[Desk], Sequence[PageRoute]]
ErrorPage: TypeAlias = Callable[[web.Request, Problem], web.StreamResponse]
"""How a browser is told about a problem outside ``/api``: a page, or the way to the login."""
