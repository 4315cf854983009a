"""One question sorts every answer to a paid POST: may it be sent again?"""

import json
import socket

import httpx
import pytest

from generation.providers.base import ItemState, Media, Order, RemoteItem
from generation.providers.errors import (
    AccountClosed,
    Busy,
    Denied,
    FileGone,
    NotFound,
    NotTaken,
    OutcomeUnknown,
    OutOfCredits,
    Refused,
    Unreachable,
)
from generation.providers.fashn import Fashn
from generation.providers.sellerpic import SellerPic
from tests.providers.conftest import IMPATIENT, answer_of, raw_server, speak


def envelope(code, data=None, msg="", success=None, **more):
    return json.dumps(
        {
            "code": code,
            "data": data,
            "msg": msg,
            "success": code == 0 if success is None else success,
            "traceId": "t-1",
            **more,
        }
    )


def swap(client):
    return client.submit(
        Order("swapModel", files={"model_image": "UPLOAD/a.jpg"}, presets={"model": "5"})
    )


ANSWERS = [
    ("busy at any status", answer_of(500, envelope(30003)), Busy),
    ("busy as text", answer_of(200, envelope("30003")), Busy),
    ("key refused", answer_of(401, "no"), AccountClosed),
    ("key refused by a code at 401", answer_of(401, envelope(401, msg="No")), AccountClosed),
    ("denied in the envelope", answer_of(403, envelope(403, msg="Forbidden")), Denied),
    ("denied without a word", answer_of(403, "no"), Denied),
    ("no credits", answer_of(200, envelope(1, msg="Insufficient balance")), OutOfCredits),
    ("not enough credits", answer_of(200, envelope(1, msg="Not enough credits left.")), OutOfCredits),
    ("a small picture", answer_of(200, envelope(1, msg="Insufficient image resolution")), Refused),
    ("an odd picture", answer_of(200, envelope(1, msg="White balance is off")), Refused),
    ("a name of it", answer_of(200, envelope(1, msg="Remove the photo credit")), Refused),
    ("a gateway that gave up", answer_of(408, "slow"), OutcomeUnknown),
    ("a code that is no number", answer_of(200, envelope("--5", {"id": "1"})), OutcomeUnknown),
    ("a code without end", answer_of(200, envelope("5" * 5000, {"id": "1"})), OutcomeUnknown),
    ("a number without end", answer_of(200, envelope(10**4000, {"id": "1"})), OutcomeUnknown),
    ("a nest without end", answer_of(200, "[" * 100_000), OutcomeUnknown),
    ("an id without end", answer_of(200, envelope(0, {"id": "1" * 81})), OutcomeUnknown),
    ("an id that no database takes", answer_of(200, envelope(0, {"id": "1\0"})), OutcomeUnknown),
    ("redirected", answer_of(302, "", headers="Location: https://x.example/\r\n"), AccountClosed),
    ("asked to pause", answer_of(429, "slow", headers="Retry-After: 7\r\n"), NotTaken),
    ("bad request", answer_of(200, envelope(4711, msg="modelId is wrong")), Refused),
    ("bad request by status", answer_of(400, "no"), Refused),
    ("no such path", answer_of(404, "no"), AccountClosed),
    ("no such preset", answer_of(404, envelope(4711, msg="modelId is wrong")), NotFound),
    ("html of a gateway", answer_of(502, "<html>"), OutcomeUnknown),
    ("envelope of a broken server", answer_of(500, envelope(1, msg="oops")), OutcomeUnknown),
    ("good status, no JSON", answer_of(200, "<html>"), OutcomeUnknown),
    ("good code, no data", answer_of(200, envelope(0)), OutcomeUnknown),
    ("good code, no id", answer_of(200, envelope(0, {})), OutcomeUnknown),
    ("good code, not a success", answer_of(200, envelope(0, {"id": "1"}, success=False)), OutcomeUnknown),
    ("not an object", answer_of(200, "[1]"), OutcomeUnknown),
    ("half an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", OutcomeUnknown),
    ("not HTTP", b"hello\r\n\r\n", OutcomeUnknown),
    ("hung up", None, OutcomeUnknown),
    ("silence", b"", OutcomeUnknown),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)
def test_sorts_every_answer_and_never_asks_twice(answer, expected):
    with raw_server(answer) as (url, seen), pytest.raises(expected) as failure:
        speak(url, swap, submit_limits=IMPATIENT)

    assert type(failure.value) is expected
    assert len(seen) == 1
    if expected is NotTaken:
        assert failure.value.retry_after == 7.0


def test_an_address_that_takes_no_orders_is_the_operators_to_mend():
    with raw_server(answer_of(404, "no")) as (url, seen), pytest.raises(AccountClosed) as failure:
        speak(url, swap)

    assert failure.value.message == (
        "SellerPic's address takes no orders; check SELLERPIC_BASE_URL."
    )
    assert (failure.value.code, len(seen)) == ("wrong_address", 1)


