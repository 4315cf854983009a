"""SellerPic's endpoints through our client, against the sandbox over real HTTP."""

import asyncio

import httpx
import pytest

from generation.models import Preset
from generation.providers.base import ItemState, Media, Order, RemoteItem
from generation.providers.errors import (
    AccountClosed,
    Busy,
    FileGone,
    LinkDead,
    NotFound,
    NotTaken,
    OutcomeUnknown,
    OutOfCredits,
    Refused,
    Unreachable,
)
from sandbox.presets import PRESETS
from tests.factories import draw_photo
from tests.providers.conftest import IMPATIENT, plan, speak

MODEL = PRESETS["SWAP_MODEL"][0].id
SCENE = PRESETS["SWAP_MODEL_SCENE"][0].id


async def send_photo(client, tmp_path):
    return await client.upload(draw_photo(tmp_path / "p.jpg"), content_type="image/jpeg")


def swap(key, **presets):
    return Order("swapModel", files={"model_image": key}, presets={"model": MODEL, **presets})


async def submit(client, tmp_path, **presets):
    key = await send_photo(client, tmp_path)
    return await client.submit(swap(key, **presets))


async def wait_for_end(client, task):
    for _ in range(200):
        status = await client.status(task.remote_id)
        if status.is_final:
            return status
        await asyncio.sleep(0.05)
    raise AssertionError("The task did not end.")


def test_uploads_submits_asks_and_downloads(sandbox_url, tmp_path):
    async def talk(client):
        task = await submit(client, tmp_path, scene=SCENE)
        status = await wait_for_end(client, task)
        for index, item in enumerate(status.items):
            await client.fetch_output(item, tmp_path / f"{index}.png", media=Media.IMAGE)
        return task, status

    task, status = speak(sandbox_url, talk)

    assert task.remote_id.isdecimal()
    assert task.trace_id.startswith("sandbox-")
    assert [item.state for item in status.items] == [ItemState.SUCCEEDED] * 2
    assert (tmp_path / "0.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()
    sent = httpx.get(f"{sandbox_url}/__sandbox__/stats").json()["tasks"][0]["body"]
    assert sorted(sent) == ["modelId", "modelImageKey", "sceneId"]


def test_pages_through_the_whole_list_of_presets(sandbox_url):
    async def talk(client):
        return [item async for page in client.presets("SWAP_MODEL") for item in page.items]

    items = speak(sandbox_url, talk)

    assert [item.remote_id for item in items] == [preset.id for preset in PRESETS["SWAP_MODEL"]]
    assert items[0].image_url.startswith(f"{sandbox_url}/files/presets/")


def test_fetches_a_preset_picture(sandbox_url, tmp_path):
    async def talk(client):
        page = await client.preset_page(Preset.Kind.MODEL, 1)
        await client.fetch_picture(page.items[0].thumb_url, tmp_path / "face", max_bytes=10_000_000)

    speak(sandbox_url, talk)

    assert (tmp_path / "face").read_bytes()[:3] == b"\xff\xd8\xff"


def test_tells_the_balance(sandbox_url):
    balance = speak(sandbox_url, lambda c: c.balance())

    assert (balance.remaining, balance.total) == (1000, 1000)


def test_one_failed_item_carries_its_error(sandbox_url, tmp_path):
    plan(sandbox_url, "one_fails")

    async def talk(client):
        return await wait_for_end(client, await submit(client, tmp_path))

    status = speak(sandbox_url, talk)

    assert [item.state for item in status.items] == [ItemState.SUCCEEDED, ItemState.FAILED]
    assert (status.items[1].error_code, status.items[1].error) == (
        "50001",
        "The image could not be generated.",
    )


def test_an_unknown_state_word_counts_as_running(sandbox_url, tmp_path, caplog):
    plan(sandbox_url, "unknown_state")

    async def talk(client):
        return await client.status((await submit(client, tmp_path)).remote_id)

    status = speak(sandbox_url, talk)

    assert not status.is_final
    assert "POST_PROCESSING" in caplog.text


@pytest.mark.parametrize(
    ("fault", "options", "expected"),
    [
        ("busy", {}, Busy),
        ("unauthorized", {}, AccountClosed),
        ("out_of_credits", {}, OutOfCredits),
        ("lost_answer", {}, OutcomeUnknown),
        ("bad_gateway", {}, OutcomeUnknown),
        ("bad_gateway", {"accepted": True}, OutcomeUnknown),
        ("null_data", {}, OutcomeUnknown),
        ("slow", {"seconds": 1.5}, OutcomeUnknown),
        ("lost_answer", {"on": "upload"}, Unreachable),
    ],
)
def test_sorts_the_failures_of_a_submit(sandbox_url, tmp_path, fault, options, expected):
    plan(sandbox_url, fault, **options)

    with pytest.raises(expected) as failure:
        speak(sandbox_url, lambda c: submit(c, tmp_path), submit_limits=IMPATIENT)

    assert type(failure.value) is expected
    if fault == "busy":
        assert failure.value.code == "30003"
        assert failure.value.trace_id.startswith("sandbox-")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("status_404", NotFound), ("lost_answer", Unreachable), ("bad_gateway", Unreachable)],
)
def test_sorts_the_failures_of_a_status_check(sandbox_url, tmp_path, fault, expected):
    async def talk(client):
        task = await submit(client, tmp_path)
        plan(sandbox_url, fault, on="status")
        await client.status(task.remote_id)

    with pytest.raises(expected):
        speak(sandbox_url, talk)


def test_a_refused_key_closes_the_account(sandbox_url):
    with pytest.raises(AccountClosed):
        speak(sandbox_url, lambda c: c.balance(), api_key="revoked")


def test_an_unknown_file_key_asks_for_a_new_upload(sandbox_url):
    with pytest.raises(FileGone):
        speak(sandbox_url, lambda c: c.submit(swap("UPLOAD/gone.jpg")))


def test_an_unknown_preset_is_refused_for_good(sandbox_url, tmp_path):
    async def talk(client):
        key = await send_photo(client, tmp_path)
        await client.submit(swap(key, model="42"))

    with pytest.raises(Refused, match="no such preset"):
        speak(sandbox_url, talk)


def test_a_dead_link_is_renewed_once(sandbox_url, tmp_path):
    async def talk(client):
        status = await wait_for_end(client, await submit(client, tmp_path))
        plan(sandbox_url, "dead_link")
        await client.fetch_output(status.items[0], tmp_path / "result.png", media=Media.IMAGE)

    speak(sandbox_url, talk)

    assert (tmp_path / "result.png").stat().st_size > 1000


def test_a_link_that_stays_dead_is_gone(sandbox_url, tmp_path):
    async def talk(client):
        status = await wait_for_end(client, await submit(client, tmp_path))
        plan(sandbox_url, "dead_link", times=None)
        await client.fetch_output(status.items[0], tmp_path / "result.png", media=Media.IMAGE)

    with pytest.raises(LinkDead):
        speak(sandbox_url, talk)


def test_a_result_that_nobody_knows_is_asked_for_again_later(sandbox_url, tmp_path):
    item = RemoteItem("77", ItemState.SUCCEEDED)

    with pytest.raises(NotTaken) as failure:
        speak(sandbox_url, lambda c: c.fetch_output(item, tmp_path / "x", media=Media.IMAGE))

    assert type(failure.value) is NotTaken
