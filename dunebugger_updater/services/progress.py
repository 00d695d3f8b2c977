"""What the engine tells, as news: how far a run is."""

from dunebugger_updater.engine import Heard, Progress
from dunebugger_updater.model.wire import Progressed
from dunebugger_updater.plan import Plan
from dunebugger_updater.run import Answered, Began, Finished, TurnedBack, Undone


def progressed(plan: Plan, run: str, heard: Heard) -> Progressed | None:
    """Answer the news of one event; ``None`` for what is told otherwise."""
    of = len(plan.steps)

    def step(number: int, state: str, message: str = "", done: float | None = None) -> Progressed:
        title = plan.steps[number].title if number < of else ""
        return Progressed(run, plan.component, title, number + 1, of, state, message or title, done)

    match heard:
        case Progress(step=number, message=message, done=done):
            return step(number, "progress", message, done)
        case Began(step=number):
            return step(number, "began")
        case Finished(step=number):
            return step(number, "done")
        case Undone(step=number):
            return step(number, "undone")
        case TurnedBack(reason=reason):
            return Progressed(run, plan.component, "", 0, of, "turned_back", reason)
        case Answered(side=side, objections=objections):
            words = "; ".join(objections) or "all well"
            return Progressed(run, plan.component, f"checks: {side}", 0, of, "checked", words)
        case _:
            return None
