"""Pages that follow unfinished jobs: the results of a product, the figures of the shell."""

from __future__ import annotations

import pytest

from catalog.services import archive_product
from tests.factories import (
    deliver_swap,
    launch_swap,
    make_photo,
    make_product,
    make_team,
    owner_of,
)
from tests.generation.queue_pages import HTMX, address


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(db, client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def test_a_product_shows_its_results(team, client):
    product = make_product(team, "Silk blouse")
    job = deliver_swap(team, job=launch_swap(team, photo=make_photo(product)))
    deliver_swap(team)
    page = client.get(address(team, "product_results", product.pk), headers=HTMX)
    assert [row.job for row in page.context["rows"]] == [job]
    assert address(team, "review_detail", job.pk) in page.text
    assert "data-poll=" not in page.text
    bare = make_product(team)
    assert "No results yet" in client.get(address(team, "product_results", bare.pk)).text
    gone = make_product(team)
    make_photo(gone)
    assert "Open studio" in client.get(address(team, "product_results", gone.pk)).text
    archive_product(product=gone, by=owner_of(team))
    assert "Open studio" not in client.get(address(team, "product_results", gone.pk)).text
    foreign = make_product(make_team())
    assert client.get(address(team, "product_results", foreign.pk)).status_code == 404


def test_the_results_of_a_product_follow_its_unfinished_jobs(team, client, count_queries):
    product = make_product(team, "Silk blouse")
    photo = make_photo(product)
    done = deliver_swap(team, job=launch_swap(team, photo=photo))
    job = launch_swap(team, photo=photo)
    page = client.get(address(team, "product_results", product.pk), headers=HTMX)
    [(_name, seen)] = page.context["watched"]
    assert seen.startswith(f"{job.pk}:queued")
    poll = address(team, "product_results_poll", product.pk, seen=seen)
    assert client.get(poll, headers=HTMX).status_code == 204
    few = count_queries(lambda: client.get(poll, headers=HTMX))
    assert few <= 5
    deliver_swap(team, job=job)
    answer = client.get(poll, headers=HTMX)
    assert f'id="made-{job.pk}" hx-swap-oob="true"' in answer.text
    assert f"made-{done.pk}" not in answer.text
    assert "data-poll=" not in answer.text
    made_up = address(team, "product_results_poll", product.pk, seen=["x", "1:2", ""])
    assert client.get(made_up).status_code == 204


def test_every_page_asks_for_its_figures_while_a_job_is_unfinished(team, client, count_queries):
    job = launch_swap(team)
    page = client.get(address(team, "approved"))
    assert 'id="pulse" data-poll="4000"' in page.text
    seen = str(page.context["shell"].figures)
    assert seen == "1-0-0-196"
    assert client.get(address(team, "pulse", seen=seen), headers=HTMX).status_code == 204
    assert count_queries(lambda: client.get(address(team, "pulse", seen=seen))) <= 7
    deliver_swap(team, job=job)
    answer = client.get(address(team, "pulse", seen=seen), headers=HTMX)
    assert answer.status_code == 200
    assert 'id="nav-to-review" hx-swap-oob="true">1' in answer.text
    assert "seen=0-0-1-196" in answer.text
    assert "data-poll=" not in answer.text
    assert "data-poll=" not in client.get(address(team, "approved")).text
