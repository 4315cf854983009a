"""Scripted trouble at FASHN's API: each documented error, and answers that nobody documented."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.fashn_answers import RUNTIME_MESSAGES
from sandbox.faults import API_ERRORS, RUNTIME_ERRORS
from tests.sandbox.fashn_client import Fashn, fashn_sandbox


@pytest.fixture
def fashn(tmp_path: Path) -> Iterator[Fashn]:
    with fashn_sandbox(tmp_path / "sandbox") as client:
        yield client


@pytest.mark.parametrize(("code", "status"), API_ERRORS.items())
def test_every_documented_error_can_be_had_and_starts_nothing(fashn, code, status):
    fashn.fault("api_error", code=code)
    answer = fashn.run()
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert set(answer.json()) == {"error", "message"}
    assert fashn.tasks() == 0
    assert fashn.run().status_code == 200, "the fault struck more than once"


@pytest.mark.parametrize("call", ["status", "usage"])
def test_an_error_can_strike_the_other_calls(fashn, call):
    prediction = fashn.start()
    fashn.fault("api_error", on=call, code="RateLimitExceeded")
    answer = fashn.status(prediction) if call == "status" else fashn.http.get("/v1/credits")
    assert (answer.status_code, answer.json()["error"]) == (429, "RateLimitExceeded")


@pytest.mark.parametrize("name", RUNTIME_ERRORS)
def test_every_documented_failure_can_be_had_and_is_free(fashn, name):
    fashn.fault("runtime_error", name=name)
    prediction = fashn.start("model-swap", num_images=2)
    answer = fashn.finish(prediction)
    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    assert answer.json()["error"] == {"name": name, "message": RUNTIME_MESSAGES[name]}
    assert "x-fashn-credits-used" not in answer.headers
    assert fashn.credits()["total"] == 134


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("busy", 429, "ConcurrencyLimitExceeded"),
        ("out_of_credits", 429, "OutOfCredits"),
        ("unauthorized", 401, "UnauthorizedAccess"),
    ],
)
def test_troubles_of_either_provider_come_in_words_of_this_one(fashn, kind, status, code):
    fashn.fault(kind)
    answer = fashn.run()
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert fashn.tasks() == 0


def test_a_lost_answer_leaves_a_prediction_that_runs_and_is_paid(fashn):
    fashn.fault("lost_answer")
    with pytest.raises(httpx.TransportError):
        fashn.run()
    assert fashn.tasks() == 1
    fashn.clock.tick(30)
    assert fashn.app.room.wait_until_drawn()
    assert fashn.credits()["total"] == 133


@pytest.mark.parametrize(("accepted", "tasks"), [(False, 0), (True, 1)])
def test_a_bad_gateway_is_a_page_and_may_have_let_the_call_through(fashn, accepted, tasks):
    fashn.fault("bad_gateway", accepted=accepted)
    answer = fashn.run()
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert fashn.tasks() == tasks


def test_a_slow_body_comes_after_its_headers(fashn):
    fashn.fault("slow_body", on="usage", seconds=0.3)
    started = time.monotonic()
    with fashn.http.stream("GET", "/v1/credits") as answer:
        headers_after = time.monotonic() - started
        assert answer.read()
        body_after = time.monotonic() - started
    assert headers_after < 0.2 < 0.3 <= body_after


def test_one_of_two_outputs_may_be_missing_and_is_not_charged(fashn):
    fashn.fault("one_fails")
    prediction = fashn.start("model-swap", num_images=2)
    answer = fashn.finish(prediction)
    assert answer.json()["status"] == "completed"
    assert answer.json()["output"] == [f"{fashn.url}/cdn/{prediction}/output_0.png"]
    assert answer.headers["x-fashn-credits-used"] == "1"
    assert fashn.credits()["total"] == 133


def test_a_stuck_prediction_runs_for_ever_and_keeps_its_slot(fashn):
    fashn.fault("stuck")
    prediction = fashn.start()
    fashn.clock.tick(7 * 24 * 3600)
    assert fashn.status(prediction).json()["status"] == "processing"
    assert [fashn.run().status_code for _ in range(6)] == [200] * 5 + [429]


def test_a_picture_may_be_garbage(fashn):
    fashn.fault("garbage_image")
    output = fashn.finish(fashn.start()).json()["output"]
    assert b"not a picture" in httpx.get(output[0]).content


def test_a_prediction_may_be_forgotten(fashn):
    prediction = fashn.start()
    fashn.fault("status_404")
    answer = fashn.status(prediction)
    assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")
    assert fashn.finish(prediction).json()["status"] == "completed"


def test_answers_may_have_words_and_keys_that_nobody_knows(fashn):
    prediction = fashn.start()
    fashn.finish(prediction)
    fashn.fault("unknown_state")
    assert fashn.status(prediction).json()["status"] == "post_processing"
    fashn.fault("extra_keys")
    body = fashn.status(prediction).json()
    assert (body["status"], set(body) - {"id", "status", "output", "error"}) == (
        "completed",
        {"request_id", "cost"},
    )
    fashn.fault("null_data")
    answer = fashn.run()
    assert answer.json() == {"id": None, "error": None}


def test_faults_of_the_output_wait_for_a_prediction_that_has_completed(fashn):
    prediction = fashn.start()
    output = [f"{fashn.url}/cdn/{prediction}/output_0.png"]
    for kind in ("images_object", "missing_output", "no_credits_header", "wrong_credits_header"):
        fashn.fault(kind)
    assert fashn.status(prediction).json()["output"] is None

    answers = [fashn.finish(prediction) for _ in range(5)]

    assert [answer.json().get("output", "missing") for answer in answers] == [
        {"images": output},
        "missing",
        output,
        output,
        output,
    ]
    told = [answer.headers.get("x-fashn-credits-used") for answer in answers]
    assert told == ["1", "1", None, "2", "1"]
    assert fashn.credits()["total"] == 133
