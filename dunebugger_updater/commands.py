"""What each command does: ask the house, print the answer, and say with the exit status how it went."""

import argparse
import os
import sys
from pathlib import Path

from dunebugger_updater import actions_door, by_agent, show
from dunebugger_updater.commands_agent import setup_code
from dunebugger_updater.engine import Hear, Heard, JournalError
from dunebugger_updater.kinds import python_app
from dunebugger_updater.model.codec import to_builtins
from dunebugger_updater.model.service import Service
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import EffectError
from dunebugger_updater.run import Outcome
from dunebugger_updater.services import history
from dunebugger_updater.services.own_trial import is_own, own_run
from dunebugger_updater.services.updates import Refusal
from dunebugger_updater.sorry import STATUS, refused, sorry
from dunebugger_updater.steps.itself import UNIT
from dunebugger_updater.story import Story
from dunebugger_updater.trust.rotation import OWN
from dunebugger_updater.wiring import House


async def check(house: House, arguments: argparse.Namespace) -> int:
    """Ask for new releases."""
    if problem := _unknown(house, arguments.names):
        return sorry(problem, 2, as_json=arguments.json)
    by_it = await by_agent.check(house, arguments.names, force=arguments.force)
    views = await (
        house.watch.known(arguments.names) if by_it else house.watch.check(arguments.names, force=arguments.force)
    )
    _print_components(views, as_json=arguments.json)
    return 1 if views and all(view.status == "unknown" for view in views.values()) else 0


async def status(house: House, arguments: argparse.Namespace) -> int:
    """Say what is known without asking anybody."""
    _print_components(await house.watch.known(), as_json=arguments.json)
    open_ = [story for story in history.stories(house.runs) if story.closed is None]
    for story in open_:
        how = "its service goes on with it" if is_own(story) else "call dunebugger-updater recover"
        print(f"run {story.id} is not finished: {how}", file=sys.stderr)
    if code := setup_code(house):
        print(f"nobody owns this device's panel yet: open it and give this one-time code: {code}", file=sys.stderr)
    return 0


async def update(house: House, arguments: argparse.Namespace) -> int:
    """Update one component."""
    if problem := _unknown(house, [arguments.name]):
        return sorry(problem, 2, as_json=arguments.json)
    plan = await house.updates.plan_update(arguments.name, arguments.version)
    return await _carry_out(house, plan, arguments)


async def rollback(house: House, arguments: argparse.Namespace) -> int:
    """Put a component back."""
    if problem := _unknown(house, [arguments.name]):
        return sorry(problem, 2, as_json=arguments.json)
    plan = await house.updates.plan_rollback(arguments.name, arguments.to)
    return await _carry_out(house, plan, arguments)


async def _carry_out(house: House, plan: Plan | Refusal, arguments: argparse.Namespace) -> int:
    if isinstance(plan, Refusal):
        return refused(arguments.name, plan, as_json=arguments.json, dry_run=arguments.dry_run)
    if arguments.dry_run:
        view = history.planned(plan)
        if arguments.json:
            show.as_json(_result(view, plan))
        else:
            print(*show.plan_in_words(plan), sep="\n")
        return 0
    if not arguments.yes and not _agreed(house, plan):
        words = "not confirmed: say yes on a terminal, or call it with --yes"
        return refused(arguments.name, Refusal(Outcome.REFUSED, words), as_json=arguments.json)
    hear = ear(arguments)
    try:
        told = await by_agent.carry_out(
            house, plan, getattr(arguments, "version", None) or getattr(arguments, "to", None), hear
        )
        if told is None and plan.component == OWN:
            words = f"cannot update the updater while its service does not run: start it (systemctl start {UNIT})"
            told = Refusal(Outcome.REFUSED, words)
        if told is None:
            told = await _alone(house, plan, hear)
    except JournalError as error:
        return sorry(
            f"{error}; what was touched was put back; free the disk and call dunebugger-updater recover",
            5,
            as_json=arguments.json,
        )
    if isinstance(told, Refusal):
        return refused(arguments.name, told, as_json=arguments.json)
    return _ended(told, as_json=arguments.json)


async def _alone(house: House, plan: Plan, hear: Hear) -> Story | Refusal:
    """Do it here, for no agent runs; what changes packages stands in the action queue's line, as it would with one."""
    actor = os.environ.get("SUDO_USER") or "owner"
    component = house.settings.component(plan.component)
    if component is not None and component.type == "apt":
        return await actions_door.update(house, plan, hear, actor, named=bool(component.repository))
    return await house.updates.carry_out(plan, actor, hear)


async def recover(house: House, arguments: argparse.Namespace) -> int:
    """Finish or undo what is open, and start again what ran by our own hand when the power went."""
    try:
        told = await house.updates.recover(ear(arguments))
    except JournalError as error:
        return sorry(f"{error}; call dunebugger-updater recover again", 5, as_json=arguments.json)
    if isinstance(told, Refusal):
        return refused("", told, as_json=arguments.json)
    if own := own_run(house.runs):
        words = f"run {own.id} is the updater's own: its service goes on with it (systemctl start {UNIT})"
        print(words, file=sys.stderr)
    views = [history.view(story) for story in told]
    if arguments.json:
        show.as_json([to_builtins(view) for view in views])
    elif not views:
        print("nothing was left open")
    for view in views:
        if not arguments.json:
            print(f"{show.ending(view.outcome)} {view.message}")
    return max((_status(view) for view in views), default=0)


