"""The command line: one call and one print for each command."""

import argparse
import asyncio
import importlib
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dunebugger_updater import __version__

if TYPE_CHECKING:
    from dunebugger_updater.model.settings import Settings
    from dunebugger_updater.wiring import House

Command: TypeAlias = Callable[["House", argparse.Namespace], Awaitable[int]]

COMMANDS: dict[str, Callable[[Any], Command]] = {
    "check": attrgetter("check"),
    "status": attrgetter("status"),
    "update": attrgetter("update"),
    "rollback": attrgetter("rollback"),
    "recover": attrgetter("recover"),
    "start": attrgetter("start"),
    "stop": attrgetter("stop"),
    "history": attrgetter("history_"),
    "show": attrgetter("show_"),
    "doctor": attrgetter("doctor"),
    "token": attrgetter("token"),
    "maintenance": attrgetter("maintenance"),
    "packages": attrgetter("packages"),
    "action": attrgetter("action"),
    "actions": attrgetter("actions"),
    "approve": attrgetter("approve"),
    "reject": attrgetter("reject"),
}
"""Where each command is, in a module that is imported only when one of them is wanted."""

MODULES = {
    **dict.fromkeys(("token", "maintenance"), "commands_agent"),
    **dict.fromkeys(("action", "actions", "approve", "reject"), "commands_actions"),
    "packages": "commands_packages",
}
"""Which module that is; ``commands`` for the rest."""

