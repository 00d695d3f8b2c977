"""The one place that starts programs and waits for them: argument lists, an environment of their own, a limit."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dunebugger_updater.effects.orphans import MARK, mark
from dunebugger_updater.ports import EffectError

KEPT_OUTPUT = 1_048_576
"""Bytes of each stream that are kept: the end, which is where programs say why they failed."""

_LEAKS = re.compile(
    r"^(LD_LIBRARY_PATH|LD_PRELOAD|PYTHONHOME|PYTHONPATH|VIRTUAL_ENV|_PYI_.*|_MEI.*|PYINSTALLER_.*|GITHUB_TOKEN"
    r"|NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|LISTEN_(PID|FDS|FDNAMES)|JOURNAL_STREAM|INVOCATION_ID|SYSTEMD_EXEC_PID"
    rf"|(STATE|RUNTIME)_DIRECTORY|DUNEBUGGER_UPDATER_\w+|{MARK})$"
)
"""What must not reach a child: a frozen program's libraries break system tools, what systemd told us is not meant for
others (an app would take our watchdog for its own), and the token is nobody's business."""

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


class Owner(msgspec.Struct, frozen=True):
    """Whose rights a program runs with."""

    uid: int
    gid: int


class Finished(msgspec.Struct, frozen=True):
    """What a program left behind."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """The last line that says something: what a person should read first."""
        for stream in (self.err, self.out):
            for line in reversed(stream.splitlines()):
                if clean := plain(line).strip():
                    return clean
        return f"exit status {self.code}"


def plain(text: str) -> str:
    """``text`` without terminal control: progress bars and colours are noise in a log."""
    return _ANSI.sub("", text)


def clean_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment that a child would have had without us in between."""
    kept = {name: value for name, value in os.environ.items() if not _LEAKS.match(name)}
    if original := os.environ.get("LD_LIBRARY_PATH_ORIG"):
        kept["LD_LIBRARY_PATH"] = original
    kept.pop("LD_LIBRARY_PATH_ORIG", None)
    # Programs are read by us, not by the owner: their language must not depend on the device's.
    kept |= {"LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
    return kept | dict(additions or {})


async def run(
    argv: Sequence[str],
    *,
    limit: float,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    owner: Owner | None = None,
    hear: Callable[[str], None] | None = None,
    bare: bool = False,
    keep: int = KEPT_OUTPUT,
) -> Finished:
    """Run a program to its end, without a shell and with nothing on its standard input.

    ``limit`` is in seconds; past it the program and its children are killed.  ``hear`` gets each line as it comes.
    ``keep``: bytes of each stream that are kept, for a program whose whole output is wanted and may be long.
    ``bare``: ``environment`` is all that it gets.
    ``EffectError``: the program is not there, may not be started, or took longer than ``limit``.
    """
    other = owner if owner is not None and owner.uid != os.geteuid() else None
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=directory,
            env={**(environment or {}), **mark()} if bare else clean_environment({**(environment or {}), **mark()}),
            start_new_session=True,  # so that the limit can end its children too
            user=other.uid if other else None,
            group=other.gid if other else None,
            extra_groups=() if other else None,
        )
    )
    try:
        process = await asyncio.shield(starting)
        async with asyncio.timeout(limit):
            out, err = await asyncio.gather(_listen(process.stdout, hear, keep), _listen(process.stderr, hear, keep))
            code = await process.wait()
    except TimeoutError:
        raise EffectError(f"{argv[0]} did not finish within {limit:g} s") from None
    except OSError as error:
        raise EffectError(f"cannot run {argv[0]}: {(error.strerror or str(error)).lower()}") from None
    finally:
        await _to_its_end(asyncio.ensure_future(_gone(starting)))
    return Finished(code, out, err)


async def _gone(starting: asyncio.Future[asyncio.subprocess.Process]) -> None:
    """See a program end that is not waited for any more, and leave nothing of it open."""
    try:
        process = await starting
    except OSError:
        return
    try:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    finally:
        # Else a pipe that was not read to its end (a child of its own process group holds it) stays open behind us.
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  (asyncio has no other door to it)


async def _to_its_end(ending: asyncio.Future[None]) -> None:
    """Wait for it however often we are told to give up meanwhile: who was killed is still to be seen gone."""
    given_up: asyncio.CancelledError | None = None
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError as error:
            given_up = error
    if given_up is not None:
        raise given_up
    ending.result()


async def _listen(stream: asyncio.StreamReader | None, hear: Callable[[str], None] | None, keep: int) -> str:
    assert stream is not None  # noqa: S101  (both streams are pipes: see run)
    kept = bytearray()
    line = bytearray()
    while chunk := await stream.read(65_536):
        kept += chunk
        del kept[: max(0, len(kept) - keep)]
        if hear is not None:
            line += chunk
            *whole, rest = re.split(rb"[\r\n]", bytes(line))
            line = bytearray(rest[-4096:])
            for each in whole:
                if text := plain(each.decode(errors="replace")).strip():
                    hear(text[:500])
    return kept.decode(errors="replace")
