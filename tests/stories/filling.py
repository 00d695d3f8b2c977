"""Our command line on a disk that fills up to the last byte when a certain step has begun, and stays full.

``python -m stories.filling FOLDER TITLE WORD…``: the words are for the command line; ``TITLE`` is how the step's title
begins.  Filling happens between the journal's record and the act: after every check that could have seen it coming.
"""

import contextlib
import os
import sys
from pathlib import Path

from dunebugger_updater import cli
from dunebugger_updater.effects.journal import RunFile
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import AnyEvent, Began, Opened

BALLAST = "somebody-elses-film"


def fill(folder: Path) -> None:
    """Leave not one byte."""
    with (folder / BALLAST).open("ab") as film:
        while (found := os.statvfs(folder)).f_bavail:
            with contextlib.suppress(OSError):
                length = os.fstat(film.fileno()).st_size
                os.posix_fallocate(film.fileno(), length, found.f_bavail * found.f_frsize)


def main(folder: Path, title: str, words: list[str]) -> int:
    plans: list[Plan] = []
    full: list[bool] = []
    write = RunFile.write

    async def write_and_fill(file: RunFile, event: AnyEvent) -> None:
        await write(file, event)
        if isinstance(event, Opened):
            plans.append(event.plan)
        if isinstance(event, Began) and plans[-1].steps[event.step].title.startswith(title):
            full.append(True)
        if full:
            fill(folder)  # at every later event too: whatever is removed to make room is taken at once

    RunFile.write = write_and_fill  # type: ignore[method-assign, assignment]  # between the record and the act nobody else can be
    return cli.main(words)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
