"""The price before every launch, with the balance and the month's budget after it."""

from __future__ import annotations

import re
import uuid

import pytest
from django.urls import reverse
from django.utils.timezone import now

from generation.models import Job, PriceRule
from teams.budget_status import month_of
from teams.credits import adjust
from teams.models import Budget, BudgetPeriod, LedgerEntry, Role, Team, User
from tests.factories import (
    add_member,
    deliver_swap,
    launch_swap,
    make_photo,
    make_presets,
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
def studio(db) -> Team:
    return make_team(credits_=100, owner=make_user("ada@example.com", name="Ada Stone"))


@pytest.fixture
def mia(studio) -> User:
    return add_member(studio, Role.CREATOR, make_user("mia@example.com", name="Mia Ferrari"))


def limit(team: Team, amount: int, used: int, *, member: User | None = None, is_hard=True) -> None:
    budget = Budget.objects.create(team=team, member=member, limit=amount, is_hard=is_hard)
    BudgetPeriod.objects.create(budget=budget, starts=month_of(team, now()), used=used)


def page_of(client, team: Team, name: str, *args, **query):
    return client.get(reverse(f"generation:{name}", args=[team.slug, *args], query=query))


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def button_of(answer) -> str:
    page: str = answer.text
    return page.partition('id="launch-button"')[2].partition(">")[0]


def test_the_studio_tells_the_narrowest_budget_after_the_launch(client, studio, mia):
    limit(studio, 500, 100)
    limit(studio, 50, 30, member=mia)
    client.force_login(mia)

    answer = page_of(client, studio, "studio")

    text = text_of(answer)
    assert "4 credits · 2 results · 96 left after" in text
    month = now().strftime("%B")
    assert f"Your budget for {month}: 16 of 50 left after" in text
    assert "disabled" not in button_of(answer)

    client.force_login(owner_of(studio))
    assert f"Budget for {month}: 396 of 500 left after" in text_of(
        page_of(client, studio, "studio_cost", operation="swap_model")
    )


def test_without_a_budget_none_is_spoken_of(client, studio, mia):
    client.force_login(mia)

    assert "udget for" not in text_of(page_of(client, studio, "studio"))


def test_a_hard_limit_that_would_be_passed_is_told_with_numbers_and_people(client, studio, mia):
    limit(studio, 500, 497)
    photo, [face] = make_photo(make_product(studio)), make_presets(1)
    client.force_login(mia)

    answer = page_of(client, studio, "studio")

    month = now().strftime("%B")
    sentence = (
        f"The team's budget for {month} has 3 of 500 credits left. Ask Ada Stone to raise it."
    )
    assert sentence in text_of(answer).replace("&#x27;", "'")
    assert "disabled" in button_of(answer)
    values = {
        "operation": "swap_model",
        "request_key": uuid.uuid4(),
        "model_image": photo.pk,
        "model": face.pk,
        "scene": "",
    }
    refused = client.post(
        reverse("generation:job_create", args=[studio.slug]), values, headers=HTMX
    )
    assert refused.status_code == 422
    assert "has 3 of 500" in text_of(refused)
    assert not Job.objects.exists()
    assert LedgerEntry.objects.count() == 1


def test_a_soft_limit_warns_and_lets_launch(client, studio, mia):
    limit(studio, 500, 497, is_hard=False)
    client.force_login(mia)

    answer = page_of(client, studio, "studio")

    assert "has 3 of 500 credits left. It only warns." in text_of(answer)
    assert "disabled" not in button_of(answer)


def test_who_manages_budgets_is_led_to_them(client, studio):
    limit(studio, 500, 497)
    client.force_login(owner_of(studio))

    answer = page_of(client, studio, "studio")

    assert reverse("teams:credits_budgets", args=[studio.slug]) in answer.text
    assert "to raise it" not in answer.text


def test_trying_again_tells_todays_price_and_what_it_leaves(client, studio, mia):
    limit(studio, 50, 4)
    job = deliver_swap(studio, job=launch_swap(studio, by=mia), delivered=0)
    Job.objects.filter(pk=job.pk).update(unit_price=7, price=14, error_code="x")
    client.force_login(mia)

    page = page_of(client, studio, "job_detail", job.pk)
    row = page_of(client, studio, "queue")

    assert "Try again · 4 credits" in text_of(page)
    assert "Trying again holds 4 credits and leaves 96." in text_of(page)
    assert "42 of 50 left after" in text_of(page)
    assert "Try again · 4 credits" in text_of(row)


def test_a_rule_of_the_operator_sets_both_prices(client, studio, mia):
    job = deliver_swap(studio, job=launch_swap(studio, by=mia), delivered=0)
    PriceRule.objects.create(percent=150, actor="o")
    client.force_login(mia)

    page = page_of(client, studio, "studio")
    again = page_of(client, studio, "job_detail", job.pk)

    assert page.context["operations"][0][1] == 6
    assert "6 credits · 2 results · 94 left after" in text_of(page)
    assert "Try again · 6 credits" in text_of(again)


def test_trying_again_is_not_offered_without_the_credits(client, studio, mia):
    job = deliver_swap(studio, job=launch_swap(studio, by=mia), delivered=0)
    adjust(team=studio, amount=-97, actor="o", reason="", key="x")
    client.force_login(mia)

    page = page_of(client, studio, "job_detail", job.pk)

    assert "Trying again holds 4 credits, and 3 are available." in text_of(page)
    assert "Not enough credits. Ask Ada Stone for more." in text_of(page)
    assert 'type="submit" disabled aria-describedby="launch-reason"' in page.text


def test_a_job_that_succeeded_or_runs_has_no_bill(client, studio, mia):
    done, waiting = deliver_swap(studio), launch_swap(studio)
    client.force_login(mia)

    for job in (done, waiting):
        page = page_of(client, studio, "job_detail", job.pk)
        assert page.context["bill"] is None
        assert "Trying again" not in page.text


def test_the_queue_asks_once_which_providers_have_a_key(client, studio, mia, count_queries):
    client.force_login(mia)
    deliver_swap(studio, delivered=0)
    few = count_queries(lambda: page_of(client, studio, "queue"))
    for _ in range(3):
        deliver_swap(studio, delivered=0)

    assert count_queries(lambda: page_of(client, studio, "queue")) == few
