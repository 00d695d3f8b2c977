"""HTTP, as the contract says it: addresses, statuses, bodies."""

import re

import msgspec
import pytest
from doubles.edge import OPERATOR, OWNER, VIEWER, Edge, edge
from doubles.fleet import FakeAccounts

from dunebugger_updater.api.bodies import ActionBody
from dunebugger_updater.model.wire import Declined, Operate
from dunebugger_updater.ports import EffectError


@pytest.mark.req("RM-017")
@pytest.mark.req("RM-018")
async def test_the_version_is_told_to_everybody(served: Edge) -> None:
    told = await served.say("GET", "/api/version")
    assert (told.status, told.body) == (200, {"version": "1.2.3", "commit": "abc1234"})
    assert told.headers["Content-Type"].startswith("application/json")


async def test_health_is_told_to_everybody(served: Edge) -> None:
    assert (await served.say("GET", "/healthz")).body == {"status": "ok"}


async def test_components_are_told_as_they_stand(served: Edge) -> None:
    everything = (await served.say("GET", "/api/v1/components", VIEWER)).body["components"]
    one = (await served.say("GET", "/api/v1/components/core", VIEWER)).body
    assert set(everything) == {"core", "scheduler"}
    assert everything["core"] == one
    assert (one["current"], one["latest"], one["update_available"]) == ("1.0.0", "1.1.0", True)


async def test_an_update_is_accepted_with_its_run(served: Edge) -> None:
    told = await served.say("POST", "/api/v1/components/core/update", OPERATOR)
    assert (told.status, told.body) == (202, {"run": "run-1", "component": "core"})
    run = (await served.say("GET", "/api/v1/runs/run-1", VIEWER)).body
    assert (run["view"]["actor"], run["view"]["outcome"]) == ("operator", "updated")
    assert [each["event"]["event"] for each in run["events"]] == ["opened", "closed"]


async def test_a_dry_run_tells_the_plan_and_starts_nothing(served: Edge) -> None:
    told = await served.say(
        "POST", "/api/v1/components/core/update", OPERATOR, json={"dry_run": True, "version": "1.1"}
    )
    assert told.status == 200
    assert (told.body["view"]["outcome"], told.body["view"]["to"]) == ("planned", "1.1")
    assert told.body["way_back"] == "the link goes back"
    assert served.fleet.stories == {}


async def test_a_rollback_is_accepted_too(served: Edge) -> None:
    told = await served.say("POST", "/api/v1/components/core/rollback", OPERATOR, json={"to": "0.8.0"})
    assert told.status == 202
    history = (await served.say("GET", "/api/v1/history?component=core&limit=5", VIEWER)).body["runs"]
    assert [(each["verb"], each["to"]) for each in history] == [("rollback", "0.8.0")]
    assert (await served.say("GET", "/api/v1/runs", VIEWER)).body["runs"] == history


async def test_a_check_tells_what_it_found(served: Edge) -> None:
    told = await served.say("POST", "/api/v1/check", OPERATOR, json={"force": True, "components": ["scheduler"]})
    assert (told.status, set(told.body["components"])) == (200, {"scheduler"})


async def test_maintenance_mode_is_switched_and_told(served: Edge) -> None:
    assert (await served.say("GET", "/api/v1/maintenance", VIEWER)).body == {"on": False, "until": None}
    told = await served.say("PUT", "/api/v1/maintenance", OPERATOR, json={"on": True, "minutes": 30})
    assert told.body == {"on": True, "until": "2026-11-20T12:30:00Z"}
    assert (await served.say("PUT", "/api/v1/maintenance", OPERATOR, json={"on": False})).body["on"] is False


async def test_a_component_is_started_and_stopped(served: Edge) -> None:
    for verb in ("stop", "start"):
        assert (await served.say("POST", f"/api/v1/components/core/{verb}", OPERATOR)).status == 200
    assert served.fleet.asked == [("operator", Operate("core", start=start)) for start in (False, True)]


