"""Our copy of a provider's preset list."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.utils.timezone import now

from catalog.storage import storage
from generation.models import Preset, ProviderAccount
from generation.presets import renew_presets
from generation.providers.base import PresetItem, PresetPage
from generation.providers.errors import AccountClosed, Refused
from generation.providers.registry import client_for, current_account
from sandbox.app import create_app
from sandbox.presets import PRESETS
from sandbox.server import serve_in_thread
from tests.factories import draw_photo, launch_swap, make_presets, make_team

# A few of each are enough here, and drawing them all takes a while; see tests/providers for paging.
OFFERED = {kind: presets[:3] for kind, presets in PRESETS.items()}
FACES = [preset.id for preset in OFFERED["SWAP_MODEL"]]


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sandbox")
    with (
        pytest.MonkeyPatch.context() as patch,
        create_app(folder) as app,
        serve_in_thread(app) as server,
    ):
        patch.setattr("sandbox.sellerpic_files.PRESETS", OFFERED)
        yield server.url


@pytest.fixture
def account(sandbox_url, settings, transactional_db):
    settings.SANDBOX = True
    settings.SANDBOX_URL = sandbox_url
    httpx.delete(f"{sandbox_url}/__sandbox__/faults").raise_for_status()
    return current_account()


class Pages:
    """A provider that lists models in these pages, and one preset of every other kind."""

    def __init__(self, *pages, has_pictures=False):
        self.pages = pages
        self.has_pictures = has_pictures
        self.read = 0

    async def presets(self, kind):
        if kind != Preset.Kind.MODEL:
            yield page("another", total=1)
            return
        for each in self.pages:
            self.read += 1
            yield each

    async def fetch_picture(self, url, to, *, max_bytes):
        if not self.has_pictures:
            raise Refused("There is no such picture.")
        draw_photo(to, size=(60, 80))

    async def aclose(self):
        """Nothing is open."""


def page(*names, total):
    items = tuple(PresetItem(name, name.title(), "https://example.com/p", "") for name in names)
    return PresetPage(items, has_more=True, total=total)


def sync_presets(account, client=None):
    """Renew the list as the engine does, now."""

    async def run(call, *arguments):
        return await sync_to_async(call)(*arguments)

    async def renew():
        provider = client or client_for(account)
        try:
            return await renew_presets(account, provider, run=run, at=now())
        finally:
            await provider.aclose()

    return asyncio.run(renew())


def offered(account, kind=Preset.Kind.MODEL):
    return list(Preset.objects.offered(account, kind).values_list("remote_id", flat=True))


def test_brings_the_whole_list_in_its_order_with_pictures(account, tmp_path):
    sync_presets(account)

    assert offered(account) == FACES
    assert len(offered(account, Preset.Kind.SCENE)) == 3
    preset = Preset.objects.get(remote_id=FACES[0])
    assert preset.name == PRESETS["SWAP_MODEL"][0].name
    assert preset.picture_key == f"presets/{account.pk}/SWAP_MODEL-{FACES[0]}.webp"
    assert max(preset.picture_width, preset.picture_height) == 512
    storage().fetch(preset.picture_key, tmp_path / "face")
    assert (tmp_path / "face").read_bytes()[8:12] == b"WEBP"
    account.refresh_from_db()
    assert account.presets_error == ""
    assert account.presets_due_at > now() + timedelta(minutes=55)

    # Later: one is withdrawn, one is renamed, pictures at hand are not fetched again.
    gone = make_presets(1)[0]
    Preset.objects.filter(remote_id=FACES[0]).update(name="Old name")
    fetched = file_calls(account)
    sync_presets(account)

    gone.refresh_from_db()
    assert gone.withdrawn_at is not None
    assert offered(account) == FACES
    assert Preset.objects.get(remote_id=FACES[0]).name == PRESETS["SWAP_MODEL"][0].name
    assert file_calls(account) == fetched

    # Back again: what was withdrawn and is listed is offered.
    Preset.objects.update(withdrawn_at=now())
    sync_presets(account)
    assert offered(account) == FACES


def file_calls(account):
    stats = httpx.get(f"{account.base_url}/__sandbox__/stats").json()
    return stats["calls"].get("file", {}).get("ok", 0)


def test_a_list_that_cannot_be_read_leaves_the_cached_one(account):
    kept = make_presets(2)
    httpx.post(
        f"{account.base_url}/__sandbox__/faults",
        json={"kind": "bad_gateway", "on": "presets", "times": None},
    ).raise_for_status()

    sync_presets(account)

    assert offered(account) == [preset.remote_id for preset in kept]
    account = ProviderAccount.objects.get()
    assert account.presets_error == "SellerPic answered 502."
    assert account.presets_synced_at is None
    assert account.presets_due_at <= now() + timedelta(seconds=6)


def test_a_picture_that_cannot_be_fetched_leaves_a_plain_tile(account):
    make_presets(1)
    httpx.post(
        f"{account.base_url}/__sandbox__/faults",
        json={"kind": "unauthorized", "on": "file", "times": 1},
    ).raise_for_status()

    sync_presets(account)

    assert offered(account) == FACES
    assert Preset.objects.filter(picture_key="", withdrawn_at=None).count() == 1
    account.refresh_from_db()
    assert account.presets_due_at <= now() + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("pages", "added"),
    [
        ([page(total=0)], []),
        ([page(total=9)], []),
        ([], []),
        ([page("new", total=2)], ["new"]),
        ([page("new", total=0)], ["new"]),
    ],
)
def test_a_list_that_comes_empty_or_short_withdraws_nothing(account, pages, added):
    kept = make_presets(2)

    assert sync_presets(account, Pages(*pages)) is False

    assert sorted(offered(account)) == sorted([*(preset.remote_id for preset in kept), *added])
    account.refresh_from_db()
    assert account.presets_error == "The list of SWAP_MODEL came short."
    assert account.presets_due_at <= now() + timedelta(minutes=5)


class Shelves:
    """A provider with one preset of each kind, but for those whose pages or failure are named."""

    def __init__(self, **kinds):
        self.kinds = kinds
        self.asked = []

    async def presets(self, kind):
        self.asked.append(kind)
        given = self.kinds.get(kind, [page(kind.lower(), total=1)])
        if isinstance(given, Exception):
            raise given
        for each in given:
            yield each

    async def fetch_picture(self, url, to, *, max_bytes):
        draw_photo(to, size=(60, 80))

    async def aclose(self):
        """Nothing is open."""


def test_a_kind_that_is_refused_keeps_none_of_the_others_back(account):
    kept = make_presets(1, kind=Preset.Kind.SCENE)[0]

    assert not sync_presets(account, Shelves(SWAP_MODEL_SCENE=Refused("There is no such type.")))

    assert {kind: offered(account, kind) for kind in Preset.Kind.values} == {
        "SWAP_MODEL": ["swap_model"],
        "SWAP_MODEL_SCENE": [kept.remote_id],
        "AI_BACKGROUND": ["ai_background"],
        "BACKGROUND": ["background"],
    }
    account.refresh_from_db()
    assert account.presets_error == (
        "The list of SWAP_MODEL_SCENE cannot be read: There is no such type."
    )
    assert account.presets_synced_at is not None
    assert account.presets_due_at <= now() + timedelta(minutes=5)


def test_a_kind_that_never_held_anything_may_be_empty(account):
    assert sync_presets(account, Shelves(BACKGROUND=[PresetPage((), has_more=False, total=0)]))

    assert offered(account, Preset.Kind.BACKGROUND) == []
    account.refresh_from_db()
    assert account.presets_error == ""
    assert account.presets_due_at > now() + timedelta(minutes=55)


def test_a_kind_that_held_something_is_not_believed_to_be_empty(account):
    kept = make_presets(1, kind=Preset.Kind.BACKGROUND)[0]

    assert not sync_presets(account, Shelves(BACKGROUND=[PresetPage((), has_more=False, total=0)]))

    assert offered(account, Preset.Kind.BACKGROUND) == [kept.remote_id]
    account.refresh_from_db()
    assert account.presets_error == "The list of BACKGROUND came short."


def test_a_refused_key_is_tried_once(account):
    provider = Shelves(SWAP_MODEL=AccountClosed("The key is refused."))

    assert sync_presets(account, provider) is False

    assert provider.asked == ["SWAP_MODEL"]
    account.refresh_from_db()
    assert account.presets_error == "The key is refused."
    assert account.presets_synced_at is None


def test_a_whole_list_withdraws_what_it_does_not_hold(account):
    make_presets(2)

    assert sync_presets(
        account, Pages(page("a", "b", total=3), page("c", total=3), has_pictures=True)
    )

    assert offered(account) == ["a", "b", "c"]
    account.refresh_from_db()
    assert account.presets_error == ""


def test_a_list_whose_pages_repeat_is_not_read_for_ever(account):
    provider = Pages(*[page("a", "b", total=30)] * 1000)

    assert sync_presets(account, provider) is False

    assert provider.read == 2
    assert offered(account) == ["a", "b"]


def test_a_list_without_end_is_cut_off(account):
    provider = Pages(*(page(f"face-{number}", total=1000) for number in range(1000)))

    assert sync_presets(account, provider) is False

    assert provider.read == 200


def test_a_job_that_waits_outlives_an_empty_list(account):
    team = make_team(credits_=100)
    job = launch_swap(team)
    job.account.presets.update(picture_key="there")

    sync_presets(job.account, Pages(page(total=0)))

    entry = job.inputs.get(preset__isnull=False)
    assert entry.preset is not None
    assert entry.preset.withdrawn_at is None
