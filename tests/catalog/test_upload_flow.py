"""From the ticket to the asset: what is counted, in which order, and what is named twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from catalog import tasks
from catalog.checking import check_upload
from catalog.models import Product, Upload
from catalog.renditions import make_renditions
from catalog.services import create_product, move_photo, set_primary_photo
from teams.models import User
from tests.catalog.conftest import ask_ticket, bring, counts, done_url, stored, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("decoded_here")]


def test_an_accepted_photo_is_counted_once_and_shown(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], files: Path
) -> None:
    data = draw().read_bytes()

    done = upload(client_of_alice, product, data, "front view.jpg")

    assert done.state == Upload.State.ACCEPTED
    asset = done.asset
    assert asset is not None
    assert (asset.name, asset.format, asset.width, asset.height) == (
        "front view.jpg",
        "jpeg",
        300,
        400,
    )
    assert counts(product) == (1, len(data), 1)
    assert product.primary_photo == asset
    assert stored(files) == [asset.key]
    assert asset.key == f"t/{product.team_id}/src/{done.pk}.jpg"


def test_checking_twice_changes_nothing(
    client_of_alice: Client, product: Product, draw: Callable[..., Path]
) -> None:
    done = upload(client_of_alice, product, draw().read_bytes())
    before = counts(product)

    assert check_upload(done.pk) is None
    assert client_of_alice.post(done_url(done)).json()["state"] in {"received", "accepted"}
    assert counts(product) == before


@pytest.mark.parametrize("ends", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_photos_stand_in_the_order_of_their_tickets_whichever_check_ends_first(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], ends: tuple[int, ...]
) -> None:
    tickets = []
    for number in range(3):
        data = draw(f"{number}.jpg", seed=number * 40).read_bytes()
        ticket = ask_ticket(client_of_alice, product, f"{number}.jpg", len(data)).json()
        bring(client_of_alice, ticket, data)
        client_of_alice.post(ticket["done_url"])
        tickets.append(ticket)
    for number in ends:
        check_upload(tickets[number]["id"])
    product.refresh_from_db()
    assert [photo.name for photo in product.assets.all()] == ["0.jpg", "1.jpg", "2.jpg"]
    assert [photo.position for photo in product.assets.all()] == [0, 1, 2]
    assert product.primary_photo is not None
    assert product.primary_photo.name == "0.jpg"


def test_a_later_photo_leaves_the_order_and_the_main_photo_that_people_chose(
    client_of_alice: Client, alice: User, product: Product, draw: Callable[..., Path]
) -> None:
    first, second = (
        upload(client_of_alice, product, draw(f"{n}.jpg", seed=n * 40).read_bytes(), f"{n}.jpg")
        for n in range(2)
    )
    assert first.asset and second.asset
    move_photo(photo=second.asset, by=alice, by_places=-1)
    set_primary_photo(photo=second.asset, by=alice)
    upload(client_of_alice, product, draw("2.jpg", seed=80).read_bytes(), "2.jpg")
    product.refresh_from_db()
    assert [photo.name for photo in product.assets.all()] == ["1.jpg", "0.jpg", "2.jpg"]
    assert product.primary_photo == second.asset


def test_done_hints_the_worker_once(
    client_of_alice: Client,
    product: Product,
    draw: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    hinted: list[str] = []
    monkeypatch.setattr(tasks.check_upload, "delay", hinted.append)
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data)).json()
    bring(client_of_alice, ticket, data)

    with django_capture_on_commit_callbacks(execute=True):
        client_of_alice.post(ticket["done_url"])
        client_of_alice.post(ticket["done_url"])

    assert hinted == [ticket["id"]]


def test_a_dead_broker_is_no_error_for_the_person(
    client_of_alice: Client,
    product: Product,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def refuse(*_: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.check_upload, "delay", refuse)
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 10).json()

    with django_capture_on_commit_callbacks(execute=True):
        answer = client_of_alice.post(ticket["done_url"])

    assert (answer.status_code, answer.json()["state"]) == (200, "received")


def test_shows_the_photo_once_its_small_pictures_are_made(
    client_of_alice: Client, product: Product, draw: Callable[..., Path]
) -> None:
    done = upload(client_of_alice, product, draw().read_bytes())
    status_url = reverse("catalog:upload_status", args=[product.team.slug, done.pk])
    assert client_of_alice.get(status_url).json()["state"] == "received"

    assert done.asset is not None
    make_renditions(done.asset.pk)

    status = client_of_alice.get(status_url).json()
    assert (status["state"], status["label"], status["error"]) == ("accepted", "Uploaded", "")
    assert f'id="photo-{done.asset.pk}"' in status["tile_html"]


def test_does_not_wait_for_small_pictures_for_ever(
    client_of_alice: Client, product: Product, draw: Callable[..., Path]
) -> None:
    done = upload(client_of_alice, product, draw().read_bytes())
    status_url = reverse("catalog:upload_status", args=[product.team.slug, done.pk])

    with time_machine.travel(now() + timedelta(seconds=11)):
        assert client_of_alice.get(status_url).json()["state"] == "accepted"


# --- The same photo again ---------------------------------------------------------------------


def test_the_same_photo_in_the_same_product_is_named_and_not_kept(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], files: Path
) -> None:
    data = draw().read_bytes()
    first = upload(client_of_alice, product, data, "front.jpg")
    before, lying = counts(product), stored(files)

    second = upload(client_of_alice, product, data, "copy of front.jpg")

    assert (second.state, second.duplicate_of) == (Upload.State.REFUSED, first.asset)
    assert second.error == "Already here: this is the same photo as “front.jpg”."
    assert (counts(product), stored(files)) == (before, lying)
    status_url = reverse("catalog:upload_status", args=[product.team.slug, second.pk])
    assert client_of_alice.get(status_url).json()["duplicate"] == {
        "name": "front.jpg",
        "url": product.get_absolute_url(),
        "product": "Linen shirt",
    }


def test_the_same_photo_in_another_product_is_taken_and_named(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], alice: User
) -> None:
    data = draw().read_bytes()
    first = upload(client_of_alice, product, data)
    other = create_product(team=product.team, by=alice, name="Trousers")

    second = upload(client_of_alice, other, data)

    assert (second.state, second.duplicate_of) == (Upload.State.ACCEPTED, first.asset)
    assert second.asset != first.asset


def test_the_same_photo_of_another_team_is_never_mentioned(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], charlie: User
) -> None:
    from teams.services import create_team

    data = draw().read_bytes()
    upload(client_of_alice, product, data)
    theirs = create_product(
        team=create_team(name="Rivals", owner=charlie), by=charlie, name="Their shirt"
    )
    client = Client()
    client.force_login(charlie)

    done = upload(client, theirs, data)

    assert (done.state, done.duplicate_of) == (Upload.State.ACCEPTED, None)
