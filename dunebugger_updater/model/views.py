"""What others get to see: on the command line as JSON, over HTTP and the WebSocket, in the panel."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

Status: TypeAlias = Literal["up_to_date", "update_available", "unknown", "not_installed", "not_compared", "busy"]


class ComponentView(msgspec.Struct, frozen=True, kw_only=True):
    """One component, as it stands now (DB-026…030)."""

    name: str
    type: str
    has_releases: bool = True
    """False for a device's packages as a whole: nobody publishes releases of them."""
    current: str | None
    """The installed version; ``None`` when it is not there or does not say."""
    detail: str = ""
    """Where that was read, or what is known instead of a version."""
    latest: str | None = None
    """The version on offer, else the installed one when nothing newer is; ``None`` while that is not known."""
    update_available: bool = False
    release_notes: str | None = None
    """Markdown of every version that would be crossed, newest first.  Untrusted."""
    last_checked: datetime | None = None
    """The last check that worked."""
    status: Status
    message: str
    """The state in words, for a person."""
    policy: str = "ask"
    quarantined: tuple[str, ...] = ()
    """Versions that failed here, or were taken back, and are only taken again by name."""
    kept: tuple[str, ...] = ()
    """Versions that are kept on the device and can be gone back to by name, without any network."""
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    """Why the last check did not work; ``None`` when it did."""
    problem_since: datetime | None = None
    waits: str | None = None
    """Why the version on offer was not taken by itself yet, said after the name; ``None`` where a person decides."""
    untrusted: str | None = None
    """Why the version on offer is not believed to be its publisher's, found when it was to be taken by itself."""


class StepView(msgspec.Struct, frozen=True):
    """One step of a plan or run."""

    number: int
    title: str
    state: Literal["planned", "begun", "done", "undone"] = "planned"
    live: bool = False
    """Whether it changes something that the owner runs."""
    size: int | None = None
    """Bytes that it downloads, when it does and they are known."""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One run, told briefly (contract: ``update_result``)."""

    run: str
    component: str
    verb: str
    success: bool
    outcome: str
    """``running`` while it is open."""
    message: str
    dry_run: bool = False
    from_version: str | None = msgspec.field(name="from", default=None)
    to_version: str | None = msgspec.field(name="to", default=None)
    actor: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None
    downtime_seconds: float | None = None
    steps: tuple[StepView, ...] = ()
    evidence: tuple[str, ...] = ()
    """The last log lines of what failed."""
    commands: tuple[str, ...] = ()
    """What a person can do by hand."""
    notes: tuple[str, ...] = ()
    plan_hash: str | None = None
