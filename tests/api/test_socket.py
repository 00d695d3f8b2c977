"""The WebSocket, as the contract says it."""

import asyncio
import json

import aiohttp
import pytest
from doubles.edge import OPERATOR, OWNER, VIEWER, Edge, edge
from doubles.fleet import CORE, NOW

from dunebugger_updater.api.socket import Manners
from dunebugger_updater.model.views import RunView
from dunebugger_updater.model.wire import CheckNow, Declined, Ended, Notified, Progressed
from dunebugger_updater.ports import EffectError


@pytest.mark.req("DB-022")
@pytest.mark.req("DB-023")
@pytest.mark.req("DB-024")
@pytest.mark.req("DB-025")
async def test_a_check_is_answered_with_its_result_in_the_contracts_envelope(served: Edge) -> None:
    async with served.line() as line:
        told = await line.ask("updater.check_updates", {"force": True})
    assert set(told) == {"subject", "source", "body"}
    assert (told["subject"], told["source"]) == ("update_check_result", "controller")
    assert served.fleet.asked == [("owner", CheckNow(force=True))]


@pytest.mark.req("DB-026")
@pytest.mark.req("DB-027")
@pytest.mark.req("DB-028")
@pytest.mark.req("DB-029")
@pytest.mark.req("DB-030")
async def test_each_component_of_a_check_says_what_is_installed_and_what_is_on_offer(served: Edge) -> None:
    async with served.line() as line:
        core = (await line.ask("updater.check_updates", {"components": ["core"]}))["body"]["components"]["core"]
    assert core["current"] == "1.0.0"
    assert core["latest"] == "1.1.0"
    assert core["update_available"] is True
    assert core["release_notes"].startswith("# 1.1.0")
    assert core["last_checked"] == "2026-11-20T12:00:00Z"
    assert core["status"] == "update_available"


async def test_who_asked_for_a_check_hears_its_result_once_and_the_others_hear_it_too(served: Edge) -> None:
    async with served.line() as asking, served.line(VIEWER) as listening:
        first = await asking.ask("updater.check_updates", {}, id=7)
        heard = await listening.hear()
        second = await asking.ask("updater.get_versions", id=8)
    assert (first["subject"], first["re"]) == ("update_check_result", 7)
    assert (heard["subject"], heard["body"]) == ("update_check_result", first["body"])
    assert "re" not in heard
    assert second["re"] == 8


@pytest.mark.req("DB-031")
@pytest.mark.req("DB-032")
@pytest.mark.req("DB-034")
@pytest.mark.req("DB-035")
async def test_an_update_is_told_step_by_step_and_then_as_a_result(served: Edge) -> None:
    async with served.line(OPERATOR) as line:
        await line.say("updater.perform_update", {"component": "core", "dry_run": False}, id="u1")
        told = [await line.hear() for _ in range(3)]
    assert [each["subject"] for each in told] == ["update_progress", "update_progress", "update_result"]
    assert [each["re"] for each in told] == ["u1"] * 3
    assert set(told[0]["body"]) >= {"run", "component", "step", "number", "of", "state", "message"}
    result = told[2]["body"]
    assert (result["component"], result["success"], result["dry_run"]) == ("core", True, False)
    assert (result["run"], result["outcome"], result["message"]) == (
        "run-1",
        "updated",
        "core updated to 1.1.0 and healthy",
    )


@pytest.mark.req("DB-033")
async def test_a_dry_run_is_answered_with_a_plan_and_changes_nothing(served: Edge) -> None:
    async with served.line() as line:
        told = await line.ask("updater.perform_update", {"component": "core", "dry_run": True}, id="d")
    assert (told["subject"], told["re"]) == ("update_result", "d")
    assert (told["body"]["dry_run"], told["body"]["outcome"]) == (True, "planned")
    assert served.fleet.stories == {}


