"""The approved gallery: finding, downloading and withdrawing pictures."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from generation.models import Output
from generation.services import decide_output
from teams.models import Role
from tests.factories import (
    add_member,
    deliver_swap,
    launch_swap,
    make_photo,
    make_product,
    make_team,
    make_user,
    owner_of,
)

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(db, client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def address(team, name, *args, **query):
    return reverse(f"generation:{name}", args=[team.slug, *args], query=query)


def approve(team, name="Linen shirt", sku="", index=0):
    photo = make_photo(make_product(team, name, sku=sku))
    job = deliver_swap(team, job=launch_swap(team, photo=photo))
    output = job.outputs.get(index=index)
    decide_output(output=output, by=owner_of(team), verdict="approved")
    output.refresh_from_db()
    return output


def test_the_gallery_shows_the_latest_approval_first_and_nothing_else(team, client):
    first, second = approve(team), approve(team)
    deliver_swap(team)
    page = client.get(address(team, "approved"))
    assert [output for output, _ in page.context["outputs"]] == [second, first]


def test_the_gallery_is_searched_by_product_and_sku(team, client):
    approve(team, "Linen shirt", "LS-1")
    coat = approve(team, "Wool coat", "WC-9")
    found = client.get(address(team, "approved", q="wc-9"), headers=HTMX)
    assert [output for output, _ in found.context["outputs"]] == [coat]
    assert "<html" not in found.text
    assert "HX-Request" in found["Vary"]
    assert "Nothing matches" in client.get(address(team, "approved", q="zebra")).text


def test_the_gallery_comes_in_pages_with_constant_queries(team, client, monkeypatch, count_queries):
    outputs = [approve(team) for _ in range(3)]
    few = count_queries(lambda: client.get(address(team, "approved")))
    outputs += [approve(team) for _ in range(2)]
    assert count_queries(lambda: client.get(address(team, "approved"))) == few
    monkeypatch.setattr("generation.views.approved.PICTURES_SHOWN", 3)
    first = client.get(address(team, "approved"))
    second = client.get(address(team, "approved", after=first.context["next_cursor"]))
    shown = [o for page in (first, second) for o, _ in page.context["outputs"]]
    assert shown == outputs[::-1]


def test_an_empty_gallery_leads_to_the_review(team, client):
    page = client.get(address(team, "approved"))
    assert "Nothing approved yet" in page.text
    assert address(team, "review_list") in page.text


@pytest.mark.parametrize(
    ("name", "sku", "index", "file_name"),
    [
        ("Linen shirt", "LS-1", 0, "ls-1_{job}_A.png"),
        ("Linen shirt", "", 1, "linen-shirt_{job}_B.png"),
        ("../../etc", "", 0, "etc_{job}_A.png"),
        ("Größe 36/38", "", 0, "größe-3638_{job}_A.png"),
        ("!!!", "", 0, "result_{job}_A.png"),
    ],
)
def test_a_download_is_the_delivered_file_under_a_telling_name(
    team, client, name, sku, index, file_name
):
    output = approve(team, name, sku, index)
    file_name = file_name.format(job=str(output.job_id)[:8])
    answer = client.get(address(team, "output_download", output.pk), follow=True)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    body = b"".join(answer.streaming_content)
    assert (body[:8], len(body)) == (b"\x89PNG\r\n\x1a\n", output.asset.bytes)
    told = answer["Content-Disposition"]
    assert told.startswith("attachment")
    if file_name.isascii():
        assert f'filename="{file_name}"' in told


def test_withdrawing_removes_it_from_the_gallery_and_undo_brings_it_back(team, client):
    output = approve(team)
    answer = client.post(address(team, "output_withdraw", output.pk), headers=HTMX)
    toast = json.loads(answer["HX-Trigger"])["toast"]
    assert toast["text"] == "Approval withdrawn."
    assert list(client.get(address(team, "approved")).context["outputs"]) == []
    output.refresh_from_db()
    assert output.verdict == Output.Verdict.REJECTED
    back = client.post(toast["undo_url"])
    assert back["Location"] == address(team, "approved")
    output.refresh_from_db()
    assert output.verdict == Output.Verdict.APPROVED


def test_withdrawing_twice_says_that_it_is_not_approved_any_more(team, client):
    output = approve(team)
    url = address(team, "output_withdraw", output.pk)
    client.post(url)
    page = client.post(url, follow=True)
    assert "This result is not approved any more." in page.text
    assert output.decisions.count() == 2


def test_the_gallery_is_closed_to_strangers_and_viewers_withdraw_nothing(team, client):
    output = approve(team)
    client.force_login(make_user())
    assert client.get(address(team, "approved")).status_code == 404
    assert client.get(address(team, "output_download", output.pk)).status_code == 404
    other = make_team()
    client.force_login(owner_of(other))
    foreign = reverse("generation:output_download", args=[other.slug, output.pk])
    assert client.get(foreign).status_code == 404
    client.force_login(add_member(team, Role.VIEWER))
    assert client.get(address(team, "approved")).status_code == 200
    assert client.post(address(team, "output_withdraw", output.pk)).status_code == 403
    output.refresh_from_db()
    assert output.verdict == Output.Verdict.APPROVED
