"""Copies are made once, found again, linked by the nearest size, and dropped with nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils.timezone import now

from catalog import leases, limited, tasks
from catalog.limited import NotAPicture
from catalog.models import Asset, Product
from catalog.renditions import (
    fitted_copy,
    forget_copy,
    make_renditions,
    picture_bytes,
    picture_link,
    store_result,
)
from catalog.services import sweep_catalog
from catalog.storage import (
    LocalStorage,
    Missing,
    StorageError,
    TooLarge,
    has_public_links,
    read_token,
    storage,
)
from catalog.templatetags.pictures import asset_download_url, asset_url
from teams.models import User
from tests.catalog.conftest import sha256, stored, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def asset(client_of_alice: Client, product: Product, draw: Callable[..., Path]) -> Asset:
    """A photo of 1800 x 2400 pixels without renditions."""
    found = upload(
        client_of_alice, product, draw(size=(1800, 2400)).read_bytes(), "front.JPEG"
    ).asset
    assert found is not None
    return found


def linked(url: str) -> Any:
    """The key that a link opens."""
    return read_token("file", url.rpartition("/")[2])["k"]


def test_makes_three_sizes_once(asset: Asset, files: Path) -> None:
    assert make_renditions(asset.pk) is True
    assert make_renditions(asset.pk) is False

    made = asset.renditions.order_by("width").values_list("purpose", "width", "height", "format")
    assert list(made) == [
        ("thumb", 120, 160, "webp"),
        ("card", 384, 512, "webp"),
        ("screen", 1200, 1600, "webp"),
    ]
    for rendition in asset.renditions.all():
        path = files / rendition.key
        assert (rendition.bytes, rendition.sha256) == (path.stat().st_size, sha256(path))


def test_links_the_nearest_size_there_is(asset: Asset) -> None:
    assert linked(asset_url(asset, "card")) == asset.key
    make_renditions(asset.pk)
    asset.renditions.get(purpose="card").delete()

    folder = f"t/{asset.team_id}/r/{asset.pk}"
    assert linked(asset_url(asset, "thumb")) == f"{folder}/thumb.webp"
    assert linked(asset_url(asset, "card")) == f"{folder}/screen.webp"
    assert linked(asset_url(asset, "screen")) == f"{folder}/screen.webp"
    assert linked(asset_url(asset, "original")) == asset.key
    assert asset_url(None, "card") == ""


def test_downloads_under_its_own_name_and_true_extension(asset: Asset, client: Client) -> None:
    answer = client.get(asset_download_url(asset))
    answer.close()

    assert answer["Content-Disposition"] == 'attachment; filename="front.jpg"'
    assert answer["Content-Type"] == "image/jpeg"


def test_a_storage_that_fails_leaves_renditions_due(
    asset: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise StorageError("The S3 server cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "fetch", fail)
        assert make_renditions(asset.pk) is False
    asset.refresh_from_db()
    assert asset.renditions_at is None

    with time_machine.travel(now() + timedelta(seconds=61)):
        assert make_renditions(asset.pk) is True


def test_renditions_of_a_killed_worker_are_asked_for_again_within_half_a_minute(
    asset: Asset, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    class Killed(BaseException):
        """Ends the work as a SIGKILL does: nothing is written any more."""

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    asked: list[str] = []
    monkeypatch.setattr(tasks.make_renditions, "delay", asked.append)
    began = now()
    with monkeypatch.context() as patch:
        patch.setattr(limited, "make_renditions", kill)
        with pytest.raises(Killed):
            make_renditions(asset.pk)
    assert make_renditions(asset.pk) is False, "the lease still runs"

    with django_capture_on_commit_callbacks(execute=True):
        sweep_catalog(began + timedelta(seconds=28))
        assert asked == []
        sweep_catalog(began + timedelta(seconds=31))

    assert asked == [str(asset.pk)]


@pytest.mark.django_db(transaction=True)
def test_renditions_that_take_long_keep_other_workers_off(
    asset: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEW_EVERY", timedelta(milliseconds=20))
    make = limited.make_renditions
    tries: list[bool] = []

    def slow(*args: Any) -> Any:
        first = Asset.objects.get().renditions_due_at
        deadline = time.monotonic() + 10
        while Asset.objects.get().renditions_due_at <= first and time.monotonic() < deadline:
            time.sleep(0.01)
        with time_machine.travel(first + timedelta(milliseconds=1)):
            tries.append(make_renditions(asset.pk))
        return make(*args)

    monkeypatch.setattr(limited, "make_renditions", slow)

    assert make_renditions(asset.pk) is True
    assert tries == [False]
    assert asset.renditions.count() == 3


def test_an_original_that_is_gone_is_not_tried_for_ever(
    asset: Asset, caplog: pytest.LogCaptureFixture
) -> None:
    storage().delete(asset.key)

    assert make_renditions(asset.pk) is False

    asset.refresh_from_db()
    assert asset.renditions_at is not None
    assert f"No renditions can be made of asset {asset.pk}." in caplog.text


def test_a_fitted_copy_is_made_once(
    asset: Asset, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fitted_copy(asset, max_side=1024, max_bytes=10 * 2**20)
    monkeypatch.setattr(limited, "fit_picture", None)
    second = fitted_copy(asset, max_side=1024, max_bytes=10 * 2**20)

    assert second == first
    assert (first.purpose, first.format, first.width, first.height) == (
        "send-1024px-10485760b",
        "jpeg",
        768,
        1024,
    )
    assert sha256(files / first.key) == first.sha256


def test_copies_for_different_limits_are_different(asset: Asset) -> None:
    large = fitted_copy(asset, max_side=2048, max_bytes=10 * 2**20)
    small = fitted_copy(asset, max_side=1024, max_bytes=10 * 2**20)
    webp = fitted_copy(asset, max_side=1024, max_bytes=10 * 2**20, formats=["webp"])

    assert len({large.key, small.key, webp.key}) == 3
    assert webp.format == "webp"


def test_a_copy_that_would_be_too_narrow_is_refused(asset: Asset, files: Path) -> None:
    """Never enlarged, and never cut; one that is there already is no excuse."""
    limits: dict[str, Any] = {"max_side": 1024, "max_bytes": 10 * 2**20}
    before = stored(files)

    with pytest.raises(NotAPicture) as refused:
        fitted_copy(asset, min_side=800, **limits)

    assert refused.value.sentence == (
        "This picture would be sent with 768 by 1024 pixels, and 800 are needed on each side. "
        "Use a larger one, or one that is less long and narrow."
    )
    assert stored(files) == before
    copy = fitted_copy(asset, min_side=768, **limits)
    with pytest.raises(NotAPicture):
        fitted_copy(asset, min_side=800, **limits)
    assert [rendition.pk for rendition in asset.renditions.all()] == [copy.pk]


def test_formats_may_come_in_any_order(asset: Asset) -> None:
    """Of a frozen set there is none, and the same copy is meant."""
    limits: dict[str, Any] = {"max_side": 1024, "max_bytes": 10 * 2**20}

    first = fitted_copy(asset, formats=frozenset({"png", "jpeg"}), **limits)
    second = fitted_copy(asset, formats=["jpeg", "png"], **limits)

    assert first == second
    assert (first.purpose, first.format) == ("send-1024px-10485760b-jp", "jpeg")


def test_the_bytes_of_a_copy_can_be_had_within_a_limit(asset: Asset, files: Path) -> None:
    copy = fitted_copy(asset, max_side=256, max_bytes=10 * 2**20)

    assert picture_bytes(copy, copy.bytes) == (files / copy.key).read_bytes()
    with pytest.raises(TooLarge):
        picture_bytes(copy, copy.bytes - 1)
    storage().delete(copy.key)
    with pytest.raises(Missing):
        picture_bytes(copy, copy.bytes)


def test_a_copy_whose_file_is_gone_is_made_anew_once_it_is_forgotten(
    asset: Asset, files: Path
) -> None:
    lost = fitted_copy(asset, max_side=256, max_bytes=10 * 2**20)
    kept = fitted_copy(asset, max_side=512, max_bytes=10 * 2**20)
    storage().delete(lost.key)

    assert forget_copy(lost.key) is True
    assert forget_copy(lost.key) is False
    assert forget_copy(asset.key) is False

    made = fitted_copy(asset, max_side=256, max_bytes=10 * 2**20)
    assert (made.key, made.sha256) == (lost.key, lost.sha256)
    assert sha256(files / made.key) == made.sha256
    assert set(asset.renditions.all()) == {made, kept}
    assert stored(files) == sorted([asset.key, kept.key, made.key])


def test_files_of_a_folder_are_never_linked_for_providers(asset: Asset) -> None:
    copy = fitted_copy(asset, max_side=256, max_bytes=10 * 2**20)

    assert picture_link(copy, 3600) is None
    assert has_public_links() is False


@pytest.mark.parametrize(
    ("_case", "endpoint", "addresses", "linked"),
    [
        ("public", "https://a.example.com", ["93.184.216.34", "2606:2800:220:1::1"], True),
        ("public, another port", "https://b.example.com:8443", ["93.184.216.34"], True),
        ("public, unencrypted", "http://c.example.com", ["93.184.216.34"], False),
        ("in a private network", "https://d.example.com", ["10.1.2.3"], False),
        ("partly there", "https://e.example.com", ["93.184.216.34", "fd00::1"], False),
        ("this machine", "https://f.example.com", ["127.0.0.1"], False),
        ("no such name", "https://g.example.com", [], False),
    ],
)
def test_a_provider_gets_a_link_only_to_a_bucket_that_it_can_reach(
    _case: str,
    endpoint: str,
    addresses: list[str],
    linked: bool,
    asset: Asset,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        assert host == urlsplit(endpoint).hostname
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port)) for found in addresses]

    copy = fitted_copy(asset, max_side=256, max_bytes=10 * 2**20)
    settings.S3_BUCKET = "pictures"
    settings.S3_ENDPOINT_URL = "http://s3:8333"
    settings.S3_PUBLIC_ENDPOINT_URL = endpoint
    settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "test", "testtest12"
    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    link = picture_link(copy, 900)

    assert has_public_links() is linked
    if not linked:
        assert link is None
        return
    assert link is not None
    assert link.startswith(f"{endpoint}/pictures/{copy.key}?")
    asked = parse_qs(urlsplit(link).query)
    assert asked["response-content-type"] == ["image/jpeg"]
    assert asked["X-Amz-Expires"] == ["900"]


@pytest.mark.parametrize("key", ["t/x/out/job/0", "t/x/out/job/0.jpg", "t/x/out/job/0.png"])
def test_a_result_is_stored_under_its_true_type_and_not_yet_saved(
    key: str, product: Product, alice: User, draw: Callable[..., Path], files: Path
) -> None:
    path = draw("result.png")

    for _ in range(2):  # A collector that was killed stores it again.
        asset = store_result(
            team=product.team, product=product, by=alice, path=path, name="Result A", key=key
        )

    assert (asset.kind, asset.format, asset.key) == ("result", "png", "t/x/out/job/0.png")
    assert (asset.bytes, asset.sha256) == (path.stat().st_size, sha256(path))
    assert stored(files) == ["t/x/out/job/0.png"]
    assert not Asset.objects.exists()
    asset.save()
    assert make_renditions(asset.pk) is True


def test_a_result_is_not_judged_by_what_people_may_upload(
    product: Product, alice: User, draw: Callable[..., Path], settings: Any
) -> None:
    """It is paid for, and what it becomes later on is still made of it."""
    settings.UPLOAD_MAX_BYTES, settings.UPLOAD_MAX_PIXELS = 100, 100
    path = draw("result.png", size=(300, 400))

    asset = store_result(
        team=product.team,
        product=product,
        by=alice,
        path=path,
        name="Result A",
        key="t/x/out/job/0",
    )

    assert (asset.width, asset.height) == (300, 400)
    asset.save()
    assert make_renditions(asset.pk) is True
    assert fitted_copy(asset, max_side=200, max_bytes=10 * 2**20).height == 200


def test_a_result_larger_than_any_is_refused(
    product: Product, alice: User, draw: Callable[..., Path], files: Path
) -> None:
    path = draw("result.png", size=(7000, 10001), mode="1")

    with pytest.raises(NotAPicture):
        store_result(
            team=product.team,
            product=product,
            by=alice,
            path=path,
            name="Result A",
            key="t/x/out/job/0",
        )

    assert stored(files) == []


def test_a_result_that_is_no_picture_is_not_stored(
    product: Product, alice: User, tmp_path: Path, files: Path
) -> None:
    (tmp_path / "page.html").write_text("<html>Not found</html>")

    with pytest.raises(NotAPicture):
        store_result(
            team=product.team,
            product=product,
            by=alice,
            path=tmp_path / "page.html",
            name="Result A",
            key="t/x/out/job/0",
        )

    assert stored(files) == []
