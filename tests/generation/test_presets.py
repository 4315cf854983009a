"""Our copy of a provider's preset list."""

from datetime import timedelta

import httpx
import pytest
from django.utils.timezone import now

from catalog.storage import storage
from generation.models import Preset, ProviderAccount
from generation.presets import sync_presets
from generation.providers.registry import current_account
from sandbox.app import create_app
from sandbox.presets import PRESETS
from sandbox.server import serve_in_thread
from tests.factories import make_presets

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
        patch.setattr("sandbox.sellerpic.PRESETS", OFFERED)
        yield server.url


@pytest.fixture
def account(sandbox_url, settings, transactional_db):
    settings.SANDBOX = True
    settings.SANDBOX_URL = sandbox_url
    httpx.delete(f"{sandbox_url}/_sandbox/faults").raise_for_status()
    return current_account()


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
    stats = httpx.get(f"{account.base_url}/_sandbox/stats").json()
    return stats["calls"].get("file", {}).get("ok", 0)


def test_a_list_that_cannot_be_read_leaves_the_cached_one(account):
    kept = make_presets(2)
    httpx.post(
        f"{account.base_url}/_sandbox/faults",
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
        f"{account.base_url}/_sandbox/faults",
        json={"kind": "unauthorized", "on": "file", "times": 1},
    ).raise_for_status()

    sync_presets(account)

    assert offered(account) == FACES
    assert Preset.objects.filter(picture_key="", withdrawn_at=None).count() == 1
    account.refresh_from_db()
    assert account.presets_due_at <= now() + timedelta(minutes=5)