async def start(house: House, arguments: argparse.Namespace) -> int:
    """Start a component's service."""
    return await _service(house, arguments, "start")


async def stop(house: House, arguments: argparse.Namespace) -> int:
    """Stop a component's service."""
    return await _service(house, arguments, "stop")


async def _service(house: House, arguments: argparse.Namespace, verb: str) -> int:
    component = house.updates.component(arguments.name)
    if isinstance(component, Refusal):
        return sorry(component.message, 2, as_json=arguments.json)
    try:
        if component.type == "container":
            which, _ = await house.device.containers.find(
                component.compose_path or Path("docker-compose.yml"), component.service
            )
            if verb == "start":
                await house.device.containers.up(which, None, house.device.report)
            else:
                await house.device.containers.stop(which)
            label = which.service
        elif component.type == "python_app":
            runs: Service = python_app.service(component, house.settings.updater)
            await (house.device.services.start(runs) if verb == "start" else house.device.services.stop(runs))
            label = runs.label
        else:
            return sorry(
                f"cannot {verb} {component.name}: a {component.type} component has no service",
                3,
                as_json=arguments.json,
            )
    except EffectError as error:
        return sorry(str(error), 1, as_json=arguments.json)
    done = {"start": "started", "stop": "stopped"}[verb]
    if arguments.json:
        show.as_json({"component": component.name, "service": label, "state": done})
    else:
        print(f"{label} {done}")
    return 0


async def history_(house: House, arguments: argparse.Namespace) -> int:
    """Tell past runs, newest first."""
    if arguments.name and (problem := _unknown(house, [arguments.name])):
        return sorry(problem, 2, as_json=arguments.json)
    views = [history.view(story) for story in reversed(history.stories(house.runs, arguments.name))]
    if arguments.json:
        show.as_json(views)
    elif not views:
        print("no runs yet")
    else:
        rows = [("RUN", "WHEN (UTC)", "COMPONENT", "FROM", "TO", "OUTCOME", "SECONDS")]
        rows += [
            (
                view.run,
                f"{view.started_at:%Y-%m-%d %H:%M}" if view.started_at else "",
                view.component,
                view.from_version or "?",
                view.to_version or "?",
                view.outcome,
                f"{view.seconds:.1f}" if view.seconds is not None else "",
            )
            for view in views
        ]
        print(*show.table(rows), sep="\n")
    return 0


async def show_(house: House, arguments: argparse.Namespace) -> int:
    """Tell one run, event by event."""
    story = house.runs.read(arguments.run)
    if story is None:
        return sorry(
            f"cannot find run {arguments.run!r}: dunebugger-updater history lists them", 2, as_json=arguments.json
        )
    if arguments.json:
        show.as_json({**to_builtins(history.view(story)), "events": [to_builtins(each) for each in story.told]})
        return 0
    print(history.sentence(story))
    tell = show.Live(sys.stdout)
    for each in story.told:
        tell(each.event)
    for command in story.closed.commands if story.closed else ():
        print(f"  by hand: {command}")
    return 0


async def doctor(house: House, arguments: argparse.Namespace) -> int:
    """Say what is wrong with this device or its configuration, and what to do about it."""
    from dunebugger_updater.doctor import examine  # noqa: PLC0415  (only this command needs it)

    return await examine(house, as_json=arguments.json)


def _print_components(views: dict[str, ComponentView], *, as_json: bool) -> None:
    if as_json:
        show.as_json({"components": {name: to_builtins(view) for name, view in views.items()}})
        return
    if not views:
        print("no components are configured")
        return
    rows = [("COMPONENT", "INSTALLED", "LATEST", "STATE")]
    rows += [(view.name, view.current or "?", view.latest or "?", view.message) for view in views.values()]
    print(*show.table(rows), sep="\n")
    for view in views.values():
        for warning in view.warnings:
            print(f"warning: {view.name}: {warning}", file=sys.stderr)


def ear(arguments: argparse.Namespace) -> Hear:
    """Progress goes to standard error, so that standard output holds the answer alone."""
    lines = arguments.json or not sys.stderr.isatty()
    tell = show.Lines(sys.stderr) if lines else show.Live(sys.stderr)

    def hear(heard: Heard) -> None:
        try:
            tell(heard)
        except OSError:
            # Whoever watched has gone (head, a closed terminal): that must not stop an update in the middle.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

    return hear


def _agreed(house: House, plan: Plan) -> bool:
    component = house.settings.component(plan.component)
    if component is not None and component.policy == "auto" and plan.verb == "update":
        return True
    if not sys.stdin.isatty():
        return False
    print(*show.plan_in_words(plan), sep="\n", file=sys.stderr)
    print("Go ahead? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _ended(story: Story, *, as_json: bool) -> int:
    view = history.view(story)
    if as_json:
        show.as_json(_result(view))
    else:
        print(f"{show.ending(view.outcome)} {view.message}")
        for command in view.commands:
            print(f"  by hand: {command}")
        print(f"  more: dunebugger-updater show {view.run}")
    return _status(view)


def _status(view: RunView) -> int:
    return 0 if view.success else STATUS.get(Outcome(view.outcome), 1) if view.outcome != "running" else 1


def _result(view: RunView, plan: Plan | None = None) -> dict[str, object]:
    told = to_builtins(view)
    return {**told, "plan": show.brief(plan)} if plan else dict(told)


def _unknown(house: House, names: list[str]) -> str | None:
    for name in names:
        found = house.updates.component(name)
        if isinstance(found, Refusal):
            return found.message
    return None