ACTIONS = (
    "apt_update",
    "apt_upgrade_all",
    "apt_upgrade_security",
    "apt_upgrade_packages",
    "restart_service",
    "clear_logs",
)
"""As ``ActionType`` has them: --help starts faster without it."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command, and answer its exit status."""
    arguments = _parser().parse_args(words)
    status = 0
    try:
        on_files = hasattr(arguments, "handler")  # manifest commands: they work on files alone
        status = int(arguments.handler(arguments)) if on_files else _commands(arguments)
        sys.stdout.flush()  # what is still held back would meet a closed pipe after us, where nobody forgives it
    except KeyboardInterrupt as stopped:
        usual = "stopped; dunebugger-updater recover finishes or undoes what was begun"
        print(str(stopped) or usual, file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read us has gone (head, less): no traceback for that.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _commands(arguments: argparse.Namespace) -> int:
    from dunebugger_updater.sorry import sorry  # noqa: PLC0415  (as below)

    if arguments.command == "demo":
        demo = importlib.import_module("dunebugger_updater.demo")
        return int(demo.main(as_json=arguments.json, panel=arguments.panel, seconds=arguments.seconds))
    if arguments.command == "version":
        return int(importlib.import_module("dunebugger_updater.show").version(as_json=arguments.json))
    if arguments.command == "self-test":
        from dunebugger_updater.config import find  # noqa: PLC0415  (as below)

        tried = importlib.import_module("dunebugger_updater.self_test")
        return int(tried.main(find(arguments.config, os.environ), arguments.state, as_json=arguments.json))
    commands = importlib.import_module("dunebugger_updater." + MODULES.get(arguments.command, "commands"))
    from dunebugger_updater.config import ConfigError, find, load  # noqa: PLC0415  (--help starts faster without it)

    try:
        settings = load(find(arguments.config, os.environ), has_apt=shutil.which("apt-get") is not None)
        if arguments.command == "agent":
            return int(importlib.import_module("dunebugger_updater.agent").main(settings))
        return asyncio.run(_run(settings, COMMANDS[arguments.command](commands), arguments))
    except ConfigError as error:
        return sorry(str(error), 2, as_json=arguments.json)


async def _run(settings: "Settings", command: Command, arguments: argparse.Namespace) -> int:
    from dunebugger_updater.ports import EffectError  # noqa: PLC0415  (as below)
    from dunebugger_updater.sorry import sorry  # noqa: PLC0415  (as below)
    from dunebugger_updater.wiring import house  # noqa: PLC0415  (it needs the network library: not for --help)

    async def in_house() -> int:
        try:
            async with house(settings) as built:
                for warning in built.warnings:
                    print(f"warning: {warning}", file=sys.stderr)
                return await command(built, arguments)
        except EffectError as error:
            return sorry(str(error), 1, as_json=arguments.json)

    task = asyncio.ensure_future(in_house())
    # A clean stop is a power cut: what is open is finished or undone by the next recover.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError as stopped:
        raise KeyboardInterrupt(*stopped.args) from None  # with the sentence of who follows an agent's run


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the configuration file")
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")
    parser = argparse.ArgumentParser(
        prog="dunebugger-updater",
        description="Keeps every part of this device up to date, and always able to go back.",
        epilog="Exit status: 0 done, 1 nothing changed, 2 usage, 3 refused, 4 rolled back, 5 a person is needed.",
    )
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help="the configuration file")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--version", action="version", version=f"dunebugger-updater {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help_: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help_, description=help_.capitalize() + ".", parents=[shared])

    demo = add("demo", "watch an app being updated and a broken release being rolled back, on a made-up device")
    demo.add_argument("--panel", action="store_true", help="go straight to the panel of that device")
    demo.add_argument("--for", type=_seconds, dest="seconds", metavar="SECONDS", help="close the panel by itself then")
    check = add("check", "ask for new releases")
    check.add_argument("names", nargs="*", metavar="NAME", help="components; all when none is named")
    check.add_argument("--force", action="store_true", help="ask again although the last answer is fresh")
    update = add("update", "update one component")
    update.add_argument("name", metavar="NAME")
    update.add_argument("--version", metavar="V", help="this version instead of the newest")
    update.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    update.add_argument("--yes", action="store_true", help="do not ask")
    rollback = add("rollback", "put a component back as it was before the last run, or to a kept version")
    rollback.add_argument("name", metavar="NAME")
    rollback.add_argument("--to", metavar="V", help="a kept version")
    rollback.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    rollback.add_argument("--yes", action="store_true", help="do not ask")
    for verb in ("start", "stop"):
        add(verb, f"{verb} a component's service").add_argument("name", metavar="NAME")
    add("recover", "finish or undo what a power cut left open")
    add("status", "what is installed, on offer and running")
    add("history", "past runs").add_argument("name", nargs="?", metavar="NAME")
    add("show", "one run, event by event").add_argument("run", metavar="RUN")
    add("agent", "the service: looks for releases, updates what may be updated, and serves the panel")
    mode = add("maintenance", "switch maintenance mode on or off, or say how it stands")
    mode.add_argument("state", nargs="?", choices=("on", "off"), help="left out: how it stands")
    mode.add_argument("--minutes", type=_minutes, metavar="N", help="on for so long, then off by itself")
    pending = add("packages", "pending packages, security fixes marked, and why some are kept back")
    pending.add_argument("--security", action="store_true", help="list only those with a security fix")
    _add_queue(add)
    token = add("token", "API tokens for programs")
    tokens = token.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    make = tokens.add_parser("create", help="make one; it is shown once", parents=[shared])
    make.add_argument("--name", required=True, metavar="N", help="who will use it")
    make.add_argument("--role", required=True, choices=("owner", "operator", "viewer"))
    tokens.add_parser("list", help="those that there are", parents=[shared])
    tokens.add_parser("revoke", help="take one back at once", parents=[shared]).add_argument("token", metavar="ID")
    add("doctor", "what is wrong with this device or its configuration, and what to do about it")
    add("version", "version, commit, Python and platform")
    tried = add("self-test", "whether this program works here and reads all that this device remembers")
    tried.add_argument("--state", type=Path, metavar="DIR", help="the device's memory, instead of statePath")

    from dunebugger_updater import manifest_cli  # noqa: PLC0415  (part of the parser, not of the house)

    manifest_cli.add_arguments(commands)
    return parser


def _add_queue(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    action = add("action", "queue an action: packages, a service's restart, old logs")
    action.add_argument("type", choices=ACTIONS, metavar="TYPE", help=", ".join(ACTIONS))
    action.add_argument("names", nargs="*", metavar="NAME", help="packages, or the service")
    action.add_argument("--yes", action="store_true", help="approve it at once, as the owner")
    action.add_argument("--in-window", action="store_true", help="wait for the next maintenance window")
    look = add("actions", "the action queue, or one action with its output")
    look.add_argument("action", nargs="?", metavar="ID")
    add("approve", "approve an action as it stands in the queue").add_argument("action", metavar="ID")
    add("reject", "reject an action that has not begun").add_argument("action", metavar="ID")


def _seconds(text: str) -> float:
    if not text.isdigit() or not 1 <= int(text) <= 86_400:  # noqa: PLR2004  (a day: longer is no demo)
        raise argparse.ArgumentTypeError(f"expected whole seconds from 1 to 86400, got {text!r}")
    return float(text)


def _minutes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 43_200:  # noqa: PLR2004  (a month: longer is no maintenance)
        raise argparse.ArgumentTypeError(f"expected whole minutes from 1 to 43200, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
