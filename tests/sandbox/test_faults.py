"""Each kind of scripted trouble, as a client meets it."""

from __future__ import annotations

import io
import secrets
import time

import httpx
import pytest
from PIL import Image, UnidentifiedImageError

from sandbox.app import create_app
from sandbox.control import Control
from sandbox.faults import DEFAULT_OPERATION, read_file, read_order
from sandbox.wire import Request
from tests.sandbox.conftest import SANDBOX, Provider, fetch


def test_one_of_two_items_fails_and_costs_nothing(provider):
    provider.fault("one_fails")
    items = provider.finish(provider.start())
    assert [item["status"] for item in items] == ["SUCCESS", "FAILED"]
    assert items[1]["fileUrl"] is None
    assert items[1]["errorCode"] == 50001
    assert items[1]["errorMsg"] == "The image could not be generated."
    assert provider.usage()["usage"] == 2
    assert provider.download(items[1]["id"])["status"] == "FAILED"
    again = provider.finish(provider.start())
    assert [item["status"] for item in again] == ["SUCCESS", "SUCCESS"]


def test_the_last_of_four_items_can_fail(provider):
    provider.fault("one_fails", item=3)
    key = {"imageKey": provider.upload()}
    answer = provider.generate("tryOnApparel", modelImageKey=provider.upload(), top=key)
    items = provider.finish(provider.ok(answer)["id"])
    assert [item["status"] for item in items] == ["SUCCESS"] * 3 + ["FAILED"]
    assert provider.usage()["usage"] == 3


def test_the_first_item_fails_if_told_so(provider):
    provider.fault("one_fails", item=0)
    items = provider.finish(provider.start())
    assert [item["status"] for item in items] == ["FAILED", "SUCCESS"]


def test_all_items_fail(provider):
    provider.fault("all_fail")
    items = provider.finish(provider.start())
    assert [item["status"] for item in items] == ["FAILED", "FAILED"]
    assert provider.usage()["usage"] == 0


@pytest.mark.parametrize(
    ("kind", "status", "code", "name"),
    [
        ("busy", 200, 30003, "busy"),
        ("out_of_credits", 200, 99003, "out_of_credits"),
        ("unauthorized", 401, 401, "http_401"),
    ],
)
def test_a_refused_submit_creates_no_task(provider, kind, status, code, name):
    provider.fault(kind, times=2)
    for _ in range(2):
        answer = provider.submit()
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    stats = provider.stats()
    assert (stats["accepted"], stats["refused"]) == (0, {name: 2})
    provider.start()


def test_a_lost_answer_leaves_a_task_that_runs(provider):
    provider.fault("lost_answer")
    with pytest.raises(httpx.TransportError):
        provider.submit()
    stats = provider.stats()
    assert (stats["submits"], stats["accepted"], stats["dropped"]) == (1, 1, 1)
    items = provider.finish(stats["tasks"][0]["id"])
    assert [item["status"] for item in items] == ["SUCCESS", "SUCCESS"]


@pytest.mark.parametrize("accepted", [False, True])
def test_a_bad_gateway_is_a_html_page(provider, accepted):
    provider.fault("bad_gateway", accepted=accepted)
    answer = provider.submit()
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "text/html"
    assert provider.stats()["accepted"] == int(accepted)


def test_a_slow_submit_is_carried_out_before_it_is_answered(provider):
    provider.fault("slow", seconds=0.4)
    with pytest.raises(httpx.ReadTimeout):
        provider.http.post(
            "/v1/api/generate/swapModel",
            json={"modelImageKey": provider.upload(), "modelId": provider.preset()},
            timeout=httpx.Timeout(5, read=0.1),
        )
    assert provider.stats()["accepted"] == 1


def test_a_stuck_task_runs_for_ever_and_keeps_its_place(provider):
    provider.fault("stuck")
    task_id = provider.start()
    provider.clock.tick(30 * 24 * 3600)
    assert [item["status"] for item in provider.status(task_id)] == ["RUNNING", "RUNNING"]
    assert provider.app.store.in_flight(SANDBOX, "general", provider.clock()) == 1
    assert provider.usage()["usage"] == 0


def test_a_status_is_404_as_often_as_told(provider):
    task_id = provider.start()
    provider.fault("status_404", times=2)
    for _ in range(2):
        answer = provider.http.get("/v1/api/generate", params={"id": task_id})
        assert answer.status_code == 404
    assert len(provider.finish(task_id)) == 2


def test_an_unknown_state_word_is_answered(provider):
    task_id = provider.start()
    provider.fault("unknown_state")
    assert {item["status"] for item in provider.status(task_id)} == {"POST_PROCESSING"}
    assert {item["status"] for item in provider.status(task_id)} == {"CREATED"}


@pytest.mark.parametrize("operation", ["submit", "status", "usage"])
def test_data_can_be_null_in_a_success(provider, operation):
    task_id = provider.start()
    provider.fault("null_data", on=operation)
    answer = {
        "submit": provider.submit,
        "status": lambda: provider.http.get("/v1/api/generate", params={"id": task_id}),
        "usage": lambda: provider.http.get("/v1/api/usage"),
    }[operation]()
    body = answer.json()
    assert (body["code"], body["success"], body["data"]) == (0, True, None)


def test_the_first_link_is_dead_until_download_is_called_again(provider):
    item = provider.finish(provider.start())[0]
    provider.fault("dead_link")
    dead = provider.download(item["id"])["fileUrl"]
    assert [fetch(dead).status_code for _ in range(2)] == [403, 403]
    fresh = provider.download(item["id"])["fileUrl"]
    assert fetch(fresh).status_code == 200
    assert fetch(dead).status_code == 403


