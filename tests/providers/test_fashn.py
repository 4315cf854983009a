"""FASHN's troubles through our client, against the sandbox over real HTTP."""

import asyncio

import httpx
import pytest

from generation.providers.base import ItemState, Media, Order
from generation.providers.errors import (
    AccountClosed,
    Busy,
    NotFound,
    NotTaken,
    OutcomeUnknown,
    OutOfCredits,
    ProviderError,
    Refused,
    Unreachable,
)
from generation.providers.fashn import Fashn
from generation.providers.rate_limits import Clock
from sandbox.faults import API_ERRORS, RUNTIME_ERRORS
from tests.factories import draw_photo
from tests.providers.conftest import IMPATIENT, plan, speak
from tests.providers.test_contract_fashn import data_uri


@pytest.fixture
def order(tmp_path):
    photo = data_uri(draw_photo(tmp_path / "p.jpg", size=(240, 320)), "jpeg")
    return Order("model-swap", files={"model_image": photo}, outputs=2, seed=90817)


async def wait_for_end(client, task):
    for _ in range(200):
        status = await client.status(task.remote_id)
        if status.is_final:
            return status
        await asyncio.sleep(0.03)
    raise AssertionError("The prediction did not end.")


def run_to_end(url, order, **options):
    async def talk(client):
        return await wait_for_end(client, await client.submit(order))

    return speak(url, talk, Fashn, **options)


def tasks(url):
    """What the sandbox took, whatever it answered."""
    calls = httpx.get(f"{url}/__sandbox__/log").json()["calls"]
    return [call for call in calls if call["operation"] == "submit" and call["task"]]


EXPECTED: dict[str, type[ProviderError]] = {
    "BadRequest": Refused,
    "UnauthorizedAccess": AccountClosed,
    "NotFound": AccountClosed,  # A submit names nothing that could be unknown but its address.
    "RateLimitExceeded": NotTaken,
    "ConcurrencyLimitExceeded": Busy,
    "OutOfCredits": OutOfCredits,
    "InternalServerError": NotTaken,
}


@pytest.mark.parametrize("code", API_ERRORS)
def test_an_error_of_the_api_is_sorted_and_nothing_was_started(sandbox_url, order, code):
    plan(sandbox_url, "api_error", code=code)

    with pytest.raises(EXPECTED[code]) as failure:
        speak(sandbox_url, lambda client: client.submit(order), Fashn)

    assert type(failure.value) is EXPECTED[code]
    assert failure.value.code == {"NotFound": "wrong_address"}.get(code, code)
    assert tasks(sandbox_url) == []


@pytest.mark.parametrize("name", RUNTIME_ERRORS)
def test_a_failed_prediction_is_one_failed_item_and_free(sandbox_url, order, name):
    plan(sandbox_url, "runtime_error", name=name)

    status = run_to_end(sandbox_url, order)

    assert [(item.state, item.error_code) for item in status.items] == [(ItemState.FAILED, name)]
    assert status.items[0].error
    assert status.charged is None
    permanent = {
        "ImageLoadError",
        "ContentModerationError",
        "InputValidationError",
        "PoseError",
        "LoRALoadError",
    }
    assert status.may_run_again == (name not in permanent)


@pytest.mark.parametrize(
    ("fault", "options", "taken"),
    [
        ("lost_answer", {}, 1),
        ("bad_gateway", {}, 0),
        ("bad_gateway", {"accepted": True}, 1),
        ("null_data", {}, 1),
        ("slow", {"seconds": 1.0}, 1),
    ],
)
def test_an_unclear_answer_to_a_run_is_never_sent_again(sandbox_url, order, fault, options, taken):
    plan(sandbox_url, fault, **options)

    with pytest.raises(OutcomeUnknown):
        speak(sandbox_url, lambda client: client.submit(order), Fashn, submit_limits=IMPATIENT)

    assert len(tasks(sandbox_url)) == taken