async def test_a_run_is_cancelled_or_it_is_too_late(served: Edge) -> None:
    await served.say("POST", "/api/v1/components/core/update", OPERATOR)
    good = await served.say("POST", "/api/v1/runs/run-1/cancel", OPERATOR)
    late = await served.say("POST", "/api/v1/runs/run-9/cancel", OPERATOR)
    assert (good.status, good.body["run"], good.body["success"]) == (200, "run-1", True)
    assert (late.status, late.code) == (409, "CONFLICT")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/v1/components/corr", None, 404, "component_not_found"),
        ("POST", "/api/v1/components/corr/update", None, 404, "component_not_found"),
        ("POST", "/api/v1/check", {"components": ["corr"]}, 404, "component_not_found"),
        ("POST", "/api/v1/components/scheduler/update", None, 409, "already_up_to_date"),
        ("GET", "/api/v1/runs/run-9", None, 404, "run_not_found"),
        ("GET", "/api/v1/runs/..%2f..%2fetc%2fpasswd", None, 404, "not_found"),
        ("GET", "/api/v1/runs/.hidden", None, 404, "not_found"),
        ("GET", "/api/v1/components?device=other", None, 404, "host_not_found"),
        ("DELETE", "/api/v1/tokens/t9", None, 404, "token_not_found"),
        ("GET", "/api/v1/nothing", None, 404, "not_found"),
        ("GET", "/nothing", None, 404, "not_found"),
        ("PATCH", "/api/v1/components", None, 405, "method_not_allowed"),
        ("PUT", "/api/v1/maintenance", {}, 400, "bad_body"),
        ("PUT", "/api/v1/maintenance", {"on": "yes"}, 400, "bad_body"),
        ("PUT", "/api/v1/maintenance", {"on": True, "minutes": 0}, 400, "bad_body"),
        ("POST", "/api/v1/components/core/update", {"dryrun": True}, 400, "bad_body"),
        ("GET", "/api/v1/history?limit=0", None, 400, "bad_query"),
        ("GET", "/api/v1/history?limit=many", None, 400, "bad_query"),
        ("POST", "/api/v1/actions", {}, 400, "bad_body"),
        ("POST", "/api/v1/actions", {"action_type": "apt_full_upgrade"}, 400, "bad_body"),
        ("POST", "/api/v1/actions", {"action_type": "apt_update", "by_owner": True}, 400, "bad_body"),
        ("GET", "/api/v1/actions/a-9", None, 404, "action_not_found"),
        ("POST", "/api/v1/actions/a-9/approve", None, 404, "action_not_found"),
        ("POST", "/api/v1/actions/a-9/reject", None, 404, "action_not_found"),
        ("GET", "/ws", None, 426, "websocket_only"),
    ],
)
async def test_what_cannot_be_served_has_a_status_a_code_and_a_sentence(
    served: Edge, method: str, path: str, body: object, status: int, code: str
) -> None:
    told = await served.say(method, path, OWNER, json=body)
    assert (told.status, told.code) == (status, code)
    assert set(told.body) == {"error"}
    assert set(told.body["error"]) == {"code", "message"}
    assert re.match(r"[a-z]", told.body["error"]["message"])


@pytest.mark.parametrize(
    ("declined", "status", "code"),
    [
        ("update_in_progress", 409, "update_in_progress"),
        ("host_offline", 409, "host_offline"),
        ("already_up_to_date", 409, "already_up_to_date"),
        ("refused", 409, "CONFLICT"),
        ("too_late", 409, "CONFLICT"),
        ("failed", 502, "failed"),
        ("send_failed", 502, "send_failed"),
        ("host_not_found", 404, "host_not_found"),
        ("bad_parameters", 400, "bad_parameters"),
        ("approval_needed", 403, "approval_needed"),
        ("plan_changed", 409, "CONFLICT"),
    ],
)
async def test_what_a_device_declines_keeps_its_sentence(served: Edge, declined: str, status: int, code: str) -> None:
    served.fleet.answers = lambda _: Declined(declined, "core is busy", "refused")
    told = await served.say("POST", "/api/v1/components/core/update", OPERATOR)
    assert (told.status, told.code, told.body["error"]["message"]) == (status, code, "core is busy")


