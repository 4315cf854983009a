"""SellerPic's contract, endpoint by endpoint, wherever `hosts` says."""

import pytest

from generation.operations import OPERATIONS, InputKind, Result
from generation.providers.base import ItemState, Media, Order
from generation.providers.errors import AccountClosed, Refused
from generation.providers.sellerpic import SellerPic
from tests.factories import draw_photo
from tests.providers.hosts import live_key, opened, places
from tests.providers.pictures import draw_mask, magic, size_of

OFFERS = [
    pytest.param(offer, id=f"{operation.name}-{offer.name}")
    for operation in OPERATIONS.values()
    for offer in operation.offers
    if offer.provider == "sellerpic"
]


@pytest.fixture(scope="module", params=places("sellerpic"))
def host(request, tmp_path_factory):
    with opened("sellerpic", request.param, tmp_path_factory.mktemp("host")) as found:
        yield found


async def order_of(client, offer, folder):
    """An order with every input of the offer, and its settings as a form starts with them."""
    photo, mask = draw_photo(folder / "photo.jpg"), draw_mask(folder / "mask.png")
    files, presets = {}, {}
    for entry in offer.inputs:
        if entry.kind is InputKind.PHOTO:
            files[entry.name] = await client.upload(photo, content_type="image/jpeg")
        elif entry.kind is InputKind.MASK:
            files[entry.name] = await client.upload(mask, content_type="image/png")
        else:
            page = await client.preset_page(entry.kind.value, 1)
            presets[entry.name] = page.items[0].remote_id
    needed = {option.name: "a calm studio" for option in offer.options if option.required}
    return Order(
        offer.task,
        files,
        presets,
        {**needed, **offer.defaults(), **offer.constants},
        outputs=offer.quote().outputs,
    )


@pytest.mark.parametrize("offer", OFFERS)
def test_a_task_is_taken_ends_and_its_results_are_fetched(host, offer, tmp_path):
    if host.is_live and not offer.is_confirmed:
        pytest.skip("No page of SellerPic confirms this task.")
    media = Media.VIDEO if offer.result is Result.VIDEO else Media.IMAGE

    async def talk(client):
        before = await client.balance()
        task = await client.submit(await order_of(client, offer, tmp_path))
        status = await host.wait_for_end(client, task.remote_id)
        for index, item in enumerate(status.items):
            await client.fetch_output(item, tmp_path / str(index), media=media)
        return task, status, before.remaining - (await client.balance()).remaining

    task, status, spent = host.speak(talk)

    quote = offer.quote()
    assert (task.remote_id != "", task.trace_id != "") == (True, True)
    assert [item.state for item in status.items] == [ItemState.SUCCEEDED] * quote.outputs
    assert spent == quote.total
    results = [(tmp_path / str(index)).read_bytes() for index in range(quote.outputs)]
    assert {magic(result) for result in results} == {"mp4" if media is Media.VIDEO else "png"}
    assert len(set(results)) == quote.outputs


@pytest.mark.parametrize(
    ("file_format", "uhd", "kind"),
    [("", False, "png"), ("jpg", False, "jpeg"), ("webp", False, "webp"), ("jpg", True, "jpeg")],
)
def test_a_picture_comes_in_the_format_and_size_that_the_order_asks_for(
    host, file_format, uhd, kind, tmp_path
):
    offer = OPERATIONS["edit"].offers[0]

    async def talk(client):
        before = await client.balance()
        task = await client.submit(await order_of(client, offer, tmp_path))
        (item,) = (await host.wait_for_end(client, task.remote_id)).items
        await client.fetch_output(
            item, tmp_path / "result", media=Media.IMAGE, file_format=file_format, uhd=uhd
        )
        return before.remaining - (await client.balance()).remaining

    spent = host.speak(talk)

    result = tmp_path / "result"
    assert magic(result.read_bytes()) == kind
    assert (max(size_of(result)) == 4096) is uhd
    assert spent == 1, "neither costs anything"


@pytest.mark.parametrize("version", ["1.0.1", "1.0.0"])
def test_an_uploaded_picture_can_be_used_whichever_way_it_came(host, version, tmp_path):
    offer = OPERATIONS["segment_by_prompt"].offers[0]

    async def talk(client):
        task = await client.submit(await order_of(client, offer, tmp_path))
        return await host.wait_for_end(client, task.remote_id)

    status = host.speak(talk, upload_version=version)

    assert [item.state for item in status.items] == [ItemState.SUCCEEDED]


@pytest.mark.parametrize("kind", SellerPic.preset_kinds)
def test_every_list_of_presets_is_paged_through_and_shows_pictures(host, kind, tmp_path):
    async def talk(client):
        pages = [page async for page in client.presets(kind)]
        first = pages[0].items[0]
        await client.fetch_picture(first.thumb_url, tmp_path / "thumb", max_bytes=10_000_000)
        return pages

    pages = host.speak(talk)

    ids = [item.remote_id for page in pages for item in page.items]
    assert len(ids) == len(set(ids)) == pages[0].total
    assert [page.has_more for page in pages] == [True] * (len(pages) - 1) + [False]
    assert all(item.name for page in pages for item in page.items)
    assert magic((tmp_path / "thumb").read_bytes()) in {"jpeg", "png", "webp"}


def test_asking_again_gives_the_same_link(host, tmp_path):
    offer = OPERATIONS["segment_by_prompt"].offers[0]

    async def talk(client):
        task = await client.submit(await order_of(client, offer, tmp_path))
        (item,) = (await host.wait_for_end(client, task.remote_id)).items
        return [(await client.download_link(item.remote_id)).url for _ in range(2)]

    first, second = host.speak(talk)

    assert first == second


def test_tells_the_balance(host):
    balance = host.speak(lambda client: client.balance())

    if host.is_live:
        assert 0 <= balance.remaining <= balance.total
    else:
        assert (balance.remaining, balance.total) == (1000, 1000)


def test_a_wrong_key_closes_the_account(host):
    with pytest.raises(AccountClosed):
        host.speak(lambda client: client.balance(), api_key="not-a-key")


def test_a_task_that_nobody_knows_is_refused(host):
    with pytest.raises(Refused):
        host.speak(lambda client: client.status("1"))


def test_the_live_host_is_asked_as_well():
    if not live_key("sellerpic"):
        pytest.skip("SellerPic's own host is asked with DIPTYCH_LIVE_TESTS=1 and its key only.")