def test_a_body_that_drips_in_is_waited_for(sandbox_url, order):
    plan(sandbox_url, "slow_body", seconds=0.3)

    task = speak(sandbox_url, lambda client: client.submit(order), Fashn)

    assert [call["task"] for call in tasks(sandbox_url)] == [task.remote_id]


@pytest.mark.parametrize(
    ("fault", "charged"),
    [
        ("images_object", 2),
        ("extra_keys", 2),
        ("no_credits_header", None),
    ],
)
def test_odd_shapes_of_a_good_answer_are_read(sandbox_url, order, fault, charged):
    plan(sandbox_url, fault, times=None)

    status = run_to_end(sandbox_url, order)

    assert [item.state for item in status.items] == [ItemState.SUCCEEDED] * 2
    assert status.charged == charged


def test_what_the_provider_says_it_charged_is_told_as_it_is(sandbox_url, order):
    plan(sandbox_url, "wrong_credits_header", times=None)

    assert run_to_end(sandbox_url, order).charged not in (2, None)


def test_outputs_that_miss_once_come_with_the_next_answer(sandbox_url, order):
    plan(sandbox_url, "missing_output")

    assert len(run_to_end(sandbox_url, order).items) == 2


def test_fewer_outputs_than_ordered_are_told_as_they_are(sandbox_url, order):
    plan(sandbox_url, "one_fails")

    status = run_to_end(sandbox_url, order)

    assert [item.state for item in status.items] == [ItemState.SUCCEEDED]
    assert status.charged == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("status_404", NotFound),
        ("lost_answer", Unreachable),
        ("bad_gateway", Unreachable),
        ("unauthorized", AccountClosed),
    ],
)
def test_sorts_the_failures_of_a_status_check(sandbox_url, order, fault, expected):
    async def talk(client):
        task = await client.submit(order)
        plan(sandbox_url, fault, on="status")
        await client.status(task.remote_id)

    with pytest.raises(expected):
        speak(sandbox_url, talk, Fashn)


def test_an_unknown_state_word_counts_as_running(sandbox_url, order, caplog):
    plan(sandbox_url, "unknown_state")

    async def talk(client):
        return await client.status((await client.submit(order)).remote_id)

    status = speak(sandbox_url, talk, Fashn)

    assert not status.is_final
    assert "unknown state" in caplog.text


def test_a_seventh_prediction_finds_every_place_taken(sandbox_url, order):
    plan(sandbox_url, "stuck", times=6)

    async def talk(client):
        for _ in range(6):
            await client.submit(order)
        await client.submit(order)

    with pytest.raises(Busy):
        speak(sandbox_url, talk, Fashn)

    assert len(tasks(sandbox_url)) == 6


class WouldWait(Clock):
    """Gives up where the real one would sleep."""

    async def sleep(self, seconds: float) -> None:
        raise TimeoutError


def test_our_own_pace_keeps_the_vendors_rates(sandbox_url):
    """The sandbox counts for itself: thirty looks at the balance in ten seconds, and no more."""

    async def hurry(client):
        for _ in range(31):
            await client.balance()

    with pytest.raises(NotTaken) as told:
        speak(sandbox_url, hurry, Fashn, limited=False)
    assert told.value.code == "RateLimitExceeded"

    with pytest.raises(TimeoutError):
        speak(sandbox_url, hurry, Fashn, api_key="fa-sandbox-paced", clock=WouldWait())
    calls = httpx.get(f"{sandbox_url}/__sandbox__/log", params={"account": "fa-sandbox-paced"})
    assert [call["outcome"] for call in calls.json()["calls"]] == ["ok"] * 30


def test_a_result_is_fetched_while_its_link_lives(sandbox_url, order, tmp_path):
    async def talk(client):
        status = await wait_for_end(client, await client.submit(order))
        for index, item in enumerate(status.items):
            await client.fetch_output(item, tmp_path / str(index), media=Media.IMAGE)

    speak(sandbox_url, talk, Fashn)

    first, second = ((tmp_path / name).read_bytes() for name in "01")
    assert first[:4] == second[:4] == b"\x89PNG"
    assert first != second
