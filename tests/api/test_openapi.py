"""The OpenAPI document and the metrics: made from what there is, and read by others' programs."""

import asyncio
import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from doubles.edge import OWNER, VIEWER, Edge, edge
from doubles.fleet import CORE, NOW, FakeFleet
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from dunebugger_updater.api.guard import DECLARED
from dunebugger_updater.api.metrics import measured, written
from dunebugger_updater.model.actions import ActionStatus, ActionType, ActionView

TOO_STRICT = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture
async def document(served: Edge) -> Any:
    return (await served.say("GET", "/api/openapi.json", VIEWER)).body


async def test_the_document_names_every_route_of_the_api_and_who_may_use_it(served: Edge, document: Any) -> None:
    there = {(route.method, route.resource.canonical) for route in served.app[DECLARED] if route.resource}
    named = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert there - named == {("GET", "/ws"), ("GET", "/metrics"), ("GET", "/api/openapi.json")}
    assert named <= there
    update = document["paths"]["/api/v1/components/{name}/update"]["post"]
    assert update["security"] == [{"token": []}]
    assert "operator" in update["description"]
    assert document["paths"]["/api/version"]["get"]["security"] == []
    ids = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids))


async def test_what_is_answered_is_what_the_document_says(served: Edge, document: Any) -> None:
    await served.say("POST", "/api/v1/components/core/update", OWNER)
    await served.say("POST", "/api/v1/tokens", OWNER, json={"name": "n", "role": "viewer"})
    served.fleet.actions["run-1"] = ActionView(
        action_id="run-1", action_type=ActionType.APT_UPDATE, status=ActionStatus.PENDING_APPROVAL, created_at=NOW
    )
    asked = [
        *(("get", path, None) for path in document["paths"] if "get" in document["paths"][path]),
        ("post", "/api/v1/check", {}),
        ("post", "/api/v1/components/{name}/rollback", {"dry_run": True}),
        ("put", "/api/v1/maintenance", {"on": True, "minutes": 3}),
        ("post", "/api/v1/runs/{id}/cancel", {}),
        ("post", "/api/v1/actions", {"action_type": "apt_upgrade_all", "parameters": {"in_window": True}}),
        ("post", "/api/v1/actions/{id}/approve", {}),
        ("post", "/api/v1/actions/{id}/reject", {}),
        ("post", "/api/v1/session", {"password": "open sesame"}),
    ]
    for method, path, body in asked:
        real = path.replace("{name}", "core").replace("{id}", "run-1")
        told = await served.say(method.upper(), real, OWNER, json=body)
        answers = document["paths"][path][method]["responses"]
        answer = answers.get(str(told.status), answers["default"])
        schema = answer["content"]["application/json"]["schema"]
        jsonschema_rs.validate(schema | {"components": document["components"]}, told.body)


@pytest.mark.req("HC-34", "HC-35", "HC-36", "HC-75", "HP-01", "HP-04")
async def test_the_shape_of_an_action_is_told(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert {"action_type", "requires_approval", "parameters"} <= set(schemas["ActionBody"]["properties"])
    assert {"security_only", "packages", "service", "in_window"} == set(schemas["ActionParameters"]["properties"])
    assert {"action_id", "status", "created_at"} <= set(schemas["ActionView"]["required"])
    assert {"restart_service", "clear_logs", "apt_update", "apt_upgrade_all", "apt_upgrade_security"} <= set(
        schemas["ActionType"]["enum"]
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_schemathesis_finds_no_fault() -> None:
    async with edge() as it:
        document = (await it.say("GET", "/api/openapi.json", VIEWER)).body
        await it.say("POST", "/api/v1/components/core/update", OWNER)
        tried = await asyncio.to_thread(_tried, document, it.origin)
    assert tried > 500


def _tried(document: Any, url: str) -> int:
    """Let it try every operation, and answer how many requests that took; it raises at the first fault."""
    count = 0
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)

        @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
        @given(found.ok().as_strategy())
        def try_one(case: Any) -> None:
            nonlocal count
            count += 1
            # A device may decline what is well-formed; a path takes any text; nobody signs in with a made-up password.
            case.call_and_validate(base_url=url, headers=OWNER, excluded_checks=TOO_STRICT)

        try_one()
    return count


async def test_the_metrics_say_how_the_device_is(served: Edge) -> None:
    await served.say("POST", "/api/v1/components/core/update", OWNER)
    told = await served.say("GET", "/metrics", VIEWER)
    assert told.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = told.text.splitlines()
    for expected in (
        'dunebugger_component_update_available{device="local",component="scheduler"} 0',
        'dunebugger_component_up_to_date{device="local",component="scheduler"} 1',
        'dunebugger_component_last_check_timestamp_seconds{device="local",component="core"} 1795176000',
        'dunebugger_recent_runs{device="local",component="core",outcome="updated"} 1',
        'dunebugger_disk_free_bytes{device="local"} 9000000000',
        'dunebugger_memory_available_bytes{device="local"} 400000000',
        'dunebugger_temperature_celsius{device="local"} 48.5',
        'dunebugger_maintenance{device="local"} 0',
    ):
        assert expected in lines
    assert (await served.say("GET", "/metrics")).status == 401


async def test_every_line_of_the_metrics_is_in_the_format_even_with_strange_names() -> None:
    fleet = FakeFleet()
    fleet.components["core"] = msgspec.structs.replace(CORE, name='a"b\\c\nd', latest=None)
    text = written(measured(await fleet.devices(), {}))
    assert text.endswith("\n")
    label = r'[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
    for line in text.splitlines():
        assert re.fullmatch(
            rf"# (?:HELP|TYPE) dunebugger_\w+ .+|dunebugger_\w+\{{{label}(?:,{label})*\}} -?[0-9.e+-]+", line
        ), line
