"""``/metrics`` for Prometheus, from what the fleet tells anyway."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from aiohttp import web

from dunebugger_updater.fleet import Fleet
from dunebugger_updater.model.views import ComponentView, RunView
from dunebugger_updater.model.wire import DeviceView

RECENT = 100
"""Runs of a device that are counted."""
_KEPT = 60.0
"""Seconds that counted runs are good for: counting them reads their journals."""


class Sample(NamedTuple):
    """One line."""

    labels: tuple[tuple[str, str], ...]
    value: float


class Metric(NamedTuple):
    """One gauge, with all its lines."""

    name: str
    help: str
    samples: Sequence[Sample]


class Metrics:
    """Serves them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._runs: dict[str, Sequence[RunView]] = {}
        self._until = 0.0

    async def serve(self, _: web.Request) -> web.StreamResponse:
        """Answer a scrape."""
        devices = await self._fleet.devices()
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            self._runs = {each.id: await self._fleet.history(each.id, None, RECENT) for each in devices}
            self._until = now + _KEPT
        response = web.Response(text=written(measured(devices, self._runs)))
        response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
        return response


def measured(devices: Sequence[DeviceView], runs: dict[str, Sequence[RunView]]) -> Iterator[Metric]:
    """Say everything that is known."""
    parts = [((("device", each.id), ("component", one.name)), one) for each in devices for one in each.components]
    yield Metric(
        "component_info",
        "Always 1; the versions stand in the labels.",
        [Sample((*labels, ("type", one.type), *_versions(one), ("status", one.status)), 1) for labels, one in parts],
    )
    yield Metric(
        "component_update_available",
        "1 when a newer version is on offer.",
        [Sample(labels, one.update_available) for labels, one in parts],
    )
    yield Metric(
        "component_up_to_date",
        "1 when nothing newer is on offer; 0 also when that is not known.",
        [Sample(labels, one.status == "up_to_date") for labels, one in parts],
    )
    yield Metric(
        "component_last_check_timestamp_seconds",
        "When the last check that worked was made; its age is time() minus this.",
        [Sample(labels, one.last_checked.timestamp()) for labels, one in parts if one.last_checked],
    )
    counted = Counter((device, run.component, run.outcome) for device, told in runs.items() for run in told)
    yield Metric(
        "recent_runs",
        f"The last {RECENT} runs by their outcome.",
        [
            Sample((("device", device), ("component", component), ("outcome", outcome)), number)
            for (device, component, outcome), number in sorted(counted.items())
        ],
    )
    yield from _machine(devices)


def _machine(devices: Sequence[DeviceView]) -> Iterator[Metric]:
    def each(name: str, words: str, pairs: Iterable[tuple[DeviceView, float | None]]) -> Metric:
        return Metric(name, words, [Sample((("device", one.id),), value) for one, value in pairs if value is not None])

    yield each("running_runs", "Runs under way.", ((one, len(one.running)) for one in devices))
    yield each("maintenance", "1 in maintenance mode.", ((one, one.maintenance) for one in devices))
    yield each("online", "1 when the device answers.", ((one, one.online) for one in devices))
    healthy = [(one, one.health) for one in devices if one.health is not None]
    yield each("disk_total_bytes", "Size of the disk.", ((one, it.disk_total) for one, it in healthy))
    yield each("disk_free_bytes", "Free on the disk.", ((one, it.disk_free) for one, it in healthy))
    yield each("memory_total_bytes", "Size of the memory.", ((one, it.memory_total) for one, it in healthy))
    yield each("memory_available_bytes", "Available memory.", ((one, it.memory_available) for one, it in healthy))
    yield each("temperature_celsius", "Of the processor.", ((one, it.temperature) for one, it in healthy))
    yield each("load1", "Load of the last minute.", ((one, it.load) for one, it in healthy))
    yield each("up_seconds", "Since the device started.", ((one, it.up_seconds) for one, it in healthy))
    yield each("clock_trusted", "1 when the clock can be believed.", ((one, it.clock is None) for one, it in healthy))


def written(metrics: Iterable[Metric]) -> str:
    """Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for metric in metrics:
        name = f"dunebugger_{metric.name}"
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} gauge"]
        for sample in metric.samples:
            labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels)
            lines.append(f"{name}{{{labels}}} {_number(sample.value)}")
    return "\n".join(lines) + "\n"


def _versions(one: ComponentView) -> tuple[tuple[str, str], ...]:
    return ("current", one.current or ""), ("latest", one.latest or "")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
