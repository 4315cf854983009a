"""Products and their photos: SKUs are unique, counters are true, everything taken away can come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog import services
from catalog.models import Asset, Product
from catalog.services import PhotoInUse, SkuTaken
from teams.models import Team, User
from tests.catalog.conftest import upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def photos(product: Product) -> list[Asset]:
    """Three photos of the product, in order, as accepted uploads leave them; without files."""
    made = [
        Asset.objects.create(
            team=product.team, product=product, key=f"t/x/src/{position}.jpg", name=name,
            format="jpeg", bytes=10, width=300, height=400, sha256=name, position=position,
        )
        for position, name in enumerate(["1.jpg", "2.jpg", "3.jpg"])
    ]  # fmt: skip
    product.primary_photo, product.photo_count = made[0], len(made)
    product.save()
    return made


def shown(product: Product) -> tuple[list[str], str, int]:
    """Names of the photos in order, of the primary one, and the counter."""
    product.refresh_from_db()
    names = [photo.name for photo in Asset.objects.for_team(product.team).filter(product=product)]
    return names, product.primary_photo.name if product.primary_photo else "", product.photo_count


def test_a_sku_belongs_to_one_product_of_a_team(product: Product, alice: User) -> None:
    with pytest.raises(SkuTaken, match="Another product of your team has the SKU LS-1"):
        services.create_product(team=product.team, by=alice, name="Copy", sku=" LS-1 ")

    assert Product.objects.count() == 1


def test_products_without_a_sku_do_not_collide(team: Team, alice: User) -> None:
    for _ in range(2):
        services.create_product(team=team, by=alice, name="Shirt")

    assert Product.objects.count() == 2


def test_a_change_cannot_take_the_sku_of_another(product: Product, alice: User) -> None:
    other = services.create_product(team=product.team, by=alice, name="Other")

    with pytest.raises(SkuTaken):
        services.update_product(product=other, by=alice, sku="LS-1")
    services.update_product(product=other, by=alice, sku="LS-2", name="New name")

    other.refresh_from_db()
    assert (other.sku, other.name) == ("LS-2", "New name")


def test_an_archived_product_frees_its_sku_and_comes_back_if_it_is_still_free(
    product: Product, alice: User
) -> None:
    services.archive_product(product=product, by=alice)
    assert not Product.objects.for_team(product.team).exists()
    other = services.create_product(team=product.team, by=alice, name="New", sku="LS-1")

    with pytest.raises(SkuTaken):
        services.restore_product(product=product, by=alice)
    services.update_product(product=other, by=alice, sku="")
    services.restore_product(product=product, by=alice)

    assert Product.objects.for_team(product.team).count() == 2


def test_photos_stand_in_the_order_they_came(product: Product, photos: list[Asset]) -> None:
    assert shown(product) == (["1.jpg", "2.jpg", "3.jpg"], "1.jpg", 3)


def test_a_removed_photo_hands_on_its_first_place_and_can_come_back(
    client_of_alice: Client, product: Product, photos: list[Asset]
) -> None:
    slug = product.team.slug
    url = reverse("catalog:photo_archive", args=[slug, photos[0].pk])

    answer = client_of_alice.post(url)
    assert answer.headers["Location"] == product.get_absolute_url()
    assert shown(product) == (["2.jpg", "3.jpg"], "2.jpg", 2)
    assert client_of_alice.post(url).status_code == 404
    assert shown(product) == (["2.jpg", "3.jpg"], "2.jpg", 2)

    client_of_alice.post(reverse("catalog:photo_restore", args=[slug, photos[0].pk]))
    assert shown(product) == (["1.jpg", "2.jpg", "3.jpg"], "2.jpg", 3)


def test_the_page_gets_an_undo_when_a_photo_is_removed(
    client_of_alice: Client, product: Product, photos: list[Asset]
) -> None:
    slug = product.team.slug
    url = reverse("catalog:photo_archive", args=[slug, photos[0].pk])

    answer = client_of_alice.post(url, headers={"hx-request": "true"})

    undo = reverse("catalog:photo_restore", args=[slug, photos[0].pk])
    assert (answer.status_code, answer.content) == (200, b"")
    assert f'"undo_url": "{undo}"' in answer.headers["HX-Trigger"]


def test_removing_the_last_photo_leaves_none(
    product: Product, photos: list[Asset], alice: User
) -> None:
    for photo in photos:
        services.archive_photo(photo=photo, by=alice)
        services.archive_photo(photo=photo, by=alice)

    assert shown(product) == ([], "", 0)


def test_a_photo_that_came_again_meanwhile_is_not_restored(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], alice: User
) -> None:
    data = draw().read_bytes()
    first = upload(client_of_alice, product, data).asset
    assert first is not None
    services.archive_photo(photo=first, by=alice)
    upload(client_of_alice, product, data, "again.jpg")

    assert services.restore_photo(photo=first, by=alice) is False

    assert shown(product) == (["again.jpg"], "again.jpg", 1)


def test_a_guard_of_another_app_can_keep_a_photo(
    client_of_alice: Client,
    product: Product,
    photos: list[Asset],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "photo_guards", [lambda photo: "A job works with this photo."])
    with pytest.raises(PhotoInUse, match="A job works"):
        services.archive_photo(photo=photos[0], by=None)

    url = reverse("catalog:photo_archive", args=[product.team.slug, photos[0].pk])
    answer = client_of_alice.post(url, headers={"hx-request": "true"})

    assert answer.status_code == 204
    assert "A job works with this photo." in answer.headers["HX-Trigger"]
    assert shown(product)[2] == 3


def test_another_photo_can_stand_for_the_product(
    client_of_alice: Client, product: Product, photos: list[Asset]
) -> None:
    url = reverse("catalog:photo_primary", args=[product.team.slug, photos[2].pk])

    client_of_alice.post(url)

    assert shown(product)[1] == "3.jpg"


@pytest.mark.parametrize(
    ("which", "direction", "order"),
    [
        (2, "left", ["1.jpg", "3.jpg", "2.jpg"]),
        (0, "right", ["2.jpg", "1.jpg", "3.jpg"]),
        (0, "left", ["1.jpg", "2.jpg", "3.jpg"]),
        (2, "right", ["1.jpg", "2.jpg", "3.jpg"]),
    ],
)
def test_photos_can_be_moved(
    which: int,
    direction: str,
    order: list[str],
    client_of_alice: Client,
    product: Product,
    photos: list[Asset],
) -> None:
    url = reverse("catalog:photo_move", args=[product.team.slug, photos[which].pk])

    client_of_alice.post(url, {"direction": direction})

    assert shown(product)[0] == order


@pytest.mark.parametrize(("who", "code"), [("bob", 403), ("charlie", 404)])
@pytest.mark.parametrize("action", ["archive", "restore", "primary", "move"])
def test_others_change_no_photo(
    action: str,
    who: str,
    code: int,
    product: Product,
    photos: list[Asset],
    request: pytest.FixtureRequest,
) -> None:
    client = Client()
    client.force_login(request.getfixturevalue(who))

    answer = client.post(reverse(f"catalog:photo_{action}", args=[product.team.slug, photos[1].pk]))

    assert answer.status_code == code
    assert shown(product) == (["1.jpg", "2.jpg", "3.jpg"], "1.jpg", 3)


@pytest.mark.parametrize("change", ["archive", "restore", "primary", "move"])
def test_every_change_of_a_photo_locks_the_product_before_the_photo(
    change: str, product: Product, photos: list[Asset], alice: User
) -> None:
    photo = photos[1]
    if change == "restore":
        services.archive_photo(photo=photo, by=alice)
    act: dict[str, Callable[[], object]] = {
        "archive": lambda: services.archive_photo(photo=photo, by=alice),
        "restore": lambda: services.restore_photo(photo=photo, by=alice),
        "primary": lambda: services.set_primary_photo(photo=photo, by=alice),
        "move": lambda: services.move_photo(photo=photo, by=alice, by_places=1),
    }

    with CaptureQueriesContext(connection) as queries:
        act[change]()

    statements = [query["sql"] for query in queries if "catalog_" in query["sql"]]
    assert 'FROM "catalog_product"' in statements[0]
    assert "catalog_asset" not in statements[0], "a join would lock the photo, too"
    if connection.features.has_select_for_update:
        assert "FOR UPDATE" in statements[0]
