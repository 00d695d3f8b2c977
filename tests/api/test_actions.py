"""The action queue over HTTP and the WebSocket: shapes, statuses, who may; nobody says for himself who he is."""

import pytest
from doubles.edge import OPERATOR, OWNER, VIEWER, Edge

from dunebugger_updater.model.actions import ActionType, Parameters
from dunebugger_updater.model.wire import CreateAction, Declined, Update

PATH = "/api/v1/actions"


@pytest.mark.req("HC-34", "HC-37", "HC-38", "HC-39", "HC-80")
async def test_an_action_is_accepted_with_its_id_its_status_and_when(served: Edge) -> None:
    told = await served.say("POST", PATH, OPERATOR, json={"action_type": "apt_upgrade_all", "requires_approval": True})
    assert told.status == 202
    assert (told.body["action_id"], told.body["status"]) == ("a-1", "pending_approval")
    assert told.body["created_at"] == "2026-11-20T12:00:00Z"
    assert told.body["created_by"] == "operator"


@pytest.mark.req("HC-36")
async def test_the_parameters_of_an_action_reach_the_device(served: Edge) -> None:
    sent = {"security_only": True, "packages": ["g++", "libstdc++6:armhf"], "service": "ssh", "in_window": True}
    body = {"action_type": "apt_upgrade_packages", "parameters": sent, "plan_hash": "h"}
    await served.say("POST", PATH, OPERATOR, json=body)
    wanted = Parameters(security_only=True, packages=("g++", "libstdc++6:armhf"), service="ssh", in_window=True)
    assert served.fleet.asked == [
        ("operator", CreateAction(ActionType.APT_UPGRADE_PACKAGES, wanted, by_owner=False, plan_hash="h"))
    ]


@pytest.mark.req("HC-35")
async def test_only_the_edge_says_whether_an_owner_asks(served: Edge) -> None:
    body = {"action_type": "apt_update", "requires_approval": False}
    for who in (OPERATOR, OWNER):
        await served.say("POST", PATH, who, json=body)
        await served.say("POST", "/api/v1/components/core/update", who, json={"dry_run": True})
    asked = [request for _, request in served.fleet.asked]
    assert [each.by_owner for each in asked if isinstance(each, CreateAction | Update)] == [False, False, True, True]


async def test_a_dry_run_tells_the_changes_and_queues_nothing(served: Edge) -> None:
    told = await served.say("POST", PATH, OPERATOR, json={"action_type": "apt_upgrade_all", "dry_run": True})
    assert (told.status, told.body["action_id"], told.body["plan_hash"]) == (200, "", "h1")
    assert [each["name"] for each in told.body["changes"]] == ["tzdata"]
    assert (await served.say("GET", PATH, VIEWER)).body == {"actions": []}


@pytest.mark.req("HC-14", "HC-74")
async def test_an_action_is_approved_or_rejected_by_an_owner_only(served: Edge) -> None:
    for _ in range(2):
        await served.say("POST", PATH, OPERATOR, json={"action_type": "apt_update"})
    assert (await served.say("POST", f"{PATH}/a-1/approve", OPERATOR)).status == 403
    assert (await served.say("POST", f"{PATH}/a-1/reject", OPERATOR)).status == 403
    other = await served.say("POST", f"{PATH}/a-1/approve", OWNER, json={"plan_hash": "h0"})
    assert (other.status, other.code) == (409, "CONFLICT")
    good = await served.say("POST", f"{PATH}/a-1/approve", OWNER, json={"plan_hash": "h1"})
    bad = await served.say("POST", f"{PATH}/a-2/reject", OWNER)
    assert [(each.status, each.body["status"]) for each in (good, bad)] == [(200, "approved"), (200, "rejected")]
    listed = (await served.say("GET", f"{PATH}?limit=1", VIEWER)).body["actions"]
    assert [(each["action_id"], each["decided_by"]) for each in listed] == [("a-2", "owner")]
    assert (await served.say("GET", f"{PATH}/a-1", VIEWER)).body["action_id"] == "a-1"


@pytest.mark.req("HC-77", "HC-79", "HP-12", "HP-24")
async def test_another_apt_action_is_a_conflict_with_its_sentence(served: Edge) -> None:
    served.fleet.answers = lambda _: Declined("CONFLICT", "cannot queue this: apt_update (a-1) waits", "refused")
    told = await served.say("POST", PATH, OPERATOR, json={"action_type": "apt_upgrade_all"})
    assert (told.status, told.body["error"]["code"]) == (409, "CONFLICT")
    assert "a-1" in told.body["error"]["message"]


@pytest.mark.req("HC-83")
async def test_the_pending_packages_are_told_as_the_command_tells_them(served: Edge) -> None:
    told = (await served.say("GET", "/api/v1/packages", VIEWER)).body
    assert {key: told[key] for key in ("total", "security", "security_known", "reboot_required")} == {
        "total": 1, "security": 0, "security_known": True, "reboot_required": False,
    }  # fmt: skip
    assert told["checked_at"] == "2026-11-20T12:00:00Z"
    assert set(told["packages"][0]) >= {
        "name", "installed", "candidate", "security", "origins", "held", "kept_back", "size",
    }  # fmt: skip


async def test_every_wish_and_decision_is_in_the_audit_and_a_look_is_not(served: Edge) -> None:
    body = {"action_type": "apt_upgrade_packages", "parameters": {"packages": ["tzdata"]}}
    await served.say("POST", PATH, OPERATOR, json=body)
    await served.say("GET", PATH, VIEWER)
    await served.say("GET", "/api/v1/packages", VIEWER)
    await served.say("POST", f"{PATH}/a-1/approve", OWNER)
    told = (await served.say("GET", "/api/v1/audit", OWNER)).body["audit"]
    assert [(each["actor"], each["action"], each["detail"]) for each in told] == [
        ("owner", "approve action", "a-1"),
        ("operator", "queue action", "apt_upgrade_packages tzdata"),
    ]


async def test_the_same_is_said_on_the_socket_and_everybody_hears_it(served: Edge) -> None:
    async with served.line(OPERATOR) as operator, served.line(OWNER) as owner:
        assert await owner.alive()
        await operator.say("actions.create", {"action_type": "apt_update", "requires_approval": False}, id=1)
        heard = [await operator.hear(), await operator.hear()]
        mine = next(each for each in heard if each.get("re") == 1)
        assert (mine["subject"], mine["body"]["status"]) == ("action", "pending_approval")
        news = await owner.hear()
        assert (news["subject"], news["device"], news["body"]) == ("action", "local", mine["body"])
        listed = await owner.ask("actions.list", {"limit": 5}, id=2)
        assert (listed["subject"], listed["body"]["actions"]) == ("actions", [mine["body"]])
        wrong = await owner.ask("actions.approve", {"action_id": "a-1", "plan_hash": "h0"}, id=3)
        assert (wrong["subject"], wrong["body"]["code"]) == ("error", "plan_changed")
        await owner.say("actions.reject", {"action_id": "a-1"}, id=4)
        heard = [await owner.hear(), await owner.hear()]
        done = next(each for each in heard if each.get("re") == 4)
        assert (done["subject"], done["body"]["status"]) == ("action", "rejected")
        refused = await operator.ask("actions.create", {"action_type": "rm -rf"}, id=5)
        while refused.get("re") != 5:
            refused = await operator.hear()
        assert (refused["subject"], refused["body"]["code"]) == ("error", "bad_body")
