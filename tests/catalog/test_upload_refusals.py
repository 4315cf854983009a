"""Uploads that are refused before a byte is sent, and people who may not upload."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.checking import check_upload
from catalog.models import Product, Upload
from catalog.views import uploads as upload_views
from teams.models import User
from tests.catalog.conftest import ask_ticket, bring, counts, stored
from tests.conftest import PASSWORD as PASSWORD_OF_ALL

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "This file is empty."),
        (50 * 2**20 + 1, "This file has 51 MB. Diptych takes up to 50 MB."),
    ],
)
def test_a_size_that_is_not_taken_is_told_at_once(
    size: int, words: str, client_of_alice: Client, product: Product
) -> None:
    answer = ask_ticket(client_of_alice, product, "a.jpg", size)

    assert (answer.status_code, answer.json()) == (422, {"error": words})
    assert not Upload.objects.exists()


def test_a_full_team_gets_no_ticket_and_open_tickets_count(
    client_of_alice: Client, product: Product, settings: Any
) -> None:
    settings.TEAM_STORAGE_BYTES = 1000
    assert ask_ticket(client_of_alice, product, "a.jpg", 600).status_code == 201

    answer = ask_ticket(client_of_alice, product, "b.jpg", 600)

    assert answer.status_code == 422
    assert answer.json()["error"].startswith("The storage of your team is full: 600\xa0bytes of ")
    assert Upload.objects.count() == 1


def test_storage_that_filled_up_meanwhile_refuses_and_counts_nothing(
    client_of_alice: Client,
    product: Product,
    draw: Callable[..., Path],
    settings: Any,
    files: Path,
) -> None:
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data)).json()
    bring(client_of_alice, ticket, data)
    client_of_alice.post(ticket["done_url"])
    settings.TEAM_STORAGE_BYTES = len(data) - 1

    assert check_upload(ticket["id"]) is None

    assert Upload.objects.get().error.startswith("The storage of your team is full: ")
    assert (counts(product), stored(files)) == ((0, 0, 0), [])


def test_too_many_tickets_per_minute_are_refused(
    client_of_alice: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_views, "TICKETS_PER_MINUTE", 2)
    codes = [ask_ticket(client_of_alice, product, "a.jpg", 9).status_code for _ in range(3)]

    assert codes == [201, 201, 429]
    assert Upload.objects.count() == 2


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\front.jpg", "front.jpg"),
        ("a\x00b\n.jpg", "ab.jpg"),
        ("юникод.jpg", "юникод.jpg"),
        ("", "photo"),
        ("x" * 300 + ".jpg", "x" * 196 + ".jpg"),
    ],
)
def test_a_name_is_only_ever_a_name(
    told: str, kept: str, client_of_alice: Client, product: Product
) -> None:
    assert ask_ticket(client_of_alice, product, told, 9).status_code == 201

    assert Upload.objects.get().name == kept
    assert Upload.objects.get().key == f"t/{product.team_id}/in/{Upload.objects.get().pk}"


# --- Who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "code"), [("alice", 201), ("bob", 403), ("charlie", 404)])
def test_only_those_who_may_edit_get_a_ticket(
    who: str, code: int, product: Product, request: pytest.FixtureRequest
) -> None:
    client = Client()
    client.force_login(request.getfixturevalue(who))

    assert ask_ticket(client, product, "a.jpg", 9).status_code == code
    assert Upload.objects.count() == (1 if code == 201 else 0)


@pytest.mark.parametrize(("who", "code"), [("bob", 403), ("charlie", 404)])
def test_others_neither_finish_nor_see_an_upload(
    who: str,
    code: int,
    client_of_alice: Client,
    product: Product,
    request: pytest.FixtureRequest,
) -> None:
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 9).json()
    client = Client()
    client.force_login(request.getfixturevalue(who))

    assert client.post(ticket["done_url"]).status_code == code
    assert client.get(ticket["status_url"]).status_code == code
    assert Upload.objects.get().state == Upload.State.ISSUED


def test_another_teams_upload_is_not_found_under_ones_own_team(
    client_of_alice: Client, product: Product, charlie: User
) -> None:
    from teams.services import create_team

    theirs = create_team(name="Rivals", owner=charlie)
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 9).json()
    client = Client()
    client.force_login(charlie)

    url = reverse("catalog:upload_status", args=[theirs.slug, ticket["id"]])
    assert client.get(url).status_code == 404
    url = reverse("catalog:upload_create", args=[theirs.slug, product.pk])
    assert client.post(url, "{}", content_type="application/json").status_code == 404


def test_a_foreign_page_cannot_ask_for_a_ticket(alice: User, product: Product) -> None:
    client = Client(enforce_csrf_checks=True)
    client.login(email=alice.email, password=PASSWORD_OF_ALL)

    assert ask_ticket(client, product, "a.jpg", 9).status_code == 403
    assert not Upload.objects.exists()
