"""What FASHN's answers mean: may a run be sent again, and how does a prediction stand?"""

import json
import socket

import pytest

from generation.providers.base import ItemState, Media, Order, RemoteItem
from generation.providers.errors import (
    AccountClosed,
    Busy,
    Denied,
    LinkBlocked,
    LinkDead,
    NotFound,
    NotTaken,
    OutcomeUnknown,
    OutOfCredits,
    Refused,
    Unreachable,
)
from generation.providers.fashn import Fashn
from generation.providers.fashn_answers import LARGE_BODY_BYTES
from tests.providers.conftest import IMPATIENT, answer_of, first_line, raw_server, speak

ORDER = Order("background-remove", files={"image": "https://files.example/a.jpg"})
ID = "5a2d7c1e-11aa-4c1e-9d7e-0f6b2a9c3e10-u1"


def run(client):
    return client.submit(ORDER)


def error(status, code, message="Words of theirs.", headers=""):
    return answer_of(status, json.dumps({"error": code, "message": message}), headers=headers)


def prediction(status, *, headers="", **more):
    return answer_of(200, json.dumps({"id": ID, "status": status, **more}), headers=headers)


RUNS = [
    ("bad request", error(400, "BadRequest"), Refused),
    ("key refused", error(401, "UnauthorizedAccess"), AccountClosed),
    ("key refused without a word", answer_of(401, "no"), AccountClosed),
    ("payment required", answer_of(402, "{}"), OutOfCredits),
    ("denied without a word", answer_of(403, "no"), Denied),
    ("denied by a word nobody listed", error(403, "Forbidden"), Denied),
    ("key refused at another status", error(403, "UnauthorizedAccess"), AccountClosed),
    ("no such path", error(404, "NotFound"), AccountClosed),
    ("no such path of a stranger", answer_of(404, "no"), AccountClosed),
    ("too many calls", error(429, "RateLimitExceeded", headers="Retry-After: 7\r\n"), NotTaken),
    ("too many at once", error(429, "ConcurrencyLimitExceeded"), Busy),
    ("no credits", error(429, "OutOfCredits"), OutOfCredits),
    ("no credits at another status", error(402, "OutOfCredits"), OutOfCredits),
    ("a 429 of a gateway", answer_of(429, "slow"), NotTaken),
    ("an error of theirs", error(500, "InternalServerError"), NotTaken),
    ("an error of theirs with a good status", error(200, "ConcurrencyLimitExceeded"), Busy),
    ("an error nobody listed", error(422, "Unprocessable"), Refused),
    ("too large", answer_of(413, "no"), Refused),
    ("redirected", answer_of(302, "", headers="Location: https://x.example/\r\n"), AccountClosed),
    ("a gateway that gave up", answer_of(408, "slow"), OutcomeUnknown),
    ("html of a gateway", answer_of(502, "<html>"), OutcomeUnknown),
    ("json of a gateway", error(504, "Endpoint request timed out"), OutcomeUnknown),
    ("json of nobody", answer_of(503, json.dumps({"message": "Unavailable"})), OutcomeUnknown),
    ("good status, no JSON", answer_of(200, "<html>"), OutcomeUnknown),
    ("no id", answer_of(200, json.dumps({"error": None})), OutcomeUnknown),
    ("an error nobody listed, good status", error(200, "Whatever"), OutcomeUnknown),
    ("an id without end", answer_of(200, json.dumps({"id": "1" * 81})), OutcomeUnknown),
    ("an id that no database takes", answer_of(200, json.dumps({"id": "1\0"})), OutcomeUnknown),
    ("not an object", answer_of(200, "[1]"), OutcomeUnknown),
    ("half an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", OutcomeUnknown),
    ("not HTTP", b"hello\r\n\r\n", OutcomeUnknown),
    ("hung up", None, OutcomeUnknown),
    ("silence", b"", OutcomeUnknown),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected"), [case[1:] for case in RUNS], ids=[case[0] for case in RUNS]
)
def test_sorts_every_answer_to_a_run_and_never_asks_twice(answer, expected):
    with raw_server(answer) as (url, seen), pytest.raises(expected) as failure:
        speak(url, run, Fashn, submit_limits=IMPATIENT)

    assert type(failure.value) is expected
    assert len(seen) == 1
    if expected is NotTaken and b"Retry-After" in answer:
        assert failure.value.retry_after == 7.0


def test_a_host_that_is_down_was_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(Unreachable):
        speak(f"http://127.0.0.1:{port}", run, Fashn)


def test_a_large_body_that_meets_an_error_of_theirs_is_not_sent_again():
    """The vendor shows a body that is too large as a 500: it would fail for ever."""
    picture = "data:image/png;base64," + "A" * LARGE_BODY_BYTES
    order = Order("background-remove", files={"image": picture})
    with (
        raw_server(error(500, "InternalServerError")) as (url, seen),
        pytest.raises(Refused, match="of that size") as failure,
    ):
        speak(url, lambda client: client.submit(order), Fashn)

    assert failure.value.code == "InternalServerError"
    assert len(seen) == 1


