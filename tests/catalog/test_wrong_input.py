"""What no page of ours sends: made-up cursors, searches with NUL, numbers beyond every column."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from django.test import Client
from django.urls import reverse

from catalog.keyset import by_time, keyset_page
from catalog.models import Product, Upload
from catalog.words import clean_text, search_words
from teams.models import Team

KEY = "11111111-2222-4333-8444-555555555555"


def cursor(*told: object) -> str:
    """A cursor of any content, written as ours are."""
    return urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


@pytest.mark.parametrize("sort", ["newest", "name"])
@pytest.mark.parametrize(
    "made_up",
    [
        cursor("0001-01-01T00:00:00+14:00", KEY),
        cursor("9" * 30, KEY),
        cursor(float("inf"), KEY),
        cursor("\ud800", KEY),
        cursor("a\0b", KEY),
        cursor("1", "\ud800"),
        cursor(["a"], KEY),
        urlsafe_b64encode(b"[" * 1400).decode(),
        "\ud800",
        "\0",
    ],
)
def test_a_made_up_cursor_gives_a_page(
    made_up: str, sort: str, client_of_alice: Client, team: Team, product: Product
) -> None:
    for side in ("after", "before"):
        query: dict[str, str | bytes] = {"sort": sort}
        query[side] = made_up.encode("utf-8", "surrogatepass")
        answer = client_of_alice.get(reverse("catalog:product_list", args=[team.slug]), query)

        assert answer.status_code == 200


def test_a_cursor_tells_the_very_microsecond(product: Product) -> None:
    Product.objects.create(team=product.team, name="Another")
    first = keyset_page(Product.objects.all(), by_time("created_at"), size=1)

    second = keyset_page(Product.objects.all(), by_time("created_at"), after=first.after, size=1)

    assert [row.name for row in first.rows + second.rows] == ["Another", "Linen shirt"]
    assert second.after == ""


def test_search_words_hold_nothing_that_a_database_refuses_and_end_somewhere() -> None:
    assert search_words("  linen\0 \ud800shirt ") == "linen shirt"
    assert search_words("x" * 5000) == "x" * 100
    assert clean_text("Grüße \U0001f457") == "Grüße \U0001f457"


def test_a_search_with_nul_finds_what_it_finds_without(
    client_of_alice: Client, team: Team, product: Product
) -> None:
    answer = client_of_alice.get(
        reverse("catalog:product_list", args=[team.slug]), {"q": "lin\0en", "category": "a\0"}
    )

    assert answer.status_code == 200
    assert [row.name for row in answer.context["page"].rows] == ["Linen shirt"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"name": "a", "size": "many"}',
        b'{"name": "a", "size": 1e999}',
        b'{"name": "a", "size": Infinity}',
        b'{"name": "a", "size": NaN}',
        b'{"name": "a", "size": true}',
        b'{"name": "a", "size": ' + b"9" * 5000 + b"}",
        b'{"name": {}, "size": 1}',
    ],
)
def test_a_ticket_for_nonsense_is_refused_with_a_sentence(
    body: bytes, client_of_alice: Client, product: Product
) -> None:
    url = reverse("catalog:upload_create", args=[product.team.slug, product.pk])

    answer = client_of_alice.post(url, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["error"].endswith("Reload it.")
    assert not Upload.objects.exists()


def test_a_file_name_that_cannot_be_stored_is_cleaned(
    client_of_alice: Client, product: Product
) -> None:
    url = reverse("catalog:upload_create", args=[product.team.slug, product.pk])

    answer = client_of_alice.post(
        url, b'{"name": "a\\u0000b\\ud800.jpg", "size": 9}', content_type="application/json"
    )

    assert answer.status_code == 201
    assert Upload.objects.get().name == "ab.jpg"