@pytest.mark.req("DB-034")
async def test_an_update_that_needs_nothing_is_a_result_and_no_error(served: Edge) -> None:
    async with served.line() as line:
        told = await line.ask("updater.perform_update", {"component": "scheduler"})
    body = told["body"]
    assert told["subject"] == "update_result"
    assert (body["component"], body["success"], body["dry_run"]) == ("scheduler", True, False)
    assert (body["outcome"], body["code"]) == ("nothing_to_do", "already_up_to_date")


async def test_a_refused_update_is_a_result_that_says_why(served: Edge) -> None:
    served.fleet.running = "scheduler"
    async with served.line() as line:
        body = (await line.ask("updater.perform_update", {"component": "core"}))["body"]
    assert (body["success"], body["outcome"], body["code"]) == (False, "refused", "update_in_progress")
    assert body["message"] == "an update of scheduler is running"


async def test_an_unknown_component_is_an_error_with_the_names_that_there_are(served: Edge) -> None:
    async with served.line() as line:
        for subject in ("updater.perform_update", "updater.rollback"):
            told = await line.ask(subject, {"component": "corr"}, id="x")
            assert (told["subject"], told["re"], told["body"]["code"]) == ("error", "x", "component_not_found")
            assert "core, scheduler" in told["body"]["message"]


async def test_a_rollback_is_told_as_an_update_is(served: Edge) -> None:
    async with served.line() as line:
        await line.say("updater.rollback", {"component": "core", "to": "0.8.0"}, id=1)
        told = [await line.hear() for _ in range(3)]
    assert told[-1]["subject"] == "update_result"
    assert (told[-1]["body"]["verb"], told[-1]["body"]["to"], told[-1]["re"]) == ("rollback", "0.8.0", 1)


async def test_versions_history_runs_and_cancelling_have_their_subjects(served: Edge) -> None:
    async with served.line() as line:
        assert (await line.ask("updater.get_versions"))["body"] == {
            "components": {"core": "1.0.0", "scheduler": "2.0.0"}
        }
        await line.say("updater.perform_update", {"component": "core"})
        for _ in range(3):
            await line.hear()
        history = await line.ask("updater.get_history", {"component": "core"})
        run = await line.ask("updater.get_run", {"run": "run-1"})
        nothing = await line.ask("updater.get_run", {"run": "run-9"})
        cancelled = await line.ask("updater.cancel", {"run": "run-1"})
        late = await line.ask("updater.cancel", {"run": "run-9"})
    assert [each["run"] for each in history["body"]["runs"]] == ["run-1"]
    assert (run["subject"], run["body"]["view"]["run"], len(run["body"]["events"])) == ("run", "run-1", 2)
    assert (nothing["subject"], nothing["body"]["code"]) == ("error", "run_not_found")
    assert (cancelled["subject"], cancelled["body"]["success"]) == ("cancel_result", True)
    assert (late["subject"], late["body"]["success"]) == ("cancel_result", False)


BAD = [
    "",
    "null",
    "[]",
    "3",
    '"text"',
    "{",
    "nonsense",
    "{}",
    '{"subject": 3}',
    '{"subject": null}',
    '{"subject": ["updater"]}',
    '{"subject": "updater."}',
    '{"subject": "updater.nonsense"}',
    '{"subject": "updater"}',
    '{"subject": "actions.nonsense"}',
    '{"subject": "updater.check_updates", "source": 3}',
    '{"subject": "updater.check_updates", "id": []}',
    '{"subject": "updater.check_updates", "body": 3}',
    '{"subject": "updater.check_updates", "body": []}',
    '{"subject": "updater.check_updates", "body": {"force": "yes"}}',
    '{"subject": "updater.check_updates", "body": {"forse": true}}',
    '{"subject": "updater.check_updates", "body": {"components": "core"}}',
    '{"subject": "updater.perform_update"}',
    '{"subject": "updater.perform_update", "body": {}}',
    '{"subject": "updater.perform_update", "body": null}',
    '{"subject": "updater.perform_update", "body": {"component": ""}}',
    '{"subject": "updater.perform_update", "body": {"component": "core", "dryrun": true}}',
    '{"subject": "updater.perform_update", "body": {"component": 3, "dry_run": true}}',
    '{"subject": "updater.cancel", "body": {"run": "../../etc/passwd"}}',
    '{"subject": "updater.get_run", "body": {"run": ""}}',
    '{"subject": "updater.get_history", "body": {"limit": 0}}',
    '{"subject": "updater.get_history", "body": {"limit": 1e99}}',
    '{"subject": "updater.check_updates", "body": ' + "[" * 20_000 + "]" * 20_000 + "}",
    "[" * 60_000,
    '{"subject": "\\ud800", "body": {"x": "\\udfff"}}',
]