def test_the_credits_of_a_run_are_read_where_they_are_told():
    taken = json.dumps({"id": ID, "error": None, "more": 1})
    with raw_server(answer_of(200, taken, headers="X-Fashn-Credits-Used: 2\r\n")) as (url, _seen):
        task = speak(url, run, Fashn)

    assert (task.remote_id, task.charged) == (ID, 2)


def status(answer):
    with raw_server(answer) as (url, seen):
        found = speak(url, lambda client: client.status(ID), Fashn)
    assert [first_line(request) for request in seen] == [f"GET /v1/status/{ID}"]
    return found


@pytest.mark.parametrize("word", ["starting", "in_queue", "processing", "post_processing", 7])
def test_a_prediction_that_goes_on_has_no_items(word, caplog):
    found = status(prediction(word, output=None, error=None))

    assert (found.items, found.charged, found.is_final) == ((), None, False)
    assert ("unknown state" in caplog.text) == (word in ("post_processing", 7))


@pytest.mark.parametrize("shape", ["list", "object"])
def test_a_completed_prediction_has_an_item_for_each_link(shape):
    links = [f"https://cdn.fashn.ai/{ID}/output_{n}.png" for n in range(2)]
    output = links if shape == "list" else {"images": links}
    found = status(prediction("completed", output=output, headers="x-fashn-credits-used: 8\r\n"))

    assert found.items == tuple(
        RemoteItem(f"{ID}/{n}", ItemState.SUCCEEDED, url=link) for n, link in enumerate(links)
    )
    assert (found.charged, found.trace_id, found.is_final) == (8, ID, True)


def test_what_is_no_link_is_a_failed_item():
    output = ["https://cdn.fashn.ai/a.png", "<base64>_expired", None, "https://x/" + "y" * 2000]
    found = status(prediction("completed", output=output))

    assert [item.state for item in found.items] == [ItemState.SUCCEEDED] + [ItemState.FAILED] * 3
    assert {item.error_code for item in found.items[1:]} == {"no_link"}
    assert found.charged is None


@pytest.mark.parametrize("more", [{}, {"output": None}, {"output": []}, {"output": {"images": 3}}])
def test_a_completed_prediction_without_outputs_is_asked_again(more, caplog):
    found = status(prediction("completed", **more, headers="x-fashn-credits-used: 2\r\n"))

    assert (found.items, found.is_final, found.charged) == ((), False, 2)
    assert "names no output" in caplog.text


@pytest.mark.parametrize("told", ["", "many", "-1", "1.5", "inf", "9" * 400, "1e3000"])
def test_credits_that_are_none_are_not_known(told):
    found = status(
        prediction("completed", output=["https://a/b"], headers=f"x-fashn-credits-used: {told}\r\n")
    )

    assert found.charged is None


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("ImageLoadError", False),
        ("ContentModerationError", False),
        ("InputValidationError", False),
        ("PoseError", False),
        ("LoRALoadError", False),
        ("ThirdPartyError", True),
        ("3rdPartyProviderError", True),
        ("UnavailableError", True),
        ("PipelineError", True),
        ("InternalServerError", True),
        ("SomethingNewError", True),
    ],
)
def test_a_failed_prediction_tells_whether_another_may_do(name, again):
    found = status(prediction("failed", error={"name": name, "message": "Words\0 of theirs."}))

    assert found.items == (RemoteItem(f"{ID}/0", ItemState.FAILED, name, "Words of theirs."),)
    assert (found.may_run_again, found.is_final) == (again, True)


@pytest.mark.parametrize(
    ("word", "more", "code", "again"),
    [
        ("failed", {}, "failed", True),
        ("failed", {"error": "broken", "output": None}, "failed", True),
        ("canceled", {"error": None}, "canceled", False),
        ("time_out", {"error": {"message": "x"}}, "time_out", False),
    ],
)
def test_other_ends_of_a_prediction_are_failures(word, more, code, again):
    found = status(prediction(word, **more))

    (item,) = found.items
    assert (item.state, item.error_code, found.may_run_again) == (ItemState.FAILED, code, again)
    assert item.error


def test_keys_that_miss_or_that_nobody_knows_are_tolerated():
    body = {"status": "failed", "error": {"name": "PoseError", "extra": 1}, "credits": {}, "v": 2}
    found = status(answer_of(200, json.dumps(body)))

    assert found.items[0].error_code == "PoseError"


