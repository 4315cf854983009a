"""FASHN's contract, endpoint by endpoint, wherever `hosts` says."""

import base64

import pytest

from generation.operations import OPERATIONS, InputKind, Result
from generation.providers.base import ItemState, Media, Order
from generation.providers.errors import AccountClosed, NotFound, Refused
from generation.providers.fashn_models import Run
from tests.factories import draw_photo
from tests.providers.hosts import live_key, opened, places
from tests.providers.pictures import draw_mask, magic

OFFERS = [
    pytest.param(operation.name, offer, id=f"{operation.name}-{offer.name}")
    for operation in OPERATIONS.values()
    for offer in operation.offers
    if offer.provider == "fashn"
]


@pytest.fixture(scope="module", params=places("fashn"))
def host(request, tmp_path_factory):
    with opened("fashn", request.param, tmp_path_factory.mktemp("host")) as found:
        yield found


def data_uri(path, kind):
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def order_of(offer, folder, *, without=()):
    """An order with every input of the offer, and its settings as a form starts with them."""
    photo = data_uri(draw_photo(folder / "photo.jpg", size=(450, 600)), "jpeg")
    mask = data_uri(draw_mask(folder / "mask.png", size=(450, 600)), "png")
    files = {
        entry.name: mask if entry.kind is InputKind.MASK else photo
        for entry in offer.inputs
        if entry.name not in without
    }
    needed = {option.name: "a calm studio" for option in offer.options if option.required}
    return Order(
        offer.task,
        files,
        options={**needed, **offer.defaults(), **offer.constants},
        seed=90817 if offer.takes_seed else None,
        outputs=offer.quote().outputs,
    )


@pytest.mark.parametrize(("operation", "offer"), OFFERS)
def test_a_prediction_is_taken_ends_and_its_results_are_fetched(host, operation, offer, tmp_path):
    media = Media.VIDEO if offer.result is Result.VIDEO else Media.IMAGE
    # It costs three credits more, and is not what the defaults are priced for.
    order = order_of(offer, tmp_path, without={"face_reference"})

    async def talk(client):
        before = await client.balance()
        task = await client.submit(order)
        status = await host.wait_for_end(client, task.remote_id)
        for index, item in enumerate(status.items):
            await client.fetch_output(item, tmp_path / str(index), media=media)
        return task, status, before.remaining - (await client.balance()).remaining

    task, status, spent = host.speak(talk)

    quote = offer.quote()
    assert [item.remote_id for item in status.items] == [
        f"{task.remote_id}/{index}" for index in range(quote.outputs)
    ]
    assert {item.state for item in status.items} == {ItemState.SUCCEEDED}
    assert (status.charged, spent) == (quote.total, quote.total)
    results = [(tmp_path / str(index)).read_bytes() for index in range(quote.outputs)]
    assert {magic(result) for result in results} == {"mp4" if media is Media.VIDEO else "png"}
    assert len(set(results)) == quote.outputs


def test_a_face_reference_costs_three_more_for_each_result(host, tmp_path):
    offer = OPERATIONS["create_model"].offers[0]

    async def talk(client):
        task = await client.submit(order_of(offer, tmp_path))
        return await host.wait_for_end(client, task.remote_id)

    assert host.speak(talk).charged == 2 * (1 + 3)


def test_a_picture_that_cannot_be_loaded_fails_and_costs_nothing(host):
    order = Order("background-remove", files={"image": "data:image/png;base64,bm8gcGljdHVyZQ=="})

    async def talk(client):
        before = await client.balance()
        task = await client.submit(order)
        status = await host.wait_for_end(client, task.remote_id)
        return status, before.remaining - (await client.balance()).remaining

    status, spent = host.speak(talk)

    assert [(item.state, item.error_code) for item in status.items] == [
        (ItemState.FAILED, "ImageLoadError")
    ]
    assert (status.may_run_again, spent) == (False, 0)


def test_tells_the_balance(host):
    balance = host.speak(lambda client: client.balance())

    if host.is_live:
        assert balance.remaining >= 0
    else:
        assert balance.remaining == 1000
    assert balance.total == 0


def test_a_wrong_key_closes_the_account(host):
    with pytest.raises(AccountClosed) as failure:
        host.speak(lambda client: client.balance(), api_key="not-a-key")

    assert failure.value.code == "UnauthorizedAccess"


def test_a_prediction_that_nobody_knows_is_not_found(host):
    with pytest.raises(NotFound) as failure:
        host.speak(lambda client: client.status("123a87r9-4129-4bb3-be18-9c9fb5bd7fc1-u1"))

    assert failure.value.code == "NotFound"


def test_a_model_that_nobody_knows_is_refused(host):
    with pytest.raises(Refused) as failure:
        host.speak(lambda client: client.run(Run("no-such-model", {})))

    assert failure.value.code == "BadRequest"


def test_the_live_host_is_asked_as_well():
    if not live_key("fashn"):
        pytest.skip("FASHN's own host is asked with DIPTYCH_LIVE_TESTS=1 and its key only.")
