"""What the sandbox tells a client by FASHN's webhook, and how often."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from fashn import Fashn as Sdk

from sandbox.server import serve_in_thread
from tests.sandbox.conftest import wait_for
from tests.sandbox.fashn_client import PHOTO, Fashn, fashn_sandbox

BODY = {"model_name": "background-remove", "inputs": {"image": PHOTO}}


class Receiver:
    """A client's webhook address: keeps what it is told, and answers as it is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = "204 No Content"
        self.on_call: Callable[[], None] = lambda: None
        self.url = ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        self.on_call()
        self.headers.append({k: str(v) for k, v in environ.items() if k.startswith("HTTP_")})
        self.heard.append(json.loads(body))
        start_response(self.status, [("Content-Length", "0")])
        return [b""]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with serve_in_thread(receiver) as server:
        receiver.url = f"{server.url}/hooks/fashn/9f2c"
        yield receiver


@pytest.fixture
def fashn(tmp_path: Path) -> Iterator[Fashn]:
    with fashn_sandbox(tmp_path / "sandbox") as client:
        yield client


def start(fashn: Fashn, receiver: Receiver) -> str:
    answer = fashn.send(BODY, webhook_url=receiver.url)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def settle() -> None:
    """Give the sandbox a few of its looks at what is due."""
    threading.Event().wait(0.12)


def test_a_receiver_is_told_once_of_the_end_and_of_nothing_before(fashn, receiver):
    prediction = start(fashn, receiver)
    assert fashn.app.room.wait_until_drawn()
    settle()
    assert receiver.heard == []

    status = fashn.finish(prediction)

    wait_for(lambda: receiver.heard)
    settle()
    assert receiver.heard == [status.json()]
    assert receiver.heard[0]["status"] == "completed"
    assert "HTTP_X_FASHN_CREDITS_USED" not in receiver.headers[0]


def test_a_receiver_is_told_of_a_failure(fashn, receiver):
    fashn.fault("runtime_error", name="PoseError")
    prediction = start(fashn, receiver)
    fashn.clock.tick(30)
    wait_for(lambda: receiver.heard)
    assert receiver.heard == [
        {
            "id": prediction,
            "status": "failed",
            "output": None,
            "error": {"name": "PoseError", "message": "No body pose could be detected."},
        }
    ]


def test_a_receiver_that_fails_is_told_five_times_more_in_five_minutes(fashn, receiver):
    receiver.status = "500 Internal Server Error"
    start(fashn, receiver)
    assert fashn.app.room.wait_until_drawn()
    fashn.clock.tick(30)
    wait_for(lambda: len(receiver.heard) == 1)
    for number, pause in enumerate((10, 30, 60, 90, 110), start=2):
        wait_for(lambda expected=number: tries(fashn) == expected - 1)
        fashn.clock.tick(pause)
        wait_for(lambda expected=number: len(receiver.heard) == expected)
    wait_for(lambda: tries(fashn) == 6)
    fashn.clock.tick(3600)
    settle()
    assert len(receiver.heard) == 6


def tries(fashn: Fashn) -> int:
    [(task, _)] = fashn.app.store.tasks()
    return task.webhook_tries


def test_a_receiver_that_recovers_is_left_alone(fashn, receiver):
    receiver.status = "302 Found"
    start(fashn, receiver)
    assert fashn.app.room.wait_until_drawn()
    fashn.clock.tick(30)
    wait_for(lambda: tries(fashn) == 1)
    receiver.status = "200 OK"
    fashn.clock.tick(10)
    wait_for(lambda: tries(fashn) == 2)
    fashn.clock.tick(3600)
    settle()
    assert len(receiver.heard) == 2


def test_a_duplicate_is_told_twice(fashn, receiver):
    fashn.fault("duplicate")
    prediction = start(fashn, receiver)
    fashn.finish(prediction)
    wait_for(lambda: len(receiver.heard) == 2)
    assert receiver.heard[0] == receiver.heard[1]


def test_a_late_webhook_comes_after_its_seconds(fashn, receiver):
    fashn.fault("late", seconds=100)
    prediction = start(fashn, receiver)
    fashn.finish(prediction)
    settle()
    assert receiver.heard == []
    fashn.clock.tick(100)
    wait_for(lambda: receiver.heard)
    assert receiver.heard[0]["status"] == "completed"


def test_an_early_webhook_comes_before_the_answer_of_run(fashn, receiver):
    fashn.fault("early")
    answers: list[str] = []
    receiver.on_call = lambda: answers.append("webhook")
    prediction = start(fashn, receiver)
    answers.append("run")
    assert answers == ["webhook", "run"]
    assert receiver.heard == [fashn.status(prediction).json()]
    assert receiver.heard[0]["status"] == "completed"
    fashn.clock.tick(3600)
    settle()
    assert len(receiver.heard) == 1


def test_a_missing_webhook_never_comes(fashn, receiver):
    fashn.fault("none")
    prediction = start(fashn, receiver)
    assert fashn.finish(prediction).json()["status"] == "completed"
    fashn.clock.tick(3600)
    settle()
    assert receiver.heard == []


def test_a_restarted_sandbox_tells_what_was_not_told(tmp_path, receiver):
    with fashn_sandbox(tmp_path / "sandbox") as fashn:
        prediction = start(fashn, receiver)
        assert fashn.app.room.wait_until_drawn()
    assert receiver.heard == []
    fashn.clock.tick(30)
    with fashn_sandbox(tmp_path / "sandbox", clock=fashn.clock):
        wait_for(lambda: receiver.heard)
        assert [told["id"] for told in receiver.heard] == [prediction]


def test_the_sdk_hands_on_its_webhook_address(fashn, receiver):
    with Sdk(api_key="fa-sandbox", base_url=fashn.url, max_retries=0) as sdk:
        started = sdk.predictions.run(**BODY, webhook_url=receiver.url)  # type: ignore[call-overload]
    fashn.finish(started.id)
    wait_for(lambda: receiver.heard)
    assert [told["id"] for told in receiver.heard] == [started.id]


def test_an_address_that_is_none_is_refused(fashn):
    answer = fashn.send(BODY, webhook_url="ftp://127.0.0.1/hook")
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
    assert fashn.tasks() == 0
