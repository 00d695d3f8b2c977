"""Decide, perform, record - until there is nothing left to decide."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias, assert_never, cast

import msgspec

from dunebugger_updater.checks import AnyCheck
from dunebugger_updater.model.service import OwnProcess, SystemdUnit
from dunebugger_updater.ports import Device, EffectError, UnreachableError
from dunebugger_updater.run import (
    Act,
    Answered,
    AnyEvent,
    Ask,
    BackFailed,
    Began,
    Close,
    Closed,
    Commit,
    Committed,
    Finished,
    Move,
    Restarted,
    Run,
    Side,
    Tidied,
    Tidy,
    TurnBack,
    TurnedBack,
    Undo,
    Undone,
    next_move,
    tell,
)
from dunebugger_updater.steps import AnyStep

_log = logging.getLogger(__name__)

_EVIDENCE = 20
"""Log lines that are kept with a failure."""

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})

_PAUSE_BACK = 5.0
"""Seconds before a step of the way back is tried again: an engine or a disk may need a moment."""


class Journal(Protocol):
    """Where a run is told."""

    async def write(self, event: AnyEvent) -> None:
        """Return once the event would survive a power cut.  ``JournalError`` when it would not."""


class JournalError(Exception):
    """An event could not be made to last, so what it announces must not happen."""


class Progress(msgspec.Struct, frozen=True):
    """How far a step is.  Heard, never recorded."""

    step: int
    message: str
    done: float | None = None


Heard: TypeAlias = AnyEvent | Progress
Hear: TypeAlias = Callable[[Heard], None]


class Cancel:
    """Somebody's wish to stop a run.  Free until what the owner runs was touched; after that it means going back."""

    def __init__(self) -> None:
        self._wish = asyncio.Event()
        self._reason = ""

    def ask(self, reason: str) -> None:
        """Wish it; the run decides when."""
        self._reason = reason
        self._wish.set()

    @property
    def reason(self) -> str | None:
        """The wish, or ``None``."""
        return self._reason if self._wish.is_set() else None

    async def wait(self) -> None:
        """Return once somebody wishes it."""
        await self._wish.wait()


async def drive(run: Run, device: Device, journal: Journal, hear: Hear, cancel: Cancel | None = None) -> Run:
    """Carry a run, new or half told, to its end.

    ``JournalError``: the story cannot be continued.  What was touched has then been put back as far as it went, and
    the run stays open for the next start.
    """
    return await _carry(_Driver(run, device, journal, hear, cancel or Cancel()))


async def resume(run: Run, device: Device, journal: Journal, hear: Hear, cancel: Cancel | None = None) -> Run:
    """Carry on a run that was found unfinished.  As ``drive``, also when not even that can be told any more."""
    return await _carry(_Driver(run, device, journal, hear, cancel or Cancel()), Restarted())


async def _carry(driver: "_Driver", *first: AnyEvent) -> Run:
    try:
        for event in first:
            await driver.tell(event)
        while (move := next_move(driver.run)) is not None:
            await driver.make(move)
    except JournalError:
        await driver.put_back_untold()
        raise
    return driver.run