def test_extra_keys_are_added_beside_the_envelope(provider):
    provider.fault("extra_keys", on="usage")
    assert set(provider.http.get("/v1/api/usage").json()) > {"code", "data", "request_id"}


def test_a_garbage_image_cannot_be_decoded(provider):
    provider.fault("garbage_image")
    item = provider.finish(provider.start())[0]
    assert item["status"] == "SUCCESS"
    for kind in ("png", "jpg"):
        answer = fetch(provider.download(item["id"], kind)["fileUrl"])
        assert answer.status_code == 200
        with pytest.raises((UnidentifiedImageError, OSError, SyntaxError)):
            Image.open(io.BytesIO(answer.content)).load()


def test_a_file_can_be_refused_too(provider):
    item = provider.finish(provider.start())[0]
    link = provider.download(item["id"])["fileUrl"]
    provider.fault("bad_gateway", on="file")
    assert [fetch(link).status_code for _ in range(2)] == [502, 200]


def test_faults_strike_in_the_order_of_their_planning_and_can_be_cleared(provider):
    provider.fault("busy")
    provider.fault("all_fail")
    assert provider.submit().json()["code"] == 30003
    items = provider.finish(provider.start())
    assert {item["status"] for item in items} == {"FAILED"}
    provider.fault("busy", times=None)
    assert [provider.submit().json()["code"] for _ in range(3)] == [30003] * 3
    assert provider.http.delete("/__sandbox__/faults").json()["faults"] == []
    provider.start()


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "earthquake"},
        {"kind": "busy", "times": 0},
        {"kind": "busy", "on": "usage"},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "item": 1},
        {"kind": "one_fails", "item": 4},
        {"kind": "bad_gateway", "accepted": "yes"},
        {"kind": "slow", "on": "moon"},
        {"kind": "busy", "rate": 1.5},
        {"kind": "busy", "rate": True},
        {"kind": "busy", "provider": "acme"},
        {"kind": "dead_link", "provider": "fashn"},
        {"kind": "early", "provider": "sellerpic"},
        {"kind": "api_error"},
        {"kind": "api_error", "code": "Nonsense"},
        {"kind": "runtime_error", "name": "Nonsense"},
        {},
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_a_sentence(provider, order):
    answer = provider.http.post("/__sandbox__/faults", json=order)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert provider.http.get("/__sandbox__/faults").json()["faults"] == []


def test_a_rate_strikes_its_share_of_calls_and_always_the_same_ones(tmp_path):
    def struck() -> list[bool]:
        with create_app(tmp_path / secrets.token_hex(4), seed=7) as app:
            app.store.plan_fault(read_order({"kind": "busy", "rate": 0.25}))
            return [app.store.take_fault("sellerpic", "submit") is not None for _ in range(400)]

    first = struck()
    assert struck() == first
    assert 70 < sum(first) < 130


def test_a_rate_may_be_bounded_by_a_number_of_strikes(provider):
    provider.fault("busy", rate=1, times=2)
    provider.fault("out_of_credits", rate=0)
    assert [provider.submit().json()["code"] for _ in range(3)] == [30003, 30003, 0]


def test_a_fault_of_one_provider_leaves_the_other_alone(provider):
    provider.fault("unauthorized", on="usage", provider="fashn")
    assert provider.usage()["total"] == 100
    assert provider.http.get("/v1/credits").status_code == 401
    provider.fault("unauthorized", on="usage", provider="sellerpic")
    assert provider.http.get("/v1/credits").status_code == 200
    assert provider.http.get("/v1/api/usage").status_code == 401


def test_a_slow_body_comes_in_drips_after_its_headers(provider):
    provider.fault("slow_body", on="usage", seconds=0.3)
    began = time.monotonic()
    with provider.http.stream("GET", "/v1/api/usage") as answer:
        headers_after = time.monotonic() - began
        chunks = [time.monotonic() - began for _ in answer.iter_raw()]
    assert answer.status_code == 200
    assert headers_after < 0.25 < chunks[-1]
    assert len(chunks) > 3


def test_faults_can_be_read_from_a_file(tmp_path):
    file = tmp_path / "faults.toml"
    file.write_text(
        '[[fault]]\nkind = "busy"\nrate = 0.5\nprovider = "fashn"\n'
        '[[fault]]\nkind = "slow"\non = "status"\nseconds = 3\ntimes = 0\n'
    )
    assert [fault.as_json() for fault in read_file(file)] == [
        {"kind": "busy", "on": "submit", "times": None, "provider": "fashn", "rate": 0.5},
        {"kind": "slow", "on": "status", "times": None, "seconds": 3},
    ]


@pytest.mark.parametrize(
    "text", ["[[fault", "fault = 3", "[fault]\nkind = 'busy'", "[[fault]]\nkind = 'storm'"]
)
def test_a_file_that_makes_no_sense_is_refused_with_its_name(tmp_path, text):
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"faults\.toml.*\.$"):
        read_file(file)


def test_every_kind_is_told(provider):
    assert provider.http.get("/__sandbox__/faults").json()["kinds"] == sorted(DEFAULT_OPERATION)


def test_only_programs_on_this_machine_may_script_trouble(provider: Provider):
    order = {"kind": "busy"}
    origin = {"Origin": "https://shop.example"}
    answer = provider.http.post("/__sandbox__/faults", json=order, headers=origin)
    assert answer.status_code == 403
    far = Request("GET", "/__sandbox__/stats", {}, {}, "http://x", "192.0.2.7", lambda: b"")
    refused = Control(provider.app).answer(far)
    assert refused is not None
    assert refused.status == 403
    assert provider.http.get("/__sandbox__/faults").json()["faults"] == []