@pytest.mark.parametrize("frame", BAD, ids=lambda frame: frame[:60])
async def test_a_bad_frame_gets_an_error_and_the_socket_lives(served: Edge, frame: str) -> None:
    async with served.line() as line:
        await line.socket.send_str(frame)
        told = await line.hear()
        assert told["subject"] == "error"
        assert told["source"] == "controller"
        assert told["body"]["code"] in {"bad_frame", "bad_body", "unknown_subject"}
        assert told["body"]["message"]
        assert await line.alive()
    assert served.fleet.asked == []


async def test_a_binary_frame_gets_an_error_too(served: Edge) -> None:
    async with served.line() as line:
        await line.socket.send_bytes(b'{"subject": "updater.check_updates"}')
        assert (await line.hear())["body"]["code"] == "bad_frame"
        assert await line.alive()


async def test_an_error_answers_the_frames_id_even_when_the_frame_is_bad(served: Edge) -> None:
    async with served.line() as line:
        await line.socket.send_str('{"subject": 3, "id": "q"}')
        assert (await line.hear())["re"] == "q"


@pytest.mark.parametrize(
    "subject", ["presepe.start", "scheduler.get_versions", "Updater.check_updates", "update_result", ""]
)
async def test_what_is_meant_for_others_is_left_alone(served: Edge, subject: str) -> None:
    async with served.line() as line:
        await line.say(subject, {"force": True}, id="other")
        assert await line.alive()  # the next thing heard answers the next thing said


async def test_everyone_connected_hears_the_news(served: Edge) -> None:
    view = RunView(run="r", component="core", verb="update", success=True, outcome="updated", message="done")
    news = (
        Progressed("r", "core", "download", 1, 4, "progress", "half", 0.5),
        Ended(view),
        Notified("update_succeeded", "Done", "core is new", NOW, "core", "r"),
    )
    async with served.line() as one, served.line(VIEWER) as two:
        assert await one.alive()
        assert await two.alive()
        served.fleet.tell(*news)
        for line in (one, two):
            told = [await line.hear() for _ in news]
            assert [each["subject"] for each in told] == ["update_progress", "update_result", "notification"]
            assert told[0]["body"]["done"] == 0.5
            assert told[1]["body"]["component"] == "core"
            assert told[2]["body"]["event"] == "update_succeeded"
            assert not [each for each in told if "re" in each or "news" in each["body"]]


async def test_roles_count_on_the_socket_too(served: Edge) -> None:
    async with served.line(VIEWER) as line:
        for subject, body in (
            ("updater.perform_update", {"component": "core"}),
            ("updater.rollback", {"component": "core"}),
            ("updater.check_updates", {}),
            ("updater.cancel", {"run": "run-1"}),
            ("actions.create", {}),
            ("actions.approve", {}),
        ):
            told = await line.ask(subject, body)
            assert (told["subject"], told["body"]["code"]) == ("error", "forbidden"), subject
        assert (await line.ask("updater.get_versions"))["subject"] == "versions"
    assert served.fleet.asked == []