@pytest.mark.parametrize("task", ["removeBackground", "lifestyleScene"])
def test_a_guessed_path_that_is_wrong_closes_nothing(task):
    name = "image" if task == "removeBackground" else "product_image"
    order = Order(task, files={name: "UPLOAD/a.jpg"})
    with raw_server(answer_of(404, "no")) as (url, seen), pytest.raises(NotFound) as failure:
        speak(url, lambda client: client.submit(order))

    assert (failure.value.code, len(seen)) == ("http_404", 1)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("Retry-After: 7\r\n", 7),
        ("Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2026 10:01:30 GMT\r\n", 90),
        ("Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2026 09:00:00 GMT\r\n", 0),
        ("Retry-After: Mon, 01 Jan 2001 00:00:00 GMT\r\n", 0),
        ("Retry-After: Sat, 99 Nov 2026 10:01:30 GMT\r\n", None),
        ("Retry-After: soon\r\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_pause_may_be_told_in_seconds_or_as_a_date(headers, seconds):
    answer = answer_of(429, "slow", headers=headers)
    with raw_server(answer) as (url, _seen), pytest.raises(NotTaken) as failure:
        speak(url, swap)

    assert failure.value.retry_after == seconds


@pytest.mark.parametrize("kind", [SellerPic, Fashn])
def test_a_key_that_no_header_takes_was_not_sent(kind):
    """An answer that was lost would leave every job unknown."""
    order = (
        Order("removeBackground", files={"image": "UPLOAD/a.jpg"})
        if kind is SellerPic
        else Order("background-remove", files={"image": "https://x.example/a.jpg"})
    )
    with raw_server(answer_of(200, "{}")) as (url, seen), pytest.raises(Unreachable):
        speak(url, lambda client: client.submit(order), kind, api_key="fa-key\n")

    assert seen == []


class Breaks(httpx.AsyncBaseTransport):
    """A wire that breaks in one way."""

    def __init__(self, how: Exception) -> None:
        self.how = how

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise self.how


@pytest.mark.parametrize("kind", [SellerPic, Fashn])
@pytest.mark.parametrize(
    ("how", "expected", "words"),
    [
        (httpx.ConnectError, Unreachable, "cannot be reached"),
        (httpx.ConnectTimeout, Unreachable, "cannot be reached"),
        (httpx.LocalProtocolError, Unreachable, "cannot be called with these settings; nothing was sent"),
        (httpx.WriteError, OutcomeUnknown, "closed the connection while the request was being sent"),
        (httpx.WriteTimeout, OutcomeUnknown, "did not take the request in time"),
        (httpx.ReadTimeout, OutcomeUnknown, "did not answer in time"),
        (httpx.ReadError, OutcomeUnknown, "closed the connection before the whole answer had come"),
        (httpx.RemoteProtocolError, OutcomeUnknown, "closed the connection before the whole answer had come"),
    ],
)  # fmt: skip
def test_says_in_plain_words_where_a_call_broke_off(kind, how, expected, words, caplog):
    order = (
        Order("removeBackground", files={"image": "UPLOAD/a.jpg"})
        if kind is SellerPic
        else Order("background-remove", files={"image": "https://x.example/a.jpg"})
    )
    wire = Breaks(how("https://signed.example/?secret=1"))

    with pytest.raises(expected) as failure:
        speak("http://127.0.0.1:9", lambda c: c.submit(order), kind, transport=wire)

    name = "FASHN" if kind is Fashn else "SellerPic"
    assert (type(failure.value), failure.value.message) == (expected, f"{name} {words}.")
    assert caplog.messages == [f"POST 127.0.0.1: {how.__name__}"]


def test_an_id_that_comes_as_a_number_stays_whole():
    with raw_server(answer_of(200, envelope(0, {"id": 1963000000000000123}))) as (url, _seen):
        assert speak(url, swap).remote_id == "1963000000000000123"


def test_unknown_keys_of_an_answer_are_ignored():
    body = envelope(0, {"id": "9", "more": 1}, request_id="7c1e")
    with raw_server(answer_of(200, body)) as (url, _seen):
        task = speak(url, swap)

    assert (task.remote_id, task.trace_id) == ("9", "t-1")


def test_a_host_that_is_down_was_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(Unreachable):
        speak(f"http://127.0.0.1:{port}", swap)


def test_every_submit_has_a_connection_of_its_own():
    body = envelope(0, {"id": "9"})
    alive = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    async def twice(client):
        await swap(client)
        await swap(client)

    with raw_server(alive) as (url, seen):
        speak(url, twice)

    assert len(seen) == 2
    assert all(b"authorization: bearer sandbox" in request.lower() for request in seen)


def test_a_task_without_items_is_just_created():
    with raw_server(answer_of(200, envelope(0, {"resultList": []}))) as (url, _seen):
        status = speak(url, lambda c: c.status("9"))

    assert not status.is_final


def test_texts_of_an_answer_are_bounded_and_fit_any_database():
    items = [
        {
            "id": "1",
            "status": "FAILED",
            "errorCode": "5" * 99,
            "errorMsg": "a\0b\ud800c" + "d" * 999,
        },
        {"id": "2\0", "status": "SUCCESS"},
    ]
    with raw_server(answer_of(200, envelope(0, {"resultList": items}))) as (url, _seen):
        first, second = speak(url, lambda c: c.status("9")).items

    assert (first.remote_id, first.error_code) == ("1", "5" * 40)
    assert first.error == "abc" + "d" * 297
    assert second.remote_id == ""


def test_a_pause_without_end_is_an_hour():
    answer = answer_of(429, "slow", headers="Retry-After: inf\r\n")
    with raw_server(answer) as (url, _seen), pytest.raises(NotTaken) as failure:
        speak(url, swap)

    assert failure.value.retry_after == 3600


@pytest.mark.parametrize("total", ["1" * 30, "Infinity", "many"])
def test_a_balance_that_is_none_is_not_known(total):
    body = envelope(0, {"remaining": 1, "total": "?"}).replace('"?"', total)
    with raw_server(answer_of(200, body)) as (url, _seen), pytest.raises(Unreachable):
        speak(url, lambda c: c.balance())


def download(url, tmp_path):
    item = RemoteItem("9", ItemState.SUCCEEDED)
    speak(url, lambda c: c.fetch_output(item, tmp_path / "x", media=Media.IMAGE))


@pytest.mark.parametrize(
    "answer",
    [
        answer_of(200, envelope(4711, msg="oops")),
        answer_of(404, "no"),
        answer_of(408, "slow"),
        answer_of(409, "not now"),
        answer_of(200, envelope(0, {"status": "SUCCESS", "fileUrl": "http://x.example/\0"})),
    ],
)
def test_a_picture_that_is_paid_for_is_asked_for_again(tmp_path, answer):
    with raw_server(answer) as (url, _seen), pytest.raises(NotTaken):
        download(url, tmp_path)


def test_only_the_state_failed_gives_a_picture_up(tmp_path):
    body = envelope(0, {"status": "FAILED", "errorMsg": "The file is broken."})
    with raw_server(answer_of(200, body)) as (url, _seen), pytest.raises(Refused) as failure:
        download(url, tmp_path)

    assert (failure.value.code, failure.value.message) == ("file_failed", "The file is broken.")


def test_a_file_that_is_still_being_written_is_asked_for_later(tmp_path):
    body = envelope(0, {"status": "RUNNING", "fileUrl": None})
    with raw_server(answer_of(200, body)) as (url, _seen), pytest.raises(NotTaken) as failure:
        download(url, tmp_path)

    assert failure.value.retry_after == 60
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [
        ("busy", Busy),
        ("closed", AccountClosed),
        ("file_gone", FileGone),
        ("no_credits", OutOfCredits),
        ("not_found", NotFound),
        ("not_taken", NotTaken),
        ("refused", Refused),
        ("unknown", OutcomeUnknown),
    ],
)
def test_an_operator_may_say_what_a_code_means(meaning, expected):
    answer = answer_of(500, envelope(4711, msg="oops"))
    with raw_server(answer) as (url, seen), pytest.raises(expected) as failure:
        speak(url, swap, code_meanings={4711: meaning})

    assert type(failure.value) is expected
    assert (failure.value.code, failure.value.trace_id, len(seen)) == ("4711", "t-1", 1)


@pytest.mark.parametrize("kind", [SellerPic, Fashn])
def test_a_key_shows_in_no_failure_and_in_no_log(kind, caplog):
    caplog.set_level("DEBUG")
    client = kind("http://127.0.0.1:1", api_key="fa-secret-key", file_hosts=[])
    order = (
        Order("removeBackground", files={"image": "UPLOAD/a.jpg"})
        if kind is SellerPic
        else Order("background-remove", files={"image": "https://x.example/a.jpg"})
    )
    with raw_server(answer_of(401, "no")) as (url, seen), pytest.raises(AccountClosed) as failure:
        speak(url, lambda c: c.submit(order), kind, api_key="fa-secret-key")

    assert b"Bearer fa-secret-key" in seen[0]
    told = f"{client!r} {vars(client)!r} {failure.value!r} {vars(failure.value)} {caplog.text}"
    assert "fa-secret-key" not in told
