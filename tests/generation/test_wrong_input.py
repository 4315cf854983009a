"""Addresses that no page of ours makes are answered, not broken by."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.factories import make_photo, make_presets, make_product, make_team, owner_of


@pytest.fixture
def team(db, client, settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()
    team = make_team(credits_=20)
    make_photo(make_product(team, "Linen shirt"))
    make_presets(2)
    client.force_login(owner_of(team))
    return team


@pytest.mark.parametrize(
    "since", ["-62135596800000000", "9" * 30, "9" * 5000, "-1", "now", "", "inf", "\0"]
)
def test_a_poll_since_any_time_is_answered(team, client, since):
    url = reverse("generation:queue_poll", args=[team.slug], query={"since": since})

    assert client.get(url).status_code == 204


@pytest.mark.parametrize("page", ["approved", "studio", "queue", "review_list"])
def test_searches_and_cursors_with_nul_give_a_page(team, client, page):
    url = reverse(f"generation:{page}", args=[team.slug])
    query = dict.fromkeys(
        ("q", "model_q", "scene_q", "after", "photo", "show", "operation"), "a\x00b"
    )

    assert client.get(url, query).status_code in (200, 404)