async def test_a_bug_in_one_request_is_an_error_without_a_traceback_and_the_socket_lives(
    served: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    served.fleet.answers = lambda _: RuntimeError("secret detail")
    async with served.line() as line:
        told = await line.ask("updater.check_updates", {}, id=1)
        assert (told["body"]["code"], told["re"]) == ("internal_error", 1)
        assert "secret detail" not in json.dumps(told)
        assert await line.alive()
    assert "secret detail" in caplog.text


async def test_what_the_world_says_is_told_as_it_is(served: Edge) -> None:
    served.fleet.answers = lambda _: EffectError("cannot reach api.github.com: name not resolved")
    async with served.line() as line:
        told = await line.ask("updater.check_updates", {})
    assert told["body"] == {"code": "unavailable", "message": "cannot reach api.github.com: name not resolved"}


async def test_a_failed_plan_is_a_result_that_says_what_failed(served: Edge) -> None:
    served.fleet.answers = lambda _: Declined("failed", "cannot reach api.github.com", "failed")
    async with served.line() as line:
        body = (await line.ask("updater.perform_update", {"component": "core"}))["body"]
    assert (body["success"], body["outcome"], body["message"]) == (False, "failed", "cannot reach api.github.com")


async def test_what_was_asked_for_stands_in_the_audit(served: Edge) -> None:
    async with served.line(OPERATOR) as line:
        await line.ask("updater.perform_update", {"component": "core", "dry_run": True, "version": "1.1.0"})
    (entry,) = served.accounts.entries
    assert (entry.actor, entry.action, entry.detail) == ("operator", "update", "core 1.1.0 (dry run)")
    assert entry.address == "127.0.0.1"


async def test_a_revoked_token_closes_its_socket_and_asks_for_nothing_more(served: Edge) -> None:
    async with served.line() as line:
        assert await line.alive()
        del served.accounts.secrets["owner-token"]
        await line.say("updater.perform_update", {"component": "core"})
        message = await line.socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == 4401
    assert served.fleet.asked == []


async def test_a_session_that_ends_closes_its_socket_soon_even_when_nothing_is_said() -> None:
    async with edge(manners=Manners(again=0.05)) as it, it.line(it.browser) as line:
        assert await line.alive()
        it.accounts.sessions.clear()
        message = await line.socket.receive(timeout=5)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4401)


async def test_signing_out_closes_the_sockets_of_that_session_and_no_other(served: Edge) -> None:
    async with served.line(served.browser) as mine, served.line(OWNER) as other:
        assert await mine.alive()
        told, message = await asyncio.gather(
            served.say("DELETE", "/api/v1/session", served.browser), mine.socket.receive(timeout=5)
        )
        assert told.status == 204
        assert message.data == 4401
        assert await other.alive()


async def test_more_requests_at_once_than_are_served_get_an_error(served: Edge) -> None:
    gate = asyncio.Event()
    usual = served.fleet.devices

    async def slowly() -> object:
        await gate.wait()
        return await usual()

    served.fleet.devices = slowly  # type: ignore[method-assign,assignment]  # a slow device
    async with served.line() as line:
        for number in range(9):
            await line.say("updater.get_versions", id=number)
        told = await line.hear()
        assert (told["re"], told["body"]["code"]) == (8, "too_many_requests")
        gate.set()
        assert {(await line.hear())["re"] for _ in range(8)} == set(range(8))


async def test_a_run_is_told_with_the_id_of_who_asked_even_when_the_answer_takes_time(served: Edge) -> None:
    served.fleet.thinking = 0.05  # the news is out before the answer
    async with served.line() as asking, served.line() as other:
        assert await asking.alive()
        assert await other.alive()
        await asking.say("updater.perform_update", {"component": "core"}, id="mine")
        mine = [await asking.hear() for _ in range(3)]
        theirs = [await other.hear() for _ in range(3)]
    assert [each.get("re") for each in mine] == ["mine"] * 3
    assert [each.get("re") for each in theirs] == [None] * 3
    assert [each["body"] for each in mine] == [each["body"] for each in theirs]
    assert mine[0]["device"] == "local"
    assert CORE.name == mine[0]["body"]["component"]
