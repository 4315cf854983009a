"""The log of calls: what was asked, by whom, how it was answered, and what it never holds."""

from __future__ import annotations

import httpx
import pytest

from sandbox.store_calls import without_pictures
from tests.sandbox.conftest import fetch


def test_a_submit_is_told_with_its_body_and_its_task(provider):
    key, model = provider.upload(), provider.preset()
    body = {"modelImageKey": key, "modelId": model}
    task_id = provider.ok(provider.generate("swapModel", **body))["id"]
    provider.status(task_id)
    upload, presets, submit, status = provider.log()
    assert submit == {
        "id": presets["id"] + 1,
        "at": provider.clock(),
        "provider": "sellerpic",
        "account": "sandbox",
        "operation": "submit",
        "method": "POST",
        "path": "/v1/api/generate/swapModel",
        "query": {},
        "body": body,
        "outcome": "ok",
        "status": 200,
        "task": task_id,
    }
    assert (upload["operation"], upload["body"], upload["task"]) == ("upload", None, None)
    assert presets["query"] == {"type": "SWAP_MODEL", "pageSize": "50"}
    assert (status["operation"], status["query"], status["task"]) == (
        "status",
        {"id": task_id},
        task_id,
    )


def test_refusals_and_lost_answers_are_told(provider):
    provider.fault("busy")
    provider.submit()
    provider.fault("lost_answer")
    with pytest.raises(httpx.TransportError):
        provider.submit()
    provider.fault("bad_gateway")
    provider.submit()
    provider.http.post("/v1/api/generate/swapModel", content=b"nonsense")
    provider.http.get("/v1/api/usage", headers={"Authorization": "Bearer stolen"})
    told = [
        (call["operation"], call["outcome"], call["status"], call["account"])
        for call in provider.log()
        if call["operation"] in {"submit", "usage"}
    ]
    assert told == [
        ("submit", "30003", 200, "sandbox"),
        ("submit", "dropped", 200, "sandbox"),
        ("submit", "http_502", 502, "sandbox"),
        ("submit", "99001", 200, "sandbox"),
        ("usage", "http_401", 401, ""),
    ]


def test_the_log_is_read_on_from_a_call_and_for_one_account_or_operation(provider):
    other = provider.as_key("sandbox-other")
    provider.usage()
    other.usage()
    provider.preset()
    first, second, third = provider.log()
    assert provider.log(after=str(first["id"])) == [second, third]
    assert provider.log(account="sandbox-other") == [second]
    assert provider.log(operation="presets") == [third]
    assert provider.log(after=str(third["id"])) == []
    answer = provider.http.get("/__sandbox__/log", params={"after": "x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "after must be the id of a call.")


def test_an_answer_holds_a_thousand_calls(provider):
    for _ in range(1001):
        provider.app.store.record_call(provider.app.account("sellerpic", "sandbox"), "x", "ok", 1.0)
    calls = provider.log()
    assert len(calls) == 1000
    assert len(provider.log(after=str(calls[-1]["id"]))) == 1


def test_a_file_address_is_not_told_as_it_is_a_permission(provider):
    item = provider.finish(provider.start())[0]
    address = provider.download(item["id"])["fileUrl"]
    fetch(address)
    (call,) = provider.log(operation="file")
    assert (call["account"], call["path"], call["outcome"]) == (
        "sandbox",
        "/files/results/…",
        "ok",
    )
    token = address.rpartition("/")[2].partition(".")[0]
    assert token not in provider.http.get("/__sandbox__/log").text


def test_pictures_in_a_body_are_cut_short():
    uri = "data:image/png;base64," + "A" * 500
    kept = without_pictures({"inputs": {"image": uri, "images": [uri], "prompt": "data: " * 80}})
    assert kept["inputs"]["image"].endswith("… (522 letters)")
    assert len(kept["inputs"]["image"]) < 100
    assert kept["inputs"]["images"] == [kept["inputs"]["image"]]


def test_the_log_is_forgotten_at_a_reset(provider):
    provider.usage()
    provider.http.post("/__sandbox__/reset", json={})
    assert provider.log() == []
