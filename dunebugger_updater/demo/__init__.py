"""``dunebugger-updater demo``: an app is updated, a broken release is taken and taken back, on a made-up device.

The device lies in a temporary folder and is made up; everything else is as on any other: the configuration is read from
its file, releases are downloaded from a server, environments built, processes stopped and started.
"""

import io
import sys
import time

from dunebugger_updater.config import ConfigError
from dunebugger_updater.demo.device import made_up_device
from dunebugger_updater.demo.interruption import Interruption
from dunebugger_updater.demo.story import NotAsToldError, tell_story
from dunebugger_updater.demo.telling import AsLines, InWords, Teller
from dunebugger_updater.ports import EffectError

__all__ = ["main"]


def main(*, as_json: bool) -> int:
    """Tell the story; exit status 0 when it went as told, 130 when somebody stopped it, else 1 with a sentence."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ shows ? instead
    began = time.monotonic()
    reader_gone = False
    with Interruption() as interruption:

        def gone() -> None:
            nonlocal reader_gone
            reader_gone = True
            interruption.ask()

        teller = AsLines(gone) if as_json else InWords(gone)
        try:
            with made_up_device() as device:
                interruption.run(tell_story(device, teller))
        except BrokenPipeError:
            reader_gone = True
        except (NotAsToldError, EffectError, ConfigError, OSError) as error:
            return _failed(teller, str(error), as_json=as_json)
        if reader_gone:
            raise BrokenPipeError
        if interruption.asked:
            print("\nstopped; what the demo had started has ended, and its folder is gone", file=sys.stderr)
            return 130
        _farewell(teller, time.monotonic() - began)
    return 0


def _failed(teller: Teller, sentence: str, *, as_json: bool) -> int:
    if as_json:
        teller.scene("failed", "", sentence, as_told=False)
    print(f"\ndunebugger-updater: the demo did not go as told: {sentence}", file=sys.stderr)
    return 1


def _farewell(teller: Teller, seconds: float) -> None:
    teller.scene(
        "end",
        "That was all",
        f"It took {seconds:.0f} seconds. What was started has ended, and the folder is gone.",
        as_told=True,
        seconds=round(seconds, 1),
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