async def test_a_bug_is_told_in_a_plain_sentence_and_logged_whole(
    served: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    served.fleet.answers = lambda _: RuntimeError("secret detail")
    told = await served.say("POST", "/api/v1/check", OPERATOR)
    assert (told.status, told.code) == (500, "internal_error")
    assert "secret" not in told.text
    assert "Traceback" not in told.text
    assert "secret detail" in caplog.text


async def test_what_the_world_says_is_told_as_it_is(served: Edge) -> None:
    served.fleet.answers = lambda _: EffectError("cannot write the audit: disk full")
    told = await served.say("POST", "/api/v1/check", OPERATOR)
    assert (told.status, told.body["error"]["message"]) == (503, "cannot write the audit: disk full")


async def test_tokens_are_made_once_shown_once_and_revoked(served: Edge) -> None:
    made = await served.say("POST", "/api/v1/tokens", OWNER, json={"name": "grafana", "role": "viewer"})
    assert made.status == 201
    bearer = {"Authorization": f"Bearer {made.body['token']}"}
    assert (await served.say("GET", "/api/v1/session", bearer)).body == {
        "name": "grafana",
        "role": "viewer",
        "csrf": None,
    }
    listed = await served.say("GET", "/api/v1/tokens", OWNER)
    assert [each["name"] for each in listed.body["tokens"]] == ["grafana"]
    assert made.body["token"] not in listed.text
    again = await served.say("POST", "/api/v1/tokens", OWNER, json={"name": "grafana", "role": "viewer"})
    assert (again.status, again.code) == (409, "CONFLICT")
    gone = await served.say("DELETE", f"/api/v1/tokens/{made.body['id']}", OWNER)
    assert (gone.status, gone.text) == (204, "")
    assert (await served.say("GET", "/api/v1/session", bearer)).status == 401


async def test_the_audit_says_who_did_what_newest_first(served: Edge) -> None:
    await served.say("POST", "/api/v1/check", OPERATOR, json={"force": True})
    await served.say("PUT", "/api/v1/maintenance", OWNER, json={"on": True, "minutes": 5})
    await served.say("POST", "/api/v1/components/core/update", OPERATOR, json={"version": "1.1.0"})
    told = (await served.say("GET", "/api/v1/audit?limit=2", OWNER)).body["audit"]
    assert [(each["actor"], each["action"], each["detail"]) for each in told] == [
        ("operator", "update", "core 1.1.0"),
        ("owner", "maintenance", "on for 5 minutes"),
    ]


async def test_the_first_visit_sets_the_owners_password_with_the_code_and_signs_in() -> None:
    async with edge(accounts=FakeAccounts(owned=False)) as it:
        early = await it.say("GET", "/api/v1/components")
        assert (early.status, early.code) == (401, "setup_required")
        wrong = await it.say("POST", "/api/v1/setup", json={"code": "0000", "password": "open sesame"})
        assert (wrong.status, wrong.code) == (403, "denied")
        right = await it.say("POST", "/api/v1/setup", json={"code": "1234-5678", "password": "open sesame"})
        assert (right.status, right.body["role"]) == (200, "owner")
        assert right.headers["Set-Cookie"].startswith("dunebugger_session=session-2")
        again = await it.say("POST", "/api/v1/setup", json={"code": "1234-5678", "password": "open sesame"})
        assert again.status == 403


async def test_a_session_is_a_cookie_that_scripts_cannot_read_and_other_sites_cannot_send(served: Edge) -> None:
    told = await served.say("POST", "/api/v1/session", json={"password": "open sesame"})
    parts = {part.strip() for part in told.headers["Set-Cookie"].split(";")}
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= parts
    assert "session-2" not in told.text
    me = {"Cookie": "dunebugger_session=session-2"}
    assert (await served.say("GET", "/api/v1/session", me)).body["csrf"] == told.body["csrf"]
    out = await served.say(
        "DELETE", "/api/v1/session", me | {"Origin": served.origin, "X-CSRF-Token": told.body["csrf"]}
    )
    assert out.status == 204
    assert 'dunebugger_session=""' in out.headers["Set-Cookie"]
    assert (await served.say("GET", "/api/v1/session", me)).status == 401


async def test_under_tls_the_cookie_is_bound_to_this_host_and_to_tls() -> None:
    async with edge(secure=True, public_names=("127.0.0.1",)) as it:
        told = await it.say("POST", "/api/v1/session", json={"password": "open sesame"})
        assert told.headers["Set-Cookie"].startswith("__Host-dunebugger_session=")
        assert "; Secure" in told.headers["Set-Cookie"]
        assert told.headers["Strict-Transport-Security"]
        assert (await it.say("GET", "/api/v1/session", {"Cookie": "dunebugger_session=session-1"})).status == 401
        assert (await it.say("GET", "/api/v1/session", {"Cookie": "__Host-dunebugger_session=session-1"})).status == 200


async def test_who_guesses_passwords_has_to_wait(served: Edge) -> None:
    tries = [await served.say("POST", "/api/v1/session", json={"password": f"guess {n}"}) for n in range(6)]
    assert [each.status for each in tries] == [401] * 5 + [429]
    assert (tries[-1].code, tries[-1].headers["Retry-After"]) == ("too_many_tries", "900")


async def test_a_forged_forwarding_header_is_no_other_address(served: Edge) -> None:
    for number in range(6):
        told = await served.say(
            "POST", "/api/v1/session", {"X-Forwarded-For": f"10.0.0.{number}"}, json={"password": "guess"}
        )
    assert told.status == 429
    assert set(served.accounts.wrong) == {"127.0.0.1"}


async def test_every_answer_carries_the_headers_that_keep_browsers_safe(served: Edge) -> None:
    for path in ("/healthz", "/api/v1/components", "/nothing", "/ws"):
        headers = (await served.say("GET", path)).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in headers["Server"]


async def test_no_answer_lets_other_sites_read_it(served: Edge) -> None:
    told = await served.say("GET", "/api/version", {"Origin": "https://evil.example"})
    assert not [name for name in told.headers if name.lower().startswith("access-control")]


def test_an_action_is_asked_for_with_its_type_and_whether_it_waits_for_a_yes() -> None:
    sent = b'{"action_type": "apt_upgrade_packages", "requires_approval": true, "parameters": {"security_only": true}}'
    body = msgspec.json.decode(sent, type=ActionBody)
    assert (body.action_type, body.requires_approval, body.parameters.security_only) == (
        "apt_upgrade_packages",
        True,
        True,
    )


async def test_the_log_of_access_says_who_and_what_and_never_a_token(
    served: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with served.line({}, "?token=viewer-token") as line:
        assert await line.alive()
    await served.say("GET", "/api/v1/history?component=core&token=owner-token", OWNER)
    await served.say("GET", "/api/v1/history?token=owner-token")
    for _ in range(50):
        if "GET /ws 101" in caplog.text:
            break
        await served.say("GET", "/healthz")  # the socket's line is written when it has closed
    assert "GET /ws 101 127.0.0.1 'viewer'" in caplog.text
    assert "GET /api/v1/history 400 127.0.0.1 'owner'" in caplog.text
    assert "GET /api/v1/history 401 127.0.0.1 -" in caplog.text
    assert "viewer-token" not in caplog.text
    assert "owner-token" not in caplog.text
