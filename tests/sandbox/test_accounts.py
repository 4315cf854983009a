"""Keys and accounts: who is let in, and that nobody sees or spends what is another's."""

from __future__ import annotations

import httpx
import pytest

from tests.sandbox.conftest import Provider, fetch
from tests.sandbox.test_contract import refusal, swap


@pytest.mark.parametrize("key", ["sandbox", "sandbox-2", "sandbox-", "fa-sandbox", "fa-sandbox-x"])
def test_a_sandbox_key_is_taken_by_both_providers(provider, key):
    asked = provider.as_key(key)
    assert asked.usage() == {"remaining": 100, "total": 100, "usage": 0}
    assert asked.http.get("/v1/credits").json()["credits"]["total"] == 100


@pytest.mark.parametrize("key", ["sandbox2", "fa-1234-abcd", "SANDBOX", "x-sandbox", "revoked"])
def test_any_other_key_is_refused_as_the_vendor_does(provider, key):
    asked = provider.as_key(key)
    status = 403 if key == "revoked" else 401
    assert refusal(asked.http.get("/v1/api/usage"))[0] == status
    answer = asked.http.get("/v1/credits")
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "UnauthorizedAccess",
        "message": "Invalid or inactive API key",
    }
    told = provider.stats()["accounts"]
    assert told["sellerpic"][""]["calls"] == {"usage": {f"http_{status}": 1}}
    assert key not in str(provider.http.get("/__sandbox__/log").text)


def test_an_account_does_not_see_the_files_and_tasks_of_another(provider):
    other = provider.as_key("sandbox-other")
    theirs, preset = provider.upload(), provider.preset()
    task_id = provider.start()
    item = provider.finish(task_id)[0]
    assert refusal(swap(other, modelImageKey=theirs, modelId=preset)) == (200, 99002)
    assert refusal(other.http.get("/v1/api/generate", params={"id": task_id})) == (404, 404)
    params = {"id": item["id"], "downloadFormat": "png"}
    assert refusal(other.http.get("/v1/api/download", params=params)) == (404, 404)
    assert len(provider.status(task_id)) == 2


def test_accounts_pay_and_queue_for_themselves(provider):
    other = provider.as_key("sandbox-other")
    tasks = [provider.start() for _ in range(10)]
    assert refusal(provider.submit()) == (200, 30003)
    last = other.start()
    provider.finish(tasks[-1])
    other.status(last)
    assert provider.usage()["usage"] == 40
    assert other.usage() == {"remaining": 96, "total": 100, "usage": 4}
    assert other.http.get("/v1/credits").json()["credits"]["total"] == 100
    accounts = provider.stats()["accounts"]["sellerpic"]
    assert accounts["sandbox"]["accepted"] == 10
    assert accounts["sandbox"]["refused"] == {"busy": 1}
    assert accounts["sandbox"]["charged"] == 40
    assert accounts["sandbox-other"]["max_in_flight"] == {"general": 1}
    assert [task["id"] for task in accounts["sandbox-other"]["tasks"]] == [last]


def test_a_balance_can_be_set_for_one_account(provider):
    other = provider.as_key("sandbox-other")
    order = {"provider": "sellerpic", "account": "sandbox-other", "balance": 3}
    answer = provider.http.post("/__sandbox__/balance", json=order)
    assert answer.json() == order
    assert other.usage()["total"] == 3
    assert refusal(other.submit()) == (200, 99003)
    provider.start()


@pytest.mark.parametrize(
    "order",
    [
        {"balance": -1},
        {"balance": True},
        {},
        {"balance": 1, "provider": "acme"},
        {"balance": 1, "account": "fa-1234-abcd"},
    ],
)
def test_a_balance_that_makes_no_sense_is_refused(provider, order):
    answer = provider.http.post("/__sandbox__/balance", json=order)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert provider.usage()["total"] == 100


def test_limits_can_be_raised_and_lowered(provider):
    answer = provider.http.post("/__sandbox__/limits", json={"sellerpic": {"general": 1}})
    assert answer.json()["limits"]["sellerpic"]["general"] == 1
    assert answer.json()["limits"]["fashn"] == {"all": 6, "run": 50, "status": 50, "credits": 30}
    provider.start()
    assert refusal(provider.submit()) == (200, 30003)
    answer = provider.http.post("/__sandbox__/limits", json={"sellerpic": 30, "fashn": 60})
    limits = answer.json()["limits"]
    assert set(limits["sellerpic"].values()) == {30}
    assert limits["fashn"] == {"all": 60, "run": 50, "status": 50, "credits": 30}
    provider.start()
    assert provider.http.get("/__sandbox__/limits").json() == answer.json()


@pytest.mark.parametrize(
    "change", [{"acme": 5}, {"sellerpic": {"hats": 5}}, {"sellerpic": -1}, {"fashn": {"run": 1.5}}]
)
def test_limits_that_make_no_sense_change_nothing(provider, change):
    before = provider.http.get("/__sandbox__/limits").json()
    answer = provider.http.post("/__sandbox__/limits", json={"fashn": {"all": 9}, **change})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert provider.http.get("/__sandbox__/limits").json() == before


def test_an_upload_link_fills_the_place_of_the_account_that_asked(provider: Provider):
    other = provider.as_key("sandbox-other")
    mine = provider.ok(provider.http.get("/v1/api/upload/url", params={"format": "png"}))
    body = {"modelImageKey": mine["fileKey"], "modelId": provider.preset()}
    picture = fetch(
        provider.ok(provider.http.get("/v1/api/presets?type=BACKGROUND"))["list"][0]["thumbUrl"]
    )
    assert httpx.put(mine["imageUrl"], content=picture.content).status_code == 200
    assert refusal(swap(other, **body)) == (200, 99002)
    provider.ok(swap(provider, **body))
