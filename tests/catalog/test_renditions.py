"""Copies are made once, found again, linked by the nearest size, and dropped with nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.timezone import now

from catalog import limited
from catalog.limited import NotAPicture
from catalog.models import Asset, Product
from catalog.renditions import fitted_copy, make_renditions, store_result
from catalog.storage import LocalStorage, StorageError, read_token, storage
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