class _Driver:
    """One run on its way: the story so far, and the hands that continue it."""

    def __init__(self, run: Run, device: Device, journal: Journal, hear: Hear, wish: Cancel) -> None:
        self.run = run
        self._device = device
        self._journal = journal
        self._hear = hear
        self._wish = wish

    async def make(self, move: Move) -> None:
        """Make one move, and tell it.  What is told before an act is on the disk when the act begins."""
        match move:
            case Ask() | Act() if self.run.turned is None and self._wish.reason is not None:
                await self.tell(TurnedBack(self._wish.reason, refused=True))
            case Ask(side=side, checks=checks):
                await self.tell(Answered(side, await self._objections(side, checks)))
            case Act():
                await self._act(move)
            case TurnBack(reason=reason, blame=blame, refused=refused):
                evidence = await self._last_words() if self.run.touched else ()
                await self.tell(TurnedBack(reason, blame=blame, refused=refused, evidence=evidence))
            case Undo(number=number, steps=steps, tried=tried):
                if tried:
                    await self._device.clock.sleep(_PAUSE_BACK)
                problem = await self._attempt(steps, number)
                await self.tell(Undone(number) if problem is None else BackFailed(number, problem))
            case Commit():
                await self.tell(Committed())
            case Tidy(number=number, step=step):
                await self.tell(Tidied(number, await self._attempt((step,), number)))
            case Close(outcome=outcome, reason=reason, commands=commands):
                await self.tell(Closed(outcome, reason, commands))
            case _:
                assert_never(move)

    async def put_back_untold(self) -> None:
        """Leave the owner with what ran before, although nothing can be written down any more."""
        run = self.run
        if not run.touched or run.committed or isinstance(next_move(run), Commit):
            # About to commit, it is not known whether the disk has heard of it, and what runs was found to be well.
            return
        _log.critical("the journal of %s cannot be written: putting everything back as it was", run.plan.component)
        for number, steps in reversed(tuple(enumerate(run.ways_back))):
            if run.plan.steps[number].live and (problem := await self._attempt(steps, number)):
                _log.critical("cannot put back step %d: %s", number, problem)

    async def tell(self, event: AnyEvent) -> None:
        """Write it down, and let those who listen hear it."""
        await self._journal.write(event)
        self.run = tell(self.run, event)
        self._say(event)

    def _say(self, heard: Heard) -> None:
        """Let it be heard.  A listener that breaks is its own trouble, never the device's."""
        try:
            self._hear(heard)
        except Exception:
            _log.exception("a listener to a run of %s broke", self.run.plan.component)

    async def _act(self, act: Act) -> None:
        step = act.step
        try:
            if not act.begun:
                way_back = tuple(await step.way_back(self._device))
                await self.tell(Began(act.number, cast("tuple[AnyStep, ...]", way_back)))
            apply = step.apply(self._reporting(act.number))
            if step.live or self.run.touched:
                await apply
            elif not await _unless(self._wish, apply):
                await self.tell(TurnedBack(self._wish.reason or "cancelled", refused=True))
                return
        except EffectError as error:
            await self._fail(str(error), blame=step.blames and not _is_elsewhere(error))
        except JournalError:
            raise
        except Exception as error:
            # A bug of ours must not leave the device half changed: it is told in full, and the run turns back.
            _log.exception("step %d (%s) of a run of %s broke", act.number, step.title, self.run.plan.component)
            words = f"internal error in {step.title!r}: {type(error).__name__}: {error}"
            await self._fail(words, blame=step.blames)
        else:
            await self.tell(Finished(act.number))

    async def _fail(self, reason: str, *, blame: bool) -> None:
        evidence = await self._last_words() if self.run.touched else ()
        await self.tell(TurnedBack(reason, blame=blame and not self.run.ill_before, evidence=evidence))

    async def _objections(self, side: Side, checks: Sequence[AnyCheck]) -> tuple[str, ...]:
        found: list[str] = []
        for check in checks:
            if (objection := await self._ask(check)) is not None:
                found.append(objection)
                if side == "after":  # one reason is enough to go back: each further check may wait for minutes, in vain
                    break
        return tuple(found)

    async def _ask(self, check: AnyCheck) -> str | None:
        try:
            return await check.objection(self._device)
        except EffectError as error:
            return str(error)
        except Exception as error:
            _log.exception("check %s of a run of %s broke", check.title, self.run.plan.component)
            return f"internal error in check {check.title!r}: {type(error).__name__}: {error}"

    async def _attempt(self, steps: Sequence[AnyStep], number: int) -> str | None:
        """Apply these steps; answer what was in the way, or ``None``."""
        try:
            for step in steps:
                await step.apply(self._reporting(number))
        except EffectError as error:
            return str(error)
        except Exception as error:
            _log.exception("way back %d of a run of %s broke", number, self.run.plan.component)
            return f"internal error: {type(error).__name__}: {error}"
        return None

    async def _last_words(self) -> tuple[str, ...]:
        """Answer the last log lines of what the plan is about; none of it may get in the way of going back."""
        with contextlib.suppress(Exception):
            match self.run.plan.watch:
                case None:
                    return ()
                case SystemdUnit() | OwnProcess() as service:
                    return tuple(await self._device.services.last_log(service, _EVIDENCE))
                case which:
                    return tuple(await self._device.containers.last_log(which, _EVIDENCE))
        return ()

    def _reporting(self, number: int) -> Device:
        def report(message: str, done: float | None = None) -> None:
            self._say(Progress(number, message, done))

        return replace(self._device, report=report)


def _is_elsewhere(error: EffectError) -> bool:
    """Whether the disk or the network said no: that is never the new version's fault."""
    return isinstance(error, UnreachableError) or _speaks_of_the_disk(error)


def _speaks_of_the_disk(error: EffectError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _DISK


async def _unless(wish: Cancel, work: Coroutine[Any, Any, None]) -> bool:
    """Do ``work`` unless somebody wishes to cancel meanwhile; answer whether it was done."""
    doing = asyncio.ensure_future(work)
    wishing = asyncio.ensure_future(wish.wait())
    try:
        await asyncio.wait({doing, wishing}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
        return False
    finally:
        # Also when we ourselves are being stopped: nobody may go on working behind our back.
        for task in (doing, wishing):
            task.cancel()
        await asyncio.gather(doing, wishing, return_exceptions=True)