CHECKS = [
    ("not tracked any more", error(404, "NotFound"), NotFound),
    ("key refused", error(401, "UnauthorizedAccess"), AccountClosed),
    ("too many calls", error(429, "RateLimitExceeded"), NotTaken),
    ("an error of theirs", error(500, "InternalServerError"), Unreachable),
    ("html of a gateway", answer_of(502, "<html>"), Unreachable),
    ("of another", answer_of(200, json.dumps({"id": "other", "status": "failed"})), Unreachable),
    ("good status, no JSON", answer_of(200, "<html>"), Unreachable),
    ("hung up", None, Unreachable),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_sorts_the_failures_of_a_status_check(answer, expected):
    with pytest.raises(expected) as failure:
        status(answer)

    assert type(failure.value) is expected
    assert failure.value.trace_id == ID


@pytest.mark.parametrize(
    ("body", "left"),
    [({"total": 234, "subscription": 100, "on_demand": 134}, 234), ({"total": 0}, 0)],
)
def test_tells_the_balance(body, left):
    with raw_server(answer_of(200, json.dumps({"credits": body, "more": 1}))) as (url, seen):
        balance = speak(url, lambda client: client.balance(), Fashn)

    assert (balance.remaining, balance.total) == (left, 0)
    assert [first_line(request) for request in seen] == ["GET /v1/credits"]


@pytest.mark.parametrize("body", [{}, {"credits": 5}, {"credits": {"total": "many"}}])
def test_a_balance_that_is_none_is_not_known(body):
    answer = answer_of(200, json.dumps(body))
    with raw_server(answer) as (url, _seen), pytest.raises(Unreachable):
        speak(url, lambda client: client.balance(), Fashn)


# Downloads -----------------------------------------------------------------------------------------


def fetch(answers, tmp_path, *, item_url="/old.png", media=Media.IMAGE):
    """Fetch output 1 from a server that answers by path; its base address stands in for {url}."""
    with raw_server(lambda request: serve(request)) as (url, seen):

        def serve(request):
            reply = answers[first_line(request).split()[1]]
            return reply(url) if callable(reply) else reply

        item = RemoteItem(
            f"{ID}/1", ItemState.SUCCEEDED, url=f"{url}{item_url}" if item_url else ""
        )
        to = tmp_path / "result"
        try:
            speak(url, lambda client: client.fetch_output(item, to, media=media), Fashn)
        finally:
            paths = [first_line(request).split()[1] for request in seen]
    return to.read_text(), paths


def outputs(*paths):
    """A status that names these paths of the very server."""
    return lambda url: prediction("completed", output=[f"{url}{path}" for path in paths])


STATUS = f"/v1/status/{ID}"


def test_an_output_is_fetched_from_the_link_that_the_status_told(tmp_path):
    got, asked = fetch({"/old.png": answer_of(200, "picture")}, tmp_path)

    assert (got, asked) == ("picture", ["/old.png"])


@pytest.mark.parametrize("item_url", ["/old.png", ""])
def test_a_link_that_is_gone_is_asked_for_once(item_url, tmp_path):
    answers = {
        "/old.png": answer_of(404, ""),
        STATUS: outputs("/zero.png", "/new.png"),
        "/new.png": answer_of(200, "picture"),
    }
    got, asked = fetch(answers, tmp_path, item_url=item_url)

    assert got == "picture"
    assert asked == [*([item_url] if item_url else []), STATUS, "/new.png"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (outputs("/zero.png", "/old.png"), LinkDead),
        (outputs("/zero.png", "/older.png"), LinkDead),
        (error(404, "NotFound"), NotFound),
        (answer_of(400, "no"), NotTaken),
        (answer_of(502, "<html>"), Unreachable),
    ],
)
def test_a_link_that_is_gone_for_good_is_refused(answer, expected, tmp_path):
    answers = {"/old.png": answer_of(404, ""), "/older.png": answer_of(404, ""), STATUS: answer}
    with pytest.raises(expected) as failure:
        fetch(answers, tmp_path)

    assert type(failure.value) is expected
    assert failure.value.trace_id == ID
    assert not (tmp_path / "result").exists()


def test_files_that_are_forbidden_for_now_are_asked_for_later(tmp_path):
    with pytest.raises(NotTaken) as failure:
        fetch({"/old.png": answer_of(403, "no")}, tmp_path)

    assert type(failure.value) is NotTaken


def test_nothing_is_fetched_from_a_host_that_is_not_listed(tmp_path):
    item = RemoteItem(f"{ID}/0", ItemState.SUCCEEDED, url="https://evil.example/a.png")
    with pytest.raises(LinkBlocked, match=r"evil\.example.*FASHN_FILE_HOSTS") as failure:
        speak(
            "https://api.fashn.ai",
            lambda client: client.fetch_output(item, tmp_path / "x", media=Media.IMAGE),
            Fashn,
            is_sandbox=False,
            file_hosts=["cdn.fashn.ai"],
        )

    assert failure.value.trace_id == ID


def test_videos_may_be_larger_than_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("generation.providers.fashn.MAX_BYTES", {Media.IMAGE: 10, Media.VIDEO: 20})
    answers = {"/old.png": answer_of(200, "x" * 15)}
    with pytest.raises(Refused) as failure:
        fetch(answers, tmp_path)
    assert failure.value.code == "too_large"

    assert fetch(answers, tmp_path, media=Media.VIDEO)[0] == "x" * 15


def test_there_is_nothing_to_upload_and_no_preset(tmp_path):
    async def talk(client):
        pages = [page async for page in client.presets("SWAP_MODEL")]
        with pytest.raises(Refused, match="takes no uploads"):
            await client.upload(tmp_path / "p.jpg", content_type="image/jpeg")
        return pages, client.takes_uploads, client.has_webhooks, client.preset_kinds

    with raw_server(None) as (url, seen):
        assert speak(url, talk, Fashn) == ([], False, True, ())
    assert seen == []
