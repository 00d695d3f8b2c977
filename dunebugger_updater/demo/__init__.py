"""``dunebugger-updater demo``: an app is updated, a broken release is taken and taken back, on a made-up device.

The device lies in a temporary folder and is made up; everything else is as on any other: the configuration is read from
its file, releases are downloaded from a server, environments built, processes stopped and started, and the panel is
served by the agent.
"""

import io
import sys
import time

from dunebugger_updater.config import ConfigError
from dunebugger_updater.demo.device import MadeUpDevice, made_up_device
from dunebugger_updater.demo.interruption import Interruption
from dunebugger_updater.demo.panel import Stay, stay_open
from dunebugger_updater.demo.story import NotAsToldError, telling
from dunebugger_updater.demo.telling import AsLines, InWords, Teller
from dunebugger_updater.ports import EffectError

__all__ = ["main"]


def main(*, as_json: bool, panel: bool = False, seconds: float | None = None) -> int:
    """Tell the story, and open the panel to a person at a terminal.

    ``panel``: open it at once and to anybody, without the story.  ``seconds``: open it to anybody, for so long.
    Exit status 0 when it went as told, 130 when somebody stopped it before the panel was open, else 1 with a sentence.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ shows ? instead
    began = time.monotonic()
    reader_gone = False
    person = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    stay = Stay(seconds) if panel or person or seconds is not None else None
    with Interruption() as interruption:

        def gone() -> None:
            nonlocal reader_gone
            reader_gone = True
            interruption.ask()

        teller = AsLines(gone) if as_json else InWords(gone)
        try:
            with made_up_device() as device:
                if not (panel and as_json):  # the panel as JSON is one line: where it is
                    _welcome(teller, device, story=not panel)
                interruption.run(play(device, teller, story=not panel, stay=stay))
        except BrokenPipeError:
            reader_gone = True
        except (NotAsToldError, EffectError, ConfigError, OSError) as error:
            return _failed(teller, str(error), as_json=as_json)
        if reader_gone:
            raise BrokenPipeError
        if interruption.asked and not (stay and stay.begun):
            print("\nstopped; what the demo had started has ended, and its folder is gone", file=sys.stderr)
            return 130
        if not (panel and as_json):
            _farewell(teller, time.monotonic() - began, with_panel=stay is not None)
    return 0


async def play(device: MadeUpDevice, teller: Teller, *, story: bool, stay: Stay | None) -> None:
    """Tell the story on ``device``, or only set it up; then ``stay``.

    ``NotAsToldError`` or ``EffectError``: it went another way, and how.
    """
    async with telling(device, teller, with_lights=stay is not None) as told:
        await (told.tell() if story else told.begin())
        if stay is not None:
            await told.go_on()
            await stay_open(told.house, device, teller, stay, told.lights)


def _welcome(teller: Teller, device: MadeUpDevice, *, story: bool) -> None:
    teller.scene(
        "begin",
        "DuneBugger Updater: the demo" if story else "DuneBugger Updater: the demo's panel",
        "A made-up device, but real downloads, environments and processes.",
        "All of it happens in this folder, which is removed at the end:",
        f"  {device.root}",
        "Setting it up takes a few seconds, the rest about twenty." if story else "Setting it up takes a few seconds.",
        folder=str(device.root),
    )


def _failed(teller: Teller, sentence: str, *, as_json: bool) -> int:
    if as_json:
        teller.scene("failed", "", sentence, as_told=False)
    print(f"\ndunebugger-updater: the demo did not go as told: {sentence}", file=sys.stderr)
    return 1


def _farewell(teller: Teller, seconds: float, *, with_panel: bool) -> None:
    teller.scene(
        "end",
        "That was all",
        f"It took {seconds:.0f} seconds. What was started has ended, and the folder is gone.",
        as_told=True,
        seconds=round(seconds, 1),
    )
    if not with_panel:
        teller.scene(
            "see_panel",
            "The panel",
            "Such a device with its web panel, for you to try:",
            "  dunebugger-updater demo --panel",
        )
    teller.scene(
        "next",
        "On your own device",
        "Write /etc/dunebugger/dunebugger.conf: one section for each app. Without it, core, scheduler and remote"
        " in /opt/dunebugger are looked after. Then:",
        "  dunebugger-updater doctor",
        "  dunebugger-updater check",
        "  dunebugger-updater update NAME --dry-run",
        "  dunebugger-updater update NAME",
        "  dunebugger-updater rollback NAME",
        "More is in README.md and docs/.",
    )
